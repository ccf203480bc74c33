"""The demo, as a newcomer runs it: every page behind the proxy, with real clients of every protocol and a browser."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import brotli
import pytest
import zstandard
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from e2e.support import http1, http2, http3
from e2e.support.browser import Visitor
from e2e.support.demo import Demo, running_demo
from e2e.support.response import Response
from e2e.support.service import RUN_SH

pytestmark = pytest.mark.e2e

NAME = b"privateserver"
BROKEN_IN_CHROMIUM = {"/coded/gzip-members"}
"""It reads the first member only, behind a proxy or not."""

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": lambda data: zlib.decompressobj(15 if data[:1] == b"\x78" else -15).decompress(data),
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def pages_of(demo: Demo) -> list[dict]:
    listed = json.loads(http1.get("/pages.json", demo.https_port, demo.ca).body)
    return listed if isinstance(listed, list) else listed["pages"]


def decoded(answer: Response) -> bytes:
    coding = answer.header("content-encoding")
    return DECODERS[coding](answer.body) if coding else answer.body


def names_in(data: bytes) -> int:
    """How often the backend is named: as it is, in any case, in UTF-16, in base64, percent-encoded letter by letter."""
    lower = data.lower()
    wide = lower.count("privateserver".encode("utf-16-le")) + lower.count("privateserver".encode("utf-16-be"))
    hidden = sum(data.count(base64.b64encode(b" " * shift + NAME)[shift and 4 : 16]) for shift in range(3))
    return lower.count(NAME) + wide + hidden


def leaks(path: str, answer: Response, keeps: int | None, body: bytes | None = None) -> list[str]:
    """What is wrong with a response; `body` is its decoded body where somebody else has decoded it."""
    found = [f"{path}: {name!r}: {value!r}" for name, value in answer.headers if names_in(value)]
    count = names_in(decoded(answer) if body is None else body)
    if keeps is not None and count != keeps:
        found.append(f"{path}: named {count} times, its legend says {keeps}")
    return found


@pytest.mark.parametrize("accept", ["identity", "gzip, deflate, br, zstd"])
def test_no_response_names_the_backend_but_where_its_legend_says_so(demo: Demo, accept: str) -> None:
    found: list[str] = []
    for page in pages_of(demo):
        if page["kind"] in ("download", "websocket"):
            continue
        if page["kind"] == "stream" and accept != "identity":
            continue
        answer = http1.get(page["path"], demo.https_port, demo.ca, f"Accept-Encoding: {accept}")
        if answer.status != page["status"]:
            found.append(f"{page['path']}: {answer.status}, its legend says {page['status']}")
        found += leaks(page["path"], answer, page["keeps"])
    assert found == []


PROTOCOLS = {
    "HTTP/1.1": http1.get,
    "HTTP/2": http2.get,
    "HTTP/3": lambda *request: asyncio.run(http3.get(*request)),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_gets_the_same_page(demo: Demo, protocol: str) -> None:
    answer = PROTOCOLS[protocol]("/html/iis-tags", demo.https_port, demo.ca)
    assert (answer.status, leaks("/", answer, 0)) == (200, [])
    assert demo.https.encode() in answer.body
    assert answer.body == http1.get("/html/iis-tags", demo.https_port, demo.ca).body


def test_a_login_response_of_380_kb_sent_in_chunks_is_whole(demo: Demo) -> None:
    def log_in(port: int, origin: str, ca: Path | None = None) -> Response:
        form = b"user=demo&password=demo"
        head = [
            "POST /login-big HTTP/1.1",
            f"Host: localhost:{port}",
            f"Origin: {origin}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(form)}",
            "Connection: close",
        ]
        return http1.fetch(port, "\r\n".join([*head, "", ""]).encode() + form, ca)

    own = log_in(demo.backend_port, "http://privateserver:8080")
    assert (own.status, own.header("transfer-encoding")) == (200, "chunked")
    assert len(own.body) >= 380_000
    answer = log_in(demo.https_port, demo.https, demo.ca)
    # It is longer than what is held, so that nobody knew its length when its head was sent.
    assert (answer.status, answer.header("transfer-encoding")) == (200, "chunked")
    assert answer.body == own.body.replace(b"http://privateserver:8080", demo.https.encode())
    assert len(answer.all("set-cookie")) == 3
    assert leaks("/login-big", answer, 0) == []


def test_untouched_bytes_stay_untouched(demo: Demo) -> None:
    """The response behind the proxy is the backend's own with the origins replaced, and nothing else."""
    for path in ("/html/iis-tags", "/charset/broken", "/charset/iso-8859-1", "/login-big"):
        own = http1.get(path, demo.backend_port).body
        behind = http1.get(path, demo.https_port, demo.ca).body
        origin = re.compile(rb"(?i)(?:(http|ws)s?:)?//privateserver:8080")
        mapped = origin.sub(
            lambda found: (
                ((found[1] and {b"http": b"https:", b"ws": b"wss:"}[found[1].lower()]) or b"")
                + f"//localhost:{demo.https_port}".encode()
            ),
            own,
        )
        assert behind == mapped, path


@pytest.mark.parametrize("path", ["/login-big", "/html/iis-tags", "/events?n=2&ms=10", "/download/large?size=2000000"])
def test_http_1_0_gets_a_body_that_it_can_read(demo: Demo, path: str) -> None:
    request = f"GET {path} HTTP/1.0\r\nHost: localhost:{demo.https_port}\r\n\r\n".encode()
    old = http1.fetch(demo.https_port, request, demo.ca)
    assert old.header("transfer-encoding") is None
    assert len(old.body) == len(http1.get(path, demo.https_port, demo.ca).body) > 0


