"""The inspector for everybody: by keyboard, by screen reader, in narrow and wide windows, in light and in dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.support import http1
from e2e.support.demo import Demo, running_demo
from urlrewrite.inspector.pages import PAGES

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = ("/html/iis-tags", "/old/3", "/item/7", "/coded/gzip", "/echo", "/nothing")
# Addresses of states, with the path of the flow that they show.
STATES = {
    **{f"{page.name}?": "" for page in PAGES},
    **{f"{page.name}?flow=": "/html/iis-tags" for page in PAGES if page.of_a_flow},
    "flow?only=problem": "",
    "leaks?harm=warning": "",
    "broken?flow=": "/nothing",
    "rules?side=inbound&site=demo&location=&rule=old+items": "",
    "rules?rule=unknown": "",
}
# All rules of WCAG 2.2 A and AA that axe-core has, and what its authors recommend beside them.
AXE = """
async () => {
  const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { resultTypes: ["violations"], runOnly: { type: "tag", values } });
  const told = (id) => ({ target, html }) => `${id}: ${target.join(" ")} ${html.slice(0, 200)}`;
  return violations.flatMap(({ id, nodes }) => nodes.map(told(id)));
}
"""
NAMES = """
() => [...document.querySelectorAll("button")].filter((each) => each.checkVisibility())
  .map((each) => each.getAttribute("aria-label") || each.textContent)
"""
UNNAMED = """
() => [...document.querySelectorAll("main table")].filter((each) => !each.caption?.textContent.trim())
  .map((each) => each.outerHTML.slice(0, 200))
"""

type Show = Callable[[str], None]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("access"), headless=False) as running:
        for path in PATHS:
            http1.get(path, running.https_port, running.ca)
        yield running


@pytest.fixture(scope="module")
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(demo.web.replace("/?token", "/rewrite?token") + "#/health")
    page.wait_for_selector(".page-health h1", state="attached")
    yield page
    page.close()


@pytest.fixture(scope="module")
def show(page: Page) -> Show:
    """Opens a state, with all that is folded away."""
    answer = page.request.get(page.url.partition("/rewrite")[0] + "/rewrite/api/flow")
    flows: dict[str, Any] = {
        f"/{flow['url'].split('/', 3)[3]}": flow["id"] for flow in json.loads(answer.body())["flows"]
    }

    def open_state(state: str) -> None:
        address = f"#/{state}{flows[STATES[state]] if STATES[state] else ''}"
        if page.url.endswith(address):
            return
        page.evaluate("(hash) => { document.querySelector('.page').remove(); location.hash = hash; }", address)
        page.wait_for_selector(".page h1", state="attached")
        page.wait_for_selector("main[aria-busy=false]")
        if state.startswith(("try_out", "what_if")):
            expect(page.locator(".try-result, .whatif-result")).not_to_contain_text("…", timeout=15_000)
        page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")

    return open_state


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    page: Page, show: Show, scheme: Literal["light", "dark"], require: Callable[..., None]
) -> None:
    require("axe")
    page.emulate_media(color_scheme=scheme)
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = []
    for state in STATES:
        show(state)
        found += [f"{state}: {each}" for each in page.evaluate(AXE)]
    assert "\n".join(found) == ""


@pytest.mark.parametrize("width", [360, 2560])
def test_every_state_fits_and_has_a_heading_captions_and_buttons_that_differ(
    page: Page, show: Show, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for state in STATES:
        show(state)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, state
        assert page.locator("h1").count() == 1, state
        assert page.evaluate(UNNAMED) == [], state
        names = page.evaluate(NAMES)
        assert [name for name in names if names.count(name) > 1] == [], state
        wrapped = "(each) => each.getClientRects().length > 1"
        assert not any(time.evaluate(wrapped) for time in page.locator("main time").all()[:8]), state
    page.set_viewport_size({"width": 1300, "height": 900})


def test_by_keyboard_alone(page: Page, show: Show) -> None:
    show("health?")
    page.locator("header .brand").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Rules", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".page-rules")
    expect(page.get_by_role("heading", level=1, name="Rules")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.keyboard.press("8")
    expect(page.get_by_role("heading", level=1, name="Farms")).to_be_focused()


def test_keys_can_be_switched_off(page: Page, show: Show) -> None:
    show("health?")
    keys = page.get_by_role("button", name="Keys")
    keys.click()
    expect(keys).to_have_attribute("aria-pressed", "false")
    page.reload()
    page.wait_for_selector(".page-health h1", state="attached")
    page.keyboard.press("2")
    page.keyboard.press("r")
    page.wait_for_timeout(300)
    assert page.url.endswith("#/health?")
    keys.click()
    page.keyboard.press("2")
    page.wait_for_selector(".page-rules")


def test_one_comes_back_to_where_one_was(page: Page, show: Show) -> None:
    page.set_viewport_size({"width": 1300, "height": 260})
    show("flow?")
    expect(page.locator("tbody tr").nth(len(PATHS) - 1)).to_be_attached()
    page.evaluate("window.scrollTo(0, 120)")
    at = page.evaluate("window.scrollY")
    page.get_by_role("link", name="/nothing").click()
    page.wait_for_selector(".page-flow h1:focus")
    assert page.evaluate("window.scrollY") == 0
    page.go_back()
    page.wait_for_function("(at) => window.scrollY === at", arg=at)
    assert at > 0
