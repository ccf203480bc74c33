"""The inspector follows the traffic: what is new comes by itself, and what a person does is left alone by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from e2e.support import http1
from e2e.support.demo import Demo, inspector_page, running_demo

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = ("/html/iis-tags", "/old/3", "/echo", "/nothing")
# Rows that were put in or taken away, and how often the list or a page was drawn.
COUNT = """
() => {
  window.rows = 0;
  window.draws = 0;
  new MutationObserver((changes) => {
    for (const change of changes) window.rows += change.addedNodes.length + change.removedNodes.length;
    window.draws += 1;
  }).observe(document.querySelector("main tbody"), { childList: true });
}
"""

type Ask = Callable[[str], object]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("live"), headless=False) as running:
        for path in PATHS:
            http1.get(path, running.https_port, running.ca)
        yield running


@pytest.fixture
def ask(demo: Demo) -> Ask:
    """Has a visitor of the site ask for a path."""
    return lambda path: http1.get(path, demo.https_port, demo.ca)


@pytest.fixture(scope="module")
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    with inspector_page(demo, browser, height=260) as page:
        expect(page.locator("tbody tr").nth(len(PATHS) - 1)).to_be_visible()
        yield page


def go(page: Page, address: str) -> None:
    page.evaluate("(hash) => { location.hash = hash; }", address)
    page.wait_for_selector(f".page-{urlsplit(address[2:]).path}")
    page.wait_for_selector("main[aria-busy=false]")


@pytest.fixture(autouse=True)
def at_the_list(page: Page) -> None:
    go(page, "#/health")
    go(page, "#/flow")


def row(page: Page, text: str) -> Locator:
    return page.locator("main tbody tr", has_text=text)


def test_a_new_flow_comes_by_itself_and_nothing_else_is_drawn(page: Page, ask: Ask) -> None:
    page.evaluate(COUNT)
    before = page.locator("main tbody tr").count()
    link = page.locator("main a", has_text=re.compile("/old/3$"))
    link.focus()
    page.evaluate("window.scrollTo(0, 60)")
    for number in range(3):
        ask(f"/old/3{number}?new")
    expect(row(page, "/old/32?new")).to_be_visible(timeout=15_000)
    assert page.locator("main tbody tr").count() == before + 3
    # A row that was shown under way is drawn again when it has ended; all others stay.
    assert page.evaluate("window.rows") <= 3 * 3
    expect(link.first).to_be_focused()
    assert page.evaluate("window.scrollY") > 0


def test_many_new_flows_are_drawn_together(page: Page, ask: Ask) -> None:
    page.evaluate(COUNT)
    for number in range(30):
        ask(f"/old/{number}?many")
    expect(row(page, "/old/29?many")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.draws") < 30


def test_with_one_click_it_is_filtered_and_sorted_and_the_address_says_so(page: Page, ask: Ask) -> None:
    page.get_by_role("button", name="4xx").click()
    expect(page.locator("main tbody tr")).to_have_count(1)
    assert page.url.endswith("#/flow?status=4xx")
    ask("/nothing/more")
    expect(row(page, "/nothing/more")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Leak").click()
    expect(page.get_by_text("No flow is like this.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(row(page, "/echo")).to_be_visible()
    page.get_by_role("button", name="old items").click()
    expect(row(page, "/echo")).to_have_count(0)
    page.get_by_role("button", name="old items").click()
    head = page.get_by_role("columnheader", name="Status")
    for expected in ("descending", "ascending"):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", expected)
    assert page.url.endswith("#/flow?sort=status")
    page.reload()
    expect(page.get_by_role("columnheader", name="Status")).to_have_attribute("aria-sort", "ascending")


def test_it_can_be_switched_off_and_then_says_that_there_is_something_new(page: Page, ask: Ask) -> None:
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "false")
    new = page.get_by_role("button", name="Show what is new")
    expect(new).to_be_hidden()
    ask("/old/40?off")
    expect(new).to_be_visible(timeout=15_000)
    assert row(page, "/old/40?off").count() == 0
    page.reload()
    expect(row(page, "/old/40?off")).to_be_visible()
    ask("/old/41?off")
    new.click()
    expect(row(page, "/old/41?off")).to_be_visible()
    expect(new).to_be_hidden()
    page.get_by_role("button", name="Live").click()
    ask("/old/42?on")
    expect(row(page, "/old/42?on")).to_be_visible(timeout=15_000)


def test_a_hidden_window_asks_for_nothing_and_catches_up(page: Page, ask: Ask) -> None:
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask("/old/50?hidden")
    page.wait_for_timeout(1200)
    assert asked == []
    page.evaluate(hide, False)
    expect(row(page, "/old/50?hidden")).to_be_visible(timeout=15_000)


def test_a_page_drawn_anew_keeps_what_is_opened_scrolled_and_focused(page: Page, ask: Ask) -> None:
    go(page, "#/rules")
    hits = page.locator("tr", has_text="old items").first.locator("td.number").nth(1)
    before = int(hits.inner_text().replace(",", ""))
    button = page.get_by_role("button", name="old items")
    button.click()
    expect(page.locator(".line.marked")).to_be_visible()
    button.focus()
    page.evaluate("window.scrollTo(0, 150)")
    at = page.evaluate("window.scrollY")
    ask("/old/60?rules")
    expect(hits).to_have_text(str(before + 1), timeout=15_000)
    expect(page.get_by_role("button", name="old items").first).to_be_focused()
    expect(page.locator(".line.marked")).to_be_visible()
    assert page.evaluate("window.scrollY") == at > 0


def test_what_somebody_has_marked_is_not_replaced(page: Page, ask: Ask) -> None:
    go(page, "#/rules")
    mark = "window.getSelection().selectAllChildren(document.querySelector('main code'))"
    page.evaluate(mark)
    page.evaluate("document.querySelector('main .page').dataset.same = 'yes'")
    ask("/old/70?marked")
    expect(page.get_by_role("button", name="Show what is new")).to_be_visible(timeout=15_000)
    assert page.locator("main .page[data-same=yes]").count() == 1
    page.evaluate("window.getSelection().removeAllRanges()")
    expect(page.locator("main .page[data-same=yes]")).to_have_count(0, timeout=15_000)


def test_why_broken_finds_a_new_page_by_itself(page: Page, ask: Ask) -> None:
    go(page, "#/broken")
    ask("/nothing/broken?by=itself")
    expect(page.locator("main")).to_contain_text("by=itself", timeout=15_000)
