"""Counting exchanges: what each trace adds, what is kept apart, and that memory stays bounded whatever comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.figures import statistics
from urlrewrite.inspector.figures.figures import (
    BUCKET_SECONDS,
    BUCKETS,
    DURATIONS,
    OTHER,
    Figures,
    LevelKey,
    RuleKey,
    RuleTally,
    ruled_out,
)
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.trace.trace import TraceLevel

RULES = r"""
public: https://www.example.com
backend: http://privateserver:8080
rules:
  - name: gone
    match: ^gone/
    action: {type: CustomResponse, statusCode: 410}
  - name: tell
    match: ^told
    serverVariables: {HTTP_X_A: a, HTTP_X_B: b}
    action: None
  - name: items
    match: ^item/(\d+)$
    action: {type: Rewrite, url: '/i?id={R:1}'}
    stopProcessing: true
  - name: never reached by items
    match: ^nothing$
    action: {type: Rewrite, url: /nowhere}
preConditions:
  html:
    - {input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}
outboundRules:
  - name: server
    match: {serverVariable: RESPONSE_Server, pattern: .+}
    action: {type: Rewrite, value: demo}
  - name: pages only
    preCondition: html
    match: {serverVariable: RESPONSE_X_Page, pattern: ^$}
    action: {type: Rewrite, value: 'yes'}
