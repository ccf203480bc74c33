"""`./run.sh why` with Chromium: what it says of a page, as a person and as a program get it, and its exit code."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2e.support.service import RUN_SH

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

SITE = "https://www.example.com"
RULES = """
public: {site}
backend: http://privateserver:8080
connect: 127.0.0.1:{port}
links: off
"""


@dataclass(frozen=True)
class Page:
    """A page of the backend: `kinds` are the findings of it, `said` is in what the browser says with the first."""

    body: str
    code: int
    kinds: tuple[str, ...] = ()
    said: str = ""
    fields: dict[str, str] = field(default_factory=dict)


HEAD = "<!doctype html><link rel=icon href=data:,>"
IF_WATCHED = "<script>window.WebSocket.toString().includes('WebSocket') || watched()</script>"
PAGES = {
    "/sound": Page(f"{HEAD}<img src=/dot.svg>", 0, fields={"Set-Cookie": "a=1; Path=/"}),
    "/cookie": Page(
        HEAD, 1, ("cookie",), 'the cookie "sid" is not taken', {"Set-Cookie": "sid=1; Domain=privateserver; Path=/"}
    ),
    "/script": Page(
        f"{HEAD}\n<script src=http://privateserver:8080/a.js></script>\n<script>\nnowhere.to.be</script>", 1,
        ("leak", "browser-error"), "http://privateserver:8080/a.js is http in an https page",
    ),
    "/changes": Page(f"{HEAD}{IF_WATCHED}", 0, ("browser-error",), "watched is not defined"),
}  # fmt: skip
DOT = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        body = page.body.encode() if page else DOT
        self.send_response(200)
        for name, value in page.fields.items() if page else ():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if page else "image/svg+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Why:
    """`./run.sh why` with the rules of the site."""

    rules: Path
    confdir: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        wanted = [str(RUN_SH), "why", *arguments, "--", f"--set=confdir={self.confdir}"]
        return subprocess.run(wanted, capture_output=True, text=True, check=False)

    def of(self, path: str) -> tuple[int, Any]:
        done = self(f"{SITE}{path}", str(self.rules), "--json")
        assert not done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def why(backend: int, require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Why:
    require("chromium")
    folder = tmp_path_factory.mktemp("why")
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(site=SITE, port=backend))
    return Why(rules, folder / "mitmproxy")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_judged(path: str, why: Why) -> None:
    page = PAGES[path]
    code, report = why.of(path)
    assert code == page.code, report
    assert (report["url"], report["status"], report["failed"]) == (f"{SITE}{path}", 200, "")
    assert tuple(finding["kind"] for finding in report["findings"]) == page.kinds
    changes = report["only_watched"]
    assert bool(changes) == (path == "/changes"), json.dumps(report, indent=1)
    assert all("watched is not defined" in said for said in changes)
    if path == "/script":
        # What the probe adds to the page does not move its lines.
        assert f"({SITE}/script, line 4)" in report["findings"][-1]["title"]
    if page.kinds:
        assert report["findings"][0]["said"]
        first = report["findings"][0]
        assert any(page.said in value for label, value in first["evidence"] if label == "the browser says"), report


def test_without_rules_a_page_is_taken_from_where_it_is_and_nothing_is_left_behind(
    why: Why, backend: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = why(f"http://127.0.0.1:{backend}/cookie")
    assert done.returncode == 1, done
    assert f"http://127.0.0.1:{backend}/cookie: 200" in done.stdout
    assert 'the cookie "sid" is not taken' in done.stdout
    assert "(InvalidDomain)" in done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("urlrewrite")]
