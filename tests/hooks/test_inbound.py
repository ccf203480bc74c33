"""The request hooks, flow by flow."""

from __future__ import annotations

import asyncio
import threading

import pytest
from mitmproxy.test import tflow

from hooks.support import request_flow, state_of
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.state import UPLOAD_HELD, State


async def judged(text: str = "", **request: object):  # type: ignore[no-untyped-def]
    flow = request_flow(**request)  # type: ignore[arg-type]
    await Inbound(state_of(text)).requestheaders(flow)
    return flow


async def test_a_request_goes_to_the_backend_with_its_name() -> None:
    flow = await judged(path="/a%2Fb?c=%20d")
    request = flow.request
    assert (request.scheme, request.host, request.port, request.path) == (
        "http",
        "127.0.0.1",
        9000,
        "/a%2Fb?c=%20d",
    )
    assert request.host_header == "privateserver:8080"
    assert request.pretty_url == "http://privateserver:8080/a%2Fb?c=%20d"
    assert request.headers.get_all("host") == ["privateserver:8080"]
    assert request.headers["x-forwarded-host"] == "www.example.com"
    assert flow.server_conn.transport_protocol == "tcp"
    assert flow.metadata["urlrewrite"]["site"] == "rules"
    assert flow.response is None


async def test_http2_keeps_its_authority_and_lower_case() -> None:
    flow = request_flow("/x")
    flow.request.http_version = "HTTP/2.0"
    flow.request.authority = "www.example.com"
    del flow.request.headers["host"]
    await Inbound(state_of()).requestheaders(flow)
    assert flow.request.authority == "privateserver:8080"
    assert all(name == name.lower() for name, _ in flow.request.headers.fields)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("{type: Redirect, url: /y, redirectType: Temporary}", 307),
        ("{type: CustomResponse, statusCode: 410}", 410),
    ],
)
async def test_own_responses(action: str, status: int) -> None:
    flow = await judged(f"rules: [{{name: r, match: .*, action: {action}}}]")
    assert flow.response.status_code == status
    assert flow.request.url == "https://www.example.com/x"
    assert flow.request.host_header == "www.example.com"


async def test_a_reason_that_http_cannot_carry() -> None:
    flow = await judged(
        "rules: [{name: r, match: .*, action: {type: CustomResponse, statusCode: 404, statusReason: 不在}}]"
    )
    assert (flow.response.status_code, flow.response.reason) == (404, "??")


async def test_abort_kills_the_flow() -> None:
    flow = await judged("rules: [{name: r, match: .*, action: AbortRequest}]")
    assert flow.error
    assert flow.response is None


async def test_an_absolute_target_names_the_host_whatever_host_says() -> None:
    flow = request_flow("/x")
    flow.request.authority = "evil.example"
    await Inbound(state_of()).requestheaders(flow)
    assert flow.response
    assert flow.response.status_code == 404


async def test_a_hook_that_fails_answers_500_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Exchange) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Exchange, "route", fail)
    flow = await judged()
    assert flow.response.status_code == 500
    assert b"Trace id:" in flow.response.content
    assert b"a fault of ours" not in flow.response.content
    assert flow.request.host == "127.0.0.1"
    assert "a fault of ours" in caplog.text


async def test_without_rules_nothing_is_forwarded() -> None:
    flow = request_flow()
    await Inbound(State()).requestheaders(flow)
    assert flow.response
    assert flow.response.status_code == 503


EARLY = [
    # version, Content-Type, whether rules are loaded, status and grpc-status
    ("HTTP/2.0", "application/grpc+proto", False, 200, "14"),
    ("HTTP/3", "application/grpc", True, 200, "2"),
    ("HTTP/1.1", "application/grpc", False, 503, None),
    ("HTTP/2.0", "application/grpc-web", True, 500, None),
]


@pytest.mark.parametrize(("version", "kind", "loaded", "status", "code"), EARLY)
async def test_a_client_of_grpc_reads_errors_of_before_there_is_an_exchange(
    version: str, kind: str, loaded: bool, status: int, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Exchange, "__init__", fail)
    flow = request_flow()
    flow.request.http_version = version
    flow.request.headers["content-type"] = kind
    await Inbound(state_of() if loaded else State()).requestheaders(flow)
    assert flow.response
    assert (flow.response.status_code, flow.response.headers.get("grpc-status")) == (status, code)
    if code:
        assert flow.response.content == b""
        assert "trace id" in flow.response.headers["grpc-message"]


@pytest.mark.parametrize(("mark", "value"), [("error", tflow.terr()), ("live", False), ("is_replay", "request")])
async def test_flows_that_are_done_or_replayed_are_left_alone(mark: str, value: object) -> None:
    flow = request_flow()
    setattr(flow, mark, value)
    await Inbound(state_of()).requestheaders(flow)
    assert flow.request.host == "127.0.0.1"


async def test_large_uploads_are_streamed_but_not_to_our_own_responses() -> None:
    size = str(UPLOAD_HELD + 1)
    assert (await judged(content_length=size)).request.stream is True
    refused = await judged("rules: [{name: r, match: .*, action: {type: Redirect, url: /y}}]", content_length=size)
    assert not refused.request.stream


async def test_a_slow_pattern_does_not_keep_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    others_are_done = threading.Event()
    route = Exchange.route

    def route_slowly(exchange: Exchange) -> object:
        assert not exchange.request.url.endswith("aab") or others_are_done.wait(60), "it keeps the others waiting"
        return route(exchange)

    monkeypatch.setattr(Exchange, "route", route_slowly)
    inbound = Inbound(state_of("rules: [{name: slow, match: '^(a|aa)+$', action: None}]"))
    slow, quick = request_flow("/" + "a" * 60 + "b"), request_flow("/b")
    waiting = asyncio.create_task(inbound.requestheaders(slow))
    await inbound.requestheaders(quick)
    assert quick.request.port == 9000
    assert not waiting.done()
    others_are_done.set()
    await waiting
    assert slow.response
    assert slow.response.status_code == 500


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3"])
async def test_a_body_without_a_length_is_framed_for_a_backend_of_http_1(version: str) -> None:
    """Unframed, HTTP/1 would take it for the next request."""
    flow = request_flow("/x")
    flow.request.http_version = version
    inbound = Inbound(state_of())
    await inbound.requestheaders(flow)
    flow.request.raw_content = b"GET /admin HTTP/1.1\r\n\r\n"
    await inbound.request(flow)
    assert flow.request.headers["content-length"] == "23"


@pytest.mark.parametrize(
    "host", ["evil.example/@www.example.com", "u@www.example.com", "www.example.com:" + "8" * 5000]
)
async def test_hosts_that_only_look_like_ours(host: str) -> None:
    flow = await judged("rules: [{name: r, match: .*, action: {type: Redirect, url: /y}}]", host=host)
    assert flow.response.status_code == 400
