"""No page of the demo is broken by being watched: Chromium makes the same of it with the probe and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from e2e.support import http1
from e2e.support.demo import Demo, running_demo

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = """
    /html/iis-tags /html/base /html/frameset /html/media /html/attributes /html/svg /html/srcdoc /html/spellings
    /html/foreign /html/text /script/literals /script/concatenated /script/written /script/modules /script/fetched
    /style /feeds /headers/csp /headers/link /headers/cors /headers/content-location /headers/digest
    /coded/gzip /coded/br /coded/zstd /error/404 /websocket /charset/utf-16 /charset/windows-1252 /charset/utf-8
""".split()
SEEN = """() => [
  document.documentElement.outerHTML, document.compatMode, document.characterSet, document.scripts.length,
  document.styleSheets.length, document.images.length && [...document.images].map((image) => image.naturalWidth),
]"""
FROM_ELSEWHERE = {"Via": "1.1 other"}


def looked_at(context: BrowserContext, demo: Demo, path: str) -> tuple[Any, list[str]]:
    """What a page is once it is loaded, and what the console has to complain about."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{demo.https}{path}", wait_until="networkidle")
    html, *seen = page.evaluate(SEEN)
    page.close()
    # What a page asks for side by side comes in any order, and takes any time.
    parts = sorted(re.split(r"</?li>|[\d.]+ ms", html))
    return (parts, seen), sorted(complaints)


def test_pages_are_the_same(tmp_path: Path, browser: Browser) -> None:
    with running_demo(tmp_path, "--set=urlrewrite_probe=true") as demo:
        watched = browser.new_context(ignore_https_errors=True)
        unwatched = browser.new_context(ignore_https_errors=True, extra_http_headers=FROM_ELSEWHERE)
        different = []
        for path in PATHS:
            with_probe, without = looked_at(watched, demo, path), looked_at(unwatched, demo, path)
            if with_probe != without:
                different.append((path, with_probe, without))
        assert not different, different[0]
        # It was there all the time.
        answer = http1.get(PATHS[0], demo.https_port, demo.ca, "Sec-Fetch-Dest: document")
        assert b"data-rewrite-probe" in answer.body
        watched.close()
        unwatched.close()
