r"""A backend on loopback whose every response is written against whoever looks at it, and their requests.

All that it says tries to run a script, to leave for another origin, to forge or to turn lines: names and values of
fields, reason phrases, cookies, redirects, titles, scripts, JSON. A script that runs sets `window.owned`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socketserver
import threading
from collections.abc import Iterator

from e2e.support import http1

ELSEWHERE = "http://evil.example"
"""Where whatever gets loose asks for something."""

SCRIPT = f"<script>window.owned=1;alert(1);fetch('{ELSEWHERE}/script')</script>"
IMAGE = f"<img src={ELSEWHERE}/x.png onerror=window.owned=2;alert(2)>"
BREAKS_OUT = (
    f"\"'><svg/onload=window.owned=3;alert(3)>{SCRIPT}{IMAGE}</title></textarea></pre></script>-->]]>{{{{7*7}}}}"
)
TURNED = "\u202egnp.exe\u2066\u200b\u2028\u0085\x1b[31m\x7f"
"""Bidirectional overrides, an invisible blank, two ends of lines, a colour of terminals."""

NOT_UTF8 = b"\xff\xfe\xed\xa0\x80\xc0\xaf\xf8"
"""With an encoded lone surrogate, and a slash that is too long."""

BACKEND = b"http://privateserver:8080"
WITHOUT_SEMICOLONS = BREAKS_OUT.replace(";", ",").encode()
LONG = 3_000_000
"""Bytes of the longest body; that of the longest field is far less: mitmproxy takes no more than 64 kB of a line."""

LONG_FIELD = 40_000

_LINKS = b"".join(
    b'<a href="%s">%s</a> <img src="%s">\n' % (url, url, url)
    for url in (
        b"javascript:window.owned=4",
        b"data:text/html," + SCRIPT.replace('"', "%22").encode(),
        BACKEND + b"/'" + BREAKS_OUT.replace('"', "%22").encode(),
        BACKEND + b"/" + TURNED.encode() + NOT_UTF8,
        b"http://privateserver:8081/" + SCRIPT.replace('"', "%22").encode(),
        b"vbscript:x", b"//privateserver:8080\\@evil.example/",
    )
)  # fmt: skip
PAGE = (
    b"<!doctype html><title>" + BREAKS_OUT.encode() + NOT_UTF8 + TURNED.encode() + b"</title>\n"
    b"<!-- " + BACKEND + BREAKS_OUT.encode().replace(b"-->", b"") + b" -->\n"
    + _LINKS + b"<p>" + BACKEND + SCRIPT.encode() + b"\n<script>var u = '" + BACKEND + b"/<script>" + NOT_UTF8
    + b"', b = '" + b"aHR0cDovL3ByaXZhdGVzZXJ2ZXI6ODA4MC88c2NyaXB0Pg==" + b"';</script>\n"
)  # fmt: skip
JSON = json.dumps(
    {BREAKS_OUT: BREAKS_OUT + "http://privateserver:8080/", "__proto__": {"a": SCRIPT}, "n": TURNED}
).encode()

_HTML = b"Content-Type: text/html; charset=utf-8"
_MANY = b"".join(b"<a href='%s/%d<script>'>%d</a>\n" % (BACKEND, number, number) for number in range(3000))

type _Answer = tuple[bytes, list[bytes], bytes]

ANSWERS: dict[bytes, _Answer] = {
    b"page": (b"200 OK", [_HTML], PAGE),
    b"phrase": (b"404 " + SCRIPT.encode() + NOT_UTF8, [_HTML], PAGE),
    b"fields": (
        b"200 " + BREAKS_OUT.encode(),
        [
            _HTML,
            b"X-Title: " + BREAKS_OUT.encode() + NOT_UTF8,
            b"X-Turned: " + TURNED.encode() + BACKEND,
            b"X-<script>alert(5)</script>: " + BACKEND + b"/" + SCRIPT.encode(),
            b"__proto__: 1",
            b"Link: <" + BACKEND + b"/" + SCRIPT.replace(">", "%3e").encode() + b">; rel=preload",
            b"Refresh: 0; url=javascript:window.owned=6",
            b"Content-Security-Policy: default-src " + BACKEND + b" '" + SCRIPT.replace(";", "").encode() + b"'",
            b"Access-Control-Allow-Origin: " + BACKEND + SCRIPT.encode(),
        ],
        PAGE,
    ),
    b"cookies": (
        b"200 OK",
        [
            _HTML,
            b"Set-Cookie: <script>alert(7)</script>=" + WITHOUT_SEMICOLONS + b"; Domain=privateserver",
            b"Set-Cookie: a=" + NOT_UTF8 + b"; Domain=<img src=x onerror=alert(8)>; Path=/" + WITHOUT_SEMICOLONS,
            b"Set-Cookie: __Host-" + TURNED.encode() + b"=1; Domain=privateserver",
        ],
        PAGE,
    ),
    b"javascript": (b"302 Found", [b"Location: javascript:window.owned=9"], b""),
    b"data": (b"302 Found", [b"Location: data:text/html," + SCRIPT.encode()], b""),
    b"away": (b"302 Found", [b"Location: " + BACKEND + b"/\"><script>alert(10)</script>" + NOT_UTF8], b""),
    b"json": (b"200 OK", [b"Content-Type: application/json"], JSON),
    b"type": (b"200 OK", [b"Content-Type: text/html\"><script>alert(11)</script>; charset=<script>"], PAGE),
    b"coding": (b"200 OK", [_HTML, b"Content-Encoding: <script>alert(12)</script>"], PAGE),
    b"damaged": (b"200 OK", [_HTML, b"Content-Encoding: gzip"], gzip.compress(PAGE)[:-9] + b"<script>"),
    b"utf-16": (
        b"200 OK",
        [b"Content-Type: text/html; charset=utf-16le"],
        PAGE.decode("latin-1").encode("utf-16-le") + b"\x00\xd8\x00",
    ),
    b"many": (b"200 OK", [_HTML], _MANY),
    b"long": (b"200 OK", [_HTML], PAGE + b"<p>" + b"A" * LONG + PAGE),
    b"long-line": (
        b"200 OK",
        [_HTML, b"X-Long: " + BACKEND + b"B" * LONG_FIELD],
        (b"<a href=" + BACKEND + b"/>") * 2000,
    ),
    b"image": (
        b"500 <b>",
        [b"Content-Type: image/svg+xml"],
        b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT.encode() + b"</svg>",
    ),
    b"nothing": (b"", [], b""),
}  # fmt: skip
"""Answers by the first segment of a path: status and reason, lines of fields, body. An empty one is no response."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        line = self.rfile.readline(1 << 20)
        length = 0
        while (field := self.rfile.readline(1 << 20)).strip():
            if field.lower().startswith(b"content-length:"):
                length = int(field.partition(b":")[2])
        self.rfile.read(length)
        name = line.split(b" ")[1].lstrip(b"/").partition(b"/")[0].partition(b"?")[0] if line.count(b" ") else b""
        status, fields, body = ANSWERS.get(name, ANSWERS[b"page"])
        if status:
            head = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body), b"Connection: close", b"", b""]
            with contextlib.suppress(OSError):
                self.wfile.write(b"\r\n".join(head) + body)


