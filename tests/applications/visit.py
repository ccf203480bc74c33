"""A visit of an application with Chromium, step by step: what goes wrong on the way is kept, and nothing ends it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    WebSocket,
    expect,
    sync_playwright,
)

from e2e.support.browser import OPTIONS, WITHOUT_ORIGIN, recorded
from e2e.support.needs import program
from e2e.support.response import Response
from urlrewrite.witness.watched import ROOT

USER, PASSWORD = "alice", "secret"
"""Who visits; also where an application asks by HTTP authentication."""

PATIENCE = 20_000
"""Milliseconds for a page or an element."""

_ABORTED = "net::ERR_ABORTED"
"""What becomes of requests when their page is left, and of downloads: no fault."""

_CHANGING = re.compile(
    r"[0-9a-f]{12,}|[0-9a-f]{8}-[0-9a-f-]{27}|\d{6,}|(?<=[=/_-])\d+(?=[&/.:-]|$)|(?<=:)\d+(?=:)", re.IGNORECASE
)
"""Parts of URLs and messages that are new at each visit."""


@dataclass
class Seen:
    """What went wrong during a visit, in words that do not depend on where the application was."""

    steps: dict[str, str] = field(default_factory=dict)
    """Each step with why it failed, or ""."""

    failed: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Requests for other origins than that of the visit."""

    outside: list[str] = field(default_factory=list)
    """Requests for the origin of the visit that are not below its path."""

    cookies: dict[str, set[str]] = field(default_factory=dict)
    """The names of the cookies after each step."""

    responses: list[tuple[str, Response]] = field(default_factory=list)


class Visit:
    """What a walk has to do with: `page`, paths from the root of the application, and steps with names."""

    def __init__(self, context: BrowserContext, base: str, files: Path) -> None:
        self.base = base
        self.files = files
        self.seen = Seen()
        self._context = context
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        context.on("request", self._request)
        context.on("requestfailed", self._request_failed)
        context.on(
            "response", lambda got: got.status >= 400 and self._failed(f"{got.status} {got.request.method}", got.url)
        )
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.console.append(self._same(str(error.error).partition("\n")[0])))
        context.on("dialog", lambda dialog: self._dialog(dialog))
        context.on("page", lambda page: page.on("websocket", self._websocket))
        self.page: Page = context.new_page()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take a step; where it fails, that is noted, and the walk goes on with the next."""
        self.seen.steps[name] = ""
        try:
            yield
        except (Error, AssertionError) as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            with contextlib.suppress(Error):
                self.page.screenshot(path=self.files / f"{re.sub(r'\W+', '-', name)}.png")
            self.seen.steps[name] = self._same(" ".join(map(str.strip, lines[:5])))[:400]
        self.seen.cookies[name] = {self._cookie(cookie["name"]) for cookie in self._context.cookies()}

    def go(self, path: str) -> None:
        """Open a page by its path from the root of the application."""
        self.page.goto(f"{self.base}{path}")

    def at(self, path: str) -> str:
        """A pattern of playwright for a URL of the application, with any query and fragment."""
        return f"{self.base}{path}"

    def fetched(self, url: str) -> int:
        """The status that a script of the page gets."""
        return int(self.page.evaluate("async url => (await fetch(url)).status", url))

    def file(self, name: str, content: bytes) -> Path:
        """Make a file to upload."""
        path = self.files / name
        path.write_bytes(content)
        return path

    def pictures_show(self) -> None:
        """Fail unless every picture of the page has come."""
        script = (
            "[...document.images].filter(each => each.complete && !each.naturalWidth && each.src).map(each => each.src)"
        )
        missing = self.page.evaluate(script)
        assert not missing, f"pictures that do not show: {missing}"

    def _dialog(self, dialog: Dialog) -> None:
        with contextlib.suppress(Error):
            dialog.accept()

    def _console(self, message: ConsoleMessage) -> None:
        # What failed to load is among the failed requests, with its method.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.seen.console.append(self._same(message.text)[:300])

    def _websocket(self, socket: WebSocket) -> None:
        self._asked("WebSocket", socket.url)
        socket.on("socketerror", lambda why: self._failed(f"WebSocket {why}", socket.url))

    def _request(self, request: Request) -> None:
        self._asked(request.method, request.url)

    def _request_failed(self, request: Request) -> None:
        if request.failure != _ABORTED and urlsplit(request.url).scheme not in WITHOUT_ORIGIN:
            self._failed(f"{request.failure} {request.method}", request.url)

    def _failed(self, how: str, url: str) -> None:
        self.seen.failed.append(f"{how} {self._same(url.partition('?')[0])}")

    def _asked(self, method: str, url: str) -> None:
        asked, base = urlsplit(url), urlsplit(self.base)
        if asked.scheme in WITHOUT_ORIGIN or asked.path.startswith(ROOT):
            return  # the second is of the probe
        if asked.netloc != base.netloc or asked.scheme.replace("ws", "http") != base.scheme:
            self.seen.strangers.append(f"{method} {self._same(url.partition('?')[0])}")
        elif base.path and not f"{asked.path}/".startswith(f"{base.path}/"):
            self.seen.outside.append(f"{method} {self._same(asked.path)}")

    def _cookie(self, name: str) -> str:
        """Return a name without what is new each time, and without the scheme that phpMyAdmin puts at its end."""
        return re.sub(r"[\w-]{40,}$", "#", self._same(name.removesuffix("_https")))

    def _same(self, text: str) -> str:
        return in_words(text, base=self.base)


def in_words(text: str, *, base: str) -> str:
    """Return a text without the address of the application, `base`, and without what is new at each visit."""
    url = urlsplit(base)
    origin = f"{url.scheme}://{url.netloc}"
    for each in (base, origin, url.netloc + url.path, url.netloc):
        text = text.replace(each.replace("http", "ws", 1), "").replace(each, "")
    return _CHANGING.sub("#", text)


@contextlib.contextmanager
def visiting(base: str, address: str, folder: Path, trust: Sequence[str] = ()) -> Iterator[Visit]:
    """Open Chromium for a visit of `base`, whose host stands at an address (`127.0.0.1:8080`).

    Every other name cannot be found. `trust` are hashes of keys of authorities. What came is in `seen.responses` at the
    end; `folder` takes the recording and what is uploaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = urlsplit(base)
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    names = f"--host-resolver-rules=MAP {url.hostname}:{port} {address}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    options = [option for option in OPTIONS if not option.startswith("--host-resolver-rules")]
    options += [names, *(f"--ignore-certificate-errors-spki-list={key}" for key in trust)]
    recording = folder / "visit.har"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=options)
        context = browser.new_context(
            record_har_path=recording,
            record_har_content="embed",
            http_credentials={"username": USER, "password": PASSWORD},
        )
        visit = Visit(context, base, folder)
        try:
            yield visit
        finally:
            context.close()
            browser.close()
    visit.seen.responses = recorded(recording)
