"""Faults planted into rules: whoever opens the inspector must read the cause on its first screen.

The table is `planted_faults.yaml`. Each fault stands there at least twice, with other paths and other names, so that
what is found is found by general means. The demo backend is the real one, and the requests are those of a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from inspector.browsing import Browser
from privateserver import PrivateServer
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.pages import broken, flow, leaks, rules
from urlrewrite.inspector.traces.report import render
from urlrewrite.model.problems import RuleFileError

HERE = Path(__file__).parent
DEMO = (HERE.parents[1] / "rules" / "default.yaml").read_text(encoding="utf-8")
TABLE: dict[str, Any] = yaml.safe_load((HERE / "planted_faults.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(fault, variant, id=f"{fault['name']} {number}".replace(" ", "-"))
    for fault in TABLE["faults"]
    for number, variant in enumerate(fault["variants"], 1)
]
SCREEN_LINES = 40
"""Lines of a text view that a common screen shows."""


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


def rule_text(variant: Mapping[str, Any]) -> str:
    """The rule file with the fault in it: an edit of the demo's, or a small one."""
    text: str = DEMO.partition("\ntests:")[0] + "\n"
    if "base" in variant:
        text = TABLE["bases"][variant["base"]] + variant.get("rules", "")
    for edit in variant.get("edit", []):
        assert text.count(edit["from"]) == 1, edit
        text = text.replace(edit["from"], edit["to"])
    return text


def in_force(text: str) -> RulesInForce:
    rule_set, _ = parse(text, "faulty.yaml")
    return RulesInForce(compile_rules(rule_set)[0], Settings(body_deadline=0.2))


def browse(variant: Mapping[str, Any], port: int) -> Browser:
    """All the requests of a variant."""
    overlay = {
        path: (each.get("status", 200), list(each.get("fields", {}).items()), each.get("body", "").encode())
        for path, each in variant.get("backend", {}).items()
    }
    reload = variant.get("reload")
    browser = Browser(in_force(rule_text(variant)), 1 if variant.get("down") else port, overlay)
    if reload:
        try:
            in_force(rule_text(reload))
        except RuleFileError as error:
            browser.statistics.reload(False, 0.01, map(str, error.problems))
    for step in variant["visit"]:
        match step:
            case str(url):
                browser.load(url)
            case {"fetch": url, "from": page, **more}:
                browser.fetch(url, page, **more)
            case {"post": url, "body": body}:
                browser.load(url, method="POST", body=body.encode())
            case {"ask": url, **fields}:
                browser.load(url, fields=tuple(fields.items()))
            case _:
                raise AssertionError(f"got the step {step!r}, expected a URL, fetch, post or ask")
    return browser


def broken_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """What the page "Why is the page broken" shows without scrolling: the cause, and the first finding in full."""
    parts = [*data["problems"], data["cause"]]
    for finding in data["findings"][:1]:
        parts += [finding["title"], finding["todo"], finding["rule"], finding["source"]]
        parts += [f"{label}: {value}" for label, value in finding["evidence"]]
    return "\n".join(parts)


def rewrite_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """The beginning of the view "Rewrite" of the flow that the worst finding links to."""
    seen = browser.snapshot.find(flow_id)
    assert seen is not None
    return "\n".join(render(seen.trace, "response", follow=True).splitlines()[:SCREEN_LINES])


def flow_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """What stands first on the page of that flow."""
    shown = flow.answer(browser.snapshot, {"flow": flow_id})
    return "\n".join(f"{each['text']} {each['note']}" for each in [*shown["wrong"], *shown["why_not"]][:3])


def leaks_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """The first leak of that flow."""
    shown = leaks.answer(browser.snapshot, {"flow": flow_id})["leaks"][:1]
    return "\n".join(f"{each['place']} {each['written']} {each['why']}" for each in shown)


def rules_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """What stands above the list of rules."""
    return "\n".join(each["text"] for each in rules.answer(browser.snapshot, {})["causes"])


SCREENS = {
    "broken": broken_screen,
    "flow": flow_screen,
    "leaks": leaks_screen,
    "rewrite": rewrite_screen,
    "rules": rules_screen,
}


@pytest.mark.parametrize(("fault", "variant"), CASES)
def test_the_cause_stands_on_the_first_screen(
    fault: Mapping[str, Any], variant: Mapping[str, Any], backend: PrivateServer
) -> None:
    browser = browse(variant, backend.port)
    data = broken.answer(browser.snapshot, {})
    concerned = data["findings"][0]["flows"][0] if data["findings"] else browser.seen[0].flow_id
    for page, texts in variant["shows"].items():
        screen = SCREENS[page](browser, data, concerned)
        for text in texts:
            assert text in screen, f"{fault['name']}: no {text!r} in\n{screen}"


def test_there_are_twenty_faults_with_two_variants_each() -> None:
    assert len(TABLE["faults"]) >= 20
    assert all(len(fault["variants"]) >= 2 for fault in TABLE["faults"])


@pytest.mark.parametrize("path", TABLE["sound"])
def test_pages_of_the_sound_demo_are_not_called_broken(path: str, backend: PrivateServer) -> None:
    browser = Browser(in_force(DEMO), backend.port)
    browser.load(f"https://localhost:8443{path}")
    data = broken.answer(browser.snapshot, {})
    assert [each["title"] for each in data["findings"] if each["severity"] == "error"] == []
