"""How much a trace tells at each level: the decision always, rules and changes one by one only at the level full."""

from __future__ import annotations

import pytest

from rules_of import ask, rules_of
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.exchange.rules_in_force import Settings
from urlrewrite.inspector.traces.report import log_line, render, summary
from urlrewrite.trace.trace import TraceLevel

WWW = "https://www.example.com"
RULES = r"""
rules:
  - {name: old, match: '^old/(\d+)$', action: {type: Redirect, url: '/new/{R:1}', redirectType: Found}}
  - {name: gone, match: ^gone$, action: {type: CustomResponse, statusCode: 410}}
  - {name: away, match: ^away$, action: AbortRequest}
  - {name: refused, match: ^refused$, action: {type: Rewrite, url: 'http://app{QUERY_STRING}'}}
  - name: pleasant
    match: ^item/(\d+)$
    conditions: [{input: '{HTTP_HOST}', pattern: ^www}]
    serverVariables: [{name: HTTP_X_ITEM, value: '{R:1}'}]
    action: {type: Rewrite, url: '/page?id={R:1}'}
outboundRules:
  - {name: server name, match: {serverVariable: RESPONSE_Server, pattern: .+}, action: {type: Rewrite, value: demo}}
  - {name: images, match: {filterByTags: Img, pattern: ^/i/(.*)}, action: {type: Rewrite, value: '/j/{R:1}'}}
"""
FIELDS = [
    ("Content-Type", "text/html"),
    ("Server", "IIS"),
    ("Location", "http://privateserver:8080/x"),
    ("Set-Cookie", "a=b; Domain=privateserver"),
    ("Set-Cookie", "c=d; Domain=privateserver"),
]
PAGE = b'<img src="/i/1"><a href="http://privateserver:8080/x"><a href="http://privateserver:8080/y">'
PATHS = ["item/7", "old/3", "gone", "away", "refused?x", "other"]
DECIDED = {"REQUEST_ROUTED", "ANSWERED", "REDIRECT_ACTION", "BODY_PLAN", "BODY_DECODED", "WARNING", "ERROR"}


def asked(path: str, level: TraceLevel, more: tuple[tuple[str, str], ...] = ()) -> Evaluation:
    rules = rules_of(RULES, settings=Settings(trace=level))
    return ask(rules, f"{WWW}/{path}", answer=(200, [*FIELDS, *more], PAGE))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("level", TraceLevel)
def test_what_is_done_and_what_lists_and_logs_say_is_the_same(path: str, level: TraceLevel) -> None:
    full, found = asked(path, TraceLevel.FULL), asked(path, level)
    assert (found.status, found.fields, found.body) == (full.status, full.fields, full.body)
    assert found.exchange.acted == full.exchange.acted
    told, expected = found.exchange.trace.data, full.exchange.trace.data
    assert log_line(told) == log_line(expected)
    assert summary(told) == summary(expected)
    for key in ("id", "site", "action", "target", "status", "way", "inbound_rules", "outbound_rules", "links"):
        assert told.get(key) == expected.get(key)
    assert told["problems"] == expected["problems"]


@pytest.mark.parametrize("path", PATHS)
def test_single_rules_and_changes_are_told_of_at_the_level_full_only(path: str) -> None:
    names = {level: {event["event"] for event in asked(path, level).exchange.trace.events} for level in TraceLevel}
    assert names[TraceLevel.FULL] > names[TraceLevel.DECISIONS]
    assert names[TraceLevel.OFF] == names[TraceLevel.DECISIONS] <= DECIDED


def test_the_tally_below_full_counts_fields_and_cookies() -> None:
    found = asked("item/7", TraceLevel.DECISIONS).exchange.trace.data
    assert (
        summary(found) == 'rewritten by "pleasant" · 2 links, 2 fields, 2 cookies · response: "server name", "images"'
    )
    assert "changed_fields" not in asked("item/7", TraceLevel.FULL).exchange.trace.data


def test_a_trace_without_the_rules_says_how_to_get_them() -> None:
    assert "urlrewrite_trace=full" in render(asked("old/3", TraceLevel.DECISIONS).exchange.trace.data)
    assert "302 https://www.example.com/new/3" in render(asked("old/3", TraceLevel.DECISIONS).exchange.trace.data)
    assert "urlrewrite_trace" not in render(asked("old/3", TraceLevel.FULL).exchange.trace.data)


def test_warnings_are_kept_at_each_level() -> None:
    for level in TraceLevel:
        trace = asked("other", level, (("Cache-Control", "no-transform"),)).exchange.trace
        assert ["no-transform" in problem for problem in trace.problems()] == [True]


def test_the_request_is_kept_with_its_fields_unless_the_trace_is_off() -> None:
    kept = {level: set(asked("other", level).exchange.trace.data["request"]) for level in TraceLevel}
    assert kept[TraceLevel.OFF] == {"method", "url", "http_version"}
    assert kept[TraceLevel.DECISIONS] == kept[TraceLevel.FULL] >= {"host", "target", "fields"}
