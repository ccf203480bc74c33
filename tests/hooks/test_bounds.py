"""What is taken of a client and of a backend, and what becomes of more, on the whole bundle and real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aioquic.h3.connection import FrameType
from hyperframe.frame import DataFrame

from faults.raw_backend import RULES, RawBackend
from hooks.clients import WITHIN, Got, Http1
from hooks.flooding import Frames, QuicFrames
from hooks.in_process import InProcess, in_process, is_sound
from urlrewrite.hooks.patches.qpack import coded
from urlrewrite.inspector.diagnose.backend_failures import backend_failure
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import read
from urlrewrite.trace.reasons import Reason

SMALL = {"urlrewrite_max_request_head": 4, "urlrewrite_max_response_head": 4, "urlrewrite_max_field_lines": 50}
"""Options by which a test need not send much."""

HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
LONG = b"a" * 5000
ENDLESS = b"a" * 2**18
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def reasons(proxy: InProcess, kind: Name = Name.ERROR) -> list[str]:
    """What the trace of the last request has for errors, or for warnings."""
    return [each["reason"] for each in proxy.flows[-1].metadata["urlrewrite"]["events"] if each["event"] == kind]


# what a client of HTTP/1 sends, status, reason that the trace gives
HTTP1_REQUESTS = {
    "as long as may be": (GET + b"X: " + b"a" * (4096 - len(GET) - 7) + b"\r\n\r\n", 200, None),
    "a byte longer": (GET + b"X: " + b"a" * (4096 - len(GET) - 6) + b"\r\n\r\n", 431, Reason.HEAD_TOO_LONG),
    "a long field": (GET + b"X: " + LONG + b"\r\n\r\n", 431, Reason.HEAD_TOO_LONG),
    "a field without end": (GET + b"X: " + ENDLESS, 431, Reason.HEAD_TOO_LONG),
    "a name without end": (GET + ENDLESS, 431, Reason.HEAD_TOO_LONG),
    "a blank without end": (GET + b"X:" + b" " * 5000, 431, Reason.HEAD_TOO_LONG),
    "as many lines as may be": (GET + b"X: y\r\n" * 49 + b"\r\n", 200, None),
    "a line more": (GET + b"X: y\r\n" * 50 + b"\r\n", 431, Reason.TOO_MANY_FIELDS),
    "lines without end": (GET + b"X: y\r\n" * 50_000, 431, Reason.HEAD_TOO_LONG),
    "many lines and a body": (
        POST + b"X: y\r\n" * 50 + b"Content-Length: 9000\r\n\r\n" + b"b" * 9000,
        431,
        Reason.TOO_MANY_FIELDS,
    ),
    "a long target": (b"GET /" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, Reason.TARGET_TOO_LONG),
    "a query without end": (b"GET /?" + ENDLESS, 414, Reason.TARGET_TOO_LONG),
    "a version without end": (b"GET / HTTP/1.1" + ENDLESS, 414, Reason.TARGET_TOO_LONG),
    "a method without end": (ENDLESS, 400, None),
    "no HTTP": (b"hello\r\n" * 1000, 400, None),
    "blank lines before": (b"\r\n" * 2000 + GET + b"\r\n", 200, None),
    "a piece of a blank line before": (b"\r\n\n\r\n" + GET + b"\r\n", 200, None),
    "nothing but blank lines": (b"\r\n" * 50_000, 400, None),
    "long trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: " + LONG + b"\r\n\r\n",
        431,
        Reason.TRAILERS_TOO_LONG,
    ),
    "trailers without end": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: " + ENDLESS,
        431,
        Reason.TRAILERS_TOO_LONG,
    ),
    "many trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 60 + b"\r\n",
        431,
        Reason.TRAILERS_TOO_LONG,
    ),
    "a chunk extension without end": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + ENDLESS,
        400,
        None,
    ),
}


@pytest.mark.parametrize("name", HTTP1_REQUESTS)
async def test_a_request_of_http1(name: str, tmp_path: Path) -> None:
    sent, status, reason = HTTP1_REQUESTS[name]
    async with (
        RawBackend([OK]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, **SMALL) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        client.writer.write(sent)
        got = await client.read()
        assert (got.status, got.cut) == (status, False), proxy.log
        if status != 200:
            assert b"Trace id: " in got.body
            assert got.fields["connection"] == "close"
            async with asyncio.timeout(WITHIN):
                assert await client.reader.read() == b""
            assert backend.asked == []
        if reason:
            assert reasons(proxy) == [reason]
            assert proxy.flows[-1].response
            assert proxy.flows[-1].response.status_code == status
        await client.close()
        assert is_sound(proxy), proxy.log


async def test_a_client_of_http1_that_is_refused_and_goes_on_is_cut(tmp_path: Path) -> None:
    async with in_process(RULES.format(port=1), tmp_path, **SMALL) as proxy:
        client = await Http1.connect(proxy.port)
        client.writer.write(GET + b"X: ")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(WITHIN):
                while True:
                    client.writer.write(ENDLESS)
                    await client.writer.drain()
        await client.close()
        assert reasons(proxy) == [Reason.HEAD_TOO_LONG]


async def test_a_streamed_upload_loses_its_trailers(tmp_path: Path) -> None:
    async with (
        RawBackend(["stall"]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, **SMALL) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        grpc = b"Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.writer.write(POST + grpc + b"1\r\na\r\n0\r\nX: " + LONG + b"\r\n\r\n")
        got = await client.read()
        assert got.status == 504
        assert bytes(backend.asked[0]).endswith(b"1\r\na\r\n0\r\n\r\n")
        assert reasons(proxy, Name.WARNING) == [Reason.TRAILERS_TOO_LONG]
        await client.close()


HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = HEAD + "Transfer-Encoding: chunked\r\n\r\n"
# what a backend of HTTP/1 sends, status, whether the client sees that the body is cut
HTTP1_RESPONSES: dict[str, tuple[list[str | list[str | int]], int, bool]] = {
    "a long field": ([HEAD + "X: ", ["a", 5000], "\r\n\r\n"], 502, False),
    "a field without end": ([HEAD + "X: ", ["a", 2**18], "stall"], 502, False),
    "a reason without end": (["HTTP/1.1 200 ", ["a", 2**18], "stall"], 502, False),
    "as many lines as may be": ([HEAD, ["X: y\r\n", 48], "Content-Length: 2\r\n\r\nok"], 200, False),
    "many lines": ([HEAD, ["X: y\r\n", 50], "Content-Length: 2\r\n\r\nok"], 502, False),
    "lines without end": ([HEAD, ["X: y\r\n", 50_000], "stall"], 502, False),
    "a long interim head": (["HTTP/1.1 103 X\r\nLink: ", ["a", 5000], f"\r\n\r\n{OK}"], 502, False),
    "long trailers": ([CHUNKED + "1\r\na\r\n0\r\nX: ", ["a", 5000], "\r\n\r\n"], 502, False),
    "trailers without end": ([CHUNKED + "1\r\na\r\n0\r\nX: ", ["a", 2**18], "stall"], 502, False),
    "many trailers": ([CHUNKED + "1\r\na\r\n0\r\n", ["X: y\r\n", 60], "\r\n"], 502, False),
    "a chunk extension without end": ([CHUNKED + "1;", ["a", 2**18], "stall"], 502, False),
    "long trailers of a long body": (
        [CHUNKED, ["2000\r\n" + "a" * 8192 + "\r\n", 40], "begun", "0\r\nX: ", ["a", 2**18], "stall"],
        200,
        True,
    ),
}


@pytest.mark.parametrize("name", HTTP1_RESPONSES)
async def test_a_response_of_http1(name: str, tmp_path: Path) -> None:
    sends, status, cut = HTTP1_RESPONSES[name]
    async with (
        RawBackend(sends) as backend,  # type: ignore[arg-type]
        in_process(RULES.format(port=backend.port), tmp_path, **SMALL) as proxy,
    ):
        client = await Http1.connect(proxy.port)
        client.send()
        got = Got()
        if "begun" in sends:
            await client.read_head(got)
            backend.begun.set()
        got = await client.read(got=got)
        assert (got.status, got.cut) == (status, cut), proxy.log
        failure = backend_failure(read(proxy.flows[0].metadata["urlrewrite"]))
        assert (failure and failure.code) == (None if status == 200 and not cut else "backend-oversized")
        await client.close()
        await backend.until_open(1 if failure is None else 0)
        assert is_sound(proxy), proxy.log


# the fields of a request of HTTP/2 or 3, its path, status, reason
X5000 = ("x", "a" * 5000)
REQUESTS: dict[str, tuple[list[tuple[str, str]], str, int, Reason | None]] = {
    "some fields": ([("x", "a" * 3500)], "/", 200, None),
    "a long field": ([X5000], "/", 431, Reason.HEAD_TOO_LONG),
    "a very long field": ([("x", "a" * 15000)], "/", 431, Reason.HEAD_TOO_LONG),
    "a long name": ([("a" * 5000, "x")], "/", 431, Reason.HEAD_TOO_LONG),
    "as many lines as may be": ([("x", "y")] * 50, "/", 200, None),
    "a line more": ([("x", "y")] * 51, "/", 431, Reason.TOO_MANY_FIELDS),
    "many lines": ([(f"x{n}", "y") for n in range(190)], "/", 431, Reason.TOO_MANY_FIELDS),
    "a long target": ([], "/" + "a" * 5000, 414, Reason.TARGET_TOO_LONG),
    "a long query and a field": ([X5000], "/?" + "a" * 5000, 414, Reason.TARGET_TOO_LONG),
}


@pytest.mark.parametrize("huffman", [True, False])
@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_of_http2(name: str, huffman: bool, tmp_path: Path) -> None:
    fields, path, status, reason = REQUESTS[name]
    async with (
        RawBackend([OK]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, **SMALL) as proxy,
    ):
        client = await Frames.connect(proxy.port)
        client.send(client.head(1, fields, path=path, huffman=huffman))
        got = await client.response(1)
        assert (got.status, got.cut) == (status, False), proxy.log
        assert reasons(proxy) == ([reason] if reason else [])
        if reason:
            assert b"Trace id: " in got.body
            assert backend.asked == []
        # The connection, and the table of its fields, are as they were.
        known = [line for line in fields[-1:] if len("".join(line)) < 100]
        client.send(client.head(3, [("y", "z"), *known], path="/well"))
        assert (await client.response(3)).status == 200
        assert proxy.flows[-1].request.headers["y"] == "z"
        await client.close()
        assert is_sound(proxy), proxy.log


@pytest.mark.parametrize("kind", ["held", "streamed"])
@pytest.mark.parametrize("trailers", [[X5000], [("x", "y")] * 60], ids=["long", "many"])
async def test_trailers_of_http2(trailers: list[tuple[str, str]], kind: str, tmp_path: Path) -> None:
    async with (
        RawBackend(["stall"]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, **SMALL) as proxy,
    ):
        client = await Frames.connect(proxy.port)
        fields = [("content-type", "application/grpc-web")] if kind == "streamed" else []
        client.send(client.head(1, fields, ended=False), DataFrame(1, b"body"), client.block(1, trailers))
        got = await client.response(1)
        assert got.status == (504 if kind == "streamed" else 431), proxy.log
        if kind == "streamed":
            assert bytes(backend.asked[0]).endswith(b"4\r\nbody\r\n0\r\n\r\n")
        else:
            assert backend.asked == []
        assert Reason.TRAILERS_TOO_LONG in reasons(proxy) + reasons(proxy, Name.WARNING)
        await client.close()
        assert is_sound(proxy), proxy.log


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_of_http3(name: str, tmp_path: Path) -> None:
    fields, path, status, reason = REQUESTS[name]
    async with (
        RawBackend([OK]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True, **SMALL) as proxy,
    ):
        client = await QuicFrames.connect(proxy.port)
        pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        client.send_head(0, [*pseudo, *fields])
        got = await client.finish(0)
        assert (got.status, got.cut) == (status, False), proxy.log
        assert reasons(proxy) == ([reason] if reason else [])
        if reason:
            assert b"Trace id: " in got.body
            assert backend.asked == []
        assert (await client.ask(path="/well")).status == 200
        await client.close()
        assert is_sound(proxy), proxy.log


@pytest.mark.parametrize("kind", ["held", "streamed"])
@pytest.mark.parametrize("trailers", [[X5000], [("x", "y")] * 60], ids=["long", "many"])
async def test_trailers_of_http3(trailers: list[tuple[str, str]], kind: str, tmp_path: Path) -> None:
    async with (
        RawBackend(["stall"]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True, **SMALL) as proxy,
    ):
        client = await QuicFrames.connect(proxy.port)
        fields = (("content-type", "application/grpc-web"),) if kind == "streamed" else ()
        stream = client.begin("POST", fields=fields, ended=False)
        client.send_frame(stream, FrameType.DATA, b"body")
        client.send_frame(stream, FrameType.HEADERS, coded([(n.encode(), v.encode()) for n, v in trailers]), ended=True)
        got = await client.finish(stream)
        assert got.status == (504 if kind == "streamed" else 431), proxy.log
        if kind == "streamed":
            assert bytes(backend.asked[0]).endswith(b"4\r\nbody\r\n0\r\n\r\n")
        else:
            assert backend.asked == []
        assert Reason.TRAILERS_TOO_LONG in reasons(proxy) + reasons(proxy, Name.WARNING)
        await client.close()
        assert is_sound(proxy), proxy.log


async def test_a_client_hello_without_end(tmp_path: Path) -> None:
    record = b"\x16\x03\x01\x40\x00"
    async with in_process(RULES.format(port=1), tmp_path) as proxy:
        client = await Http1.connect(proxy.port)
        client.writer.write(record + b"\x01\xff\xff\xff" + b"a" * (2**14 - 4))
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(WITHIN):
                while True:
                    client.writer.write(record + b"a" * 2**14)
                    await client.writer.drain()
        await client.close()
        assert max(map(len, proxy.log)) < 1000
        assert is_sound(proxy), proxy.log
