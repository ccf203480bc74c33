"""The probe on real sockets: who is watched, what others get, and what the collector takes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter

from hooks.backends import Answer, Http1Backend
from hooks.clients import Got, Http1, Http2, Http3
from hooks.in_process import InProcess, in_process, is_sound
from hooks.patches.rules import rules_for
from urlrewrite.hooks.flows import seen_of
from urlrewrite.hooks.probed_copy import PAGE
from urlrewrite.witness.pages import Unwatched
from urlrewrite.witness.script import CODE
from urlrewrite.witness.statements import MAX_BODY, Statement, Subject
from urlrewrite.witness.watched import ROOT

PAGE_BODY = b"<!doctype html><html><head><title>x</title></head><p>x</p></html>"
LONG = b"<head>" + b"x" * 2**20
WINDOW = "Sec-Fetch-Dest: document\r\n"
HTML = [("Content-Type", "text/html; charset=utf-8"), ("ETag", '"1"')]
ANSWERS = {
    "/": Answer(fields=HTML, body=PAGE_BODY),
    "/trailers": Answer(fields=HTML, body=PAGE_BODY, trailers=[("X-Sum", "1")]),
    "/long": Answer(fields=HTML, body=LONG),
    "/piece": Answer(fields=[*HTML, ("X-Accel-Buffering", "no")], body=PAGE_BODY),
    "/text": Answer(fields=[("Content-Type", "text/plain")], body=PAGE_BODY),
    "/damaged": Answer(fields=[*HTML, ("Content-Encoding", "gzip")], body=PAGE_BODY),
    "/no-transform": Answer(fields=[*HTML, ("Cache-Control", "no-transform")], body=PAGE_BODY),
    "/policy": Answer(fields=[*HTML, ("Content-Security-Policy", "default-src 'none'")], body=PAGE_BODY),
    f"{ROOT}x": Answer(body=b"theirs"),
}
CLIENTS: dict[str, Any] = {"HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}
OURS = re.compile(rb'<script data-rewrite-probe="([^"]*)">(.*?)</script>', re.DOTALL)
SECRET = "X-Rewrite-Trace: open\r\n"


@asynccontextmanager
async def proxied(
    folder: Path, *, client: str = "HTTP/1.1", on: bool = True, **options: Any
) -> AsyncIterator[tuple[InProcess, Http1Backend]]:
    async with (
        Http1Backend(ANSWERS) as backend,
        in_process(rules_for(backend, ""), folder, http3=client == "HTTP/3", urlrewrite_probe=on, **options) as proxy,
    ):
        yield proxy, backend
        assert is_sound(proxy), proxy.log


async def asked(proxy: InProcess, method: str = "GET", path: str = "/", **more: Any) -> Got:
    client = await Http1.connect(proxy.port)
    try:
        return await client.ask(method, path, **more)
    finally:
        await client.close()


def address(got: Got) -> str:
    """The path that a page reports to."""
    found = OURS.search(got.body)
    assert found
    return found[1].decode()


@pytest.mark.parametrize(
    ("on", "audience", "fields", "is_watched"),
    [
        (True, "", "", True),
        (False, "", "", False),
        (False, "127.0.0.1", "", False),
        (True, "", "Via: 1.1 other\r\n", False),
        (True, "", "X-Forwarded-For: 192.0.2.7\r\n", False),
        (True, "", "Forwarded: for=192.0.2.7\r\n", False),
        (True, "127.0.0.0/8", "X-Forwarded-For: 192.0.2.7\r\n", True),
        (True, "192.0.2.7", "", False),
        (True, "secret:open", "", False),
        (True, "secret:open", SECRET, True),
        (True, "secret:open", "X-Rewrite-Trace: opem\r\n", False),
    ],
)
async def test_who_is_watched(on: bool, audience: str, fields: str, is_watched: bool, tmp_path: Path) -> None:
    async with proxied(tmp_path, on=on, urlrewrite_trace_header=audience) as (proxy, _):
        got = await asked(proxy, fields=WINDOW + fields)
        assert (OURS.search(got.body) is not None) is is_watched
        assert OURS.sub(b"", got.body) == PAGE_BODY
        assert ("etag" in got.fields) is not is_watched
        assert got.fields.get("cache-control") == ("no-store" if is_watched else None)


@pytest.mark.parametrize("path", ["/", "/trailers", "/long", "/piece"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_pages_arrive_whole(client: str, path: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, client=client, urlrewrite_trace="full") as (proxy, _):
        connection = await CLIENTS[client].connect(proxy.port)
        fields = (
            WINDOW + "TE: trailers\r\nConnection: TE\r\n"
            if client == "HTTP/1.1"
            else (("sec-fetch-dest", "document"), ("te", "trailers"))
        )
        got = await connection.ask("GET", path, fields=fields)
        again = await connection.ask("GET", "/text")
        await connection.close()
        page = ANSWERS[path]
        assert OURS.sub(b"", got.body) == page.body
        assert got.body.startswith(page.body[: page.body.index(b"<head>") + 6] + b"<script data-rewrite-probe=")
        found = OURS.search(got.body)
        assert found and found[2].decode() == CODE
        assert got.trailers.get("x-sum") == dict(page.trailers).get("X-Sum")
        assert again.body == PAGE_BODY
        flow = proxy.flows[0]
        assert flow.response and PAGE in flow.metadata
        seen = seen_of(flow)
        assert seen and seen.response
        # What is examined is the page, not the copy.
        assert "etag" in {name.lower() for name, _ in seen.response.fields}
        assert "etag" not in got.fields
        assert seen.response_body in (page.body, None)
        (shown,) = proxy.bundle._web_pages.snapshot([flow]).exchanges
        assert (shown.response, shown.response_body) == (seen.response, seen.response_body)


async def test_it_is_told_why_a_page_is_left_as_it_is(tmp_path: Path) -> None:
    async with proxied(tmp_path, urlrewrite_trace="full") as (proxy, _):
        for path in ("/text", "/no-transform"):
            await asked(proxy, path=path, fields=WINDOW)
        (shown,) = proxy.bundle._web_pages.snapshot(proxy.flows).unwatched.items()
        assert shown == (proxy.flows[1].metadata["urlrewrite.id"], str(Unwatched.NO_TRANSFORM))


async def test_a_saved_flow_has_the_page_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "flows"
    async with proxied(tmp_path, urlrewrite_trace="full") as (proxy, _):
        await asked(proxy, fields=WINDOW)
        with file.open("wb") as saved:
            FlowWriter(saved).add(proxy.flows[0])
    with file.open("rb") as saved:
        (flow,) = FlowReader(saved).stream()
    assert isinstance(flow, http.HTTPFlow)
    assert flow.response and OURS.search(flow.response.raw_content or b"")
    seen = seen_of(flow)
    assert seen and seen.response and seen.response_body == PAGE_BODY
    assert not {name.lower() for name, _ in seen.response.fields} & {"reporting-endpoints", "cache-control", "nel"}


async def test_a_client_of_http_1_0_gets_the_whole_page(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        for path in ("/", "/long", "/piece"):
            got = await asked(proxy, path=path, fields=WINDOW, version="1.0")
            assert OURS.sub(b"", got.body) == ANSWERS[path].body
            assert OURS.search(got.body)


@pytest.mark.parametrize(("method", "path", "fields"), [
    ("HEAD", "/", WINDOW),
    ("GET", "/text", WINDOW),
    ("GET", "/", "Sec-Fetch-Dest: empty\r\n"),
    ("GET", "/damaged", WINDOW),
])  # fmt: skip
async def test_what_is_no_page_is_the_same_for_everybody(method: str, path: str, fields: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        watched, other = [
            await asked(proxy, method, path, fields=fields + more) for more in ("", "X-Forwarded-For: 192.0.2.7\r\n")
        ]
        assert (watched.status, watched.fields, watched.body) == (other.status, other.fields, other.body)
        assert OURS.search(watched.body) is None


def post(*said: Any) -> bytes:
    return json.dumps(said).encode()


async def test_a_report_is_kept_with_its_page_and_no_backend_hears_of_it(tmp_path: Path) -> None:
    async with proxied(tmp_path, urlrewrite_trace="full") as (proxy, backend):
        path = address(await asked(proxy, fields=WINDOW))
        origin = "Origin: http://localhost\r\n"
        got = await asked(proxy, "POST", path, body=post({"kind": "error", "text": "<b>"}), fields=origin)
        assert (got.status, got.body) == (204, b"")
        trace_id = proxy.flows[0].metadata["urlrewrite.id"]
        assert proxy.state.watched.said() == {trace_id: (Statement(Subject.ERROR, text="<b>"),)}
        assert len(backend.asked) == 1
        assert proxy.flows[-1].request.raw_content == b""
        assert seen_of(proxy.flows[-1]) is None


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://a.example", 204), ("https://a.example", 204), ("http://localhost", 404), ("https://b.example", 404)],
)
async def test_a_page_by_http_of_a_name_that_is_https_may_report(origin: str, status: int, tmp_path: Path) -> None:
    async with Http1Backend(ANSWERS) as backend:
        rules = rules_for(backend).replace("[https://localhost, http://localhost]", "https://a.example")
        async with in_process(rules, tmp_path, urlrewrite_probe=True) as proxy:
            page = await asked(proxy, path="/policy", host="a.example", fields=WINDOW)
            # By a source of http a policy allows https, too, and not the other way (CSP 3, 6.7.2.8).
            assert f"connect-src http://a.example{ROOT}" in page.fields["content-security-policy"]
            sent = post({"kind": "error"})
            got = await asked(proxy, "POST", address(page), body=sent, host="a.example", fields=f"Origin: {origin}\r\n")
            assert got.status == status


@pytest.mark.parametrize(
    ("method", "path", "fields", "body", "status"),
    [
        ("POST", "{}", "Origin: http://evil.example\r\n", post({"kind": "error"}), 404),
        ("POST", "{}1", "", post({"kind": "error"}), 404),
        ("POST", f"{ROOT}x", "", post({"kind": "error"}), 404),
        ("GET", "{}", "", b"", 404),
        ("OPTIONS", "{}", "", b"", 404),
        ("POST", "{}", "", b"x" * (MAX_BODY + 1), 400),
        ("POST", "{}", "Transfer-Encoding: chunked\r\n", b"", 400),
        ("POST", "{}", "", b"no json", 204),
        # Whoever is not watched and knows the address gets no further, either.
        ("POST", "{}1", "Via: 1.1 other\r\n", post({"kind": "error"}), 404),
    ],
)
async def test_what_the_collector_refuses(
    method: str, path: str, fields: str, body: bytes, status: int, tmp_path: Path
) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        own = address(await asked(proxy, fields=WINDOW))
        client = await Http1.connect(proxy.port)
        client.send(method, path.format(own), body, fields=fields)
        if "chunked" in fields:
            client.writer.write(b"0\r\n\r\n")
        got = await client.read(method)
        await client.close()
        assert got.status == status
        assert proxy.state.watched.said() == {}
        assert len(backend.asked) == 1


async def test_for_others_the_path_is_like_any_other(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        assert (await asked(proxy, path=f"{ROOT}x", fields="Via: 1.1 other\r\n")).body == b"theirs"
    async with proxied(tmp_path, on=False) as (proxy, _):
        assert (await asked(proxy, path=f"{ROOT}x")).body == b"theirs"


async def test_once_it_is_off_pages_that_are_open_are_not_heard_nor_passed_on(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        path = address(await asked(proxy, fields=WINDOW))
        proxy.master.options.update(urlrewrite_probe=False)
        assert OURS.search((await asked(proxy, fields=WINDOW)).body) is None
        assert (await asked(proxy, "POST", path, body=post({"kind": "error"}))).status == 404
        assert proxy.state.watched.said() == {}
        assert len(backend.asked) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "browsers on this machine"),
        ({"urlrewrite_trace_header": "192.0.2.7"}, "urlrewrite_trace_header names"),
        ({"urlrewrite_worker": 1}, "for one worker"),
    ],
)
async def test_it_is_told_who_is_watched(
    options: dict[str, Any], told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with proxied(tmp_path, **options):
        assert told in caplog.text


async def test_the_page_why_broken_has_a_switch(tmp_path: Path) -> None:
    others: list[Mapping[str, Any]] = []

    async def act(asked: Mapping[str, Any]) -> None:
        others.append(asked)

    async with proxied(tmp_path, on=False) as (proxy, _):
        switch = proxy.bundle._probe_reports.or_else(act)
        for on in (True, False):
            await switch({"probe": on})
            assert (OURS.search((await asked(proxy, fields=WINDOW)).body) is not None) is on
            assert proxy.bundle._web_pages.snapshot([]).is_probing is on
        await switch({"probe": "yes", "flow": "x"})
        assert others == [{"probe": "yes", "flow": "x"}]