@contextlib.contextmanager
def hostile_backend() -> Iterator[int]:
    """Runs it on a free port of loopback, and yields the port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def requests(port: int) -> list[bytes]:
    """Requests to a proxy on a port of loopback: one for each response, and those that are hostile themselves."""
    host = b"Host: localhost:%d" % port
    html = [host, b"Accept: text/html", b"Sec-Fetch-Dest: document", b"Connection: close"]
    sent = [_request(b"GET /%s HTTP/1.1" % name, html) for name in ANSWERS]
    referer = b"Referer: https://localhost:%d/page" % port
    path = BREAKS_OUT.replace(" ", "%20").encode()
    sent += [
        _request(b"GET /page/" + path + b"?<script>=" + path + b" HTTP/1.1", html),
        _request(b"GET /page/" + NOT_UTF8 + TURNED.encode().rstrip(b"\x1b[31m\x7f") + b" HTTP/1.1", html),
        _request(b"GET /page/%3Cscript%3Ealert(1)%3C/script%3E/%2e%2e/%00%0d%0aX:%20y HTTP/1.1", html),
        _request(b"<script>alert(13)</script> /page HTTP/1.1", html),
        _request(b"GET /page HTTP/1.1", [b"Host: <script>alert(14)</script>", *html[1:]]),
        _request(b"GET /page HTTP/1.1", [b"Host: evil.example\"><img/src/onerror=alert(15)>", *html[1:]]),
        _request(b"GET /old/" + path + b" HTTP/1.1", html),
        _request(b"GET /aborted/" + path + b" HTTP/1.1", html),
        _request(b"GET /image HTTP/1.1", [host, b"Sec-Fetch-Dest: <script>", referer, b"Connection: close"]),
        _request(b"GET /phrase/x.js HTTP/1.1", [host, b"Sec-Fetch-Dest: script", referer, b"Connection: close"]),
        _request(b"GET /page/x.css HTTP/1.1", [host, b"Sec-Fetch-Dest: style", referer, b"Connection: close"]),
        _request(
            b"GET /page HTTP/1.1",
            [
                *html,
                b"Referer: javascript:" + SCRIPT.encode(),
                b"Origin: " + BREAKS_OUT.encode(),
                b"Cookie: " + BREAKS_OUT.encode() + NOT_UTF8,
                b"User-Agent: " + TURNED.encode() + NOT_UTF8,
                b"X-<script>alert(16)</script>: 1",
                b"X-Long: " + b"C" * LONG_FIELD,
            ],
        ),
        _request(b"POST /page HTTP/1.1", [*html, b"Content-Type: <script>", b"Content-Length: %d" % len(PAGE)]) + PAGE,
    ]  # fmt: skip
    return sent


def ask_all(port: int, ca: object) -> None:
    """Sends all of them; not all get a response."""
    for request in requests(port):
        with contextlib.suppress(OSError, EOFError, IndexError, ValueError, UnicodeDecodeError):
            http1.fetch(port, request, ca)  # type: ignore[arg-type]


def _request(line: bytes, fields: list[bytes]) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])
