"""mitmweb, as a person looks at it: the flow list, and the view "Rewrite" of a request and of a response."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.support import http1
from e2e.support.demo import Demo, running_demo

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = ("/html/iis-tags", "/old/3", "/item/7", "/login", "/coded/gzip", "/echo")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("mitmweb"), headless=False) as running:
        for path in PATHS:
            http1.get(path, running.https_port, running.ca)
        yield running


@pytest.fixture
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto(demo.web)
    page.wait_for_selector(".flow-table tbody tr >> nth=5")
    yield page
    page.close()


def trace_of(page: Page, path: str, side: str) -> str:
    """The text of the view "Rewrite" of a flow."""
    page.locator(".flow-table tbody tr", has_text=path).first.click()
    page.get_by_role("link", name=side, exact=True).click()
    page.get_by_text("View:").click()
    page.get_by_role("link", name="rewrite", exact=False).click()
    page.wait_for_selector("text=trace")
    return page.locator(".contentview").inner_text()


def test_the_request_shows_rule_by_rule_why(page: Page, tmp_path: Path) -> None:
    text = trace_of(page, "/api/item", "Request")
    page.screenshot(path=tmp_path / "request.png")
    for part in ("pleasant items", "HTTP to HTTPS", "{HTTPS}", "stopped matching here", "sent to"):
        assert part in text


def test_the_response_shows_each_change(page: Page, tmp_path: Path) -> None:
    text = trace_of(page, "/html/iis-tags", "Response")
    page.screenshot(path=tmp_path / "response.png")
    for part in ("server name", "<a href>", "http://privateserver:8080 → https://localhost", "links mapped"):
        assert part in text


def test_the_flow_list_says_what_was_done(page: Page, demo: Demo, tmp_path: Path) -> None:
    expect(page.locator(".flow-table tbody tr", has_text=f"{demo.https}/old/3")).to_contain_text(
        'redirected by "old items"'
    )
    page.screenshot(path=tmp_path / "list.png")


def test_the_flow_list_is_filtered_by_what_was_done(page: Page) -> None:
    rows = page.locator(".flow-table tbody tr").filter(has_text="localhost")
    page.get_by_placeholder("Search").fill("~comment 'old items'")
    expect(page.locator(".flow-table tbody tr").filter(has_text="privateserver")).to_have_count(0)
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("/old/3")
