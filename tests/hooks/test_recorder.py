"""What is left of an exchange: trace, comment, mark, metadata, one line in the log, and nothing in the memory."""

from __future__ import annotations

import gc
import io as bytes_io
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import flow as mitm_flow
from mitmproxy import flowfilter, http, io
from mitmproxy.connection import ConnectionState
from mitmproxy.utils.emoji import emoji

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import MARK_ERROR, MARK_WARNING, Recorder, make_storable
from urlrewrite.hooks.state import State
from urlrewrite.inspector.traces.report import render

RULES = r"""
links: everywhere
rules:
  - {name: old, match: '^old/(\d+)$', action: {type: Redirect, url: '/new/{R:1}', redirectType: Found}}
  - {name: pleasant, match: '^item/(\d+)$', action: {type: Rewrite, url: '/page?id={R:1}'}}
  - {name: away, match: ^abort, action: AbortRequest}
  - {name: broken, match: ^broken, action: {type: CustomResponse, statusCode: 500}}
  - {name: elsewhere, match: ^elsewhere, action: {type: Rewrite, url: 'http://app{QUERY_STRING}'}}
outboundRules:
  - name: server name
    match: {serverVariable: RESPONSE_Server, pattern: .+}
    action: {type: Rewrite, value: demo}
"""
PAGE = b'<a href="http://privateserver:8080/x"><a href="http://privateserver:8080/y">'


async def begun(state: State, path: str = "/item/7", **fields: str) -> http.HTTPFlow:
    """A flow after its `requestheaders`."""
    flow = request_flow(path, **fields)
    await Inbound(state).requestheaders(flow)
    Recorder(state).requestheaders(flow)
    return flow


async def ended(state: State, path: str = "/item/7", body: bytes = PAGE, **fields: str) -> http.HTTPFlow:
    """A flow through all hooks up to the end of its response."""
    flow = await begun(state, path)
    outbound, recorder = Outbound(state), Recorder(state)
    if flow.response is None:
        answer(flow, b"", **{"content_type": "text/html", "server": "IIS", **fields})
        assert flow.response
    await outbound.responseheaders(flow)
    recorder.responseheaders(flow)
    if not flow.response.raw_content:
        flow.response.raw_content = body
    await outbound.response(flow)
    recorder.response(flow)
    return flow


def saved_and_read(flow: http.HTTPFlow) -> http.HTTPFlow:
    file = bytes_io.BytesIO()
    io.FlowWriter(file).add(flow)
    file.seek(0)
    (again,) = io.FlowReader(file).stream()
    assert isinstance(again, http.HTTPFlow)
    return again


async def test_what_an_exchange_leaves(caplog: pytest.LogCaptureFixture) -> None:
    state = state_of(RULES)
    with caplog.at_level(logging.INFO, "urlrewrite.requests"):
        flow = await ended(state)
    trace = flow.metadata["urlrewrite"]
    assert flow.comment == 'rewritten by "pleasant" · 2 links, 1 field · response: "server name"'
    assert flow.marked == ""
    assert {key: value for key, value in flow.metadata.items() if key not in ("urlrewrite", KEY)} == {
        "urlrewrite.id": trace["id"],
        "urlrewrite.site": "rules",
        "urlrewrite.action": "Rewrite",
        "urlrewrite.way": "whole",
        "urlrewrite.rules": "pleasant, server name",
        "urlrewrite.links": 2,
    }
    (record,) = caplog.records
    assert (record.levelno, record.client) == (logging.INFO, flow.client_conn.peername)  # type: ignore[attr-defined]
    assert record.getMessage() == (
        "GET https://www.example.com/item/7 -> http://privateserver:8080/page?id=7 200"
        " · rules: pleasant, server name · 2 links, 1 field · whole"
    )
    assert not state.live


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("~meta urlrewrite.site: rules", True),
        ("~meta '^urlrewrite.rules: .*server name'", True),
        ("~meta '^urlrewrite.rules: .*SERVER NAME'", True),
        ("~meta '^urlrewrite.rules: .*old'", False),
        ("~meta '^urlrewrite.links: [1-9]'", True),
        ("~meta '^urlrewrite.action: rewrite$'", True),
        ("~meta '^urlrewrite.problems'", False),
        ("~meta '^urlrewrite.leaks'", False),
        ("~meta leak", False),
        ("~meta privateserver", False),
        ("~comment pleasant", True),
    ],
)
async def test_flows_can_be_filtered(expression: str, found: bool) -> None:
    flow = await ended(state_of(RULES))
    expression = expression if "'" in expression else expression.replace(": ", ":.")
    assert bool(flowfilter.match(expression, flow)) is found
    again = saved_and_read(flow)
    Recorder(State()).requestheaders(again)
    assert bool(flowfilter.match(expression, again)) is found


