"""No page of the demo is broken by being watched: Chromium makes the same of it with the probe and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from e2e.support import http1
from e2e.support.browser import TIMEOUT
from e2e.support.demo import Demo, running_demo
from e2e.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = """
    /html/iis-tags /html/base /html/frameset /html/media /html/svg /html/srcdoc /html/foreign
    /script/written /script/modules /script/fetched /style /headers/csp /headers/cors
    /coded/gzip /error/404 /websocket /charset/utf-16 /charset/windows-1252
""".split()
SEEN = """() => [
  document.documentElement.outerHTML, document.compatMode, document.characterSet, document.scripts.length,
  document.styleSheets.length, document.images.length && [...document.images].map((image) => image.naturalWidth),
]"""
FROM_ELSEWHERE = {"Via": "1.1 other"}


@dataclass(frozen=True)
class Watching:
    """The demo with the probe, and two profiles of one browser: a page of the demo is watched in the first alone."""

    demo: Demo
    watched: BrowserContext
    unwatched: BrowserContext


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Watching]:
    with running_demo(tmp_path_factory.mktemp("demo"), "--set=urlrewrite_probe=true") as demo:
        watched = browser.new_context(ignore_https_errors=True)
        unwatched = browser.new_context(ignore_https_errors=True, extra_http_headers=FROM_ELSEWHERE)
        yield Watching(demo, watched, unwatched)
        watched.close()
        unwatched.close()


class Looked:
    """A page that is loaded, and what the console has to complain about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page = context.new_page()
        self._complaints: list[str] = []
        self.page.on("console", lambda said: self._complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.goto(url, wait_until="load", timeout=TIMEOUT)

    def seen(self) -> tuple[Any, list[str]]:
        html, *seen = self.page.evaluate(SEEN)
        # What a page asks for side by side comes in any order, and takes any time.
        parts = sorted(re.split(r"</?li>|[\d.]+ ms", html))
        return (parts, seen), sorted(self._complaints)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_the_same(path: str, watching: Watching) -> None:
    pages = [Looked(context, f"{watching.demo.https}{path}") for context in (watching.watched, watching.unwatched)]
    for each in pages:
        each.page.wait_for_load_state("networkidle", timeout=TIMEOUT)
    with_probe, without = pages
    until(lambda: with_probe.seen() == without.seen(), lambda: f"{with_probe.seen()}\n{without.seen()}")
    for each in pages:
        each.page.close()


def test_the_pages_had_the_probe(watching: Watching) -> None:
    answer = http1.get(PATHS[0], watching.demo.https_port, watching.demo.ca, "Sec-Fetch-Dest: document")
    assert b"data-rewrite-probe" in answer.body
