"""How a WebSocket ends is told to the other side as it was."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest

from hooks.backends import Backend
from hooks.clients import WITHIN, Http1
from hooks.in_process import in_process
from hooks.patches.rules import rules_for

HELLO = b"\x81\x05hello"
CLOSE_1001 = b"\x88\x02\x03\xe9"
ASKS = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"


class WebSocketBackend(Backend):
    """Opens a WebSocket, says hello and then what it is told; keeps what its client said."""

    scheme = "http"

    def __init__(self, last: bytes, *, reset: bool = False, waits: bool = False) -> None:
        super().__init__({})
        self.last, self.reset, self.waits = last, reset, waits
        self.heard = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to the handshake, and end as it was told."""
        await reader.readuntil(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(b"eA==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            + HELLO
            + self.last
        )
        await writer.drain()
        if self.waits:
            self.heard.set_result(await reader.read())
        elif self.reset:
            writer.transport.abort()


async def opened(port: int) -> Http1:
    client = await Http1.connect(port)
    client.send(path="/", fields=ASKS)
    await client.reader.readuntil(b"\r\n\r\n")
    assert await client.reader.readexactly(len(HELLO)) == HELLO
    return client


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("last", "code"), [(b"", 1011), (b"\x81\x7e", 1011), (CLOSE_1001, 1001)])
async def test_a_client_hears_how_its_backend_ended(last: bytes, code: int, reset: bool, tmp_path: Path) -> None:
    async with WebSocketBackend(last, reset=reset) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await opened(proxy.port)
        async with asyncio.timeout(WITHIN):
            frame = await client.reader.read()
        assert (frame[:1], int.from_bytes(frame[2:4])) == (b"\x88", code)
        await client.close()
        lost = [line for line in proxy.log if "WebSocket" in line and "lost" in line]
        assert bool(lost) == (code == 1011), proxy.log


async def test_a_backend_hears_that_its_client_is_gone_and_not_that_it_closed(tmp_path: Path) -> None:
    async with WebSocketBackend(b"", waits=True) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await opened(proxy.port)
        await client.close()
        async with asyncio.timeout(WITHIN):
            assert await backend.heard == b""
        assert not any("lost" in line for line in proxy.log)


async def test_what_a_client_says_comes_to_its_backend(tmp_path: Path) -> None:
    """The request had no body: what comes behind it is of another protocol."""
    async with WebSocketBackend(b"", waits=True) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await opened(proxy.port)
        client.writer.write(b"\x81\x85\x00\x00\x00\x00hello")
        client.writer.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
        async with asyncio.timeout(WITHIN):
            heard = await backend.heard
        assert heard[:2] == b"\x81\x85"
        assert bytes(byte ^ heard[2 + at % 4] for at, byte in enumerate(heard[6:11])) == b"hello"
        await client.close()
