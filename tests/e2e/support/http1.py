"""A client that sends exactly the bytes it is given, for what polite clients never send, over TLS or without."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from e2e.support.response import Response

TIMEOUT = 30.0


class Connection:
    """A connection to 127.0.0.1. Whoever leaves `ca` out speaks without TLS."""

    def __init__(self, port: int, ca: Path | None = None, server_name: str = "localhost", source: str = ""):
        raw = socket.create_connection(("127.0.0.1", port), TIMEOUT, (source, 0) if source else None)
        if ca is None:
            self.socket = raw
        else:
            context = ssl.create_default_context(cafile=str(ca))
            context.set_alpn_protocols(["http/1.1"])
            self.socket = context.wrap_socket(raw, server_hostname=server_name)
        self._in = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send these bytes and nothing else."""
        self.socket.sendall(data)

    def read(self, method: str = "GET") -> Response:
        """Read one response, an interim one too; the request's method says whether a body follows. Raises EOFError."""
        status_line = self._line()
        status = int(status_line.split(b" ", 2)[1])
        headers: list[tuple[bytes, bytes]] = []
        while line := self._line():
            name, _, value = line.partition(b":")
            headers.append((name, value.strip()))
        answer = Response(status, headers, b"")
        return Response(status, headers, b"" if method == "HEAD" else self._body(answer))

    def closed(self) -> bool:
        """Whether the other side has closed, with nothing more to read. Waits for one of the two."""
        with contextlib.suppress(ConnectionResetError):
            return self._in.read(1) == b""
        return True

    def rest(self) -> bytes:
        """All that comes until the other side closes."""
        with contextlib.suppress(ConnectionResetError):
            return self._in.read()
        return b""

    def close(self) -> None:
        self._in.close()
        self.socket.close()

    def _line(self) -> bytes:
        line = self._in.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the connection ended in the middle of a head: {line!r}")
        return line.rstrip(b"\r\n")

    def _body(self, answer: Response) -> bytes:
        if answer.status < 200 or answer.status in (204, 304):
            return b""
        if (answer.header("transfer-encoding") or "").lower() == "chunked":
            return b"".join(self._chunks())
        length = answer.header("content-length")
        return self._in.read() if length is None else self._exactly(int(length))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().split(b";")[0], 16):
            yield self._exactly(size)
            assert self._line() == b""
        while self._line():
            pass  # trailers

    def _exactly(self, size: int) -> bytes:
        data = self._in.read(size)
        if len(data) != size:
            raise EOFError(f"the connection ended after {len(data)} of {size} bytes")
        return data


@contextlib.contextmanager
def connect(port: int, ca: Path | None = None, server_name: str = "localhost") -> Iterator[Connection]:
    """A Connection for a `with` block."""
    connection = Connection(port, ca, server_name)
    try:
        yield connection
    finally:
        connection.close()


def fetch(port: int, request: bytes, ca: Path | None = None, server_name: str = "localhost") -> Response:
    """Send one request on a connection of its own and return its response."""
    with connect(port, ca, server_name) as connection:
        connection.send(request)
        return connection.read(request.split(b" ", 1)[0].decode())


def get(url_path: str, port: int, ca: Path | None = None, *headers: str) -> Response:
    """GET a path of https://localhost:PORT, or of http://localhost:PORT where `ca` is left out."""
    lines = [f"GET {url_path} HTTP/1.1", f"Host: localhost:{port}", *headers, "Connection: close", "", ""]
    return fetch(port, "\r\n".join(lines).encode("latin-1"), ca)
