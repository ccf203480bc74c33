"""A request of a client of any version, in its parts, and further ones on the same connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hooks.clients import Got, Http1, Http2, Http3

CLIENTS: dict[str, Any] = {"HTTP/1.0": Http1, "HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}


class Asking:
    """A client of a version, with its connection."""

    def __init__(self, version: str, port: int) -> None:
        self.version, self.port = version, port
        self.connection: Http1 | Http2 | Http3 | None = None
        self.ended: Http1 | Http2 | Http3 | None = None

    async def ask(self, path: str = "/", *, begun: Callable[[], None] | None = None) -> Got:
        """Sends a request, and reads the response; `begun` is called when its head is there.

        A connection of HTTP/1 that has ended after its last response is made anew, as clients do.
        """
        kept = self.connection is not None
        got = await self._ask(path, begun)
        return await self._ask(path, begun) if kept and isinstance(self.ended, Http1) and not got.status else got

    async def _ask(self, path: str, begun: Callable[[], None] | None) -> Got:
        self.ended = None
        connection = self.connection = self.connection or await CLIENTS[self.version].connect(self.port)
        if isinstance(connection, Http1):
            connection.send(path=path, version=self.version.removeprefix("HTTP/"))
            got = Got()
            if begun:
                await connection.read_head(got)
                begun()
            got = await connection.read(got=got)
            if got.cut or self.version == "HTTP/1.0" or got.fields.get("connection", "").lower() == "close":
                await self.close()
            return got
        stream = connection.begin(path=path)
        if begun:
            await connection.started(stream)
            begun()
        return await connection.finish(stream)

    async def close(self) -> None:
        if self.connection:
            await self.connection.close()
            self.ended, self.connection = self.connection, None
