"""A backend of HTTP/1 that sends what a script says, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Self

from hooks.clients import WITHIN

WELL = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"

type Step = str | list[str | int]


class RawBackend:
    """A backend on a free port. To `/` it does what `steps` say, to any other path it responds well.

    `asked` is what came on each connection. `begun` is set by a test when its client has the head of a response.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.asked: list[bytearray] = []
        self.begun = asyncio.Event()
        self._open = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def until_open(self, count: int) -> None:
        """Waits until no more than so many connections are open."""
        async with asyncio.timeout(WITHIN):
            while len(self._open) > count:
                self._changed.clear()
                await self._changed.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        asked = bytearray()
        self.asked.append(asked)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    asked += head
                    if head.split()[1] == b"/":
                        await self._perform(reader, writer, asked)
                    else:
                        writer.write(WELL)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._open.discard(task)
            self._changed.set()

    async def _perform(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytearray) -> None:
        for step in self.steps:
            match step:
                case "begun":
                    await writer.drain()
                    await self.begun.wait()
                case "close":
                    writer.close()
                    raise ConnectionAbortedError
                case "reset":
                    await writer.drain()
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    raise ConnectionResetError
                case "stall":
                    while more := await reader.read(65536):
                        asked += more
                    raise ConnectionAbortedError
                case _:
                    writer.write(text_of(step))
                    await writer.drain()


def text_of(step: Step) -> bytes:
    """The bytes of a step, or of a body: a text, or a text so many times."""
    text, count = step if isinstance(step, list) else (step, 1)
    return str(text).encode("latin-1") * int(count)
