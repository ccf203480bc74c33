"""Who gets the early hints of a backend, what is in them, and what the trace says of it."""

from __future__ import annotations

import pytest

from rules_of import rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.rules_in_force import EarlyHints, Settings
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.reasons import Reason

B, P = "http://privateserver:8080", "https://www.example.com"
LINKS: FieldLines = (("Link", f"<{B}/a.css>; rel=preload"), ("link", "</b.js>; rel=preload; as=script"))
NAVIGATES: FieldLines = (("Sec-Fetch-Mode", "navigate"),)

CASES = [
    (EarlyHints.NAVIGATION, "HTTP/2.0", NAVIGATES, "", None),
    (EarlyHints.NAVIGATION, "HTTP/3", NAVIGATES, "", None),
    (EarlyHints.NAVIGATION, "HTTP/1.1", NAVIGATES, "", Reason.HINTS_UNKNOWN),
    (EarlyHints.NAVIGATION, "HTTP/2.0", (("Sec-Fetch-Mode", "cors"),), "", Reason.NO_NAVIGATION),
    (EarlyHints.NAVIGATION, "HTTP/2.0", (), "", Reason.NO_NAVIGATION),
    (EarlyHints.ALL, "HTTP/2.0", (), "", None),
    (EarlyHints.ALL, "HTTP/1.1", (), "", None),
    (EarlyHints.ALL, "HTTP/1.0", (), "", Reason.HINTS_UNKNOWN),
    (EarlyHints.ALL, "HTTP/2.0", (), "links: off", Reason.HINTS_NOT_MAPPED),
    (EarlyHints.OFF, "HTTP/2.0", NAVIGATES, "", Reason.HINTS_OFF),
]


@pytest.mark.parametrize(("setting", "version", "fields", "site", "reason"), CASES)
def test_who_gets_hints(
    setting: EarlyHints, version: str, fields: FieldLines, site: str, reason: Reason | None
) -> None:
    rules = rules_of(site, settings=Settings(early_hints=setting))
    request = RequestFacts("GET", "https", "www.example.com", "/", fields, http_version=version)
    exchange = Exchange(rules, AssetMemory(), request, "id")
    exchange.route()
    before = len(exchange.trace.events)
    hints = exchange.early_hints((*LINKS, ("Content-Length", "0"), ("Connection", "close")))
    mapped = ((LINKS[0][0], LINKS[0][1].replace(B, P)), LINKS[1])
    assert hints == (None if reason else mapped)
    [event] = exchange.trace.events[before:]
    assert event == {
        "event": "EARLY_HINTS",
        "links": [value for _, value in (LINKS if reason else mapped)],
        "forwarded": reason is None,
        "reason": str(reason or ""),
        "why": reason.template if reason else "",
    }


def test_a_request_that_goes_nowhere_has_none() -> None:
    rules = rules_of("rules: [{name: r, match: .*, action: {type: Redirect, url: /y}}]")
    exchange = Exchange(rules, AssetMemory(), RequestFacts("GET", "https", "www.example.com", "/"), "id")
    exchange.route()
    assert exchange.early_hints(LINKS) is None
