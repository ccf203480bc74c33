"""A request of a client of any version, in its parts, and further ones on the same connection."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioquic.h3.exceptions import H3Error
from h2.exceptions import ProtocolError

from hooks.clients import Got, Http1, Http2, Http3

CLIENTS: dict[str, Any] = {"HTTP/1.0": Http1, "HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}


@dataclass(frozen=True)
class Kind:
    """What is asked for. Of a body `early` comes with the head, `late` when a response has begun."""

    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    early: bytes = b""
    late: bytes = b""

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        length = len(self.early) + len(self.late)
        return (*self.fields, ("content-length", str(length))) if length else self.fields


# Streamed, and told of errors as any other request.
GRPC_WEB = ("content-type", "application/grpc-web")
KINDS = {
    "GET": Kind(),
    "HEAD": Kind("HEAD"),
    "POST": Kind("POST", early=b"x" * 20_000),
    "a stream": Kind("POST", (GRPC_WEB,), early=b"x" * 20_000),
    "a stream that waits": Kind("POST", (GRPC_WEB,), early=b"x" * 10_000, late=b"x" * 10_000),
}
"""By the name that cases have for them. The proxy streams a body of gRPC, and holds any other as short."""


class Asking:
    """A client of a version, with its connection."""

    def __init__(self, version: str, port: int) -> None:
        self.version, self.port = version, port
        self.connection: Http1 | Http2 | Http3 | None = None
        self.ended: Http1 | Http2 | Http3 | None = None

    async def ask(self, path: str = "/", kind: Kind = KINDS["GET"], *, begun: Callable[[], None] | None = None) -> Got:
        """Sends a request, and reads the response; `begun` is called when its head is there.

        A connection of HTTP/1 that has ended after its last response is made anew, as clients do.
        """
        kept = self.connection is not None
        got = await self._ask(path, kind, begun)
        again = kept and isinstance(self.ended, Http1) and not got.status
        return await self._ask(path, kind, begun) if again else got

    async def _ask(self, path: str, kind: Kind, begun: Callable[[], None] | None) -> Got:
        self.ended = None
        connection = self.connection = self.connection or await CLIENTS[self.version].connect(self.port)
        if isinstance(connection, Http1):
            return await self._ask_http1(connection, path, kind, begun)
        stream = connection.begin(kind.method, path, fields=kind.lines, ended=not kind.early)
        await self._send(connection, stream, kind.early, ended=not kind.late)
        if begun or kind.late:
            await connection.started(stream)
            if begun:
                begun()
            await self._send(connection, stream, kind.late, ended=True)
        return await connection.finish(stream)

    @staticmethod
    async def _send(connection: Http2 | Http3, stream: int, body: bytes, *, ended: bool) -> None:
        """Sends a piece of a body, if its stream is still open."""
        with contextlib.suppress(ProtocolError, H3Error):
            if body:
                await connection.send_body(stream, body, ended=ended)

    async def _ask_http1(self, connection: Http1, path: str, kind: Kind, begun: Callable[[], None] | None) -> Got:
        lines = "".join(f"{name}: {value}\r\n" for name, value in kind.lines)
        version = self.version.removeprefix("HTTP/")
        connection.send(kind.method, path, fields=lines, version=version)
        connection.writer.write(kind.early)
        got = Got()
        if begun or kind.late:
            with contextlib.suppress(EOFError, ConnectionError):
                await connection.read_head(got)
            if begun:
                begun()
            connection.writer.write(kind.late)
        got = await connection.read(kind.method, got)
        if got.cut or self.version == "HTTP/1.0" or got.fields.get("connection", "").lower() == "close":
            await self.close()
        return got

    async def close(self) -> None:
        if self.connection:
            await self.connection.close()
            self.ended, self.connection = self.connection, None
