"""The index of long rule lists: it never changes what is decided, and it does rule out what it can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urlrewrite.engine.compile import CompiledRules, compile_rules
from urlrewrite.engine.decision import Decision
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.inbound import run_inbound
from urlrewrite.engine.index import rule_index
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.variables import Variables
from urlrewrite.inspector.traces.report import render
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    InboundRule,
    Location,
    LogicalGrouping,
    Match,
    MatchType,
    PatternSyntax,
    RewriteMap,
    RuleSet,
    SetServerVariable,
    Site,
)
from urlrewrite.patterns.literals import Anchoring, Literals, fold, required_literals
from urlrewrite.patterns.pattern import PatternError, compile_pattern
from urlrewrite.trace.trace import Trace, TraceLevel

WHOLE, START, ANYWHERE = Anchoring.WHOLE, Anchoring.START, Anchoring.ANYWHERE

# pattern, syntax, what is required: anchoring and texts
REQUIRED: list[tuple[str, str, list[tuple[Anchoring, set[str]]]]] = [
    ("^article/12/(.*)$", "ECMAScript", [(START, {"article/12/"}), (ANYWHERE, {"article/12/"})]),
    ("^ABC$", "ECMAScript", [(WHOLE, {"abc"}), (ANYWHERE, {"abc"})]),
    ("^$", "ECMAScript", [(WHOLE, {""})]),
    (r"^(index\.html)?$", "ECMAScript", [(WHOLE, {"", "index.html"})]),
    (r"^(?:www\.)?a\.com$", "ECMAScript", [(WHOLE, {"www.a.com", "a.com"}), (ANYWHERE, {"www.a.com", "a.com"})]),
    ("^(en|de)/(x|y)", "ECMAScript", [(START, {"en/x", "en/y", "de/x", "de/y"})]),
    ("^a$|^b", "ECMAScript", [(START, {"a", "b"}), (ANYWHERE, {"a", "b"})]),
    ("^a$|b", "ECMAScript", [(ANYWHERE, {"a", "b"})]),
    ("a|.*", "ECMAScript", []),
    (".*", "ECMAScript", []),
    ("[a-z]+", "ECMAScript", []),
    ("x[a-z]yz", "ECMAScript", [(ANYWHERE, {"x"}), (ANYWHERE, {"yz"})]),
    ("(?=.*foo)bar", "ECMAScript", [(ANYWHERE, {"foo"}), (ANYWHERE, {"bar"})]),
    ("(?!foo)bar", "ECMAScript", [(ANYWHERE, {"bar"})]),
    ("^(?!foo)bar", "ECMAScript", [(START, {"bar"}), (ANYWHERE, {"bar"})]),
    ("ab?c+d{2}", "ECMAScript", [(ANYWHERE, {"ac", "abc"})]),
    ("a{0}b", "ECMAScript", [(ANYWHERE, {"b"})]),
    ("(a)?\\1bc", "ECMAScript", [(ANYWHERE, {"bc"})]),
    ("[ab]x", "ECMAScript", [(ANYWHERE, {"ax", "bx"})]),
    ("é", "ECMAScript", [(ANYWHERE, {"é"})]),
    ("xΣy", "ECMAScript", [(ANYWHERE, {"x"}), (ANYWHERE, {"y"})]),
    ("a*b?c", "Wildcard", [(START, {"a"}), (ANYWHERE, {"a"}), (ANYWHERE, {"b"}), (ANYWHERE, {"c"})]),
    ("A.b", "ExactMatch", [(WHOLE, {"a.b"}), (ANYWHERE, {"a.b"})]),
]


@pytest.mark.parametrize(("source", "syntax", "expected"), REQUIRED)
def test_required_literals(source: str, syntax: str, expected: list[tuple[Anchoring, set[str]]]) -> None:
    found = required_literals(compile_pattern(source, syntax, ignore_case=True).tree)
    assert {Literals(anchoring, frozenset(texts)) for anchoring, texts in expected} <= set(found)
    if not expected:
        assert not found


ALPHABET = "aAbBkKſ\u212aéÉßẞ\u0130\u0131iIΣσςµ/.-1\U0001f600\udc80"
PIECES = st.sampled_from(
    ["a", "b", "K", "s", "i", "é", "ß", "Σ", "µ", "İ", "/", "-", "1", r"\.", ".", "[ab]", "[^a]", r"\d", "[a-k]"]
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.builds("({})".format, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["?", "*", "+", "{2}", "{0}", "{1,2}", "*?", "{0,2}?"])),
        st.builds("({}{})".format, st.sampled_from(["?=", "?!", "?<=", "?<!"]), inner),
        st.builds("^{}".format, inner),
        st.builds("{}$".format, inner),
        st.builds("^(?:{})$".format, inner),
        st.builds("({})\\1".format, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(PIECES, PIECES, st.just("")), grown, max_leaves=8)
TEXTS = st.lists(st.text(ALPHABET, max_size=10), min_size=4, max_size=8)


@settings(max_examples=1000)
@given(source=EXPRESSIONS, ignore_case=st.booleans(), texts=TEXTS)
def test_a_text_that_matches_has_what_is_required(source: str, ignore_case: bool, texts: list[str]) -> None:
    pattern = compile_pattern(source, "ECMAScript", ignore_case=ignore_case)
    for text in texts:
        if pattern.search(text, 1.0) is None:
            continue
        folded = fold(text)
        for literals in required_literals(pattern.tree):
            match literals.anchoring:
                case Anchoring.WHOLE:
                    assert folded in literals.texts
                case Anchoring.START:
                    assert any(folded.startswith(each) for each in literals.texts)
                case Anchoring.ANYWHERE:
                    assert any(each in folded for each in literals.texts)


def outcome_of(rules: CompiledRules, request: RequestFacts, *, trace: Trace) -> tuple[Decision, dict[str, str]]:
    decision = Decision(target=request.target)
    variables = Variables(request, site="s")
    level = rules.sites[0].level_of(variables.url.path.text)
    scope = Scope(variables, level.lookups, trace, 5.0)
    run_inbound(level.inbound, scope, decision, allowed_hosts=rules.allowed_hosts)
    return decision, variables.assigned


def acts_and_warnings(trace: Trace) -> list[dict[str, Any]]:
    """What rules did, and what was warned of: all but what tells of rules that did not match."""
    left_out = ("RULE", "PATTERN", "CONDITION", "REWRITE_MAP_LOOKUP")
    return [event for event in trace.events if not event["event"].startswith(left_out)]


def compiled(rules: Iterable[InboundRule], **site: Any) -> CompiledRules:
    return compile_rules(RuleSet(sites=(Site(name="s", rules=tuple(rules), **site),)))[0]


WORDS = st.sampled_from("a ab abc b/a K k s S é É ß Σσ İ i article/1 article/12 page host1 host2 1 2 x=1 İk".split())
PATTERNS = st.one_of(
    st.builds("^{}$".format, WORDS),
    st.builds("^{}/(.*)".format, WORDS),
    st.builds("{}".format, WORDS),
    st.builds("({}|{})".format, WORDS, WORDS),
    st.builds("^({}|{})$".format, WORDS, WORDS),
    st.builds("{}.*{}".format, WORDS, WORDS),
    st.just(".*"),
    EXPRESSIONS.filter(bool),
)
WILDCARDS = st.builds("{}{}{}".format, st.sampled_from(["*", "", "?"]), WORDS, st.sampled_from(["*", "", "/*"]))
INPUTS = st.sampled_from(
    """{HTTP_HOST} {http-host} {REQUEST_URI} {URL} {QUERY_STRING} {HTTP_X_SET} {HTTP_HOST}{URL} {R:1} {C:0} {UNKNOWN}
    {M:{URL}} {ToLower:{URL}} the|URL {HTTPS}""".split()
)


@st.composite
def conditions(draw: st.DrawFn, syntax: PatternSyntax) -> Conditions:
    items = [
        Condition(draw(INPUTS), "", draw(st.sampled_from([MatchType.IS_FILE, MatchType.IS_DIRECTORY])))
        if draw(st.integers(0, 9)) == 0
        else Condition(
            draw(INPUTS),
            draw(PATTERNS if syntax is PatternSyntax.ECMASCRIPT else WILDCARDS),
            ignore_case=draw(st.booleans()),
            negate=draw(st.integers(0, 4)) == 0,
        )
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3])))
    ]
    return Conditions(tuple(items), draw(st.sampled_from(LogicalGrouping)))


@st.composite
def rule(draw: st.DrawFn, number: int) -> InboundRule:
    syntax = draw(st.sampled_from([PatternSyntax.ECMASCRIPT] * 3 + [PatternSyntax.WILDCARD, PatternSyntax.EXACT_MATCH]))
    kinds = [ActionType.REWRITE] * 5 + [ActionType.NONE, ActionType.REDIRECT]
    url = draw(st.sampled_from(["/{R:0}", "/a/{R:1}", "/article/12?x=1", "/b/{HTTP_X_SET}", "/É/k", "/%C3%89"]))
    variables = [SetServerVariable("HTTP_X_SET", draw(WORDS))] if draw(st.integers(0, 3)) == 0 else []
    return InboundRule(
        f"r{number}",
        Match(draw(PATTERNS if syntax is PatternSyntax.ECMASCRIPT else WILDCARDS), draw(st.booleans()), draw(NEGATED)),
        draw(conditions(syntax)),
        tuple(variables),
        Action(draw(st.sampled_from(kinds)), url),
        enabled=draw(st.integers(0, 9)) != 0,
        pattern_syntax=syntax,
        stop_processing=draw(st.integers(0, 4)) == 0,
    )


NEGATED = st.sampled_from([False] * 9 + [True])
RULE_LISTS = st.integers(2, 12).flatmap(lambda count: st.tuples(*(rule(number) for number in range(count))))
TARGETS = st.builds("/{}{}{}".format, WORDS, st.sampled_from(["", "/", "//a", "%2Fab", "/../abc"]), WORDS)
REQUESTS = st.lists(
    st.tuples(TARGETS, st.sampled_from(["", "?x=1", "?a"]), st.sampled_from(["host1", "HOST2", "k", "a"])),
    min_size=3,
    max_size=5,
)


@settings(max_examples=250)
@given(rules=RULE_LISTS, own=st.integers(0, 12), requests=REQUESTS)
def test_the_index_changes_nothing(
    rules: tuple[InboundRule, ...], own: int, requests: list[tuple[str, str, str]]
) -> None:
    rules, of_directory = rules[:own], rules[own:]
    locations = (Location(path="b", rules=of_directory),)
    site = {"locations": locations, "rewrite_maps": {"M": RewriteMap("M", {"/a": "host1"})}}
    with pytest.MonkeyPatch.context() as patch:
        plain = compiled(rules, **site)
        patch.setattr(rule_index, "WORTHWHILE", 1)
        patch.setattr(rule_index, "_FEWEST", 1)
        indexed = compiled(rules, **site)
    for path, query, host in requests:
        request = RequestFacts("GET", "https", host, path + query, (("Host", host), ("X-Set", host)))
        silent = Trace("silent", level=TraceLevel.DECISIONS)
        traces = [Trace("plain"), Trace("indexed"), Trace("every", every_rule=True), silent]
        expected = outcome_of(plain, request, trace=traces[0])
        for trace in traces[1:]:
            assert outcome_of(indexed, request, trace=trace) == expected
        assert acts_and_warnings(traces[1]) == acts_and_warnings(traces[0])
        assert traces[2].events == traces[0].events
        told = sum(event.get("count", 1) for event in traces[1].events if event["event"] in TOLD_OF)
        assert told == sum(event["event"] in TOLD_OF for event in traces[0].events)


TOLD_OF = ("RULE_EVALUATION_END", "RULE_DISABLED", "RULE_OUTSIDE_LOCATION", "RULE_OUTSIDE_LOCATION", "RULES_RULED_OUT")


@dataclass(frozen=True)
class Many:
    """`rule(n)` for each n below 200, and a request that only the last one is for."""

    name: str
    pattern: str
    syntax: PatternSyntax = PatternSyntax.ECMASCRIPT
    conditions: tuple[tuple[str, str], ...] = ()
    any_suffices: bool = False
    host: str = "h"
    target: str = "/"
    directory: str = ""
    reason: str = "{R:0}"


WILDCARD, EXACT = PatternSyntax.WILDCARD, PatternSyntax.EXACT_MATCH
MANY = [
    Many("paths", "^article/{}/(.*)$", target="/article/199/x"),
    Many("whole paths", "^article/{}$", target="/ARTICLE/199"),
    Many("substrings", "old-page{}[.]html", target="/a/old-page199.html"),
    Many("alternatives", "^(en|de)/{}/", target="/de/199/"),
    Many("behind a common beginning", "^(en|de)/.*/product-{}$", target="/de/a/product-199"),
    Many("wildcards", "*/page{}/*", WILDCARD, target="/a/page199/b"),
    Many("exact texts", "page{}.html", EXACT, target="/page199.html"),
    Many("canonical path", "^a/é{}$", target="/x/../a%2F%C3%89199"),
    Many("in a directory", "^page{}$", directory="b/c", target="/B/c/page199", reason="{R:0} in b/c"),
    Many("hosts", ".*", conditions=(("{HTTP_HOST}", "^host{}$"),), host="host199", reason="{HTTP_HOST}"),
    Many(
        "any of two hosts",
        ".*",
        conditions=(("{HTTP_HOST}", "^host{}$"), ("{HTTP_HOST}", "^www[.]host{}$")),
        any_suffices=True,
        host="www.host199",
        reason="{HTTP_HOST}",
    ),
    Many(
        "queries",
        "^index.php$",
        conditions=(("{HTTPS}", "on"), ("{QUERY_STRING}", "(?:^|&)id={}(?:&|$)")),
        target="/index.php?a=b&id=199",
        reason="{QUERY_STRING}",
    ),
    Many(
        "host and path in one",
        ".*",
        conditions=(("{HTTP_HOST}{URL}", "^h/a{}$"),),
        target="/a199",
        reason="{HTTP_HOST}{URL}",
    ),
]


@pytest.mark.parametrize("case", MANY, ids=lambda case: case.name)
def test_few_of_many_rules_are_tried(case: Many) -> None:
    grouping = LogicalGrouping.MATCH_ANY if case.any_suffices else LogicalGrouping.MATCH_ALL

    def conditions_of(number: int) -> Conditions:
        items = (Condition(input, pattern.replace("{}", str(number))) for input, pattern in case.conditions)
        return Conditions(tuple(items), grouping)

    rules = [
        InboundRule(
            f"r{number}",
            Match(case.pattern.replace("{}", str(number))),
            conditions_of(number),
            action=Action(ActionType.REDIRECT, "/"),
            pattern_syntax=case.syntax,
        )
        for number in range(200)
    ]
    locations = (Location(path=case.directory, rules=tuple(rules)),)
    site = compiled([], locations=locations) if case.directory else compiled(rules)
    trace = Trace("t")
    request = RequestFacts("GET", "https", case.host, case.target, (("Host", case.host),))
    decision, _ = outcome_of(site, request, trace=trace)
    assert decision.rules == ["r199"]
    ended = [event for event in trace.events if event["event"] == "RULE_EVALUATION_END"]
    ruled_out = [event for event in trace.events if event["event"] == "RULES_RULED_OUT"]
    assert len(ended) <= 3  # a number that begins another is its neighbour
    assert sum(event["count"] for event in ruled_out) == 200 - len(ended)
    assert {reason for event in ruled_out for reason in event["reasons"]} == {case.reason}


def numbered(count: int, **changes: Any) -> list[InboundRule]:
    return [InboundRule(f"r{number}", Match(f"^page{number}$"), **changes) for number in range(count)]


@pytest.mark.parametrize(("count", "indexed"), [(32, False), (33, True)])
def test_short_lists_are_told_of_rule_by_rule(count: int, indexed: bool) -> None:
    for trace in (Trace("t"), Trace("t", every_rule=True)):
        outcome_of(compiled(numbered(count)), RequestFacts("GET", "https", "h", "/x"), trace=trace)
        one_by_one = [event for event in trace.events if event["event"] == "PATTERN_MATCH"]
        assert len(one_by_one) == (0 if indexed and not trace.every_rule else count)


def test_what_the_report_says_of_rules_that_are_ruled_out() -> None:
    rules = [*numbered(50), InboundRule("all", Match(".*")), InboundRule("off", Match("x"), enabled=False)]
    trace = Trace("t")
    outcome_of(compiled(rules), RequestFacts("GET", "https", "h", "/x"), trace=trace)
    lines = render(trace.data, "request").splitlines()
    at = lines.index("  ✗ r0 … r49  (50 rules; explain lists each)")
    assert lines[at + 1] == "      50: what the pattern needs is not in the URL"
    assert lines[-2:] == ["  ✗ off", "      1: enabled: false"]


def asking(input: str, *, negate: bool = False) -> list[InboundRule]:
    return [
        InboundRule(f"r{number}", Match(".*"), Conditions((Condition(input, f"^/?v{number}$", negate=negate),)))
        for number in range(40)
    ]


CHANGES = {
    "a variable": (SetServerVariable("HTTP_A", "v39"), Action(), "{HTTP_A}"),
    "the query": (None, Action(ActionType.REWRITE, "/v1?v39", append_query_string=False), "{QUERY_STRING}"),
    "the path": (None, Action(ActionType.REWRITE, "/v39"), "{URL}"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_rule_changes_counts_for_the_rules_behind_it(what: str) -> None:
    variable, action, input = CHANGES[what]
    first = InboundRule("first", Match(".*"), server_variables=(variable,) if variable else (), action=action)
    request = RequestFacts("GET", "https", "h", "/v1?v1", (("A", "v1"),))
    decision, _ = outcome_of(compiled([first, *asking(input)]), request, trace=Trace("t"))
    assert decision.rules == ["first", "r39"]


def test_a_negated_condition_rules_nothing_out() -> None:
    request = RequestFacts("GET", "https", "v7", "/", (("Host", "v7"),))
    decision, _ = outcome_of(compiled(asking("{HTTP_HOST}", negate=True)), request, trace=Trace("t"))
    assert decision.rules == [f"r{number}" for number in range(40) if number != 7]


def test_rules_without_any_literal_are_all_tried() -> None:
    rules = compiled(InboundRule(f"r{number}", Match("^[a-z]+$")) for number in range(40))
    decision, _ = outcome_of(rules, RequestFacts("GET", "https", "h", "/x"), trace=Trace("t"))
    assert len(decision.rules) == 40


def test_a_pattern_that_is_not_valid_has_no_literals() -> None:
    with pytest.raises(PatternError):
        compile_pattern("(", "ECMAScript", ignore_case=True)
