"""The field `X-Rewrite-Trace`: who is told, what it says, and that nobody else ever sees it."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from hooks.support import answer, request_flow, state_of
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.state import State
from urlrewrite.hooks.trace_header import FIELD, TraceAsked, TraceHeader, field_value, parse_audience

RULES = r"""
rules:
  - {name: old, match: ^old$, action: {type: Redirect, url: /new, redirectType: Found}}
  - {name: 'a "b", c% é', match: ^named$, action: {type: Rewrite, url: /page}}
  - {name: seen, match: ^seen$, action: {type: CustomResponse, statusCode: 410},
     conditions: [{input: '{HTTP_X_REWRITE_TRACE}', pattern: .}]}
outboundRules:
  - {name: server, match: {serverVariable: RESPONSE_Server, pattern: .+}, action: {type: Rewrite, value: demo}}
  - {name: images, match: {filterByTags: Img, pattern: ^/i/(.*)}, action: {type: Rewrite, value: '/j/{R:1}'}}
"""
PAGE = b'<img src="/i/1">'
SECRET = "secret:open sesame"


class Proxy:
    """All hooks in the order of the bundle."""

    def __init__(self, audience: str, state: State | None = None) -> None:
        self.state = state or state_of(RULES)
        self.asked = TraceAsked()
        self.asked.audience = parse_audience(audience)
        self.tells = TraceHeader(self.state, self.asked)
        self.inbound, self.outbound, self.recorder = Inbound(self.state), Outbound(self.state), Recorder(self.state)

    async def begin(self, path: str, *, secret: str = "", client: str = "192.0.2.7", **fields: str) -> http.HTTPFlow:
        flow = request_flow(path, **({"X_Rewrite_Trace": secret} if secret else {}), **fields)
        flow.client_conn.peername = (client, 50000)
        self.asked.requestheaders(flow)
        await self.inbound.requestheaders(flow)
        self.recorder.requestheaders(flow)
        return flow

    async def head(self, flow: http.HTTPFlow, status: int = 200, **fields: str) -> http.Response:
        if flow.response is None:
            answer(flow, b"", status, **{"content_type": "text/html", "server": "IIS", **fields})
        assert flow.response
        await self.outbound.responseheaders(flow)
        self.tells.responseheaders(flow)
        self.recorder.responseheaders(flow)
        return flow.response

    async def end(self, flow: http.HTTPFlow, body: bytes = PAGE) -> http.Response:
        assert flow.response
        if not flow.response.raw_content and not flow.response.stream:
            flow.response.raw_content = body
        await self.outbound.response(flow)
        self.tells.response(flow)
        self.recorder.response(flow)
        return flow.response

    async def ask(self, path: str, *, status: int = 200, method: str = "GET", **more: str) -> http.HTTPFlow:
        flow = await self.begin(path, **more)
        flow.request.method = method
        await self.head(flow, status)
        await self.end(flow)
        return flow


def told(flow: http.HTTPFlow) -> str | None:
    assert flow.response
    return flow.response.headers.get(FIELD)


@pytest.mark.parametrize(
    ("audience", "client", "secret", "tells"),
    [
        ("", "192.0.2.7", "open sesame", False),
        ("192.0.2.7", "192.0.2.7", "", True),
        ("192.0.2.7", "192.0.2.8", "", False),
        ("192.0.2.7", "192.0.2.8", "192.0.2.7", False),
        ("192.0.2.0/24", "192.0.2.8", "", True),
        ("192.0.2.7/24", "192.0.2.8", "", True),
        ("192.0.2.0/24", "192.0.3.8", "", False),
        ("192.0.2.7", "::ffff:192.0.2.7", "", True),
        ("2001:db8::/32", "2001:db8::1", "", True),
        ("fe80::/10", "fe80::1%eth0", "", True),
        ("2001:db8::/32", "192.0.2.7", "", False),
        (SECRET, "192.0.2.7", "open sesame", True),
        (SECRET, "192.0.2.7", "Open sesame", False),
        (SECRET, "192.0.2.7", "open sesam", False),
        (SECRET, "192.0.2.7", "open sesame, open sesame", False),
        (SECRET, "192.0.2.7", "", False),
        (SECRET, "192.0.2.7", "ö", False),
    ],
)
async def test_who_is_told(audience: str, client: str, secret: str, tells: bool) -> None:
    flow = await Proxy(audience).ask("/page", client=client, secret=secret)
    assert (told(flow) is not None) is tells


@pytest.mark.parametrize("secret", ["open sesame", "wrong"])
@pytest.mark.parametrize("audience", [SECRET, "192.0.2.7"])
async def test_the_request_field_is_seen_by_nobody(audience: str, secret: str) -> None:
    proxy = Proxy(audience)
    flow = await proxy.ask("/seen", secret=secret)
    assert flow.response
    assert flow.response.status_code == 200, "a rule saw the field"
    assert FIELD not in flow.request.headers
    assert secret not in str(flow.get_state())
    trailing = await proxy.begin("/page")
    trailing.request.trailers = http.Headers([(b"x-rewrite-trace", secret.encode())])
    proxy.asked.request(trailing)
    assert not trailing.request.trailers


async def test_without_the_option_the_field_is_anybodys() -> None:
    proxy = Proxy("")
    flow = await proxy.begin("/page", secret="x")
    response = await proxy.head(flow, X_Rewrite_Trace="theirs")
    assert flow.request.headers[FIELD] == "x"
    assert (await proxy.end(flow)) is response
    assert response.headers[FIELD] == "theirs"


@pytest.mark.parametrize("client", ["192.0.2.7", "192.0.2.8"])
async def test_what_a_backend_says_is_taken_away(client: str) -> None:
    proxy = Proxy("192.0.2.7")
    flow = await proxy.begin("/page", client=client)
    await proxy.head(flow, X_Rewrite_Trace="theirs")
    assert flow.response
    flow.response.trailers = http.Headers([(b"X-Rewrite-Trace", b"theirs")])
    await proxy.end(flow)
    assert "theirs" not in str(flow.response.headers) + str(flow.response.trailers)
    assert (told(flow) is not None) is (client == "192.0.2.7")


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("/page", ["server", "images"]),
        ("/old", ["old"]),
        ("/named", ['a "b", c% é', "server", "images"]),
    ],
)
async def test_what_it_says(path: str, rules: list[str]) -> None:
    flow = await Proxy("192.0.2.7").ask(path)
    trace_id = flow.metadata["urlrewrite.id"]
    item, _, parameter = (told(flow) or "").partition("; ")
    assert item == f'"{trace_id}"'
    assert [unquote(name) for name in parameter.removeprefix('rules="').removesuffix('"').split(",")] == rules


@given(st.lists(st.text(min_size=1)))
def test_the_value_is_an_item_of_rfc_9651(rules: list[str]) -> None:
    value = field_value("0123456789abcdef", rules)
    value.encode("ascii")
    assert len(value) < 1100
    item, names, *more = value.split('"')[1::2] + value.split('"')[4:]
    assert item == "0123456789abcdef"
    assert "\\" not in value
    assert value.isprintable()
    found = [unquote(name, errors="surrogateescape") for name in names.split(",")] if names else []
    assert found == rules[: len(found)]
    assert more == ([f"; more={len(rules) - len(found)}"] if len(found) < len(rules) else [""])


def test_long_lists_are_cut() -> None:
    assert field_value("id", ["name"] * 1000).endswith('name"; more=800')
    assert field_value("id", ["x" * 2000]) == '"id"; rules=""; more=1'
    assert field_value("id", []) == '"id"; rules=""'


async def test_http_2_has_names_in_lower_case() -> None:
    proxy = Proxy("192.0.2.7")
    flow = await proxy.begin("/page")
    flow.request.http_version = "HTTP/2.0"
    await proxy.head(flow)
    response = await proxy.end(flow)
    assert b"x-rewrite-trace" in [name for name, _ in response.headers.fields]


async def test_a_stream_tells_what_has_acted_when_its_head_is_sent() -> None:
    proxy = Proxy("192.0.2.7")
    flow = await proxy.begin("/named")
    response = await proxy.head(flow, content_length="1000000")
    assert callable(response.stream)
    head = told(flow)
    assert head
    assert head.endswith('rules="a %22b%22%2C c%25 %C3%A9,server"')
    response.stream(PAGE)
    response.stream(b"")
    await proxy.end(flow)
    assert told(flow) == head, "the flow shows what was sent"


async def test_a_body_that_is_released_tells() -> None:
    proxy = Proxy(SECRET)
    flow = await proxy.begin("/page", secret="open sesame")
    response = await proxy.head(flow)
    hold = proxy.state.live[flow.id].hold
    assert hold
    response.headers.clear()
    hold.release(10)
    assert "server" in (told(flow) or "")
    assert "X-Rewrite-Trace" in response.headers["vary"]


async def test_errors_of_ours_tell() -> None:
    proxy = Proxy(
        "192.0.2.7", state_of(RULES + "\n  - {name: w, match: {pattern: x}, action: {type: Rewrite, value: y}}")
    )
    flow = await proxy.begin("/page")
    await proxy.head(flow)
    assert flow.response

    def broken(raw: bytes, head: object) -> None:
        raise ValueError

    exchange = proxy.state.live[flow.id].exchange
    type(exchange).rewrite, original = broken, type(exchange).rewrite  # type: ignore[assignment,method-assign]
    try:
        await proxy.end(flow)
    finally:
        type(exchange).rewrite = original  # type: ignore[method-assign]
    assert flow.response.status_code == 500
    assert flow.metadata["urlrewrite.id"] in (told(flow) or "")


@pytest.mark.parametrize(
    ("audience", "status", "method", "vary"),
    [
        (SECRET, 200, "GET", "X-Rewrite-Trace"),
        (SECRET, 404, "POST", "X-Rewrite-Trace"),
        (SECRET, 304, "GET", None),
        (SECRET, 206, "GET", None),
        (SECRET, 200, "HEAD", None),
        ("192.0.2.7", 200, "GET", None),
        ("192.0.2.7", 304, "GET", None),
    ],
)
async def test_caches_keep_it_for_who_asked(audience: str, status: int, method: str, vary: str | None) -> None:
    flow = await Proxy(audience).ask("/page", status=status, method=method, secret="open sesame")
    assert flow.response
    assert flow.response.headers.get("vary") == vary
    assert (told(flow) is not None) is (vary is not None or audience != SECRET)
    other = await Proxy(audience).ask("/page", status=status, method=method, client="192.0.2.8")
    assert other.response
    assert "vary" not in other.response.headers
    assert told(other) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Accept-Encoding", "Accept-Encoding, X-Rewrite-Trace"),
        ("*", "*"),
        ("a, x-rewrite-trace", "a, x-rewrite-trace"),
    ],
)
async def test_vary_is_added_to(before: str, after: str) -> None:
    proxy = Proxy(SECRET)
    flow = await proxy.begin("/page", secret="open sesame")
    await proxy.head(flow, vary=before)
    assert (await proxy.end(flow)).headers["vary"] == after


async def test_saved_flows_are_left_as_they_are() -> None:
    proxy = Proxy(SECRET)
    flow = request_flow("/page", X_Rewrite_Trace="open sesame")
    flow.live = False
    answer(flow, b"", X_Rewrite_Trace='"id"; rules=""')
    proxy.asked.requestheaders(flow)
    proxy.tells.responseheaders(flow)
    proxy.tells.response(flow)
    assert flow.request.headers[FIELD] == "open sesame"
    assert told(flow) == '"id"; rules=""'


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("localhost", "got 'localhost', expected an address (192.0.2.7), a network (192.0.2.0/24) or secret:VALUE"),
        ("192.0.2.7/33", "got '192.0.2.7/33', expected"),
        ("secret:", "no field can carry"),
        ("secret: x", "no field can carry"),
        ("secret:ä", "no field can carry"),
        ("secret:a\nb", "no field can carry"),
    ],
)
def test_what_the_option_may_be(option: str, problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_audience(option)
    assert problem in str(raised.value)
