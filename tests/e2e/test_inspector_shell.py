"""The inspector inside mitmweb as a person opens it: every page comes up, by link and by key, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from e2e.support import http1
from e2e.support.demo import Demo, running_demo
from urlrewrite.inspector import pages

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = ("/html/iis-tags", "/old/3", "/item/7", "/login", "/coded/gzip", "/echo", "/html/iis-tags")
PAGES = {page.name: page.label for page in pages.PAGES}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
RULES = rf"""
      - name: '{HOSTILE}'
        match: ^item/(\d+)/?$
        action: {{type: Redirect, url: '/elsewhere'}}
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("inspector"), headless=False) as running:
        for path in PATHS:
            http1.get(path, running.https_port, running.ca)
        yield running


class Window:
    """A window of the inspector; `said` is what its console said that nobody wants to see."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page = page
        self.said: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        self.asked: set[str] = set()
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        self.host = urlsplit(demo.web).netloc
        page.goto(demo.web.replace("/?token", "/rewrite?token") + "#/health")
        self.ready()

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.said.append(text)

    def ready(self) -> None:
        self.page.wait_for_selector("main[aria-busy=false]")

    def open(self, name: str) -> None:
        self.page.get_by_role("link", name=PAGES[name], exact=True).click()
        self.page.wait_for_selector(f".page-{name}")
        self.ready()


@pytest.fixture
def window(demo: Demo, browser: Browser) -> Iterator[Window]:
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    window = Window(page, demo)
    yield window
    page.close()
    assert window.said == []
    assert window.asked == {window.host}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_comes_up(name: str, scheme: Literal["light", "dark"], window: Window, tmp_path: Path) -> None:
    window.page.emulate_media(color_scheme=scheme)
    window.open(name)
    assert window.page.locator("main .note.err").all_inner_texts() == []
    assert window.page.locator("nav a[aria-current=page]").inner_text() == PAGES[name]
    assert window.page.title().endswith("Rewrite inspector")
    assert window.page.locator("main").inner_text().strip()
    window.page.screenshot(path=tmp_path / f"{name}-{scheme}.png", full_page=True)


def test_the_token_does_not_stay_in_the_address(window: Window) -> None:
    assert "token" not in window.page.url


def test_keys_and_history(window: Window) -> None:
    window.page.keyboard.press("2")
    window.page.wait_for_selector(".page-rules")
    window.page.keyboard.press("7")
    window.page.wait_for_selector(".page-health")
    window.ready()
    window.page.go_back()
    window.page.wait_for_selector(".page-rules")
    window.ready()


def test_a_rule_leads_to_its_line_and_to_its_flow(window: Window, tmp_path: Path) -> None:
    window.open("rules")
    window.page.get_by_role("button", name="old items").click()
    marked = window.page.locator(".line.marked")
    assert "- name: old items" in marked.inner_text()
    assert (
        window.page.locator("main").get_by_role("link", name="/old/3").get_attribute("href").startswith("#/flow?flow=")
    )
    window.page.screenshot(path=tmp_path / "rule.png", full_page=True)


def test_a_hostile_rule_stays_text(demo: Demo, window: Window, tmp_path: Path) -> None:
    file = Path(demo.service.await_log(r"^rules +(\S+)")[1])
    text = file.read_text()
    # "pleasant items", just before it, takes the same requests and ends the evaluation.
    file.write_text(text.replace("\n      # Something for", f"{RULES}\n      # Something for", 1))
    try:
        window.open("rules")
        button = window.page.get_by_role("button", name=HOSTILE)
        while not button.count():
            window.page.keyboard.press("r")
            window.ready()
        button.click()
        window.page.wait_for_selector(".line.marked")
        assert "can never run" in window.page.locator("main .note").first.inner_text()
        window.page.screenshot(path=tmp_path / "hostile.png", full_page=True)
    finally:
        file.write_text(text)