async def test_leaks_can_be_filtered() -> None:
    state = state_of(RULES)
    flow = await begun(state)
    state.live[flow.id].exchange.trace.data["leaks"] = 2
    Recorder(state).response(flow)
    assert flowfilter.match("~meta leak", flow)
    assert flowfilter.match("~comment leak", flow)


async def test_own_responses_are_recorded_and_redirects_say_where_to() -> None:
    flow = await ended(state_of(RULES), "/old/3")
    assert flow.comment == 'redirected by "old"'
    assert flow.metadata["urlrewrite"]["status"] == 302
    assert "→ 302 https://www.example.com/new/3" in render(flow.metadata["urlrewrite"])


async def test_warnings_and_errors_are_marked() -> None:
    warned = await ended(state_of(RULES), cache_control="no-transform")
    assert emoji[warned.marked] == emoji[MARK_WARNING]
    assert "no-transform" in warned.comment
    assert flowfilter.match("~meta '^urlrewrite.problems: .*no-transform'", warned)
    state = state_of(RULES)
    failed = request_flow(host="other.example")
    await Inbound(state).requestheaders(failed)
    await Outbound(state).responseheaders(failed)
    Recorder(state).response(failed)
    assert emoji[failed.marked] == emoji[MARK_ERROR]
    assert failed.comment == "✖ no site is published under 'other.example'"


async def test_what_a_person_wrote_stays() -> None:
    state = state_of(RULES)
    flow = await begun(state)
    flow.comment, flow.marked = "look at this", ":star:"
    flow.error = mitm_flow.Error("server closed connection")
    Recorder(state).error(flow)
    assert (flow.comment, flow.marked) == ("look at this", ":star:")
    assert [event["reason"] for event in flow.metadata["urlrewrite"]["events"] if event["event"] == "ERROR"] == [
        "broken-off"
    ]


@pytest.mark.parametrize(
    ("path", "level", "status"),
    [
        ("/item/7", logging.INFO, 200),
        # A rule may ask for a 500: that is no failure.
        ("/broken", logging.INFO, 500),
        # A rule that must not do what it asks for is one.
        ("/elsewhere?evil.example", logging.ERROR, 500),
    ],
)
async def test_only_failures_of_our_own_are_errors_in_the_log(
    path: str, level: int, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "urlrewrite.requests"):
        flow = await ended(state_of(RULES), path)
    (record,) = [record for record in caplog.records if record.name == "urlrewrite.requests"]
    assert record.levelno == level
    assert flow.metadata["urlrewrite"]["status"] == status


async def test_a_failing_rewrite_is_told_with_the_status_that_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    state = state_of(RULES)
    flow = await begun(state)
    answer(flow, PAGE, content_type="text/html")
    outbound = Outbound(state)
    await outbound.responseheaders(flow)

    def rewrite(*args: object) -> None:
        raise RuntimeError("a bug")

    state.live[flow.id].exchange.rewrite = rewrite  # type: ignore[method-assign,assignment]
    await outbound.response(flow)
    Recorder(state).response(flow)
    assert flow.metadata["urlrewrite"]["status"] == 500
    assert caplog.records[-1].levelno == logging.ERROR
    assert flow.marked == MARK_ERROR


# Ends


def by_error(message: str, *, client_gone: bool = False) -> Callable[[State, http.HTTPFlow], Awaitable[None]]:
    async def end(state: State, flow: http.HTTPFlow) -> None:
        if client_gone:
            flow.client_conn.state = ConnectionState.CAN_WRITE
        flow.error = mitm_flow.Error(message)
        Recorder(state).error(flow)

    return end


def shown_as_problem(flow: http.HTTPFlow) -> bool:
    return flow.marked != ""


