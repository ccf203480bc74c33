"""A backend of HTTP/1 that sends what a script says, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from faults.scripts import Step, Words
from hooks.clients import WITHIN

RULES = """\
public: [https://localhost, http://localhost]
backend: http://inner.example:{port}
connect: 127.0.0.1:{port}
timeouts: {{response: 1s, idle: 1s}}
"""
"""A site with this backend."""

WELL = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine"

_ROUNDS = 20
"""Rounds of the event loop that a `pause` takes at least: enough for a proxy in the same loop to take what came."""


@dataclass
class Connection:
    """What came on a connection, whether all steps of its last script were done, and whether it has ended."""

    asked: bytearray = field(default_factory=bytearray)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class RawBackend:
    """A backend on a free port. To `/` it does what `steps` say, to any other path it responds well.

    `asked` is what came on each connection. `begun` is set by a test when its client has the head of a response.
    """

    def __init__(self, steps: list[Step] | None = None) -> None:
        self.steps = steps or []
        self.connections: list[Connection] = []
        self.begun = asyncio.Event()
        self._open = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()

    @property
    def asked(self) -> list[bytearray]:
        return [connection.asked for connection in self.connections]

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

    def script(self, path: str, connection: Connection) -> tuple[list[Step], Words, asyncio.Event] | None:
        """What is to be done with a request; None to respond well."""
        del connection
        return (self.steps, Words(""), self.begun) if path == "/" else None

    def well(self, path: str) -> bytes:
        """What a sound response is."""
        del path
        return WELL

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        connection = Connection()
        self.connections.append(connection)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    connection.asked += head
                    path = head.split()[1].decode("latin-1")
                    if script := self.script(path, connection):
                        connection.done.clear()
                        await _Performance(reader, writer, connection, head, *script[1:]).perform(script[0])
                        connection.done.set()
                    else:
                        writer.write(self.well(path))
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._open.discard(task)
            connection.done.set()
            connection.ended.set()
            self._changed.set()


@dataclass
class _Performance:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: Connection
    head: bytes
    words: Words
    begun: asyncio.Event

    async def perform(self, steps: list[Step]) -> None:
        """Does one step after the other."""
        for step in steps:
            match step:
                case "begun":
                    await self.writer.drain()
                    await self.begun.wait()
                case "close":
                    self.writer.close()
                    raise ConnectionAbortedError
                case "reset":
                    await self.writer.drain()
                    linger = struct.pack("ii", 1, 0)
                    self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    raise ConnectionResetError
                case "stall":
                    while more := await self.reader.read(65536):
                        self.connection.asked += more
                    raise ConnectionAbortedError
                case "read":
                    await self._read_body()
                case "pause":
                    await self.writer.drain()
                    for _ in range(_ROUNDS):
                        await asyncio.sleep(0.001)
                case {"slowly": str(text)}:
                    for byte in self.words.text(text):
                        self.writer.write(bytes([byte]))
                        await self.writer.drain()
                        await asyncio.sleep(0.001)
                case {"body": str(name), **how}:
                    body = self.words.coded(name, long=bool(how.get("long")))
                    self.writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                    await self.writer.drain()
                case {"until closed": str(name)}:
                    self.writer.write(b"\r\n" + self.words.coded(name))
                    await self.writer.drain()
                case str() | list():
                    self.writer.write(self.words.text(step))
                    await self.writer.drain()
                case _:
                    raise ValueError(f"a step that nobody knows: {step}")

    async def _read_body(self) -> None:
        """Reads the body of the request as its head frames it."""
        if found := re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.head):
            self.connection.asked += await self.reader.readexactly(int(found[1]))
        elif re.search(rb"(?i)\r\ntransfer-encoding: *chunked", self.head):
            self.connection.asked += await self.reader.readuntil(b"\r\n0\r\n\r\n")
