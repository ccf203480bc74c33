"""Calls of gRPC whose backend fails: clients get what gRPC has for it, and people are told as of any other request."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hooks.clients import Http2, Http3
from hooks.in_process import in_process, is_sound
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.trace.events import Name

CALL = (("content-type", "application/grpc"), ("te", "trailers"))
MESSAGE = b"\0\0\0\0\2hi"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


async def h2c(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a server of gRPC without TLS does: it begins, and waits for a client of HTTP/2."""
    writer.write(SETTINGS)
    while await reader.read(1000):
        pass
    writer.close()


@pytest.mark.parametrize("client", [Http2, Http3])
async def test_a_server_without_tls(client: type[Http2 | Http3], tmp_path: Path) -> None:
    backend = await asyncio.start_server(h2c, "127.0.0.1", 0)
    port = backend.sockets[0].getsockname()[1]
    rules = f"public: https://localhost\nbackend: http://inner-host:{port}\nconnect: 127.0.0.1:{port}\n"
    async with backend, in_process(rules, tmp_path, http3=client is Http3) as proxy:
        connection = await client.connect(proxy.port)
        got = await connection.ask("POST", "/s/M", MESSAGE, fields=CALL)
        await connection.close()
        flow = proxy.flows[0]
        data = flow.metadata["urlrewrite"]
        assert is_sound(proxy), proxy.log
    assert (got.status, got.body, got.trailers, got.cut) == (200, b"", {}, False)
    told = {name: got.fields[name] for name in ("content-type", "grpc-status", "grpc-message")}
    assert told == {
        "content-type": "application/grpc",
        "grpc-status": "14",
        "grpc-message": f"502 Bad Gateway (trace id {data['id']})",
    }
    failures = [event["fault"] for event in data["events"] if event["event"] == Name.SERVER_FAILED]
    assert (failures, data["status"]) == (["h2c"], 502)
    exchange = seen_of(flow)
    assert exchange
    (load,) = page_loads([exchange])
    failed, warned = find_breakages(load, None)
    assert failed.code == "backend-h2c"
    assert "a call of gRPC needs HTTP/2" in warned.title
