"""What uploads take of the memory, of all clients together and of each, on the whole bundle and real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from hooks.backends import BACKENDS, Answer
from hooks.clients import CLIENTS, WITHIN, Got, Http1, Http2, Http3
from hooks.flooding import FramesBackend
from hooks.in_process import InProcess, in_process, is_sound
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches.goaway import http_of
from urlrewrite.hooks.patches.upload_bounds import MAX_WAITING, waiting

ALL: dict[str, Any] = {**CLIENTS, "HTTP/3": Http3}
PIECE = 65535
"""What is read at a time."""

HALF = bytes(range(256)) * 1200
COUNT = 6
GONE = (
    "rules: [{name: gone, match: '^gone', action: {type: Redirect, url: 'https://localhost/', redirectType: Found}}]\n"
)


class Upload:
    """An upload in parts, by a client of any version."""

    def __init__(self, client: Http1 | Http2 | Http3, stream: int) -> None:
        self.client, self.stream = client, stream

    @classmethod
    async def begin(cls, version: str, port: int, path: str, length: int | None, *, grpc: bool = False) -> Upload:
        client = await ALL[version].connect(port)
        fields = [("content-type", "application/grpc")] if grpc else []
        if isinstance(client, Http1):
            framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            client.writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}{framing}\r\n\r\n".encode())
            upload = cls(client, 0)
            upload.chunked = length is None
            return upload
        return cls(client, client.begin("POST", path, fields=tuple(fields), length=length or 0, ended=False))

    chunked = False

    async def send(self, data: bytes, *, ended: bool = False) -> None:
        match self.client:
            case Http1():
                self.client.writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
                if ended and self.chunked:
                    self.client.writer.write(b"0\r\n\r\n")
                await self.client.writer.drain()
            case Http2():
                for start in range(0, len(data), 16384):
                    piece = data[start : start + 16384]
                    while self.client.h2.local_flow_control_window(self.stream) < len(piece):
                        await self.client.step()
                    self.client.h2.send_data(self.stream, piece, end_stream=ended and start + 16384 >= len(data))
                    self.client.writer.write(self.client.h2.data_to_send())
                    await self.client.writer.drain()
            case Http3():
                self.client.quic.http.send_data(self.stream, data, end_stream=ended)
                self.client.quic.transmit()

    async def response(self) -> Got:
        return await (self.client.read() if isinstance(self.client, Http1) else self.client.finish(self.stream))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


def peaks(proxy: InProcess) -> Iterator[int]:
    """Gives the most that was held so far, again and again."""
    uploads, most = proxy.bundle._uploads, 0
    hold = uploads.hold

    def noted(*args: Any) -> None:
        nonlocal most
        hold(*args)
        most = max(most, uploads.total)

    uploads.hold = noted
    while True:
        yield most


@pytest.mark.parametrize("framed", [True, False], ids=["with a length", "without"])
@pytest.mark.parametrize("path", ["/", "/gone"])
@pytest.mark.parametrize("version", ALL)
async def test_uploads_beyond_the_bound_are_streamed_or_thrown_away(
    version: str, path: str, framed: bool, tmp_path: Path
) -> None:
    async with (
        BACKENDS["HTTP/1.1"]({"/": Answer(body=b"ok")}) as backend,
        in_process(rules_for(backend, GONE), tmp_path, http3=True, urlrewrite_max_uploads=1) as proxy,
    ):
        most = peaks(proxy)
        next(most)
        uploads = [
            await Upload.begin(version, proxy.port, path, 2 * len(HALF) if framed else None) for _ in range(COUNT)
        ]
        for upload in uploads:
            await upload.send(HALF)
        await until(lambda: next(most) >= 2**20 - COUNT * PIECE)
        for upload in uploads:
            await upload.send(HALF, ended=True)
        for upload in uploads:
            got = await upload.response()
            assert (got.status, got.cut) == ((200, False) if path == "/" else (302, False)), proxy.log
            await upload.client.close()
        assert 0 < next(most) <= 2**20
        assert proxy.bundle._uploads.total == 0
        assert [asked.body == 2 * HALF for asked in backend.asked] == ([True] * COUNT if path == "/" else [])
        framings = {name.lower() for asked in backend.asked for name, _ in asked.head}
        assert ("transfer-encoding" in framings) == (not framed and path == "/")
        assert is_sound(proxy), proxy.log


async def test_below_the_bound_uploads_are_held(tmp_path: Path) -> None:
    async with (
        BACKENDS["HTTP/1.1"]({"/": Answer(body=b"ok")}) as backend,
        in_process(rules_for(backend), tmp_path) as proxy,
    ):
        upload = await Upload.begin("HTTP/1.1", proxy.port, "/", len(HALF) + 1)
        await upload.send(HALF)
        await until(lambda: proxy.bundle._uploads.total == len(HALF))
        assert backend.connections == 0
        await upload.client.close()
        await until(lambda: proxy.bundle._uploads.total == 0)


class Gate:
    """An addon for which a request has to wait."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        await self.opened.wait()


