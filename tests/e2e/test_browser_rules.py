"""The rules of browsers, each tried in Chromium: what the diagnosis says of a page is what Chromium does with it.

The rows are in `browser_rules.yaml`. Each has a page that Chromium blocks something of, for which the diagnosis must
name the row, and one where all works, of which it must claim nothing. One browser visits them all, through the proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import format_datetime, localtime
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from playwright.async_api import BrowserContext, ConsoleMessage, async_playwright

from e2e.support.needs import program
from hooks.in_process import in_process
from rules_of import rules_of
from urlrewrite.content.integrity import digests
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import broken
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "browser_rules.yaml").read_text("utf-8"))
VARIANTS = ("blocked", "works")
PATIENCE = {"blocked": 3_000, "works": 30_000}
"""Milliseconds that a page or a step may take: what is blocked may never come, and what works may on a busy machine."""
HOSTS = ("www.example.com", "api.example.com", "other.test")
RULES = r"""
public: [{names}]
backend: http://127.0.0.1:{port}
links: off
rules:
  - name: shown
    match: ^(\d+/\w+)/shown/(.*)$
    action: {{type: Rewrite, url: "{{R:1}}/inner/{{R:2}}"}}
  - name: variants
    match: ^(\d+/\w+)/by_cookie$
    conditions: [{{input: "{{HTTP_COOKIE}}", pattern: variant=b}}]
    action: {{type: Rewrite, url: "{{R:1}}/variant_b"}}
