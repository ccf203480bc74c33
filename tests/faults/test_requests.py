"""No byte beyond the length that a client told comes to a backend of HTTP/1, whoever sends it how."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faults.asking import CLIENTS
from faults.raw_backend import RULES, RawBackend
from hooks.clients import Got, Http1, Http2, Http3
from hooks.in_process import in_process, is_sound
from urlrewrite.hooks import inbound

SECOND = b"POST /admin/delete HTTP/1.1\r\nHost: inner.example\r\nContent-Length: 0\r\n\r\n"
GRPC = ("content-type", "application/grpc")
HELD, LONG = 2**17, 2**18
"""Bytes of uploads that are held, and of one that is not: a client of HTTP/3 takes seconds for more."""
KINDS = {"gRPC": (GRPC,), "held": (), "a long one, streamed": (("content-length", str(LONG)),)}


@pytest.mark.parametrize("kind", KINDS)
async def test_more_than_the_length_is_no_second_request(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP/3, which is the version in which nobody else counts."""
    monkeypatch.setattr(inbound, "UPLOAD_HELD", HELD)
    length = LONG if "long" in kind else 5
    fields = KINDS[kind] if "long" in kind else (*KINDS[kind], ("content-length", "5"))
    async with (
        RawBackend(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "stall"]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        stream = client.begin("POST", "/", fields=fields, ended=False)
        client.quic.http.send_data(stream, b"x" * length, end_stream=False)
        client.quic.transmit()
        if kind == "gRPC":
            # The backend has responded, before the request is over.
            await client.started(stream)
        client.quic.http.send_data(stream, SECOND, end_stream=False)
        client.quic.transmit()
        got = await client.finish(stream)
        assert got.cut or got.status == 400
        await backend.until_open(0)
        assert b"/admin/delete" not in b"".join(map(bytes, backend.asked))
        assert any("longer than its Content-Length" in line for line in proxy.log)
        assert is_sound(proxy), proxy.log
        await client.close()


async def _cut_short(version: str, port: int, field: tuple[str, str] | None) -> Got:
    """Sends less than Content-Length says, and ends there."""
    client = await CLIENTS[version].connect(port)
    try:
        if isinstance(client, Http1):
            lines = f"{field[0]}: {field[1]}\r\n" if field else ""
            client.writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: 9\r\n\r\nhalf".encode())
            client.writer.write_eof()
            return await client.read()
        stream = client.begin("POST", "/", fields=(*([field] if field else []), ("content-length", "9")), ended=False)
        if isinstance(client, Http2):
            # Past h2's own count of what it sends.
            client.h2.streams[stream]._expected_content_length = None
            client.h2.send_data(stream, b"half", end_stream=True)
        else:
            client.quic.http.send_data(stream, b"half", end_stream=True)
            client.quic.transmit()
        return await client.finish(stream)
    finally:
        await client.close()


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2", "HTTP/3"])
@pytest.mark.parametrize("field", [None, GRPC], ids=["held", "gRPC"])
async def test_less_than_the_length_is_never_answered_well(
    field: tuple[str, str] | None, version: str, tmp_path: Path
) -> None:
    async with (
        RawBackend(["stall"]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True) as proxy,
    ):
        got = await _cut_short(version, proxy.port, field)
        assert got.cut or got.status == 400
        await backend.until_open(0)
        assert not any("crashed" in line for line in proxy.log), proxy.log


@pytest.mark.parametrize("version", ["HTTP/2", "HTTP/3"])
@pytest.mark.parametrize("field", [(), (GRPC,)], ids=["held", "gRPC"])
async def test_a_body_without_length_is_framed(
    field: tuple[tuple[str, str], ...], version: str, tmp_path: Path
) -> None:
    """A second request on the same connection is a body's end, or it is the body."""
    async with (
        RawBackend([["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1], "stall"]) as backend,
        in_process(f"{RULES.format(port=backend.port)}keepAlive: false\n", tmp_path, http3=True) as proxy,
    ):
        client = await CLIENTS[version].connect(proxy.port)
        stream = client.begin("POST", "/", fields=field, ended=False)
        send = client.h2.send_data if isinstance(client, Http2) else client.quic.http.send_data
        send(stream, SECOND, end_stream=True)
        if isinstance(client, Http3):
            client.quic.transmit()
        got = await client.finish(stream)
        assert (got.status, got.cut, got.body) == (200, False, b"ok"), proxy.log
        await client.close()
        await backend.until_open(0)
        head, _, body = bytes(backend.asked[0]).partition(b"\r\n\r\n")
        size = b"%d" % len(SECOND)
        framed = {b"content-length: " + size: SECOND, b"transfer-encoding: chunked": b"%x\r\n%b\r\n0\r\n\r\n"}
        [(field_line, form)] = [each for each in framed.items() if each[0] in head.lower()]
        wanted = form if form == SECOND else form % (len(SECOND), SECOND)
        assert body == wanted, field_line
        assert len(backend.asked) == 1


@pytest.mark.parametrize("blank", ["\r\n", "\n", "\r\n\r\n"])
async def test_blank_lines_in_front_of_a_request_keep_nobody_waiting(blank: str, tmp_path: Path) -> None:
    """In one piece with it, and again behind its predecessor."""
    async with (
        RawBackend() as backend,
        in_process(RULES.format(port=backend.port), tmp_path) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        for path in ("/first", "/second"):
            client.writer.write(f"{blank}GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            got = await client.read()
            assert (got.status, got.body) == (200, b"fine"), proxy.log
        client.writer.write(
            f"GET /3 HTTP/1.1\r\nHost: localhost\r\n\r\n{blank}GET /4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        assert [(await client.read()).status for _ in range(2)] == [200, 200]
        await client.close()


async def test_a_silent_backend_is_told_before_a_silent_connection_is_closed(tmp_path: Path) -> None:
    """`tcp_timeout` is over before the time that the backend has."""
    rules = RULES.replace("1s", "100s")
    async with (
        RawBackend(
            ["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", ["<p>well</p>\n", 40000], "stall"]
        ) as backend,
        in_process(rules.format(port=backend.port), tmp_path, tcp_timeout=1) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        got = await client.ask()
        assert (got.status, got.cut) == (200, True)
        await client.close()
        await backend.until_open(0)
        backend.steps = ["stall"]
        client = await Http1.connect(proxy.port)
        got = await client.ask()
        assert (got.status, b"Trace id" in got.body) == (504, True)
        # It is the client's turn now, and its connection ends as mitmproxy ends it.
        async with asyncio.timeout(20):
            assert await client.reader.read() == b""
        await client.close()
        assert is_sound(proxy), proxy.log
