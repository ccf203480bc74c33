"""Requests and responses that are not valid HTTP, on the whole bundle and real sockets, for each version of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h2.config
import h2.exceptions
import pytest

from hooks.backends import Answer, Http1Backend, Lines
from hooks.clients import Got, Http1, Http2, Http3
from hooks.in_process import InProcess, in_process
from hooks.patches.rules import rules_for
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

CLIENTS: dict[str, Any] = {"HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}
BLOCK = "rules: [{name: block, match: '^admin(/|$)', action: {type: CustomResponse, statusCode: 403}}]\n"
POLICY = "default-src 'self'; script-src 'self'"
ANSWERS: dict[str, Lines] = {
    "/": [],
    "/cr": [("X-A", "a\rSet-Cookie: evil=1")],
    "/nul": [("X-A", "a\0b")],
    "/name": [("X A", "b")],
    "/fold": [("Content-Security-Policy", POLICY.replace("; ", ";\r\n \t"))],
    "/latin": [("X-A", "caf\u00e9")],
}


@asynccontextmanager
async def proxied(folder: Path, client: str = "HTTP/1.1") -> AsyncIterator[tuple[InProcess, Http1Backend]]:
    answers = {
        path: Answer(fields=[("Content-Type", "text/plain"), *fields], body=b"ok") for path, fields in ANSWERS.items()
    }
    async with (
        Http1Backend(answers) as backend,
        in_process(rules_for(backend, BLOCK), folder, http3=client == "HTTP/3", connection_strategy="lazy") as proxy,
    ):
        yield proxy, backend


async def asked(proxy: InProcess, client: str, method: str, path: str, **more: Any) -> Got:
    connection = await CLIENTS[client].connect(proxy.port)
    if isinstance(connection, Http2):
        # So that it sends what it would refuse itself.
        connection.h2.config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
    try:
        return await connection.ask(method, path, **more)
    except h2.exceptions.ProtocolError:
        return Got(cut=True)
    finally:
        await connection.close()


REQUESTS = [
    ("GET", "/admin#"),
    ("GET", "/admin#x"),
    ("GET", "/x/../admin#"),
    ("GET", "/admin%0a"),
    ("GET", "/admin%00"),
    ("GET", "/x/..;/admin"),
    ("GET", "/%c0%afadmin"),
    ("GET", "*"),
    ("G{}T", "/"),
]
REQUESTS_OF_STREAMS = [
    ("GET /admin HTTP/1.1 x", "/"),
    ("GET\t/admin\tHTTP/1.1\tx", "/"),
    ("G T", "/"),
    ("", "/"),
    ("GET", "/admin HTTP/1.1"),
    ("GET", "/admin\tx"),
    ("GET", "/admin\x0b"),
    ("GET", "x"),
]


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_is_no_request_gets_400_or_its_stream_is_reset(client: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, client) as (proxy, backend):
        for method, path in REQUESTS if client == "HTTP/1.1" else REQUESTS + REQUESTS_OF_STREAMS:
            got = await asked(proxy, client, method, path)
            assert got.status == 400 or (got.cut and client != "HTTP/1.1"), (method, path)
            assert got.cut or b"Trace id: " in got.body
        assert backend.asked == []
        assert (await asked(proxy, client, "GET", "/admin")).status == 403
        assert (await asked(proxy, client, "GET", "/")).status == 200
        refused = [flow for flow in proxy.flows if flow.response and flow.response.status_code == 400]
        assert len(refused) >= len(REQUESTS)
        assert not any("crashed" in line for line in proxy.log)


FIELDS = [("X-A: y\rTransfer-Encoding: chunked", 400), ("X-A: y\0z", 400), ("X-A: \x7f", 400), ("X-A: y\r\n z", 200)]


async def test_fields_of_http1(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        for line, status in FIELDS:
            connection = await Http1.connect(proxy.port)
            got = await connection.ask(fields=f"{line}\r\n")
            assert got.status == status
            # Nobody knows what comes behind a head that is not understood.
            assert (await connection.reader.read(1) == b"") if status == 400 else True
            await connection.close()
        (request,) = backend.asked
        assert ("X-A", "y z") in request.head


@pytest.mark.parametrize("version", ["3.0", "0.9"])
async def test_versions_of_http1(version: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        assert (await asked(proxy, "HTTP/1.1", "GET", "/", version=version)).status == 400
        assert backend.asked == []


HOSTS = ["localhost:\u0668\u0660", "localhost:99999", "a b", "localhost\r\nHost: localhost"]


@pytest.mark.parametrize("host", HOSTS)
async def test_hosts_of_http1(host: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        assert (await asked(proxy, "HTTP/1.1", "GET", "/", host=host)).status == 400
        assert backend.asked == []


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_response_that_is_none_becomes_502(client: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, client) as (proxy, _):
        for path, status in (("/cr", 502), ("/nul", 502), ("/name", 502), ("/fold", 200), ("/latin", 200)):
            got = await asked(proxy, client, "GET", path)
            assert (got.status, got.cut) == (status, False), path
            assert "set-cookie" not in got.fields
            if path == "/fold":
                assert got.fields["content-security-policy"] == POLICY
            if status == 502 and path != "/name":
                trace = proxy.flows[-1].metadata["urlrewrite"]
                (error,) = (event for event in trace["events"] if event["event"] == Name.ERROR)
                assert (error["reason"], error["cause"]) == (Reason.RESPONSE_REFUSED, Reason.FIELD_CONTROL)
        assert not any("crashed" in line for line in proxy.log)


@pytest.mark.parametrize("path", ["/.%2F", "/..\\", "/a%2F.."])
async def test_what_a_backend_gets_begins_with_a_slash(path: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        assert (await asked(proxy, "HTTP/1.1", "GET", path)).status == 200
