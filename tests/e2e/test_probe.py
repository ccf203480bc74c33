"""The probe with Chromium: what the browser refuses is told by itself, and pages go on as if nobody watched.

Each row has a page of the backend, and what the browser has to say of it. Every page says by `window.ok` that its own
scripts see nothing of the probe.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mitmproxy import http
from playwright.async_api import async_playwright

from e2e.support.needs import program
from e2e.support.waiting import PATIENCE
from hooks.in_process import in_process
from urlrewrite.hooks.flows import seen_of
from urlrewrite.witness.statements import Statement
from urlrewrite.witness.watched import ROOT, has_loaded

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

RULES = """
public: [https://www.example.com]
backend: http://127.0.0.1:{port}
links: off
"""

SEES_NOTHING = """<script {more}>
window.ok = document.compatMode === "CSS1Compat" && document.scripts.length === 1
  && document.characterSet === "{charset}" && document.documentElement.lang === "en"
  && document.querySelector("[data-rewrite-probe]") === null;
</script>"""


def page(body: str = "", *, head: str = "", more: str = "", charset: str = "UTF-8") -> str:
    """A page whose script looks for traces of the probe."""
    watching = SEES_NOTHING.format(more=more, charset=charset)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}{watching}</head>\n<body>{body}</body></html>'


@dataclass(frozen=True)
class Row:
    """A page: `says` are subject and part of the URL or text of what the browser must say; nothing else may it say."""

    name: str
    body: str
    says: tuple[tuple[str, str], ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    is_watched: bool = True
    charset: str = "utf-8"
    content_type: str = "text/html; charset=utf-8"
    ok: bool = True


def policy(value: str) -> dict[str, str]:
    return {"Content-Security-Policy": value}


META = "<meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-n1'; img-src 'none'\">"
SOCKETS = """<script>
class Mine extends WebSocket {}
const mine = new Mine("wss://privateserver/a");
window.sound = mine instanceof Mine && mine instanceof WebSocket && mine.constructor === Mine && WebSocket.OPEN === 1
  && new WebSocket("wss://privateserver/b").constructor === WebSocket && WebSocket.name === "WebSocket";
document.currentScript.remove();
if (!window.sound) document.documentElement.lang = "no";
</script>"""
NONCE = "nonce='n1'"
ROWS = (
    Row("sound", page("<img src=/dot.png>")),
    Row("image", page("<img src=/missing.png>"), (("element", "/missing.png"), ("resource", "/missing.png"))),
    Row("script", page(head="<link rel=icon href=data:,>").replace("</body>", "<script src=/no.js></script></body>"),
        (("element", "/no.js"), ("resource", "/no.js"))),
    Row("inner-name", page("<img src=http://privateserver:8080/a.png>"), (("element", "privateserver"),)),
    Row("error", page("<p onclick=fail()>").replace("</body>", "<script>nowhere.to.be</script></body>"),
        (("error", "nowhere is not defined"),)),
    Row("rejection", page().replace("</body>", "<script>Promise.reject(new TypeError('lost'))</script></body>"),
        (("rejection", "TypeError: lost"),)),
    Row("policy-nonce", page("<img src=http://privateserver:8080/a.png>", more=NONCE),
        (("policy", "privateserver"), ("element", "privateserver")),
        policy("default-src 'none'; img-src 'self'; script-src 'nonce-n1' 'strict-dynamic'")),
    Row("policy-inline", page("<img src=/dot.png>"), (), policy("default-src 'self' 'unsafe-inline'")),
    Row("policy-none", page("<img src=/dot.png>"),
        (("policy", "inline"), ("policy", "/dot.png"), ("element", "/dot.png")),
        policy("default-src 'none'"), ok=False),
    Row("policy-two", page("<style>p { color: red }</style>", more=NONCE), (("policy", "inline"),),
        policy("script-src 'nonce-n1', default-src 'self'; script-src 'self' 'nonce-n1'")),
    Row("meta-policy", page("<img src=/dot.png>", head=META, more=NONCE),
        (("policy", "/dot.png"), ("element", "/dot.png"))),
    Row("trusted-types", page(more=NONCE), (),
        policy("require-trusted-types-for 'script'; script-src 'nonce-n1'; trusted-types x")),
    Row("report-only", page(), (), {"Content-Security-Policy-Report-Only": "default-src 'none'; report-uri /reports"}),
    Row("sockets", page(head=SOCKETS), (("socket", "wss://privateserver/a"), ("socket", "wss://privateserver/b"))),
    Row("refused-frame", page("<iframe src=/deny></iframe>"), (("frame", "/deny"),)),
    Row("frame", page("<iframe src=/sound></iframe>")),
    Row("latin", page("\xe9", head="<meta charset=iso-8859-1>", charset="windows-1252"), charset="latin-1",
        content_type="text/html"),
    Row("gzip", page("<img src=/missing.png>"), (("element", "/missing.png"), ("resource", "/missing.png")),
        {"Content-Encoding": "gzip"}),
    Row("streams", page("x" * 400_000 + "<img src=/missing.png>"),
        (("element", "/missing.png"), ("resource", "/missing.png")), {"X-Accel-Buffering": "no"}),
    Row("streams-gzip", page("x" * 400_000), (), {"X-Accel-Buffering": "no", "Content-Encoding": "gzip"}),
    Row("no-transform", page(), (), {"Cache-Control": "no-transform"}, is_watched=False),
    Row("wide", page(charset="UTF-16LE"), charset="utf-16-le", content_type="text/html; charset=utf-16le",
        is_watched=False),
    Row("sandbox", page(), (), policy("sandbox allow-scripts"), is_watched=False),
    Row("xhtml", '<html xmlns="http://www.w3.org/1999/xhtml"><head><script>window.ok = true</script></head></html>',
        content_type="application/xhtml+xml", is_watched=False),
)  # fmt: skip
DOT = (
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
OTHERS = {
    "/dot.png": ("image/png", bytes.fromhex(DOT)),
    "/deny": ("text/html", b"<!doctype html><title>no</title>"),
    "/reports": ("text/plain", b""),
    "/favicon.ico": ("image/x-icon", b""),
}  # fmt: skip


@dataclass
class Looked:
    """What came of a page: `said` by the browser of it, its flow, `window.ok`, and whether its console has errors."""

    said: tuple[Statement, ...]
    flow: http.HTTPFlow
    ok: bool


@contextlib.contextmanager
def backend() -> Iterator[tuple[int, list[str]]]:
    """A backend with the pages of the table; it notes what it was asked for."""
    asked: list[str] = []
    rows = {f"/{row.name}": row for row in ROWS}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            upload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(f"{self.command} {self.path} {upload.decode()}")
            row = rows.get(self.path)
            other, body = OTHERS.get(self.path, ("text/plain", b"?"))
            self.send_response(200 if row or self.path in OTHERS else 404)
            if row:
                other, body = row.content_type, row.body.encode(row.charset)
                if "Content-Encoding" in row.fields:
                    body = gzip.compress(body)
                for name, value in row.fields.items():
                    self.send_header(name, value)
            if self.path == "/deny":
                self.send_header("X-Frame-Options", "DENY")
            self.send_header("Content-Type", other)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()
    thread.join()


async def visit(tmp: Path) -> tuple[dict[str, Looked], list[str], list[str]]:
    """Visit all pages in turn; return what came of them, what the backend was asked for, and the proxy's log."""
    found: dict[str, Looked] = {}
    with backend() as (port, asked):
        async with (
            in_process(RULES.format(port=port), tmp, urlrewrite_probe=True, urlrewrite_trace="full") as proxy,
            async_playwright() as playwright,
        ):
            options = [
                "--no-sandbox",
                "--disable-gpu",
                "--ignore-certificate-errors",
                "--disable-background-networking",
            ]
            hosts = f"--host-resolver-rules=MAP www.example.com 127.0.0.1:{proxy.port}, MAP * ~NOTFOUND"
            browser = await playwright.chromium.launch(executable_path=program("chromium"), args=[*options, hosts])
            tab = await (await browser.new_context(ignore_https_errors=True)).new_page()
            for row in ROWS:
                before = len(proxy.flows)
                await tab.goto(f"https://www.example.com/{row.name}", wait_until="load")
                ok = bool(await tab.evaluate("window.ok === true"))
                flow = next(each for each in proxy.flows[before:] if each.request.path == f"/{row.name}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        # The browser tells nobody else.
                        while row.is_watched and not is_said(row, said_of(proxy.state.watched, flow)):
                            await tab.wait_for_timeout(20)
                # More than it should say would come now.
                await tab.wait_for_timeout(300)
                await tab.goto("about:blank")
                found[row.name] = Looked(said_of(proxy.state.watched, flow), flow, ok)
            await browser.close()
            log = list(proxy.log)
    return found, asked, log


def is_said(row: Row, said: tuple[Statement, ...]) -> bool:
    """Whether the page was loaded, and the browser has said all that it must."""
    return has_loaded(said) and not unsaid(row, said)


def unsaid(row: Row, said: Sequence[Statement]) -> list[tuple[str, str]]:
    return [
        wanted for wanted in row.says
        if not any(each.subject == wanted[0] and wanted[1] in f"{each.url} {each.text}" for each in said)
    ]  # fmt: skip


def said_of(watched: object, flow: http.HTTPFlow) -> tuple[Statement, ...]:
    seen = seen_of(flow)
    assert seen
    return watched.said().get(seen.trace["id"], ())  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def visited(
    require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Looked], list[str], list[str]]:
    require("chromium")
    return asyncio.run(visit(tmp_path_factory.mktemp("probe")))


type Visited = tuple[dict[str, Looked], list[str], list[str]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_browser_says_what_it_refused(row: Row, visited: Visited) -> None:
    looked = visited[0][row.name]
    told = [each for each in looked.said if each.subject != "cookies"]
    assert has_loaded(looked.said) is row.is_watched
    assert not unsaid(row, told), told
    assert {str(each.subject) for each in told} == {subject for subject, _ in row.says}, told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_page_goes_on_as_if_nobody_watched(row: Row, visited: Visited) -> None:
    looked = visited[0][row.name]
    assert looked.ok is row.ok
    assert looked.flow.response
    fields = looked.flow.response.headers
    assert ("no-store" in fields.get("cache-control", "")) is row.is_watched
    assert ("etag" in fields) is not row.is_watched
    seen = seen_of(looked.flow)
    assert seen and seen.response and seen.response_body is not None
    body = row.body.encode(row.charset)
    assert (gzip.decompress(seen.response_body) if "Content-Encoding" in row.fields else seen.response_body) == body
    assert ("ETag", '"1"') in [(name.replace("etag", "ETag"), value) for name, value in seen.response.fields]


def test_no_report_leaves_the_proxy(visited: Visited) -> None:
    _, asked, log = visited
    posted = [each for each in asked if each.startswith("POST")]
    # A page's own collector hears of what it did without the probe, too: its own script, and its icon.
    assert posted and all(each.startswith("POST /reports ") for each in posted)
    assert [each for each in asked if ROOT in each.replace(f"connect-src https://www.example.com{ROOT}", "")] == []
    assert [line for line in log if "Traceback" in line or "crashed" in line] == []


async def test_where_no_script_runs_the_browser_itself_reports(require: Callable[..., None], tmp_path: Path) -> None:
    require("chromium")
    with backend() as (port, asked):
        async with (
            in_process(RULES.format(port=port), tmp_path, urlrewrite_probe=True, urlrewrite_trace="full") as proxy,
            async_playwright() as playwright,
        ):
            hosts = f"--host-resolver-rules=MAP www.example.com 127.0.0.1:{proxy.port}, MAP * ~NOTFOUND"
            options = ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--short-reporting-delay"]
            browser = await playwright.chromium.launch(executable_path=program("chromium"), args=[*options, hosts])
            tab = await (await browser.new_context(ignore_https_errors=True, java_script_enabled=False)).new_page()
            await tab.goto("https://www.example.com/policy-none", wait_until="load")
            flow = proxy.flows[0]
            async with asyncio.timeout(PATIENCE):
                while not said_of(proxy.state.watched, flow):  # noqa: ASYNC110 (the browser tells nobody else)
                    await asyncio.sleep(0.05)
            told = said_of(proxy.state.watched, flow)
            await browser.close()
    assert ("policy", "img-src") in {(each.subject, each.directive) for each in told}, told
    assert [each for each in asked if each.startswith("POST")] == []
