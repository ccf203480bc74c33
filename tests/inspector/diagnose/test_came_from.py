"""A request that fails is followed back to the redirect that led to it, be it of this load or remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inspector.test_broken import EVERYWHERE, PAGE, exchange, found
from rules_of import rules_of
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.page_loads import PageLoad

SHOP, STORE = "https://www.example.com/shop", "https://www.example.com/store"
DOCUMENT = [("Sec-Fetch-Dest", "document"), ("Referer", PAGE)]
LEADS = rules_of("""
    rules:
      - name: shop
        match: ^shop$
        action: {type: Redirect, url: /store, redirectType: Permanent}
""")


def remembered(status: int = 301, page: str = "<a href=/shop>", **more: Any) -> list[Breakage]:
    """What is said of /store after /shop redirected there once, and a page was left that has a link."""
    redirect = exchange(
        EVERYWHERE, SHOP, asked=DOCUMENT, status=status, fields=[("Location", "/store"), *more.get("fields", [])]
    )
    gone = exchange(EVERYWHERE, STORE, at=9.0, asked=more.get("asked", DOCUMENT), status=404)
    return find_breakages(PageLoad(gone), EVERYWHERE, (exchange(EVERYWHERE, body=page, at=5.0), redirect))


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_is_remembered(status: int) -> None:
    (finding,) = remembered(status)
    assert (finding.kind, finding.code) == ("redirected", "redirect-remembered")
    assert f"got here from /shop by a permanent redirect ({status}) of the backend" in finding.title


@pytest.mark.parametrize(
    "more",
    [
        {"status": 302},
        {"page": "<a href=/shop><a href=/store>"},
        {"page": "<p>"},
        {"asked": DOCUMENT[:1]},
        {"fields": [("Cache-Control", "no-store")]},
        {"fields": [("Cache-Control", "max-age=0")]},
    ],
)
def test_nothing_is_said_to_be_remembered_without_need(more: dict[str, Any]) -> None:
    (finding,) = remembered(**more)
    assert finding.kind == "backend-404"


def test_the_rule_and_the_change_of_rules_are_named() -> None:
    redirect = exchange(LEADS, SHOP, asked=DOCUMENT)
    gone = exchange(EVERYWHERE, STORE, at=9.0, asked=DOCUMENT, status=404)
    page = exchange(EVERYWHERE, body="<a href=/shop>", at=5.0)
    (finding,) = find_breakages(PageLoad(gone), EVERYWHERE, (page, redirect))
    assert 'of the rule "shop" before the rules were changed' in finding.title
    assert (finding.rule, finding.source) == ("shop", "rules.yaml:6")


def test_a_redirect_of_the_same_load() -> None:
    redirect = exchange(LEADS, SHOP, asked=DOCUMENT)
    (finding,) = found(LEADS, redirect, exchange(LEADS, STORE, at=1.1, asked=DOCUMENT, status=404))
    assert (finding.kind, finding.rule) == ("redirected", "shop")
    assert 'got here from /shop by a 301 redirect of the rule "shop"' in finding.title


def test_encoded_twice() -> None:
    rules = rules_of("""
    rules:
      - name: kept
        match: ^a/(.*)
        action: {type: Rewrite, url: "/b/{UrlEncode:{UrlEncode:{R:1}}}"}
      - name: led
        match: ^c/(.*)
        action: {type: Redirect, url: "/d/{UrlEncode:{UrlEncode:{R:1}}}"}
    """)
    (finding,) = found(rules, exchange(rules, "https://www.example.com/a/x%20y", status=404))
    assert (finding.rule, finding.code) == ("kept", "encoded-twice")
    redirect = exchange(rules, "https://www.example.com/c/x%20y")
    assert redirect.response is not None
    target = dict(redirect.response.fields)["Location"]
    url = target if "://" in target else f"https://www.example.com{target}"
    (finding,) = found(rules, redirect, replace(exchange(rules, url, at=1.1, status=404)))
    assert finding.rule == "led"
    assert "percent-encoded twice" in finding.title
