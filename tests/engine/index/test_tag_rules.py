"""Rules for tags that are not tried one after the other do what they do one after the other, and count the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules_of import SITE, rules_of
from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.engine.index.prefix_rules import prefix_rule
from urlrewrite.engine.index.tag_rules import ValueRules
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import TraceLevel

B = "http://privateserver:8080"
HTML = ("Content-Type", "text/html; charset=utf-8")

PATTERNS = [
    *(
        "^http(s)?://privateserver:8080/(.*)",
        "^http://privateserver:8080/(.*)$",
        "^https?://privateserver(:8080)?/(.*)",
    ),
    *("^/app/(.*)", "^/(.*)", "^/(a|b)/(.*)$", "^(.*)$", "^(?:/app|/api)/(.*)", "^[ab]/(.*)", "^(a|ab)(.*)", "^a(.*)b"),
    *("privateserver", "track(ing)?=", "^/exact$", "^$", "x", "^//(.*)", "^https://www.example.com/(.*)", "^/new/(.+)"),
]
VALUES = [
    *(
        "https://www.example.com/{R:2}",
        "https://www.example.com/{R:1}",
        "http{R:1}://other/{R:2}",
        "/new/{R:0}",
        "{R:0}",
    ),
    *("//{HTTP_HOST}/{R:1}", "{REQUEST_METHOD}{R:1}", "{TIME}", "{R:1}{R:2}", "/app/{R:1}", "é/{R:1}", '/"/{R:1}', ""),
    *("{ToLower:{R:1}}", "{C:1}/{R:1}", "fixed", "{R:1}?", "{R:9}{R:1}", "{HTTP_X_ODD}/{R:1}"),
]


def rule(number: int, drawn: tuple[str, str, str, str]) -> str:
    tags, pattern, value, more = drawn
    quoted = value.replace("'", "''")
    match = f"filterByTags: '{tags}', pattern: '{pattern}'"
    if more.startswith("match:"):
        match, more = f"{match}, {more[6:]}", ""
    return f"  - {{name: r{number}, match: {{{match}}}, {more} action: {{type: Rewrite, value: '{quoted}'}}}}\n"


MORE = [
    *(
        "",
        "",
        "",
        "",
        "stopProcessing: true,",
        "stopProcessing: true,",
        "match:ignoreCase: false",
        "match:negate: true",
    ),
    *("conditions: [{input: '{URL}', pattern: '^/(p)'}],", "conditions: [{input: '{R:1}', pattern: 's'}],"),
]
FEW = 8
"""Patterns and values from the front, of which rules for one attribute more often meet."""


def rules_with(patterns: list[str], values: list[str], tags: list[str]) -> st.SearchStrategy[str]:
    drawn = st.tuples(st.sampled_from(tags), st.sampled_from(patterns), st.sampled_from(values), st.sampled_from(MORE))
    return st.lists(drawn, min_size=1, max_size=12).map(
        lambda drawn: "links: off\noutboundRules:\n" + "".join(rule(at, each) for at, each in enumerate(drawn))
    )


RULES = st.one_of(
    rules_with(PATTERNS, VALUES, ["A", "A, Img", "Img", "Area"]), rules_with(PATTERNS[:FEW], VALUES[:FEW], ["A"])
)

HEADS = [
    *(f"{B}/", f"{B.upper()}/", "https://privateserver:8080/", "http://privateserver", "/app/", "/APP/", "/api/", "/"),
    *("/a/", "/b/", "a", "ab", "a/", "//", "/exact", "https://www.example.com/", "x", "", "\u212a"),
]
TAILS = ["", "", "y", "page?tracking=1", "é", "\n", "\x0b", " ", "&amp;", "'", "/..//z", "b", "\u2028", "app/"]
TAGS = st.tuples(
    st.sampled_from(
        ['<a href="{}">', "<a class=c href='{}'>", '<img src="{}">', '<area HREF="{}" alt>', "<a href={}>"]
    ),
    st.tuples(st.sampled_from(HEADS), st.sampled_from(TAILS)).map("".join),
).map(lambda drawn: drawn[0].format(drawn[1]))
PAGES = st.lists(TAGS, max_size=20).map("".join)


PATIENT = 30.0
"""Seconds for a pattern: on a busy machine 100 ms may be over for one of the two ways and not for the other."""


def answered(rules: RulesInForce, page: str) -> tuple[bytes, list[dict[str, Any]], int]:
    """The page as it is sent, the events of the trace, and the number of changes."""
    # {TIME} is to be the same however often it is asked.
    request = replace(request_facts("GET", "https://www.example.com/p", (("X-Odd", '"<>'),)), received=1e9)
    found = evaluate(rules, request, ResponseFacts(200, (HTML,)), page.encode())
    trace = found.exchange.trace
    return found.body or b"", trace.events, trace.changes


def one_by_one(rules: RulesInForce, page: str) -> tuple[bytes, list[dict[str, Any]], int]:
    """The same, with every rule tried on every value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("urlrewrite.exchange.body.changes._shortcuts", lambda rules: None)
        patch.setattr(ValueRules, "outcome", lambda self, text: None)
        patch.setattr(ValueRules, "candidates", lambda self, text, start: range(start, len(self.rules)))
        return answered(rules, page)


