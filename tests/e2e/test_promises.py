"""What a browser holds a page to: hashes of its code in a policy and in `integrity`, and copies that are still good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from e2e.support import http1
from e2e.support.browser import Visitor
from e2e.support.proxy import Proxy
from e2e.support.response import Response
from e2e.support.waiting import until
from urlrewrite.content.integrity import digests

pytestmark = pytest.mark.e2e

B = "http://privateserver:8080"
INLINE = f'window.inline = "{B}/inline"'
ASSET = f'window.asset = "{B}/asset"'
PAGE = f"""<!DOCTYPE html><title>Promises</title><link rel=icon href=data:,>
<script>{INLINE}</script>
<script src="/a.js" integrity="{digests(ASSET.encode())["sha384"]}"></script>
"""
POLICY = f"default-src 'self'; img-src data:; script-src 'self' '{digests(INLINE.encode())['sha256']}'"
RULES = """
public: https://localhost:HTTPS_PORT
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
links: everywhere
"""


class Handler(BaseHTTPRequestHandler):
    """A page with promises, and the script that it speaks of; both say 304 to whoever has them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, text = ("javascript", ASSET) if self.path == "/a.js" else ("html", PAGE)
        known = self.headers.get("If-None-Match") == '"1"' or self.headers.get("If-Modified-Since")
        body = b"" if known else text.encode()
        self.send_response(304 if known else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
        if not known:
            self.send_header("Content-Type", f"text/{kind}")
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def proxy(start_proxy: Callable[..., Proxy]) -> Iterator[Proxy]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield start_proxy(RULES.replace("BACKEND", str(server.server_address[1])))
        server.shutdown()


def get(proxy: Proxy, path: str, *fields: str) -> Response:
    lines = "".join(f"{field}\r\n" for field in fields)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\n{lines}Connection: close\r\n\r\n"
    return http1.fetch(proxy.https_port, request.encode(), proxy.ca)


@pytest.mark.parametrize("first", ["page", "script"])
def test_a_browser_runs_all_code_of_a_page(
    proxy: Proxy, visit: Callable[[Sequence[str], Path], Visitor], first: str
) -> None:
    if first == "script":
        assert get(proxy, "/a.js").body.decode() == ASSET.replace(B, proxy.https)
    visitor = visit([proxy.https], proxy.ca)
    visitor.page.goto(f"{proxy.https}/")
    assert visitor.page.evaluate("window.inline") == f"{proxy.https}/inline"
    # A script that was not seen before its page is the backend's, as the page says it is.
    assert visitor.page.evaluate("window.asset") == f"{proxy.https if first == 'script' else B}/asset"
    assert visitor.console == []


def test_a_change_of_rules_never_confirms_an_old_copy(proxy: Proxy) -> None:
    def again(answer: Response) -> Response:
        fields = [f"If-None-Match: {answer.header('etag')}", "If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT"]
        return get(proxy, "/", "Accept: text/html", *fields)

    def changed(before: str, after: str) -> None:
        reloads = proxy.log.count("in force")
        proxy.rules.write_text(proxy.rules.read_text().replace(before, after))
        until(lambda: proxy.log.count("in force") > reloads, "the new rules")

    mapped = get(proxy, "/")
    assert proxy.https.encode() in mapped.body
    assert again(mapped).status == 304
    changed("links: everywhere", "links: off")
    plain = again(mapped)
    assert (plain.status, proxy.https.encode() in plain.body) == (200, False)
    assert again(plain).status == 304
    changed("links: off", "links: everywhere")
    for copy in (plain, mapped):
        answer = again(copy)
        assert (answer.status, answer.body) in ((200, mapped.body), (304, b""))
        assert answer.status == (304 if copy is mapped else 200)
