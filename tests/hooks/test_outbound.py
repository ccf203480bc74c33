"""The response hooks, flow by flow."""

from __future__ import annotations

import pytest
from mitmproxy import http

from hooks.support import answer, request_flow, state_of
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import BackendResponse
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.state import State

PAGE = b'<a href="http://privateserver:8080/x">'
MAPPED = b'<a href="https://www.example.com/x">'


async def answered(state: State, body: bytes = PAGE, status: int = 200, **fields: str) -> http.HTTPFlow:
    """A flow through all hooks, whose body arrives as one piece unless it is streamed."""
    flow = request_flow()
    await Inbound(state).requestheaders(flow)
    response = answer(flow, b"", status, **fields)
    outbound = Outbound(state)
    await outbound.responseheaders(flow)
    if response.stream:
        chunks = [body] if response.stream is True else [*response.stream(body), *response.stream(b"")]  # type: ignore
        response.raw_content = None
        flow.metadata["sent"] = b"".join(chunks)
    else:
        response.raw_content = body
    await outbound.response(flow)
    return flow


async def test_a_page_is_rewritten_with_its_length() -> None:
    flow = await answered(state_of(), content_type="text/html", content_length=str(len(PAGE)))
    assert flow.response
    assert flow.response.raw_content == MAPPED
    assert flow.response.headers["content-length"] == str(len(MAPPED))


async def test_set_cookie_lines_stay_apart() -> None:
    flow = request_flow()
    state = state_of()
    await Inbound(state).requestheaders(flow)
    response = answer(flow, b"")
    response.headers.set_all("Set-Cookie", ["a=1,2; Domain=privateserver", "b=3"])
    await Outbound(state).responseheaders(flow)
    assert response.headers.get_all("set-cookie") == ["a=1,2; Domain=www.example.com; Secure", "b=3; Secure"]


async def test_small_bodies_that_nobody_rewrites_are_held_for_viewing_and_long_ones_are_not() -> None:
    small = await answered(state_of(), content_type="image/png", content_length="38")
    assert small.response
    assert small.response.raw_content == PAGE
    for length in ({"content_length": str(2**30)}, {}):
        long = await answered(state_of(), content_type="image/png", **length)
        assert long.response
        assert callable(long.response.stream)
        assert [*long.response.stream(PAGE), *long.response.stream(b"")] == [PAGE]


async def test_an_event_stream_goes_out_as_it_comes() -> None:
    flow = await answered(state_of(), b"data: http://privateserver:8080/x\n\n", content_type="text/event-stream")
    assert flow.metadata["sent"] == b"data: https://www.example.com/x\n\n"


async def test_a_failure_at_the_head_is_a_500_that_drops_the_body(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Exchange, "receive", fail)
    flow = await answered(state_of(), content_type="text/html", content_length="38", set_cookie="secret=1")
    assert flow.response
    assert flow.response.status_code == 500
    assert b"Trace id" in flow.metadata["sent"]
    assert PAGE not in flow.metadata["sent"]
    assert "set-cookie" not in flow.response.headers
    assert "content-length" not in flow.response.headers
    assert "a fault of ours" in caplog.text


SLOW = """
rules: [{name: away, match: ^to, action: {type: Redirect, url: '/{R:0}'}}]
outboundRules:
  - {name: slow, match: {serverVariable: RESPONSE_X, pattern: '^(a|aa)+$'}, action: {type: Rewrite, value: x}}
"""


async def test_a_pattern_that_takes_too_long_on_a_response_without_a_body_is_a_whole_500() -> None:
    flow = request_flow()
    state = state_of(SLOW)
    await Inbound(state).requestheaders(flow)
    answer(flow, b"", 302, x="a" * 60 + "b", content_length="0")
    outbound = Outbound(state)
    await outbound.responseheaders(flow)
    # The core streams nothing where the head says that there is no body.
    await outbound.response(flow)
    assert flow.response
    assert flow.response.status_code == 500
    assert b"Trace id" in (flow.response.content or b"")


async def test_a_pattern_that_takes_too_long_on_a_response_of_our_own_is_a_whole_500() -> None:
    flow = request_flow("/to")
    state = state_of(
        SLOW.replace("RESPONSE_X", "RESPONSE_Location")
        .replace("^(a|aa)+$", "(x|xx)+$")
        .replace("{R:0}", "x" * 60 + "b")
    )
    await Inbound(state).requestheaders(flow)
    outbound = Outbound(state)
    await outbound.responseheaders(flow)
    await outbound.response(flow)
    assert flow.response
    assert flow.response.status_code == 500
    assert b"Trace id" in (flow.response.content or b"")
    assert "location" not in flow.response.headers


async def test_a_whole_body_for_http_1_0_has_a_length() -> None:
    flow = request_flow()
    flow.request.http_version = "HTTP/1.0"
    state = state_of()
    await Inbound(state).requestheaders(flow)
    response = answer(flow, b"<p>no links", content_type="text/html", transfer_encoding="chunked")
    outbound = Outbound(state)
    await outbound.responseheaders(flow)
    await outbound.response(flow)
    assert "transfer-encoding" not in response.headers
    assert response.headers["content-length"] == "11"


async def test_a_failure_at_the_body_is_a_500_with_the_trace_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Exchange, "rewrite", fail)
    flow = await answered(state_of(), content_type="text/html")
    assert flow.response
    assert flow.response.status_code == 500
    assert flow.metadata["urlrewrite"]["id"].encode() in (flow.response.content or b"")
    assert "a fault of ours" in caplog.text


async def test_a_stream_that_fails_passes_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("a fault of ours")

    class Broken:
        feed = finish = fail

    monkeypatch.setattr(BackendResponse, "stream", lambda *_: Broken())
    flow = await answered(state_of(), b"data: x\n\n", content_type="text/event-stream")
    assert flow.metadata["sent"] == b"data: x\n\n"
    assert "a fault of ours" in caplog.text


async def test_large_bodies_are_rewritten_beside_the_loop() -> None:
    flow = await answered(state_of(), PAGE * 5000, content_type="text/html")
    assert flow.response
    assert flow.response.raw_content == MAPPED * 5000


async def test_flows_that_are_not_ours_are_left_alone() -> None:
    flow = request_flow()
    answer(flow, PAGE, content_type="text/html")
    outbound = Outbound(state_of())
    await outbound.responseheaders(flow)
    await outbound.response(flow)
    assert flow.response
    assert flow.response.raw_content == PAGE