@pytest.mark.parametrize(
    ("path", "end", "comment", "problem"),
    [
        ("/abort", by_error(mitm_flow.Error.KILLED_MESSAGE), 'aborted by "away"', False),
        ("/x", by_error("Client disconnected.", client_gone=True), "broken off: Client disconnected.", False),
        ("/x", by_error("stream reset by client (CANCEL)"), "broken off: stream reset by client (CANCEL)", False),
        ("/x", by_error("server closed connection"), "✖ the exchange was broken off: server closed connection", True),
        ("/x", by_error("killed\x1b\nby hand"), "✖ the exchange was broken off: killed‹1B›⏎by hand", True),
    ],
)
async def test_exchanges_without_a_response(
    path: str, end: Callable[[State, http.HTTPFlow], Awaitable[None]], comment: str, problem: bool
) -> None:
    state = state_of(RULES)
    flow = await begun(state, path)
    flow.client_conn.state = ConnectionState.OPEN
    await end(state, flow)
    assert flow.comment == comment
    assert shown_as_problem(flow) is problem
    assert not state.live
    assert saved_and_read(flow).comment == comment


async def test_a_flow_is_recorded_once() -> None:
    state = state_of(RULES)
    flow = await ended(state)
    before = dict(flow.metadata)
    flow.comment = ""
    Recorder(state).response(flow)
    Recorder(state).error(flow)
    assert flow.metadata == before
    assert flow.comment == ""


async def test_an_exchange_that_no_hook_ends_goes_with_its_flow() -> None:
    state = state_of(RULES)
    flow = await begun(state)
    assert flow.id in state.live
    del flow
    gc.collect()
    assert not state.live


async def test_flows_of_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    flow = request_flow()
    answer(flow, b"")
    recorder = Recorder(State())
    recorder.requestheaders(flow)
    recorder.responseheaders(flow)
    recorder.response(flow)
    recorder.error(flow)
    assert not flow.metadata
    assert not flow.comment
    assert not caplog.records


# Files


async def test_a_flow_is_the_same_after_it_was_saved() -> None:
    flow = await ended(state_of(RULES))
    again = saved_and_read(flow)
    assert again.metadata == flow.metadata
    assert render(again.metadata["urlrewrite"]) == render(flow.metadata["urlrewrite"])


async def test_bytes_that_are_no_utf8_can_be_saved_at_every_moment() -> None:
    state = state_of(RULES)
    flow = request_flow("/x")
    flow.request.headers.fields = (*flow.request.headers.fields, (b"Referer", b"https://www.example.com/\xff"))
    flow.request.data.path = b"/item/\xfe?\xff"
    await Inbound(state).requestheaders(flow)
    recorder, outbound = Recorder(state), Outbound(state)
    recorder.requestheaders(flow)
    assert r"/item/\xfe?\xff" in render(saved_and_read(flow).metadata["urlrewrite"])
    response = answer(flow, PAGE, content_type="text/html")
    response.headers.fields = (*response.headers.fields, (b"Server", b"IIS \xfd"))
    await outbound.responseheaders(flow)
    recorder.responseheaders(flow)
    assert r"IIS \xfd" in render(saved_and_read(flow).metadata["urlrewrite"])
    await outbound.response(flow)
    recorder.response(flow)
    report = render(saved_and_read(flow).metadata["urlrewrite"])
    assert "2 links mapped in the body" in report
    assert r"/item/\xfe?\xff" in report


class StatusClass(StrEnum):
    OK = "2xx"


PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=5)
ODD = st.binary(max_size=3) | st.just(Path("x")) | st.just(StatusClass.OK)
TREES = st.recursive(
    PLAIN | ANY_TEXT | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(st.dictionaries(ANY_TEXT, TREES, max_size=4))
def test_whatever_a_trace_holds_it_can_be_saved(data: dict[str, Any]) -> None:
    flow = request_flow()
    flow.metadata["urlrewrite"] = data
    make_storable(data)
    assert flow.metadata["urlrewrite"] is data
    saved_and_read(flow)


def test_lists_of_a_trace_stay_the_objects_that_the_exchange_writes_into() -> None:
    events: list[dict[str, str]] = [{"event": "WARNING", "message": "\udcff\ud800"}]
    data = {"events": events, "tuple": (1, "\udcff")}
    make_storable(data)
    assert data["events"] is events
    assert data == {"events": [{"event": "WARNING", "message": "\\udcff\\ud800"}], "tuple": [1, "\\xff"]}
