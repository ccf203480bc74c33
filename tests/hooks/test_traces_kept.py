"""What stays with a flow at each level of tracing, where flows are looked at and where they are not."""

from __future__ import annotations

import logging

import pytest
from mitmproxy import http
from mitmproxy.websocket import WebSocketData, WebSocketMessage

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import MARKED, Recorder
from urlrewrite.hooks.state import State
from urlrewrite.hooks.websocket import WebSocket
from urlrewrite.trace.trace import TraceLevel

PAGE = b'<a href="http://privateserver:8080/x">'


async def recorded(state: State) -> http.HTTPFlow:
    flow = request_flow("/x")
    await Inbound(state).requestheaders(flow)
    outbound, recorder = Outbound(state), Recorder(state)
    recorder.requestheaders(flow)
    answer(flow, b"", content_type="text/html", cache_control="no-transform")
    await outbound.responseheaders(flow)
    recorder.responseheaders(flow)
    assert flow.response
    flow.response.raw_content = PAGE
    await outbound.response(flow)
    recorder.response(flow)
    return flow


@pytest.mark.parametrize(
    ("level", "keeps_flows", "traced", "listed"),
    [
        (TraceLevel.OFF, True, False, False),
        (TraceLevel.OFF, False, False, False),
        (TraceLevel.DECISIONS, True, True, True),
        (TraceLevel.DECISIONS, False, True, False),
        (TraceLevel.FULL, True, True, True),
        (TraceLevel.FULL, False, True, True),
    ],
)
async def test_what_stays(
    level: TraceLevel, keeps_flows: bool, traced: bool, listed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    state = state_of("links: everywhere")
    assert state.in_force
    state.in_force = state.in_force.traced(level)
    state.keeps_flows = keeps_flows
    with caplog.at_level(logging.INFO, "urlrewrite.requests"):
        flow = await recorded(state)
    assert len(flow.metadata["urlrewrite.id"]) == 16
    assert ("urlrewrite" in flow.metadata) is traced
    assert ("urlrewrite.problems" in flow.metadata) is traced
    assert bool(flow.comment) is bool(flow.marked) is (MARKED in flow.metadata) is listed
    assert flow.marked == flow.metadata.get(MARKED, "")
    assert "no-transform" in caplog.text
    assert not state.live


@pytest.mark.parametrize("level", TraceLevel)
async def test_messages_need_no_trace(level: TraceLevel, caplog: pytest.LogCaptureFixture) -> None:
    state = state_of("linksAlso: [webSocketMessages]")
    assert state.in_force
    state.in_force = state.in_force.traced(level)
    flow, websocket = request_flow("/x"), WebSocket(state)
    await Inbound(state).requestheaders(flow)
    answer(flow, b"", 101, upgrade="websocket")
    await Outbound(state).responseheaders(flow)
    flow.websocket = WebSocketData()
    websocket.response(flow)
    flow.websocket.messages = [WebSocketMessage(1, False, PAGE)]
    websocket.websocket_message(flow)
    assert flow.websocket.messages[0].content == PAGE.replace(b"http://privateserver:8080", b"https://www.example.com")
    assert not caplog.records
