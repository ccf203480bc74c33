"""Servers on addresses of their own (127.0.0.11 and so on) and one port: each keeps requests and says who it is.

They do little besides, since they share the process of the test with its clients, and requests are many.
"""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator


class _Handler(socketserver.StreamRequestHandler):
    server: Numbered

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while head := self._head():
                path = head.split(b" ", 2)[1].decode()
                self.server.requests.append(path)
                # On this path the body is the request as it came.
                body = head if path == "/fields" else self.server.page
                kind = b"text/plain" if path == "/fields" else b"text/html"
                fresh = b"Cache-Control: max-age=600\r\n" if path.startswith("/cached") else b""
                fields = b"Content-Type: %b\r\nX-Server: %b\r\n%b" % (kind, self.server.name.encode(), fresh)
                self.wfile.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body))

    def _head(self) -> bytes:
        """The lines of the next request, without the empty one; nothing once the connection has ended."""
        lines = []
        while (line := self.rfile.readline()) != b"\r\n":
            if not line:
                return b""
            lines.append(line)
        return b"".join(lines)


class Numbered(socketserver.ThreadingTCPServer):
    """One of the servers; `requests` are the paths of those that it got."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    page = b'<a href="http://privateserver:8080/x">x</a>'

    def __init__(self, number: int, port: int) -> None:
        self.name, self.address = f"s{number}", f"127.0.0.{number + 10}"
        super().__init__((self.address, port), _Handler)
        self.port: int = self.server_address[1]
        self.requests: list[str] = []


@contextlib.contextmanager
def numbered(count: int) -> Iterator[list[Numbered]]:
    """So many servers, all on the same port."""
    with contextlib.ExitStack() as stack:
        servers: list[Numbered] = []
        for number in range(count):
            servers.append(stack.enter_context(Numbered(number + 1, servers[0].port if servers else 0)))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
            stack.callback(servers[-1].shutdown)
        yield servers
