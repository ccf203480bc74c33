"""From a broken image to the rule that mends it, as a person goes through the inspector; clicks are counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from e2e.support import http1
from e2e.support.demo import Demo, running_demo
from e2e.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PAGE = "/html/iis-tags"
IMAGE = "document.querySelector('img[src*=photo]').naturalWidth"
RULE_FOR_LINKS_ONLY = """    outboundRules:
      - name: links of pages
        preCondition: is html
        match: {filterByTags: [A, Form], pattern: '^http://privateserver:8080/(.*)'}
        action: {type: Rewrite, value: 'https://localhost:HTTPS_PORT/{R:1}'}
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """The demo, with rules that map the links of pages and forget their images."""
    with running_demo(tmp_path, headless=False) as demo:
        rules = rules_of(demo)
        loaded = demo.service.log.count(" in force")
        text = rules.read_text()
        rule = RULE_FOR_LINKS_ONLY.replace("HTTPS_PORT", str(demo.https_port))
        text = text.replace("    links: everywhere\n", "    links: off\n").replace("    outboundRules:\n", rule)
        rules.write_text(text)
        until(lambda: demo.service.log.count(" in force") > loaded, lambda: demo.service.log)
        yield demo


def rules_of(demo: Demo) -> Path:
    """The rule file that the demo serves, as its banner says."""
    return Path(demo.service.await_log(r"^rules +(.+?) \(")[1])


class Person:
    """Somebody who looks at the inspector, and whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks: list[str] = []

    def click(self, what: Locator) -> None:
        self.clicks.append(what.inner_text().strip())
        what.click()

    def sees(self, text: str | re.Pattern[str], where: str = "main") -> None:
        expect(self.page.locator(where)).to_contain_text(text, timeout=15_000)


def test_from_a_broken_image_to_its_rule(demo: Demo, tmp_path: Path, browser: Browser) -> None:
    site = browser.new_page(ignore_https_errors=True, viewport={"width": 1200, "height": 900})
    site.goto(f"{demo.https}{PAGE}", wait_until="load")
    assert site.evaluate(IMAGE) == 0

    person = Person(browser.new_page(viewport={"width": 1400, "height": 900}))
    page = person.page
    page.goto(demo.service.await_log(r"^why +(\S+)$")[1])
    person.click(page.get_by_role("link", name="Why broken", exact=True))
    images = page.locator("section.finding").filter(has_text=re.compile("image|picture"))
    expect(images.first).to_contain_text('The rule "links of pages" rewrites links only in A, Form, and this is')
    page.screenshot(path=tmp_path / "broken.png")

    person.click(images.first.get_by_role("link", name="Its leaks"))
    row = page.locator("tr").filter(has_text="<img src>")
    person.sees("no rule is for this place")
    person.click(row.first.get_by_role("button", name="Fix"))
    page.screenshot(path=tmp_path / "leaks.png")
    person.click(page.get_by_role("link", name="Try it against recorded flows").locator("visible=true").last)
    person.sees(re.compile(r"leaks? would vanish"))
    person.sees("<img src>")
    page.screenshot(path=tmp_path / "whatif.png")
    before = rules_of(demo).read_text()
    person.click(page.get_by_role("button", name="Save", exact=True))
    person.sees("Saved, and in force.")

    assert rules_of(demo).read_text() != before
    site.reload(wait_until="load")
    assert site.evaluate(IMAGE) > 0
    print(f"{len(person.clicks)} clicks: {', '.join(person.clicks)}")
    assert len(person.clicks) <= 6


def test_with_one_switch_the_browser_itself_says_what_it_lost(demo: Demo, tmp_path: Path, browser: Browser) -> None:
    site = browser.new_page(ignore_https_errors=True, viewport={"width": 1200, "height": 900})
    site.goto(f"{demo.https}{PAGE}", wait_until="load")
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(demo.service.await_log(r"^why +(\S+)$")[1])
    page.get_by_role("link", name="Why broken", exact=True).click()
    page.get_by_label("Let the browser say what it refuses").check()
    expect(page.locator("main")).to_contain_text("Load the page again", timeout=15_000)
    assert is_watched(demo)

    site.reload(wait_until="load")
    # It tells one thing after another.
    lost = page.locator("section.finding").filter(has_text="did not load http://privateserver:8080/")
    said = lost.filter(has_text="the browser said so")

    def is_shown() -> bool:
        page.reload(wait_until="load")
        page.locator("section.finding").first.wait_for()
        return said.count() > 0

    until(is_shown, lambda: page.locator("main").inner_text())
    expect(said.first).to_contain_text("1. ")
    page.screenshot(path=tmp_path / "browser.png")
    page.get_by_label("Let the browser say what it refuses").uncheck()
    until(lambda: not is_watched(demo), "a page without the script")


def is_watched(demo: Demo) -> bool:
    """Whether a page that a browser shows in a window has the script."""
    return b"data-rewrite-probe" in http1.get(PAGE, demo.https_port, demo.ca, "Sec-Fetch-Dest: document").body