@settings(max_examples=300)
@given(RULES, PAGES)
def test_same_as_one_by_one(text: str, page: str) -> None:
    rules = rules_of(text, settings=Settings(pattern_deadline=PATIENT, body_deadline=PATIENT))
    assert answered(rules, page) == one_by_one(rules, page)


@settings(max_examples=300)
@given(RULES, PAGES)
def test_same_as_one_by_one_where_nothing_is_told(text: str, page: str) -> None:
    rules = rules_of(text, settings=Settings(PATIENT, PATIENT, trace=TraceLevel.DECISIONS))
    with pytest.MonkeyPatch.context() as patch:
        # Tallies are told of in the trace only.
        patch.setattr("urlrewrite.engine.outbound.OutboundRun.report", report)
        assert answered(rules, page) == one_by_one(rules, page)


def report(run: Any) -> None:
    for values in run._tag_values:
        values.count_examined()
    tallies = {name: str(tally) for name, tally in run.tallies.items()}
    run.scope.trace.warn(Reason.RULE_GIVEN_UP, rule="tallies", detail=str(tallies))


def test_many_values_are_told_up_to_a_limit_and_counted_all() -> None:
    rules = rules_of(
        f"links: off\noutboundRules:\n{rule(0, ('A, Img', PATTERNS[0], VALUES[0], ''))}"
        f"{rule(1, ('A, Img', '^https://www.example.com/(7.*)', '/{R:1}', ''))}"
    )
    page = "".join(f'<a href="{B}/{number}"><img src="{B}/{number}">' for number in range(1000))
    body, events, changes = answered(rules, page)
    assert B not in body.decode()
    ended = {event["rule"]: event for event in events if event["event"] == "OUTBOUND_RULE_END"}
    told = [event for event in events if event["event"] == "CONTENT_CHANGE"]
    tallies = [(end["examined"], end["matched"], end["changed"]) for end in ended.values()]
    assert tallies == [(2000, 2000, 2000), (2000, 222, 222)]
    assert changes == 2222
    assert told[0] == {
        "event": "CONTENT_CHANGE",
        "rule": "r0",
        "where": "<a href>",
        "before": f"{B}/0",
        "after": "https://www.example.com/0",
    }
    assert 100 <= len(told) <= 200


PREFIXES = [
    # (pattern, options, value, the beginnings and what they become; None if it is no such rule)
    ("^http(s)?://h/(.*)", "", "http{R:1}://p/{R:2}", {"http://h/": "http://p/", "https://h/": "https://p/"}),
    ("^/(a|b)/(.*)$", "", "/{R:1}{R:1}/{R:2}", {"/a/": "/aa/", "/b/": "/bb/"}),
    ("^/x/(.*)", "", "/y{R:0}", {"/x/": "/y/x/"}),
    ("^/x/(.*)", "", "{HTTP_HOST}/{R:1}", {"/x/": "www.example.com/"}),
    ("/x/*", "patternSyntax: Wildcard,", "/y/{R:1}", {"/x/": "/y/"}),
    ("^/X/(.*)", "", "/y/{R:1}", {"/x/": "/y/"}),
    ("^/X/(.*)", "match:ignoreCase: false", "/y/{R:1}", {"/X/": "/y/"}),
    ("/x/(.*)", "", "/y/{R:1}", None),
    ("^/x/(.*)", "match:negate: true", "/y/", None),
    ("^/x/(.*)", "", "/y/{R:1}/", None),
    ("^/x/(.*)", "", "/{R:1}/{R:1}", None),
    ("^/x/(.*)", "", "{R:0}{R:1}", None),
    ("^/x/(.*)", "", "{TIME}/{R:1}", None),
    ("^/x/(.+)", "", "/y/{R:1}", None),
    ("^/x/(.*?)", "", "/y/{R:1}", None),
    ("^(a|ab)(.*)", "", "{R:2}", None),
    ("^[a-z]/(.*)", "", "{R:1}", None),
    ("^/x/(.*)", "conditions: [{input: '{URL}', pattern: .}],", "{R:1}", None),
]


@pytest.mark.parametrize(("pattern", "more", "value", "expected"), PREFIXES)
def test_prefix_rules(pattern: str, more: str, value: str, expected: dict[str, str] | None) -> None:
    compiled = compiled_rule(rule(0, ("A", pattern, value, more)))
    found = prefix_rule(compiled, {"HTTP_HOST": "www.example.com"})
    assert (dict(found.prefixes) if found else None) == expected


def compiled_rule(text: str) -> CompiledOutboundRule:
    rules = rules_of("outboundRules:\n" + text, site=SITE)
    return rules.rules.sites[0].level_of("").outbound_rules[0]
