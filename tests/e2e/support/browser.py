"""Debian's Chromium, headless, as a visitor of public sites: it may go nowhere else, and everything it gets is kept."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, WebSocket, sync_playwright

from e2e.support.needs import program
from e2e.support.proxy import spki_hash
from e2e.support.response import Response

TIMEOUT = 60_000  # milliseconds for a page or an element, on a machine busy with other tests
WITHOUT_ORIGIN = ("about", "data", "blob")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # a name that leaks is a broken page, never a look-up
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


def _over_http3(origins: Sequence[str]) -> list[str]:
    """The options by which Chromium asks these origins over QUIC, though nobody has told it that it may.

    For that it tries the first address of a name only, and that of localhost is one of IPv6.
    """
    hosts = ",".join(urlsplit(origin).netloc for origin in origins)
    kept = [option for option in OPTIONS if option != "--disable-quic" and not option.startswith("--host-resolver")]
    names = "--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    return [*kept, "--enable-quic", f"--origin-to-force-quic-on={hosts}", names]


class Visitor:
    """A browser profile. `page` is its first page; `requests` are all URLs that any page asked for, WebSockets' too."""

    def __init__(self, context: BrowserContext, recording: Path):
        self._context = context
        self._recording = recording
        self.requests: list[str] = []
        self.console: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        context.on("page", self._watch)
        context.set_default_timeout(TIMEOUT)
        self.page = context.new_page()

    def _watch(self, page: Page) -> None:
        def opened(socket: WebSocket) -> None:
            self.requests.append(socket.url)

        page.on("websocket", opened)

    def strangers(self, origins: Sequence[str]) -> list[str]:
        """The requests so far that went to another origin than these."""
        known = [urlsplit(origin) for origin in origins]
        sockets = {"http": "ws", "https": "wss"}
        allowed = {(scheme, url.netloc) for url in known for scheme in (url.scheme, sockets[url.scheme])}
        parts = ((url, urlsplit(url)) for url in self.requests)
        return [
            url
            for url, part in parts
            if part.scheme not in WITHOUT_ORIGIN and (part.scheme, part.netloc) not in allowed
        ]

    def close(self) -> list[tuple[str, Response]]:
        """End the visit and return every response with its URL: fields and body as the browser saw them, decoded."""
        self._context.close()
        return recorded(self._recording)


def recorded(recording: Path) -> list[tuple[str, Response]]:
    """Return every response of a visit that has ended, with its URL."""
    entries = json.loads(recording.read_text())["log"]["entries"]
    return [(entry["request"]["url"], _answer(entry)) for entry in entries]


def _answer(entry: dict) -> Response:
    """One entry of the recording, a HAR file; the body of a WebSocket is all that was received."""
    content = entry["response"]["content"]
    text = content.get("text", "")
    body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
    messages = entry.get("_webSocketMessages", [])
    body += b"\n".join(_frame(message) for message in messages if message["type"] == "receive")
    fields = entry["response"]["headers"]
    headers = [(field["name"].encode(), field["value"].encode("latin-1", "replace")) for field in fields]
    return Response(entry["response"]["status"], headers, body)


def _frame(message: dict) -> bytes:
    binary = message["opcode"] == 2
    return base64.b64decode(message["data"]) if binary else message["data"].encode()


@contextlib.contextmanager
def visiting(origins: Sequence[str], ca: Path, folder: Path, *, http3: bool = False) -> Iterator[Visitor]:
    """Open Chromium with trust in one certificate authority; fail at the end if it asked any other origin.

    `origins` are like `https://localhost:8443`; `folder` takes the recording. `http3` is for asking over nothing else.
    """
    chromium = program("chromium")
    assert chromium, "call require('chromium') first"
    recording = folder / "visit.har"
    with sync_playwright() as playwright:
        options = _over_http3(origins) if http3 else OPTIONS
        trust = f"--ignore-certificate-errors-spki-list={spki_hash(ca)}"
        browser = playwright.chromium.launch(executable_path=chromium, args=[*options, trust])
        context = browser.new_context(record_har_path=recording, record_har_content="embed")
        visitor = Visitor(context, recording)
        try:
            yield visitor
        except BaseException:
            with contextlib.suppress(Exception):
                visitor.page.screenshot(path=folder / "failure.png")
                print(f"--- picture of the page: {folder / 'failure.png'}")
            print("--- console\n", *visitor.console, sep="\n")
            raise
        finally:
            context.close()
            browser.close()
    assert not visitor.strangers(origins)
