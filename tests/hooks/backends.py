"""Backends of HTTP/1 and HTTP/2 in the test's event loop that give one and the same answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trustme

type Lines = list[tuple[str, str]]


@dataclass
class Answer:
    """What a backend sends: interim responses, a head, a body of unknown length, trailers.

    `gate` is waited for between the interim responses and the head. `repeat` is how often the body is sent. With
    `open_end` a backend of HTTP/2 does not end it.
    """

    interim: list[tuple[int, Lines]] = field(default_factory=list)
    fields: Lines = field(default_factory=lambda: [("Content-Type", "text/html")])
    body: bytes = b""
    trailers: Lines = field(default_factory=list)
    repeat: int = 1
    gate: asyncio.Event | None = None
    open_end: bool = False


@dataclass
class Asked:
    """A request as a backend got it."""

    head: Lines
    body: bytes = b""
    trailers: Lines = field(default_factory=list)


class Backend(ABC):
    """A backend on a free port. `answers` are given by path, `sent` counts the bytes of bodies that went out."""

    scheme: ClassVar[str]

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.connections = 0
        self.sent = 0
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _tls(self) -> ssl.SSLContext | None:
        return None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self.serve(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._tasks.discard(task)

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to the requests of one connection."""


class Http1Backend(Backend):
    """Sends every body in chunks."""

    scheme = "http"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to the requests of one connection."""
        while True:
            line, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
            asked = Asked([(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)])
            self.asked.append(asked)
            await _read_body(reader, asked)
            answer = self.answers[line.split()[1]]
            for status, fields in answer.interim:
                writer.write(f"HTTP/1.1 {status} Interim\r\n{_text(fields)}\r\n".encode())
            if answer.gate:
                await answer.gate.wait()
            writer.write(f"HTTP/1.1 200 OK\r\n{_text(answer.fields)}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(answer.repeat if answer.body else 0):
                writer.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
                self.sent += len(answer.body)
                await writer.drain()
            writer.write(f"0\r\n{_text(answer.trailers)}\r\n".encode())


async def _read_body(reader: asyncio.StreamReader, asked: Asked) -> None:
    head = {name.lower(): value for name, value in asked.head}
    if "content-length" in head:
        asked.body = await reader.readexactly(int(head["content-length"]))
    if head.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\n"), 16):
            asked.body += (await reader.readexactly(size + 2))[:-2]
        while line := (await reader.readuntil(b"\n")).strip().decode():
            name, _, value = line.partition(":")
            asked.trailers.append((name, value.strip()))


def _text(fields: Lines) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


class Http2Backend(Backend):
    """Speaks HTTP/2 over TLS, with a certificate that nobody knows."""

    scheme = "https"

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("localhost").configure_cert(context)
        context.set_alpn_protocols(["h2"])
        return context

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to the requests of one connection, side by side."""
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_outbound_headers=False)
        )
        connection.initiate_connection()
        asked: dict[int, Asked] = {}
        moved = asyncio.Event()
        async with asyncio.TaskGroup() as responding:
            writer.write(connection.data_to_send())
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    match event:
                        case h2.events.RequestReceived():
                            asked[event.stream_id] = Asked(event.headers)  # type: ignore[arg-type]
                            self.asked.append(asked[event.stream_id])
                        case h2.events.DataReceived():
                            asked[event.stream_id].body += event.data or b""
                            connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                        case h2.events.TrailersReceived():
                            asked[event.stream_id].trailers = event.headers  # type: ignore[assignment]
                        case h2.events.StreamEnded():
                            answer = self.answers[dict(asked[event.stream_id].head)[":path"]]
                            responding.create_task(self._respond(connection, writer, event.stream_id, answer, moved))
                moved.set()
                writer.write(connection.data_to_send())
            for task in responding._tasks:
                task.cancel()

    async def _respond(
        self,
        connection: h2.connection.H2Connection,
        writer: asyncio.StreamWriter,
        stream: int,
        answer: Answer,
        moved: asyncio.Event,
    ) -> None:
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            for status, fields in answer.interim:
                connection.send_headers(stream, [(":status", str(status)), *_lower(fields)])
            writer.write(connection.data_to_send())
            if answer.gate:
                await answer.gate.wait()
            connection.send_headers(stream, [(":status", "200"), *_lower(answer.fields)])
            for _ in range(answer.repeat if answer.body else 0):
                left = answer.body
                while left:
                    size = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                    if not size:
                        moved.clear()
                        writer.write(connection.data_to_send())
                        await moved.wait()
                        continue
                    piece, left = left[:size], left[size:]
                    connection.send_data(stream, piece)
                    self.sent += len(piece)
                    writer.write(connection.data_to_send())
                    await writer.drain()
            if answer.trailers:
                connection.send_headers(stream, _lower(answer.trailers), end_stream=True)
            elif not answer.open_end:
                connection.end_stream(stream)
            writer.write(connection.data_to_send())


def _lower(fields: Lines) -> Lines:
    return [(name.lower(), value) for name, value in fields]


BACKENDS: dict[str, type[Backend]] = {"HTTP/1.1": Http1Backend, "HTTP/2": Http2Backend}
