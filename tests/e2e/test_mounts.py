"""Two backends that think they live at `/`, one below /app and one below /shop of the same public name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from e2e.support import http1
from e2e.support.browser import Visitor
from e2e.support.proxy import Proxy
from e2e.support.rooted import rooted_application
from privateserver import PrivateServer

pytestmark = pytest.mark.e2e

RULES = """
sites:
  - public: https://localhost:HTTPS_PORT/app
    backend: http://privateserver:8080
    connect: 127.0.0.1:DEMO
  - public: https://localhost:HTTPS_PORT/shop
    backend: http://shopserver:8080
    connect: 127.0.0.1:SHOP
    rootPaths: /api
"""


@pytest.fixture
def proxy(start_proxy: Callable[..., Proxy]) -> Iterator[Proxy]:
    with PrivateServer(port=0) as demo, rooted_application() as shop:
        yield start_proxy(RULES.replace("DEMO", str(demo.port)).replace("SHOP", str(shop)))


def test_the_demo_backend_below_a_path(proxy: Proxy) -> None:
    listed = http1.get("/app/pages.json", proxy.https_port, proxy.ca)
    entries = json.loads(listed.body)
    faults = []
    for page in entries if isinstance(entries, list) else entries["pages"]:
        if page["kind"] in ("download", "websocket", "stream") or page["keeps"] is None:
            continue
        answer = http1.get(f"/app{page['path']}", proxy.https_port, proxy.ca, "Accept-Encoding: identity")
        location = urljoin(f"{proxy.https}/app{page['path']}", answer.header("location") or "")
        if answer.status != page["status"] or not urlsplit(location).path.startswith("/app/"):
            faults.append(f"{page['path']}: {answer.status} {location}")
    assert faults == []


def test_each_request_goes_to_its_backend(proxy: Proxy) -> None:
    def get(path: str) -> tuple[int, str | None]:
        answer = http1.get(path, proxy.https_port, proxy.ca)
        return answer.status, answer.header("location")

    assert get("/") == (404, None)
    assert get("/cart") == (404, None)
    assert get("/shop/cart") == (200, None)
    assert get("/app/cart") == (404, None)
    assert get("/shop?a=b") == (301, f"{proxy.https}/shop/?a=b")
    assert get("/shop/../app/") == (200, None)


def test_pages_redirects_and_cookies_stay_below_the_path(proxy: Proxy) -> None:
    page = http1.get("/shop/", proxy.https_port, proxy.ca).body
    for part in (
        b'href="/shop/css/shop.css"',
        b'srcset="/shop/img/two.svg 1x, /shop/img/three.svg 2x"',
        b'"/shop/cart"',
    ):
        assert part in page
    sheet = http1.get("/shop/css/shop.css", proxy.https_port, proxy.ca).body
    assert sheet == b'@import "/shop/css/more.css"; body { background: url(/shop/img/four.svg) }'
    data = http1.get("/shop/api/data", proxy.https_port, proxy.ca).body
    assert data == b'{"next": "/shop/api/data?page=2"}'
    request = f"POST /shop/login HTTP/1.1\r\nHost: localhost:{proxy.https_port}\r\nContent-Length: 0\r\n\r\n"
    answer = http1.fetch(proxy.https_port, request.encode(), proxy.ca)
    assert (answer.status, answer.header("location")) == (303, "/shop/account")
    assert answer.all("set-cookie") == ["session=1; Path=/shop/; HttpOnly; Secure"]


@pytest.mark.browser
def test_it_works_in_a_browser(proxy: Proxy, visit: Callable[[Sequence[str], Path], Visitor]) -> None:
    visitor = visit([proxy.https], proxy.ca)
    page = visitor.page
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.goto(f"{proxy.https}/shop")
    assert page.url == f"{proxy.https}/shop/"
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate("document.getElementById('next').href") == f"{proxy.https}/shop/api/data?page=2"
    for picture in ("one", "two"):
        assert page.evaluate(f"document.getElementById('{picture}').naturalWidth") == 8
    page.click("#climbs a")
    assert page.url == f"{proxy.https}/shop/cart"
    page.goto(f"{proxy.https}/shop/")
    page.click("form button")
    page.wait_for_url(f"{proxy.https}/shop/account")
    assert page.inner_text("#cookie") == "session=1"
    # The other application below this name does not get it.
    page.goto(f"{proxy.https}/app/")
    assert page.evaluate("document.cookie") == ""
    asked = {urlsplit(url).path for url in visitor.requests if "/shop" in url}
    assert {"/shop/css/more.css", "/shop/img/four.svg", "/shop/img/five.svg", "/shop/js/shop.js"} <= asked
    assert [line for line in failed if "favicon" not in line] == []
