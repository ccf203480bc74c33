"""A small application that thinks it lives at the root of a host: all its addresses begin with a slash."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"""<!DOCTYPE html>
<title>Shop</title>
<link rel="stylesheet" href="/css/shop.css">
<link rel="manifest" href="/shop.webmanifest">
<h1>Shop</h1>
<img id="one" src="/img/one.svg" alt="">
<img id="two" srcset="/img/two.svg 1x, /img/three.svg 2x" alt="">
<p id="climbs"><a href="../../cart">Cart</a></p>
<form method="post" action="/login"><button>Log in</button></form>
<script src="/js/shop.js"></script>
"""
SCRIPT = b"""fetch("/api/data").then((answer) => answer.json()).then((data) => {
  const link = document.createElement("a");
  link.href = data.next;
  link.id = "next";
  document.body.append(link);
  document.documentElement.dataset.ready = "yes";
});
"""
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
FILES = {
    "/": ("text/html; charset=utf-8", PAGE),
    "/css/shop.css": ("text/css", b'@import "/css/more.css"; body { background: url(/img/four.svg) }'),
    "/css/more.css": ("text/css", b"h1 { list-style-image: url('../img/five.svg'); display: list-item }"),
    "/js/shop.js": ("text/javascript", SCRIPT),
    "/api/data": ("application/json", b'{"next": "/api/data?page=2"}'),
    "/shop.webmanifest": ("application/manifest+json", b'{"name": "Shop", "start_url": "/", "scope": "/"}'),
    "/cart": ("text/html", b"<title>Cart</title>"),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/account":
            kind, body = "text/html", f"<p id=cookie>{self.headers.get('Cookie', 'none')}</p>".encode()
        elif path.startswith("/img/"):
            kind, body = "image/svg+xml", PICTURE
        elif path in FILES:
            kind, body = FILES[path]
        else:
            self._answer(404, b"", ("Content-Type", "text/plain"))
            return
        self._answer(200, body, ("Content-Type", kind))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(303, b"", ("Location", "/account"), ("Set-Cookie", "session=1; Path=/; HttpOnly"))

    def _answer(self, status: int, body: bytes, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*fields, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@contextlib.contextmanager
def rooted_application() -> Iterator[int]:
    """Runs it on a free port of 127.0.0.1, and gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="rooted application")
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
