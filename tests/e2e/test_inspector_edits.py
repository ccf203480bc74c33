"""What a person writes in the inspector is not lost, and what is wrong with it stands at its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from e2e.support.demo import Demo, inspector_page, running_demo

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

LINE = "links: everywhere"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("edits"), headless=False) as running:
        yield running


@pytest.fixture
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    # What cannot be saved is refused with 400, as the page then tells.
    with inspector_page(demo, browser, "what_if", may_say="400 (Bad Request)") as page:
        expect(page.get_by_text("Nothing wrong in this file.")).to_be_visible(timeout=15_000)
        yield page


@pytest.fixture
def rules(demo: Demo) -> Path:
    return Path(demo.service.await_log(r"^rules +(.+?) \(")[1])


def editor(page: Page) -> Locator:
    return page.get_by_label("Text of the rule file")


def type_in(page: Page, written: str, instead: str) -> None:
    """Puts the cursor at a text, as a person does with a mouse, and types another one in its place."""
    select = "(area, text) => { const at = area.value.indexOf(text); area.setSelectionRange(at, at + text.length); }"
    editor(page).focus()
    editor(page).evaluate(select, written)
    page.keyboard.type(instead)


def by_link(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector("main[aria-busy=false]")


COMES_BACK: dict[str, Callable[[Page], object]] = {
    "another page": lambda page: (by_link(page, "Health"), by_link(page, "What if")),
    "the key r": lambda page: (page.locator("header").click(position={"x": 700, "y": 5}), page.keyboard.press("r")),
    "a reload": lambda page: page.reload(),
}


def test_edits_outlive_another_page_the_key_r_and_a_reload(page: Page, rules: Path) -> None:
    saved = rules.read_text()
    type_in(page, LINE, "links: tags # mine")
    for leave in COMES_BACK.values():
        page.evaluate("document.querySelector('main .page').dataset.old = 'yes'")
        leave(page)
        expect(page.locator("main .page[data-old]")).to_have_count(0)
        expect(editor(page)).to_have_value(saved.replace(LINE, "links: tags # mine"))
    # The page Try has the same text, and what is written there comes back to What if.
    by_link(page, "Try")
    type_in(page, "# mine", "# ours")
    by_link(page, "What if")
    expect(editor(page)).to_have_value(saved.replace(LINE, "links: tags # ours"))
    expect(page.get_by_text("Your edits that were not saved are here again.")).to_be_visible()
    page.get_by_role("button", name="Revert").click()
    expect(editor(page)).to_have_value(saved)
    page.reload()
    expect(editor(page)).to_have_value(saved)
    assert rules.read_text() == saved


def test_a_request_that_was_written_outlives_a_reload_until_one_starts_over(page: Page) -> None:
    by_link(page, "Try")
    url = page.get_by_label("URL", exact=True)
    first = url.input_value()
    url.fill(first + "mine")
    page.get_by_text("The backend's response").click()
    page.get_by_label("Body of the response").fill("<p>mine")
    page.reload()
    expect(url).to_have_value(first + "mine")
    expect(page.get_by_label("Body of the response")).to_have_value("<p>mine")
    page.get_by_role("button", name="Start over").click()
    expect(url).to_have_value(first)


def test_what_is_wrong_stands_at_its_line_and_is_mended_with_one_click(page: Page, rules: Path) -> None:
    line = rules.read_text()[: rules.read_text().index(LINE)].count("\n") + 1
    type_in(page, LINE, "lniks: everywhere")
    expect(page.locator(".gutter .err")).to_have_text(f"! {line}")
    problems = page.get_by_role("list", name="Problems in this file")
    expect(problems.get_by_role("listitem")).to_contain_text("UR004")
    expect(page.get_by_text("1 error and 0 warnings in this file")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_role("button", name=f"Write links in line {line}").click()
    expect(page.get_by_text("Nothing wrong in this file.")).to_be_visible()
    expect(editor(page)).to_have_value(rules.read_text())
    problems.get_by_role("listitem").first.wait_for(state="detached")
    # Lines that are added are numbered.
    type_in(page, LINE, f"{LINE}\n\n\n")
    assert page.locator(".gutter").inner_text().split()[-1] == str(editor(page).input_value().count("\n") + 1)
    page.get_by_role("button", name="Revert").click()


def test_a_file_that_was_changed_meanwhile_is_not_written_over(page: Page, rules: Path) -> None:
    saved = rules.read_text()
    type_in(page, LINE, "links: tags # mine")
    rules.write_text(saved + "# somebody else's\n")
    try:
        page.reload()
        expect(page.get_by_text("The file has been changed since your edits began")).to_be_visible()
        expect(editor(page)).to_have_value(saved.replace(LINE, "links: tags # mine"))
        page.get_by_role("button", name="Save").click()
        expect(page.locator("main .note.err").first).to_be_visible()
        assert rules.read_text() == saved + "# somebody else's\n"
        page.get_by_role("button", name="Revert").click()
        expect(editor(page)).to_have_value(saved + "# somebody else's\n")
    finally:
        rules.write_text(saved)


def test_leaving_asks_if_something_is_not_saved(page: Page, rules: Path) -> None:
    asked: list[str] = []

    def ask(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", ask)
    page.goto("about:blank")
    assert asked == []
    page.go_back()
    expect(editor(page)).to_have_value(rules.read_text())
    type_in(page, LINE, "links: tags # mine")
    page.goto("about:blank")
    assert asked == ["beforeunload"]