"""

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(400)]


@dataclass
class Seen:
    """What Chromium made of a page, and what the diagnosis says of it: code, severity and title of each finding."""

    works: bool
    console: list[str]
    findings: list[tuple[str, str, str]]


def folder(row: Mapping[str, Any], variant: str) -> str:
    return f"/{ROWS.index(row)}/{variant}"  # type: ignore[arg-type]


def filled(text: str, here: str) -> str:
    """A text of the table with what stands in braces: {here}, {x*9}, {now-60} in the format of HTTP, {sha256 TEXT}."""
    text = text.replace("{here}", here)
    text = re.sub(r"\{x\*(\d+)\}", lambda found: "x" * int(found[1]), text)
    text = re.sub(r"\{now([+-]\d+)\}", lambda found: _date(int(found[1])), text)
    return re.sub(r"\{sha256 ([^{}]*)\}", lambda found: digests(found[1].encode())["sha256"], text)


def _date(later: int) -> str:
    """A date so many seconds from now, in the format of HTTP."""
    return format_datetime((localtime() + timedelta(seconds=later)).astimezone(UTC), usegmt=True)


class Answers:
    """The backend: `answers` of the table, by path."""

    def __init__(self) -> None:
        self.by_path: dict[str, dict[str, Any]] = {}
        for row in ROWS:
            for variant in VARIANTS:
                here = folder(row, variant)
                for name, answer in {**row.get("both", {}), **row[variant]}.items():
                    if isinstance(answer, dict):
                        self.by_path[f"{here}/{name}"] = {**answer, "here": here}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        answers, asked = self.by_path, set[str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = answers.get(self.path.partition("?")[0], {"status": 404, "here": ""})
                if self.command == "OPTIONS":
                    found = {"here": found["here"], **found.get("preflight", {"status": 204})}
                if self.command == "POST" and self.headers.get("Origin") == "null":
                    found = {"here": found["here"], "status": 403}
                if found.get("needs", "") not in (self.headers.get("Cookie") or ""):
                    found = {"here": found["here"], "status": 403}
                if "first" in found and self.path not in asked:
                    asked.add(self.path)
                    found = {"here": found["here"], **found["first"]}
                if "Upgrade" in self.headers:
                    self.switch()
                    return
                here, status = found["here"], found.get("status", 200)
                # An error without content would be followed by a page of Chromium's own, a navigation nobody waits for.
                body = filled(found.get("body", "no" if status >= 400 else ""), here).encode()
                self.send_response(status)
                fields = {"Content-Type": "text/html; charset=utf-8", **found.get("fields", {})}
                if "cookies" in found:
                    fields["Set-Cookie"] = [f"c{number}=1" for number in range(found["cookies"])]
                for name, value in fields.items():
                    for line in value if isinstance(value, list) else [value]:
                        if line is not None:
                            self.send_header(name, filled(line, here))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD" and status not in (204, 304):
                    self.wfile.write(body)

            def switch(self) -> None:
                """Open a WebSocket and close it."""
                key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept", b64encode(sha1(key.encode()).digest()).decode())
                self.end_headers()
                self.wfile.write(b"\x88\x02\x03\xe8")
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_OPTIONS = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextlib.contextmanager
def backend() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers().handler())
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


async def look(context: BrowserContext, row: Mapping[str, Any], variant: str) -> tuple[bool, list[str]]:
    """Open a page and do what the row says; say whether it works, and what the console has."""
    await context.clear_cookies()
    page = await context.new_page()
    console: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        console.append(message.text)

    page.on("console", hear)
    here = folder(row, variant)
    spec = {**row.get("both", {}), **row[variant]}
    with contextlib.suppress(Exception):
        await page.goto(
            f"{spec.get('at', 'https://www.example.com')}{here}/{spec.get('open', 'page')}",
            wait_until="load",
            timeout=PATIENCE[variant],
        )
    for script in spec.get("then", []):
        with contextlib.suppress(Exception):
            async with page.expect_navigation(timeout=PATIENCE[variant]):
                await page.evaluate(filled(script, here))
    try:
        works = bool(await page.evaluate(filled(spec.get("ok", "window.ok === true"), here)))
    except Exception as error:
        console.append(str(error))
        works = False
    await page.close()
    return works, console


async def visit(tmp: Path) -> dict[tuple[int, str], Seen]:
    found: dict[tuple[int, str], Seen] = {}
    chromium = program("chromium")
    names = ", ".join(f"{scheme}://{host}" for host in HOSTS for scheme in ("https", "http"))
    with backend() as port:
        text = RULES.format(names=names, port=port)
        async with in_process(text, tmp) as proxy, async_playwright() as playwright:
            hosts = f"MAP * 127.0.0.1:{proxy.port}"
            options = [
                "--no-sandbox",
                "--disable-gpu",
                "--ignore-certificate-errors",
                "--disable-background-networking",
            ]
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=[*options, f"--host-resolver-rules={hosts}"]
            )
            context = await browser.new_context(ignore_https_errors=True)
            looks = {
                (number, variant): await look(context, row, variant)
                for number, row in enumerate(ROWS)
                for variant in VARIANTS
            }
            await browser.close()
            await asyncio.sleep(0)
            seen = [each for flow in proxy.flows if (each := seen_of(flow))]
    rules = rules_of("", site=text)
    for (number, variant), (works, console) in looks.items():
        own = [each for each in seen if each.request.target.startswith(f"/{number}/{variant}/")]
        found[number, variant] = Seen(works, console, diagnosis(own, rules))
    return found


def diagnosis(own: list[RecordedExchange], rules: Any) -> list[tuple[str, str, str]]:
    """What the page says of every page load in some exchanges."""
    snapshot = Snapshot(tuple(reversed(own)), rules, Statistics(clock=lambda: 0.0))
    told = [broken.data(snapshot, {"flow": load.document.flow_id}) for load in page_loads(own)]
    return [(each["code"], each["severity"], each["title"]) for data in told for each in data["findings"]]


@pytest.fixture(scope="module")
def visited(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], Seen]:
    require("chromium")
    return asyncio.run(visit(tmp_path_factory.mktemp("rows")))


CASES = [pytest.param(number, id=f"{row['rule']}-{number}") for number, row in enumerate(ROWS)]


@pytest.mark.parametrize("number", CASES)
def test_chromium_blocks_it_and_the_row_is_named(number: int, visited: dict[tuple[int, str], Seen]) -> None:
    seen = visited[number, "blocked"]
    assert not seen.works, seen
    told = [severity for code, severity, _ in seen.findings if code == ROWS[number]["rule"]]
    assert told and told[0] in ("error", "warning"), seen


@pytest.mark.parametrize("number", CASES)
def test_chromium_lets_it_through_and_nothing_is_claimed(number: int, visited: dict[tuple[int, str], Seen]) -> None:
    seen = visited[number, "works"]
    assert seen.works, seen
    assert [each for each in seen.findings if each[1] == "error"] == [], seen


def test_every_rule_has_a_row() -> None:
    assert {row["rule"] for row in ROWS} == {rule.code for rule in BrowserRule}


def test_addresses_of_the_table_are_those_of_the_proxy() -> None:
    hosts = {urlsplit(row[each].get("at", "https://www.example.com")).hostname for row in ROWS for each in VARIANTS}
    assert hosts <= set(HOSTS)
