"""Faults planted into rules: whoever opens the inspector must read the cause on its first screen.

The table is `planted_faults.yaml`. Each fault stands there at least twice, with other paths and other names, so that
what is found is found by general means. The demo backend is the real one, and the requests are those of a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from inspector.browsing import Browser
from inspector.planted import CASES, DEMO, TABLE, browse, in_force
from privateserver import PrivateServer
from urlrewrite.inspector.pages import broken, flow, leaks, rules
from urlrewrite.inspector.traces.report import render

SCREEN_LINES = 40
"""Lines of a text view that a common screen shows."""


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


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
    shown = flow.data(browser.snapshot, {"flow": flow_id})
    return "\n".join(f"{each['text']} {each['note']}" for each in [*shown["wrong"], *shown["why_not"]][:3])


def leaks_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """The first leak of that flow."""
    shown = leaks.data(browser.snapshot, {"flow": flow_id})["leaks"][:1]
    return "\n".join(f"{each['place']} {each['written']} {each['why']}" for each in shown)


def rules_screen(browser: Browser, data: Mapping[str, Any], flow_id: str) -> str:
    """What stands above the list of rules."""
    return "\n".join(each["text"] for each in rules.data(browser.snapshot, {})["causes"])


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
    data = broken.data(browser.snapshot, {})
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
    data = broken.data(browser.snapshot, {})
    assert [each["title"] for each in data["findings"] if each["severity"] == "error"] == []
