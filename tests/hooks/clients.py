"""Clients of HTTP/1.1 and HTTP/2 for a proxy in the same event loop; each keeps its connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import Self

import h2.config
import h2.connection
import h2.events

WITHIN = 20.0
"""Seconds after which a test gives up; nothing takes as long where all is well."""


@dataclass
class Got:
    """A response; `status` is 0 where none came, `cut` tells that the connection or stream ended before its end."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False


class Http1:
    """A client of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, method: str = "GET", path: str = "/", body: bytes = b"", host: str = "localhost", fields: str = ""
    ) -> Got:
        framed = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}{framed}\r\n"
        self.writer.write(head.encode() + body)
        return await self.read(method)

    async def read(self, method: str = "GET") -> Got:
        async with asyncio.timeout(WITHIN):
            try:
                lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return Got(cut=True)
            got = Got(int(lines[0].split()[1]))
            got.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            try:
                got.body = b"" if method == "HEAD" else await self._body(got)
            except asyncio.IncompleteReadError as error:
                got.body, got.cut = error.partial, True
            except ConnectionError:
                got.cut = True
            return got

    async def _body(self, got: Got) -> bytes:
        if got.fields.get("transfer-encoding", "").lower() != "chunked":
            length = got.fields.get("content-length")
            return await (self.reader.read() if length is None else self.reader.readexactly(int(length)))
        body = b""
        while size := int((await self._line()).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self._line()
        while await self._line():
            pass
        return body

    async def _line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Http2:
    """A client of HTTP/2 over TLS, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()

    @classmethod
    async def connect(cls, port: int) -> Self:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))

    async def ask(self, method: str = "GET", path: str = "/", body: bytes = b"", host: str = "localhost") -> Got:
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path)]
        if body:
            head.append(("content-length", str(len(body))))
        self.h2.send_headers(stream, head, end_stream=not body)
        async with asyncio.timeout(WITHIN):
            for start in range(0, len(body), 16384):
                while self.h2.local_flow_control_window(stream) < 16384:
                    self._send()
                    self.h2.receive_data(await self.reader.read(65536))
                self.h2.send_data(stream, body[start : start + 16384], end_stream=start + 16384 >= len(body))
            return await self._read(stream)

    async def _read(self, stream: int) -> Got:
        got = Got()
        while True:
            self._send()
            data = await self.reader.read(65536)
            if not data:
                got.cut = True
                return got
            for event in self.h2.receive_data(data):
                if getattr(event, "stream_id", stream) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    got.fields = dict(event.headers)  # type: ignore[arg-type]
                    got.status = int(got.fields[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    got.body += event.data or b""
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    self._send()
                    return got
                elif isinstance(event, h2.events.StreamReset):
                    got.cut = True
                    return got

    def _send(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


CLIENTS = {"HTTP/1.1": Http1, "HTTP/2": Http2}
