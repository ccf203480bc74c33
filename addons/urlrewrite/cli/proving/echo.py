"""Backends that say what they were asked: one address for each origin, so that the address tells the origin."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
TYPE = "application/x-echo"
ANSWER = "x-echo-answer"
"""The field in which a request says, as JSON, which field lines it wants back, with a redirect."""
_MAX_LINE = 64 * 2**10


class _Handler(socketserver.StreamRequestHandler):
    """Answers every request of a connection with its own head, as JSON."""

    timeout = 20

    def handle(self) -> None:
        try:
            while self.one():
                pass
        except (OSError, ValueError):
            # The server under proof has gone, or sends what is no request: it will tell.
            return

    def one(self) -> bool:
        line = self.rfile.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n")
        if not line:
            return False
        fields: list[tuple[str, str]] = []
        while text := self.rfile.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n"):
            name, _, value = text.partition(":")
            fields.append((name, value.strip()))
        length = next((int(value) for name, value in fields if name.lower() == "content-length"), 0)
        self.rfile.read(length)
        method, _, rest = line.partition(" ")
        server = self.server
        assert isinstance(server, _Echo)
        if answer := next((value for name, value in fields if name.lower() == ANSWER), ""):
            lines = "".join(f"{name}: {value}\r\n" for name, value in json.loads(answer))
            self.wfile.write(f"HTTP/1.1 302 Found\r\n{lines}Content-Length: 0\r\n\r\n".encode())
            return True
        told = {"origin": server.origin, "method": method, "target": rest.rpartition(" ")[0], "fields": fields}
        body = json.dumps(told).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n".encode()
        # A response to HEAD has no body, so there it is told in a field.
        self.wfile.write(head + b"X-Echo: " + body + b"\r\n\r\n" if method == "HEAD" else head + b"\r\n" + body)
        return True


class _Echo(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, origin: str, tls: ssl.SSLContext | None) -> None:
        super().__init__((HOST, 0), _Handler)
        self.origin = origin
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: what fails here is told by the answer that is missing."""


class Echoes:
    """The backends of one proof."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._servers: dict[str, _Echo] = {}

    def address(self, origin: str) -> str:
        """Return the address of the backend that stands for an origin."""
        if origin not in self._servers:
            server = _Echo(origin, self._tls if origin.startswith("https:") else None)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._servers[origin] = server
        return f"{HOST}:{self._servers[origin].server_address[1]}"

    def close(self) -> None:
        """Stop all of them."""
        for server in self._servers.values():
            server.shutdown()
            server.server_close()


@contextmanager
def echoes(tls: ssl.SSLContext) -> Iterator[Echoes]:
    """Have backends as long as they are needed; `tls` is for those of https."""
    running = Echoes(tls)
    try:
        yield running
    finally:
        running.close()
