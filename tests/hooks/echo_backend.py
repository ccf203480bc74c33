"""A backend of HTTP/1.1 that says in each response which request it is for, and on which of its connections."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from typing import Self


class EchoBackend:
    """Responds with the path of each request, and a field Connection-Number.

    A path /SIZE/... has so many bytes behind it. `answer` may give another response to a path, as bytes, and None where
    it has none. `take` is given the path and the body of each request that has one.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.port = 0
        self.connections = 0
        self.requests = 0
        self.answer: Callable[[int, str, bytes], bytes | None] = lambda number, path, head: None
        self.take: Callable[[str, bytes], None] = lambda path, body: None
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """Connections that have not ended."""
        return len(self.writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.writers.append(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    path = head.split(b" ", 2)[1].decode()
                    if found := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
                        self.take(path, await reader.readexactly(int(found[1])))
                    self.requests += 1
                    answer = self.answer(number, path, head)
                    writer.write(echo(number, path) if answer is None else answer)
                    await writer.drain()
                    if answer is not None and b"\r\n\r\n" in answer and _ends(answer):
                        break
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.writers.remove(writer)
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def echo(number: int, path: str, fields: bytes = b"") -> bytes:
    """A response of its own to every path."""
    size = path.split("/")[1]
    body = path.encode() + b"." * (int(size) if size.isdigit() else 0)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%bConnection-Number: %d\r\nContent-Length: %d\r\n\r\n"
    return head % (fields, number, len(body)) + body


def _ends(answer: bytes) -> bool:
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return b"connection: close" in head or (b"length" not in head and b"chunked" not in head and b" 101 " not in head)