def kept(proxy: InProcess) -> int:
    """What is kept for backends."""
    handlers = proxy.master.addons.get("proxyserver").connections.values()
    return sum(waiting(layer) for handler in handlers if (layer := http_of(handler)))


async def _until_much_is_kept(proxy: InProcess) -> None:
    await until(lambda: kept(proxy) > MAX_WAITING)
    for _ in range(20):
        await asyncio.sleep(0.02)
        assert kept(proxy) <= MAX_WAITING + 2 * PIECE


@pytest.mark.parametrize("version", ALL)
async def test_what_waits_for_a_hook_is_bounded(version: str, tmp_path: Path) -> None:
    size = 24 * 2**20 if version != "HTTP/3" else 4 * 2**20
    async with (
        BACKENDS["HTTP/1.1"]({"/": Answer(body=b"ok")}) as backend,
        in_process(rules_for(backend), tmp_path, http3=True) as proxy,
    ):
        gate = Gate()
        proxy.master.addons.add(gate)
        upload = await Upload.begin(version, proxy.port, "/", size, grpc=True)
        sending = asyncio.ensure_future(upload.send(b"x" * size, ended=True))
        await _until_much_is_kept(proxy)
        assert sending.done() == (version == "HTTP/3")
        gate.opened.set()
        await sending
        got = await upload.response()
        assert (got.status, got.cut) == (200, False), proxy.log
        assert backend.asked[0].body == b"x" * size
        await upload.client.close()
        assert is_sound(proxy), proxy.log


async def test_what_a_backend_of_http2_gives_no_window_for_is_bounded(tmp_path: Path) -> None:
    async with (
        FramesBackend(lambda _frames, _stream: []) as backend,
        in_process(rules_for(backend), tmp_path, ssl_insecure=True) as proxy,
    ):
        upload = await Upload.begin("HTTP/2", proxy.port, "/", None, grpc=True)
        sending = asyncio.ensure_future(upload.send(b"x" * 24 * 2**20))
        await _until_much_is_kept(proxy)
        assert not sending.done()
        sending.cancel()
        await upload.client.close()


async def test_what_a_client_of_http1_sends_while_it_waits_is_bounded(tmp_path: Path) -> None:
    gate = asyncio.Event()
    answers = {"/": Answer(body=b"first", gate=gate), "/next": Answer(body=b"next")}
    async with BACKENDS["HTTP/1.1"](answers) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await Http1.connect(proxy.port)
        client.send()
        for _ in range(200):
            client.send(path="/next", fields=f"X: {'a' * 60_000}\r\n")
        await _until_much_is_kept(proxy)
        gate.set()
        assert (await client.read()).body == b"first"
        for _ in range(200):
            assert (await client.read()).body == b"next"
        await client.close()
        assert is_sound(proxy), proxy.log
