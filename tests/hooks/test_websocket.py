"""The WebSocket hooks, flow by flow."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.websocket import WebSocket
from urlrewrite.inspector.traces.report import render
from urlrewrite.trace.reasons import Reason

ON = "linksAlso: webSocketMessages"
B, P = b'{"u":"http://privateserver:8080/x"}', b'{"u":"https://www.example.com/x"}'


class Open:
    """A WebSocket that was opened through all hooks."""

    def __init__(self, hook: WebSocket, flow: http.HTTPFlow) -> None:
        self.hook, self.flow = hook, flow

    def send(self, content: bytes, *, from_client: bool = False, kind: Opcode = Opcode.TEXT) -> bytes:
        """What the other side gets."""
        assert self.flow.websocket
        message = WebSocketMessage(kind, from_client, content)
        self.flow.websocket.messages.append(message)
        self.hook.websocket_message(self.flow)
        return message.content

    @property
    def trace(self) -> dict[str, Any]:
        data: dict[str, Any] = self.flow.metadata["urlrewrite"]
        return data


async def opened(text: str) -> Open:
    state = state_of(text)
    flow = request_flow(Connection="Upgrade", Upgrade="websocket", Origin="https://www.example.com")
    hook, outbound = WebSocket(state), Outbound(state)
    await Inbound(state).requestheaders(flow)
    answer(flow, b"", 101, Connection="Upgrade", Upgrade="websocket")
    await outbound.responseheaders(flow)
    flow.websocket = WebSocketData()
    await outbound.response(flow)
    hook.response(flow)
    Recorder(state).response(flow)
    assert not state.live
    return Open(hook, flow)


async def test_messages_are_mapped_out_and_back_and_counted() -> None:
    socket = await opened(ON)
    assert socket.send(B) == P
    assert socket.send(P, from_client=True) == B
    assert socket.send(b"ping") == b"ping"
    assert socket.trace["websocket"] == {
        "from client": {"messages": 1, "changed": 1, "left_alone": 0},
        "to client": {"messages": 2, "changed": 1, "left_alone": 0},
    }
    told = [event for event in socket.trace["events"] if event["event"] == "MESSAGE_CHANGE"]
    assert [event["where"] for event in told] == ["to client", "from client"]
    report = render(socket.trace, "response")
    assert "from client 1 messages, 1 changed, 0 left alone" in " ".join(report.split())
    assert "http://privateserver:8080 → https://www.example.com" in report


@pytest.mark.parametrize("text", ["", "linksAlso: webSocketMessages\nlinks: off"])
async def test_messages_pass_where_nobody_asks_for_more(text: str) -> None:
    socket = await opened(text)
    assert socket.send(B) == B
    assert "websocket" not in socket.trace


async def test_a_backend_that_knows_its_public_name_gets_messages_as_they_are() -> None:
    socket = await opened(ON + "\npreserveHostHeader: true")
    assert socket.send(P, from_client=True) == P
    assert socket.send(B) == P


async def test_binary_and_broken_messages_pass() -> None:
    socket = await opened(ON)
    assert socket.send(B, kind=Opcode.BINARY) == B
    assert socket.send(b"\xff\xfe") == b"\xff\xfe"
    wrapped = b'a["SEND\\ncontent-length:26\\n\\nhttp://privateserver:8080/x"]'
    assert socket.send(wrapped) == wrapped
    assert socket.send(wrapped) == wrapped
    assert socket.trace["websocket"]["to client"]["left_alone"] == 2
    assert [event["reason"] for event in socket.trace["events"] if event["event"] == "WARNING"] == [Reason.LENGTH_TOLD]


async def test_a_failure_passes_the_message(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    socket = await opened(ON)
    monkeypatch.setattr("urlrewrite.exchange.websocket.map_message", fail)
    assert socket.send(B) == B
    assert "could not be rewritten" in caplog.text


async def test_what_has_ended_is_forgotten() -> None:
    socket = await opened(ON)
    socket.hook.websocket_end(socket.flow)
    assert socket.send(B) == B