def test_a_download_is_passed_through(demo: Demo) -> None:
    path = next(page["path"] for page in pages_of(demo) if page["kind"] == "download")
    answer = http1.get(f"{path.partition('?')[0]}?size=3000000", demo.https_port, demo.ca)
    assert len(answer.body) == 3_000_000


def test_head_304_and_206_are_true(demo: Demo) -> None:
    page = "/html/iis-tags"
    first = http1.get(page, demo.https_port, demo.ca)
    etag = first.header("etag")
    assert etag
    again = http1.get(page, demo.https_port, demo.ca, f"If-None-Match: {etag}")
    assert (again.status, again.header("etag"), again.body) == (304, etag, b"")
    request = f"HEAD {page} HTTP/1.1\r\nHost: localhost:{demo.https_port}\r\nConnection: close\r\n\r\n".encode()
    head = http1.fetch(demo.https_port, request, demo.ca)
    assert head.status == 200
    assert head.header("content-length") in (None, str(len(first.body)))
    assert head.header("etag") == etag
    path = next(page["path"] for page in pages_of(demo) if page["kind"] == "download").partition("?")[0]
    part = http1.get(f"{path}?size=100000", demo.https_port, demo.ca, "Range: bytes=10-19")
    assert (part.status, len(part.body), part.header("content-range")) == (206, 10, "bytes 10-19/100000")


STRANGERS = [
    # request line, Host, status
    ("GET / HTTP/1.1", "evil.example", 404),
    ("GET / HTTP/1.1", "privateserver:8080", 404),
    ("GET / HTTP/1.1", "127.0.0.1:8090", 404),
    ("GET http://evil.example/ HTTP/1.1", "localhost", 404),
    ("CONNECT evil.example:443 HTTP/1.1", "evil.example:443", 400),
]


@pytest.mark.parametrize(("line", "host", "status"), STRANGERS)
@pytest.mark.parametrize("tls", [True, False])
def test_it_is_no_forward_proxy(demo: Demo, line: str, host: str, status: int, tls: bool) -> None:
    port, ca = (demo.https_port, demo.ca) if tls else (demo.http_port, None)
    answer = http1.fetch(port, f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), ca)
    assert answer.status == status
    assert b"localhost" not in answer.body


def test_plain_http_is_sent_to_https(demo: Demo) -> None:
    answer = http1.get("/a%2Fb?c=%20d", demo.http_port)
    assert (answer.status, answer.header("location")) == (302, f"{demo.https}/a%2Fb?c=%20d")


@pytest.mark.browser
def test_every_page_works_in_a_browser(demo: Demo, visit: Callable[[Sequence[str], Path], Visitor]) -> None:
    """`visit` fails by itself if any request left for another origin."""
    visitor = visit([demo.https], demo.ca)
    page = visitor.page
    faults = []
    for entry in pages_of(demo):
        if entry["kind"] != "page" or entry["finalStatus"] != 200 or "GET" not in entry["methods"]:
            continue
        page.goto(demo.https + entry["path"], wait_until="load")
        proof = page.wait_for_selector("html[data-ok]", state="attached")
        assert proof
        if proof.get_attribute("data-ok") != "yes" and entry["path"] not in BROKEN_IN_CHROMIUM:
            faults.append(f"{entry['path']}: {proof.get_attribute('data-why')}")
    assert faults == []
    found = []
    keeps = {entry["path"]: entry["keeps"] for entry in pages_of(demo)}
    for url, answer in visitor.close():
        path = url.removeprefix(demo.https)
        if path in keeps:
            found += leaks(path, answer, keeps[path], answer.body)
    assert found == []


@pytest.mark.browser
def test_the_login_works_in_a_browser(demo: Demo, visit: Callable[[Sequence[str], Path], Visitor]) -> None:
    page = visit([demo.https], demo.ca).page
    refused = page.goto(f"{demo.https}/account")
    assert refused
    assert refused.status == 403
    page.goto(f"{demo.https}/login")
    page.fill("input[name=user]", "demo")
    page.fill("input[name=password]", "demo")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{demo.https}/account")
    page.wait_for_selector("#welcome")


def without_what_differs(trace: list[dict], differs: dict[str, str]) -> list[dict]:
    """Events with what no two runs share (ids, the place of the rule file) put into one form."""
    text = json.dumps(trace)
    for part, name in differs.items():
        text = text.replace(part, name)
    return json.loads(text)


def test_explain_says_what_the_live_proxy_does(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    rules = tmp_path / "rules.yaml"
    with running_demo(tmp_path, f"--set=save_stream_file={flows}") as demo:
        moved = demo.service.await_log(r"^rules +(\S+)")[1]
        rules.write_text(Path(moved).read_text())
        fields = ["Host: localhost:" + str(demo.https_port), "Accept: text/html", "X-Test: yes"]
        for path in ("/html/iis-tags", "/item/7?x=%20y", "/old/3", "/admin/secret", "/redirect/302"):
            request = "\r\n".join([f"GET {path} HTTP/1.1", *fields, "", ""]).encode()
            http1.fetch(demo.https_port, request, demo.ca)
        demo.service.stop()
    with flows.open("rb") as stream:
        recorded = [flow for flow in FlowReader(stream).stream() if isinstance(flow, HTTPFlow)]
    assert len(recorded) == 5
    for flow in recorded:
        live = flow.metadata["urlrewrite"]
        command = [RUN_SH, "explain", str(rules), live["request"]["url"], "--json"]
        command += [part for field in fields for part in ("-H", field)]
        offline = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        # Without a saved response, explain ends where the request has been judged.
        expected = live["events"][: len(offline["trace"])]
        differs = {live["id"]: "ID", "offline": "ID", moved: "RULES", str(rules): "RULES"}
        assert without_what_differs(expected, differs) == without_what_differs(offline["trace"], differs)
