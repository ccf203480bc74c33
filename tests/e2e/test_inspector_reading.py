"""A diff that people like to read: on lines of its own, one change after the other, rules by name and number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.support import http1
from e2e.support.demo import Demo, inspector_page, running_demo

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

LINES = """
async ([kind, pieces]) => {
  const { kindOf, pretty } = await import("/rewrite/static/pretty.js");
  return [kindOf(pieces), pretty(pieces, kind)];
}
"""
CHANGE = {"before": "http://b:1", "after": "https://x", "by": [0], "tip": ""}
GONE = {"before": "<i>", "after": "", "by": [], "tip": ""}
# What a text is, its pieces, and its lines; `~` stands for a change.
TEXTS = {
    "JSON": (
        "json",
        ['{"a":[1,{"u":"', CHANGE, '/x, {y}\\"z"}],\n "b" : null}'],
        ["{", '  "a": [', "    1,", "    {", '      "u": "~/x, {y}\\"z"', "    }", "  ],", '  "b": null', "}"],
    ),
    "markup": (
        "markup",
        ['<!doctype html><html><p>a <a href="', CHANGE, '/>">b</a> c</p><ul><li>1<br>2<li>', GONE, "3</ul></html>"],
        [
            *("<!doctype html>", "<html>", '  <p>a <a href="~/>">b</a> c</p>', "  <ul>", "    <li>1<br>2"),
            # Where an end tag is left out, the indent is too deep, and no more.
            *("      <li>~3", "      </ul>", "    </html>"),
        ],
    ),
    "a script in markup": (
        "markup",
        ["<body><script>if (a<b) {\n  x('", CHANGE, "<p>')\n}</script><p>c</p></body>"],
        ["<body>", "  <script>if (a<b) {", "  x('~<p>')", "}</script>", "  <p>c</p>", "</body>"],
    ),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("reading"), headless=False) as running:
        http1.get("/html/iis-tags", running.https_port, running.ca, "Cookie: session=very-secret-value")
        yield running


@pytest.fixture(scope="module")
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    with inspector_page(demo, browser) as page:
        page.get_by_role("link", name="/html/iis-tags").click()
        page.wait_for_selector(".diff")
        yield page


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_put_on_lines_and_nothing_else_is_changed(page: Page, name: str) -> None:
    kind, pieces, expected = TEXTS[name]
    found, lines = page.evaluate(LINES, [kind, pieces])
    assert found == kind
    written = ["".join(part if isinstance(part, str) else "~" for part in line) for line in lines]
    assert written == expected
    parts = [part for line in lines for part in line]
    assert [part for part in parts if not isinstance(part, str)] == [
        part for part in pieces if not isinstance(part, str)
    ]
    assert squeezed(json.dumps([part for part in parts if isinstance(part, str)]).replace('", "', "")) == squeezed(
        json.dumps([part for part in pieces if isinstance(part, str)]).replace('", "', "").replace("\\n", "")
    )


def test_the_changes_of_a_page_are_gone_through_one_after_the_other(page: Page) -> None:
    for expected in ("1 of 16", "2 of 16"):
        page.get_by_role("button", name="Next change").click()
        expect(page.get_by_text(expected, exact=True)).to_be_visible()
    assert page.locator(".current").count() == 1
    page.get_by_role("button", name="Previous change").click()
    page.get_by_role("button", name="Previous change").click()
    expect(page.get_by_text("16 of 16", exact=True)).to_be_visible()
    expect(page.locator(".current")).to_be_in_viewport()


def test_it_is_printed_prettily_and_the_address_says_so(page: Page) -> None:
    changes = page.locator(".diff ins").all_inner_texts()
    page.get_by_label("Pretty-print").check()
    expect(page.locator(".diff").first).to_contain_text("\n    <title>")
    assert page.locator(".diff ins").all_inner_texts() == changes
    page.reload()
    expect(page.locator(".diff").first).to_contain_text("\n    <title>")
    page.get_by_label("Pretty-print").uncheck()
    expect(page.locator(".diff").first).to_contain_text("\n<title>")


def test_who_made_a_change_does_not_hang_on_colours(page: Page) -> None:
    numbers = set(page.locator(".diff ins").evaluate_all("(all) => all.map((each) => each.dataset.by)"))
    told = page.get_by_role("list", name="Who changed what").get_by_role("listitem").all_inner_texts()
    assert numbers == {text.partition(":")[0] for text in told}
    assert all(text.partition(": ")[2] for text in told)


@pytest.mark.parametrize("form", ["HTML", "HAR"])
def test_a_flow_is_saved_for_a_ticket_without_its_secrets(page: Page, form: str) -> None:
    with page.expect_download() as saving:
        page.get_by_role("button", name=f"Save as {form}").click()
    saved = saving.value
    assert re.fullmatch(rf"flow-\w{{8}}\.{form.lower()}", saved.suggested_filename)
    text = saved.path().read_text()
    assert "/html/iis-tags" in text
    assert "very-secret-value" not in text
    if form == "HAR":
        assert json.loads(text)["log"]["version"] == "1.2"
