"""A backend that sends what the streaming tests need, when they need it: long, slow and broken bodies."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
import zlib
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

B = b"http://privateserver:8080"
LINE = b'<p class="line">Words, and <a href="' + B + b'/page">a link</a> in them.</p>\n'
LOGIN = b"<!DOCTYPE html>\n<title>Log in</title>\n" + LINE * (380_000 // len(LINE))
BLOCK = LINE * 1000
PIECES = 6
"""The pieces of what is sent in step with its client."""


class Handler(BaseHTTPRequestHandler):
    """One method a page."""

    protocol_version = "HTTP/1.1"
    uploaded: ClassVar[list[int]] = []
    taken: ClassVar[threading.Semaphore] = threading.Semaphore(0)
    """Released by a client for each piece that it has got of what is sent in step with it."""

    def do_GET(self) -> None:
        name, _, argument = self.path.strip("/").partition("/")
        getattr(self, f"serve_{name}")(argument)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if not size:
            while length := int(self.rfile.readline().split(b";")[0], 16):
                size += len(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.rfile.read(size)
        self.uploaded.append(size)
        self._head("text/plain", ("Content-Length", "2"))
        self.wfile.write(b"ok")

    def serve_login(self, coding: str) -> None:
        """380 kB in chunks of odd sizes."""
        body = gzip.compress(LOGIN) if coding else LOGIN
        self._chunked("text/html; charset=utf-8", (body[at : at + 7919] for at in range(0, len(body), 7919)), coding)

    def serve_long(self, megabytes: str) -> None:
        """A page of so many megabytes, with its length."""
        count = int(megabytes) * 10**6 // len(BLOCK)
        self._head("text/html; charset=utf-8", ("Content-Length", str(count * len(BLOCK))))
        for _ in range(count):
            self.wfile.write(BLOCK)

    def serve_events(self, coding: str) -> None:
        """Events, each sent when the one before it has come."""
        packer = zlib.compressobj(wbits=31)

        def events() -> Iterator[bytes]:
            for number in range(PIECES):
                event = b"data: %b/%d\n\n" % (B, number)
                yield packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) if coding else event
                self._await_client()
            if coding:
                yield packer.flush()

        self._chunked("text/event-stream", events(), coding)

    def serve_trickle(self, _: str) -> None:
        """A page of which a little comes when the little before it has come."""

        def pieces() -> Iterator[bytes]:
            for _ in range(PIECES):
                yield LINE
                self._await_client()

        self._chunked("text/html", pieces())

    def _await_client(self) -> None:
        if not self.taken.acquire(timeout=30):
            raise ConnectionAbortedError("the client did not get what was sent")

    def serve_old(self, _: str) -> None:
        """The login page as a server of HTTP/1.0 sends it: it ends where the connection does."""
        self.protocol_version = "HTTP/1.0"
        self.close_connection = True
        self._head("text/html; charset=utf-8")
        self.wfile.write(LOGIN)

    def serve_damaged(self, _: str) -> None:
        """A coded body whose check at the end is wrong, sent as it is made."""
        body = gzip.compress(LOGIN)[:-8] + b"no check"
        fields = [("Content-Encoding", "gzip"), ("X-Accel-Buffering", "no"), ("Content-Length", str(len(body)))]
        self._head("text/html; charset=utf-8", *fields)
        self.wfile.write(body)

    def serve_broken(self, _: str) -> None:
        """A short body in chunks of which the last is missing."""
        self._head("text/html; charset=utf-8", ("Transfer-Encoding", "chunked"))
        self.wfile.write(b"%x\r\n%b\r\n" % (len(LINE), LINE))
        self.close_connection = True

    def serve_file(self, _: str) -> None:
        """A page with an ETag, of which parts can be had."""
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.headers.get("If-None-Match") == '"v1"':
            self.send_response(304)
            self.send_header("ETag", '"v1"')
            self.end_headers()
        elif found:
            first, last = int(found[1]), int(found[2])
            part = LOGIN[first : last + 1]
            fields = [("Content-Range", f"bytes {first}-{last}/{len(LOGIN)}"), ("Content-Length", str(len(part)))]
            self._head("text/html; charset=utf-8", *fields, status=206)
            self.wfile.write(part)
        else:
            fields = [("ETag", '"v1"'), ("Accept-Ranges", "bytes"), ("Content-Length", str(len(LOGIN)))]
            self._head("text/html; charset=utf-8", *fields)
            self.wfile.write(LOGIN)

    def serve_cut(self, _: str) -> None:
        """A body that stops in its middle."""
        self._head("text/html; charset=utf-8", ("Content-Length", "10000000"))
        self.wfile.write(BLOCK * 10)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def serve_short(self, _: str) -> None:
        """A small page in chunks."""
        self._chunked("text/html; charset=utf-8", [LINE, LINE])

    def _chunked(self, content_type: str, pieces: Iterable[bytes], coding: str = "") -> None:
        fields = [("Content-Encoding", coding)] if coding else []
        self._head(content_type, ("Transfer-Encoding", "chunked"), *fields)
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, content_type: str, *fields: tuple[str, str], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        # Whoever hangs up in the middle does so on purpose here.
        with contextlib.suppress(ConnectionError, ValueError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test that fails shows what was wrong with the response."""


@contextlib.contextmanager
def streaming_backend() -> Iterator[int]:
    """Runs the backend; its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
