"""The backend's response beside the client's, in the flow."""

from __future__ import annotations

import zlib

import pytest
from mitmproxy import http
from mitmproxy.io import tnetstring

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.flows import seen_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.originals import KEY, MAX_LENGTH
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.state import State

PAGE = b'<a href="http://privateserver:8080/x">'
MAPPED = b'<a href="https://www.example.com/x">'


async def answered(state: State, body: bytes, path: str = "/a", **fields: str) -> http.HTTPFlow:
    """A flow through all hooks, its body in pieces where it streams."""
    flow = request_flow(path)
    outbound = Outbound(state)
    await Inbound(state).requestheaders(flow)
    response = flow.response or answer(flow, b"", 200, **fields)
    await outbound.responseheaders(flow)
    stream = response.stream
    if callable(stream):
        response.raw_content = None
        for at in range(0, len(body), 1000):
            stream(body[at : at + 1000])
        stream(b"")
    elif not stream and not response.raw_content:
        response.raw_content = body
    await outbound.response(flow)
    Recorder(state).response(flow)
    return flow


LONG = b"<p>" + PAGE * 20_000
STREAMED = {"content_type": "text/html", "content_length": str(len(LONG))}
CODED = {"content_type": "text/html", "content_encoding": "deflate", "content_length": "46"}


@pytest.mark.parametrize(
    ("body", "fields", "sent"),
    [
        (PAGE, {"content_type": "text/html"}, MAPPED),
        (PAGE, {"content_type": "image/png", "content_length": "38"}, PAGE),
        (zlib.compress(PAGE), CODED, None),
        (LONG, STREAMED, LONG.replace(PAGE, MAPPED)),
        (b"data: \n\n", {"content_type": "text/event-stream"}, b"data: \n\n"),
    ],
    ids=["page", "untouched", "coded", "streamed", "events"],
)
async def test_both_responses_are_kept(body: bytes, fields: dict[str, str], sent: bytes | None) -> None:
    flow = await answered(state_of(), body, Set_Cookie="a=b; Domain=privateserver", **fields)
    assert tnetstring.loads(tnetstring.dumps(flow.metadata[KEY])) == flow.metadata[KEY]
    seen = seen_of(flow)
    assert seen
    assert seen.original
    assert seen.original_body == body
    assert ("Set-Cookie", "a=b; Domain=privateserver") in seen.original.fields
    assert seen.response
    assert ("Set-Cookie", "a=b; Domain=www.example.com; Secure") in seen.response.fields
    assert sent is None or seen.response_body == sent
    assert seen.request.url == "https://www.example.com/a"


async def test_what_streams_for_long_is_not_kept() -> None:
    flow = await answered(state_of(), b"x" * (MAX_LENGTH + 1), content_type="text/html")
    long = await answered(
        state_of(), b"<p>" + b"x" * MAX_LENGTH, content_type="text/html", content_length=str(MAX_LENGTH + 3)
    )
    assert flow.metadata[KEY]["body"] is not None
    assert long.metadata[KEY]["body"] is None
    seen = seen_of(long)
    assert seen
    assert seen.original
    assert seen.response_body is None


async def test_a_response_of_ours_has_no_original() -> None:
    state = state_of("rules: [{name: away, match: ^old, action: {type: Redirect, url: /new}}]\n")
    seen = seen_of(await answered(state, b"", "/old"))
    assert seen
    assert seen.own
    assert seen.original is None


async def test_nothing_is_kept_where_nobody_looks() -> None:
    state = state_of()
    state.keeps_originals = False
    assert KEY not in (await answered(state, PAGE, content_type="text/html")).metadata


@pytest.mark.parametrize("kept", [None, "x", {}, {"status": 200, "reason": b"", "fields": [[b"a"], 1], "body": "x"}])
async def test_a_damaged_original_of_a_saved_flow_is_none(kept: object) -> None:
    flow = await answered(state_of(), PAGE, content_type="text/html")
    flow.metadata[KEY] = kept
    seen = seen_of(flow)
    assert seen
    assert seen.original_body is None
