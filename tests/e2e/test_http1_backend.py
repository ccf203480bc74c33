"""What backends of HTTP/1 may send around a response: interim responses before it, fields behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from e2e.support import http1
from e2e.support.proxy import Proxy

pytestmark = pytest.mark.e2e

RULES = """
public: https://localhost:HTTPS_PORT
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
"""
LINK = b"http://privateserver:8080/x"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: <%b>; rel=preload\r\n\r\n" % LINK
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b'<a href="%b">' % LINK
BODY = b"%x\r\n%b\r\n0\r\n" % (len(CHUNK), CHUNK)

# What the backend sends, piece by piece.
ANSWERS = {
    "103": [HINT + PAGE + BODY + b"\r\n"],
    "103 by itself": [HINT, PAGE + BODY + b"\r\n"],
    "100 and 102 in pieces": [
        b"HTTP/1.1 100 Con", b"tinue\r\n\r\nHTTP/1.1 102 Processing\r\n", b"\r\n" + PAGE, BODY + b"\r\n",
    ],
    "trailers": [PAGE + BODY + b"Server-Timing: db;dur=1\r\nX-Url: %b\r\n\r\n" % LINK],
}  # fmt: skip


@contextlib.contextmanager
def backend(pieces: list[bytes]) -> Iterator[int]:
    """Answers every request with these pieces, each with a packet of its own; its port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                for piece in pieces:
                    connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("pieces", ANSWERS.values(), ids=ANSWERS)
def test_the_response_itself_comes(pieces: list[bytes], start_proxy: Callable[..., Proxy]) -> None:
    with backend(pieces) as port:
        proxy = start_proxy(RULES.replace("BACKEND", str(port)))
        request = f"GET / HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n\r\n".encode()
        with http1.connect(proxy.https_port, proxy.ca) as connection:
            for _ in range(2):
                connection.send(request)
                answer = connection.read()
                assert (answer.status, answer.body) == (200, CHUNK.replace(LINK, f"{proxy.https}/x".encode()))
        assert proxy.log.count("server connect") == 1
