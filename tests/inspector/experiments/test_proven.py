"""What experiments on rules say of page loads, and that they say nothing of others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.experiments.judging import Seen
from urlrewrite.inspector.experiments.rule_trials import RuleTrials
from urlrewrite.inspector.recorded_exchange import RecordedExchange

LAZY = """
links: off
customTags: {lazy: [img/data-source]}
outboundRules:
  - name: lazy pictures
    match: {filterByTags: [CustomTags], customTags: lazy, pattern: '^http://privateserver:8080/(.*)'}
    action: {type: Rewrite, value: 'https://www.example.com/{R:1}'}
"""
SCRIPTS = """
links: off
outboundRules:
  - name: links
    match: {filterByTags: [A], pattern: '^http://privateserver:8080/(.*)'}
    action: {type: Rewrite, value: 'https://www.example.com/{R:1}'}
"""
SPA = """
rules:
  - name: single page
    match: .*
    conditions: [{input: '{URL}', pattern: '\\.\\w+$', negate: true}]
    action: {type: Rewrite, url: 'index.html'}
"""
ITEMS = """
rules: [{name: items, match: '^item/(.*)$', action: {type: Rewrite, url: 'things/{R:1}'}}]
"""


def recorded(rules: RulesInForce, target: str, at: float, body: str = "x", status: int = 200) -> RecordedExchange:
    request = request_facts("GET", f"https://www.example.com{target}", (("Sec-Fetch-Dest", "document"),))
    original = ResponseFacts(status, (("Content-Type", "text/html"),))
    result = evaluate(rules, request, original, body.encode(), trace_id=target)
    answer = ResponseFacts(result.status or 0, tuple(result.fields or ()))
    trace = result.exchange.trace.data
    return RecordedExchange(target, at, trace, request, b"", original, body.encode(), answer, result.body)


def worst(rules: RulesInForce, bad: RecordedExchange, *seen: RecordedExchange, **more: Any) -> Breakage:
    return find_breakages(page_loads([bad])[0], rules, seen=seen, **more)[0]


def test_an_attribute_that_a_rule_lacks_is_added() -> None:
    rules = rules_of(LAZY)
    found = worst(rules, recorded(rules, "/", 1.0, '<img data-src="http://privateserver:8080/p.png">'))
    assert (found.rule, found.known) == ("lazy pictures", Knowledge.EXPERIMENT)
    assert 'Write customTags "lazy": img/data-source, img/data-src in place of' in found.todo


def test_a_tag_that_a_rule_lacks_is_added() -> None:
    rules = rules_of(SCRIPTS)
    found = worst(rules, recorded(rules, "/", 1.0, '<script src="http://privateserver:8080/a.js"></script>'))
    assert (found.rule, found.known, found.code) == ("links", Knowledge.EXPERIMENT, "other-tags")
    assert "filterByTags: [A, Script] in place of filterByTags: [A]" in found.todo


def test_a_setting_that_would_help_is_evidence() -> None:
    rules = rules_of("links: off")
    found = worst(rules, recorded(rules, "/", 1.0, '<script src="http://privateserver:8080/a.js"></script>'))
    assert found.rule == "" and found.known is Knowledge.RECORD
    tried = [value for label, value in found.evidence if label == "tried"]
    assert tried and tried[0].startswith(
        "with links: tags in place of links: off, the link becomes https://www.example.com"
    )


SOMETHING_ELSE = [
    # A page that answers anything is no proof that a condition is wrong.
    pytest.param(SPA, "/missing.png", ["/", "/index.html"], id="single page"),
    # The backend has other things, and this is not one of them.
    pytest.param(ITEMS, "/item/9", ["/things/8", "/things/"], id="another item"),
    pytest.param(ITEMS, "/nothing", ["/", "/things/8"], id="no rule"),
]


@pytest.mark.parametrize(("text", "target", "has"), SOMETHING_ELSE)
def test_nothing_is_claimed_of_what_a_backend_does_not_have(text: str, target: str, has: list[str]) -> None:
    rules = rules_of(text)
    bad = recorded(rules, target, 9.0, status=404)
    seen = [recorded(rules_of(""), each, 1.0) for each in has]
    with_them, without = worst(rules, bad, *seen), worst(rules, bad)
    assert with_them == without and with_them.known is Knowledge.RECORD


def test_nothing_is_tried_under_rules_that_are_not_those_of_the_record() -> None:
    then, now = rules_of(ITEMS), rules_of(ITEMS.replace("things", "articles"))
    bad = recorded(then, "/item/9", 9.0, status=404)
    case = Case(page_loads([bad])[0], now)
    assert not list(RuleTrials(case, now, Seen(()), math.inf).of_request(bad))


@pytest.mark.parametrize("target", ["/", "/item/9", "/item/9?x=1", "/a%20b"])
def test_without_a_change_comes_out_what_was_recorded(target: str) -> None:
    rules = rules_of(ITEMS)
    bad = recorded(rules, target, 9.0, status=404)
    trials = RuleTrials(Case(page_loads([bad])[0], rules), rules, Seen(()), math.inf)
    routing = trials.control(bad)
    assert routing is not None and getattr(routing, "url", None) == bad.trace["target"]
    assert trials.control(replace(bad, trace={**bad.trace, "target": "http://privateserver:8080/else"})) is None


def test_no_trial_is_begun_after_its_time() -> None:
    rules = rules_of(ITEMS)
    bad = recorded(rules, "/item/9", 9.0, status=404)
    assert not list(RuleTrials(Case(page_loads([bad])[0], rules), rules, Seen(()), 0.0).of_request(bad))


SMALL = [
    (
        "rules: [{name: r, match: 'api/?(.*)', action: {type: Rewrite, url: 'service/{R:1}'}}]",
        "/static/api/x.js",
        "with ^api/?(.*) in place of api/?(.*), the backend is asked for http://privateserver:8080/static/api/x.js",
    ),
    (
        "rules: [{name: r, match: ^item$, action: {type: Rewrite, url: items, appendQueryString: false}}]",
        "/item?id=7",
        "with appendQueryString: true in place of appendQueryString: false, the backend is asked for "
        "http://privateserver:8080/items?id=7",
    ),
    (
        "rules: [{name: r, match: ^old/, stopProcessing: true, action: {type: Rewrite, url: new/x}},"
        " {name: s, match: ^new/x, action: {type: Rewrite, url: newest/x}}]",
        "/old/x",
        "with stopProcessing: false in place of stopProcessing: true, the backend is asked for "
        "http://privateserver:8080/newest/x",
    ),
]


@pytest.mark.parametrize(("text", "target", "tried"), SMALL)
def test_what_a_small_change_leads_to_is_evidence(text: str, target: str, tried: str) -> None:
    rules = rules_of(text)
    found = worst(rules, recorded(rules, target, 1.0, status=404))
    assert found.rule == "r" and ("tried", tried) in found.evidence
    assert found.known is Knowledge.RECORD


def test_a_rule_that_was_seen_to_be_wrong_is_named_with_what_the_backend_has() -> None:
    rules = rules_of(SMALL[0][0])
    other = recorded(rules_of(""), "/static/api/x.js", 1.0)
    found = worst(rules, recorded(rules, "/static/api/x.js", 9.0, status=404), other)
    assert (found.rule, found.known, found.code) == ("r", Knowledge.EXPERIMENT, "tried-otherwise")


def test_a_group_that_makes_links_wrong_is_another_one() -> None:
    rules = rules_of(
        """
        links: off
        outboundRules:
          - name: links
            match: {filterByTags: [A, Script], pattern: '^http://privateserver:8080((/static)/.*)'}
            action: {type: Rewrite, value: 'https://www.example.com{R:2}'}
        """
    )
    body = '<script src="http://privateserver:8080/static/a.js"></script><a href="/x">x</a>'
    found = worst(rules, recorded(rules, "/", 1.0, body))
    assert (found.kind, found.rule, found.known) == ("wrong-link", "links", Knowledge.EXPERIMENT)
    assert (
        "tried",
        "with {R:1} in place of {R:2}, the link leads to https://www.example.com/static/a.js",
    ) in found.evidence


def test_a_redirect_to_nowhere_is_followed_back_to_its_rule() -> None:
    text = "rules: [{name: moved, match: '^old/(.*)$', action: {type: Redirect, url: '/new/{R:2}'}}]"
    rules = rules_of(text)
    sent = replace(recorded(rules, "/old/x", 1.0), own=True, original=None, original_body=None)
    load = page_loads([sent, recorded(rules, "/new/", 2.0, status=404)])[0]
    found = find_breakages(load, rules)[0]
    assert (found.rule, found.code) == ("moved", "no-such-group")
    assert "with {R:1}, it leads to https://www.example.com/new/x" in found.title


def test_a_group_that_is_not_there_is_not_blamed_on_a_url_that_has_none() -> None:
    rules = rules_of(
        """
        allowedServerVariables: [HTTP_X_ITEM]
        rules:
          - name: r
            match: ^item$
            serverVariables: {HTTP_X_ITEM: 'item {R:1}'}
            action: {type: Rewrite, url: things}
        """
    )
    found = worst(rules, recorded(rules, "/item", 1.0, status=404))
    assert (found.rule, found.code) == ("r", "sent") and "{R:1}" not in found.title