"""
SITE = "rules"
HTML = (("Content-Type", "text/html"), ("Server", "demo"))
JSON = (("Content-Type", "application/json"), ("Server", "Kestrel"))


def in_force(text: str = RULES, level: TraceLevel = TraceLevel.FULL) -> RulesInForce:
    return RulesInForce(compile_rules(parse(text, "rules.yaml")[0])[0], Settings(trace=level))


def trace_of(rules: RulesInForce, path: str, fields: tuple[tuple[str, str], ...] = HTML) -> dict[str, Any]:
    request = request_facts("GET", f"https://www.example.com{path}")
    return evaluate(rules, request, ResponseFacts(200, fields), b"<p>x").exchange.trace.data


def add(counted: Statistics, trace: Any, *, began: float = 1_000_000.0, seconds: float = 0.02) -> None:
    site = trace.get("site", "") if isinstance(trace, dict) else ""
    counted.add(trace, began=began, seconds=seconds, site=str(site))


def counts(figures: Figures, side: str, name: str) -> RuleTally:
    return figures.rules[RuleKey(side, SITE, name)]


VISITS = [("/told", HTML), ("/item/7", JSON), ("/gone/x", HTML), ("/other", HTML)]


def visited(level: TraceLevel) -> Figures:
    rules, counted = in_force(level=level), Statistics()
    counted.reload(True, 0.1, fingerprint=rules.fingerprint)
    for number, (path, fields) in enumerate(VISITS):
        add(counted, trace_of(rules, path, fields), began=100.0 + number)
    return counted.figures()


@pytest.mark.parametrize(
    ("side", "name", "hits", "misses", "unchanged", "skipped", "changes", "last_hit"),
    [
        ("inbound", "gone", 1, 3, 0, 0, 1, 102.0),
        ("inbound", "tell", 1, 2, 0, 0, 2, 100.0),
        ("inbound", "items", 1, 2, 0, 0, 1, 101.0),
        ("inbound", "never reached by items", 0, 2, 0, 0, 0, None),
        # Two responses say "demo" already, and the proxy's own has no such field.
        ("outbound", "server", 1, 1, 2, 0, 1, 101.0),
        # The precondition holds neither for JSON nor for the proxy's own response.
        ("outbound", "pages only", 2, 0, 0, 2, 2, 103.0),
    ],
)
def test_what_rules_did(
    side: str, name: str, hits: int, misses: int, unchanged: int, skipped: int, changes: int, last_hit: float | None
) -> None:
    tally = counts(visited(TraceLevel.FULL), side, name)
    got = (tally.hits, tally.misses, tally.unchanged, tally.skipped, tally.changes, tally.last_hit)
    assert got == (hits, misses, unchanged, skipped, changes, last_hit)


@pytest.mark.parametrize("level", [TraceLevel.DECISIONS, TraceLevel.OFF])
def test_less_of_a_trace_gives_hits_and_no_misses(level: TraceLevel) -> None:
    figures, full = visited(level), visited(TraceLevel.FULL)
    assert (figures.requests_now, figures.full_now, full.full_now) == (4, 0, 4)
    hits = {key: tally.hits for key, tally in figures.rules.items()}
    assert hits == {key: tally.hits for key, tally in full.rules.items() if tally.hits}
    assert not any(tally.misses for tally in figures.rules.values())
    assert (figures.actions, figures.ways, figures.sites) == (full.actions, full.ways, full.sites)


def spent_by(level: TraceLevel, path: str) -> dict[tuple[str, str], float]:
    request = request_facts("GET", f"https://www.example.com{path}")
    return evaluate(in_force(level=level), request, ResponseFacts(200, HTML), b"<p>x").exchange.trace.spent


def test_time_is_measured_of_the_rules_that_are_tried_and_only_in_full_traces() -> None:
    inbound = {("inbound", name) for name in ("gone", "tell", "items")}
    assert spent_by(TraceLevel.FULL, "/item/7").keys() == {*inbound, ("outbound", "server"), ("outbound", "pages only")}
    assert spent_by(TraceLevel.DECISIONS, "/item/7") == {}


def test_time_is_added_up_by_rule() -> None:
    counted, trace = Statistics(), {"site": SITE, "inbound_rules": ["gone"]}
    for seconds in (0.25, 0.5):
        spent = {("inbound", "gone"): seconds, ("outbound", "server"): 1.0}
        counted.add(trace, began=1.0, seconds=1.0, site=SITE, spent=spent)
    tallies = {key.name: (tally.seconds, tally.timed) for key, tally in counted.figures().rules.items()}
    assert tallies == {"gone": (0.75, 2), "server": (2.0, 2)}


def test_what_an_index_rules_out_is_missed_by_each_rule_of_the_run() -> None:
    many = "".join(f"  - {{name: r{n}, match: ^path{n}/, action: {{type: Redirect, url: /x}}}}\n" for n in range(100))
    rules = in_force(f"public: https://www.example.com\nbackend: http://privateserver\nrules:\n{many}")
    counted = Statistics()
    for path in ("/path40/", "/path60/", "/none"):
        add(counted, trace_of(rules, path))
    figures = counted.figures()
    names = [f"r{n}" for n in range(100)]
    runs = figures.ruled_out[LevelKey(SITE, "Distributed", "")]
    out = dict(zip(names, ruled_out(names, runs), strict=True))
    tallies = {name: figures.rules.get(RuleKey("inbound", SITE, name), RuleTally()) for name in names}
    missed = {name: out[name] + tallies[name].misses for name in names}
    # A rule after the one that ended the evaluation was not tried.
    assert missed == {f"r{n}": 3 - (n >= 40) - (n >= 60) for n in range(100)}
    assert len(runs) < 100


def test_rules_of_another_state_of_the_files_do_not_count() -> None:
    rules, counted = in_force(), Statistics()
    counted.reload(True, 0.1, fingerprint=rules.fingerprint)
    old = trace_of(rules, "/item/7")
    add(counted, old)
    counted.reload(False, 0.1, ["rules.yaml:3: bad"])
    assert counted.figures().requests_now == 1
    counted.reload(True, 0.1, fingerprint=rules.fingerprint)
    assert counted.figures().requests_now == 1
    counted.reload(True, 0.1, fingerprint="another")
    add(counted, old)
    figures = counted.figures()
    assert (figures.requests, figures.requests_now, figures.rules) == (2, 0, {})
    assert figures.hits[RuleKey("inbound", SITE, "items")] == 2
    assert (figures.reloads_ok, figures.reloads_failed) == (3, 1)
    assert [reload.ok for reload in figures.reloads] == [True, False, True, True]


def test_totals() -> None:
    counted = Statistics()
    add(counted, {"site": "a", "status": 200, "way": "whole", "links": 3, "leaks": 2, "action": "None"}, seconds=0.004)
    add(counted, {"site": "a", "status": 502, "broken_off": "gone", "events": [{"event": "ERROR"}]}, seconds=20.0)
    add(counted, {"site": "b", "way": "stream", "leaks": [{}], "events": [{"event": "BODY_RELEASED", "held": 9}]})
    add(counted, {"events": [{"event": "WARNING"}, {"event": "WARNING"}], "action": "made up", "way": "made up"})
    figures = counted.figures()
    assert {name: (site.requests, site.errors, dict(site.statuses)) for name, site in figures.sites.items()} == {
        "a": (2, 1, {200: 1, 502: 1}),
        "b": (1, 0, {0: 1}),
        "": (1, 0, {0: 1}),
    }
    assert (figures.requests, figures.errors, figures.broken_off, figures.warnings) == (4, 1, 1, 2)
    assert (figures.leaks, figures.leaking, figures.looked, figures.links) == (3, 2, 2, 3)
    assert (figures.held, figures.released) == (9, 1)
    assert figures.ways == {"whole": 1, "stream": 1, OTHER: 1}
    assert figures.actions == {"None": 1, OTHER: 3}
    assert (figures.durations[0], figures.durations[-1], sum(figures.durations)) == (1, 1, 4)
    assert figures.slowest == 20.0


def test_the_last_hour_is_kept() -> None:
    counted = Statistics()
    for number in range(BUCKETS + 50):
        add(counted, {"status": 200}, began=1_000_000.0 + number * BUCKET_SECONDS)
    add(counted, {"status": 200}, began=0.0)
    buckets = counted.figures().buckets
    assert len(buckets) == BUCKETS
    assert [bucket.requests for bucket in buckets] == [1] * (BUCKETS - 1) + [2]
    assert buckets[-1].began == 1_000_000.0 + (BUCKETS + 49) * BUCKET_SECONDS


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_RULES", 20)
    monkeypatch.setattr(statistics, "MAX_SITES", 5)
    counted = Statistics()
    for number in range(200):
        names = [f"rule {number} {'x' * 10_000}"]
        events = [
            {"event": "URL_REWRITE_START", "scope": f"scope {number}"},
            {"event": "RULES_RULED_OUT", "first": f"first {number}", "last": f"last {number}"},
            {"event": "RULE_EVALUATION_END", "rule": f"missed {number}"},
        ]
        add(counted, {"site": f"site {number}", "inbound_rules": names, "status": number, "events": events})
        counted.reload(False, 0.1, [f"problem {'x' * 100_000}"] * 1000)
    figures = counted.figures()
    assert len(figures.sites) <= 6
    assert figures.sites[OTHER].requests == 195
    assert len(figures.rules) <= 21
    assert len(figures.hits) <= 21
    assert sum(figures.hits.values()) == 200
    assert len(figures.ruled_out) <= 6
    assert max(len(key.name) for key in figures.rules) <= 200
    assert len(figures.reloads) == 50
    assert sum(len(problem) for reload in figures.reloads for problem in reload.problems) <= 10**6
    assert figures.reloads[0].more == 980


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4)
NAMES = st.sampled_from(
    "URL_REWRITE_START RULE_EVALUATION_START RULE_EVALUATION_END RULES_RULED_OUT OUTBOUND_RULE_END ERROR WARNING "
    "BODY_DECODED BODY_RELEASED REDIRECT_ACTION RULE_OUTSIDE_LOCATION OUTBOUND_RULE_SKIPPED".split()
)
KEYS = st.sampled_from("rule first last scope location type examined matched changed held bytes succeeded".split())
EVENTS = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=2)).flatmap(
    lambda event: (NAMES | SCALARS).map(lambda name: {"event": name, **event})
)
DATA = st.sampled_from("site status action way links leaks rules inbound_rules outbound_rules broken_off id".split())
TRACES = st.builds(
    lambda data, events: {**data, "events": events},
    st.dictionaries(DATA, SCALARS | st.lists(SCALARS, max_size=3)),
    st.lists(EVENTS | SCALARS, max_size=6) | SCALARS,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(TRACES | SCALARS, max_size=4))
def test_a_hostile_trace_raises_nothing(traces: list[Any]) -> None:
    counted = Statistics()
    for trace in traces:
        add(counted, trace)
    figures = counted.figures()
    assert figures.requests == len(traces) == sum(figures.durations)
    assert sum(site.requests for site in figures.sites.values()) == len(traces)
    assert len(figures.durations) == len(DURATIONS) + 1
    sums = (figures.leaks, figures.links, figures.held)
    assert min(sums) >= 0


def test_figures_do_not_change_any_more() -> None:
    counted = Statistics()
    trace = {"site": "a", "status": 200, "inbound_rules": ["r"], "way": "pass", "events": []}
    add(counted, trace)
    counted.reload(True, 0.1)
    before = counted.figures()
    again = counted.figures()
    add(counted, trace)
    counted.reload(True, 0.1)
    assert before == again
    assert counted.figures() != before


def test_times_are_those_of_the_clock() -> None:
    counted = Statistics(clock=iter((1.0, 2.0, 3.0)).__next__)
    counted.reload(True, 0.1, fingerprint="a")
    counted.reload(False, 0.1, ["bad"])
    figures = counted.figures()
    assert (figures.started, figures.rules_since) == (1.0, 2.0)
    assert [reload.at for reload in figures.reloads] == [2.0, 3.0]
