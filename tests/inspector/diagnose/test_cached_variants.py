"""What a rule chose by a field of the request, and what browsers keep of it."""

from __future__ import annotations

import pytest

from inspector.test_broken import exchange, found
from rules_of import rules_of
from urlrewrite.trace.trace import TraceLevel

KEPT = "max-age=600"
RULE = "rules: [{name: r, match: ^page, conditions: [{input: '{%s}', pattern: x}], action: {type: Rewrite, url: b}}]"
CASES = [
    ("HTTP_COOKIE", KEPT, [], True),
    ("HTTP_COOKIE", "public, max-age=1", [("Vary", "Accept-Encoding")], True),
    ("HTTP_ACCEPT_LANGUAGE", KEPT, [("Vary", "Cookie")], True),
    ("HTTP_X_REQUESTED_WITH", KEPT, [], True),
    ("HTTP_AUTHORIZATION", KEPT, [], True),
    ("HTTP_ACCEPT", KEPT, [], True),
    ("HTTP_COOKIE", KEPT, [("Vary", "accept, cookie")], False),
    ("HTTP_COOKIE", KEPT, [("Vary", "*")], False),
    ("HTTP_COOKIE", "max-age=0", [], False),
    ("HTTP_COOKIE", "no-cache, max-age=600", [], False),
    ("HTTP_COOKIE", "", [], False),
    ("HTTP_HOST", KEPT, [], False),
    ("QUERY_STRING", KEPT, [], False),
]


@pytest.mark.parametrize(("variable", "kept", "fields", "told"), CASES)
def test_a_response_that_is_kept_for_others(
    variable: str, kept: str, fields: list[tuple[str, str]], told: bool
) -> None:
    rules = rules_of(RULE % variable)
    seen = exchange(rules, fields=[("Content-Type", "text/html"), ("Cache-Control", kept), *fields])
    assert [(each.code, each.severity, each.rule) for each in found(rules, seen)] == (
        [("vary", "warning", "r")] if told else []
    )


def test_where_single_rules_were_not_traced_they_are_asked_again() -> None:
    rules = rules_of(RULE % "HTTP_COOKIE")
    fields = [("Content-Type", "text/html"), ("Cache-Control", KEPT)]
    seen = exchange(rules.traced(TraceLevel.DECISIONS), fields=fields)
    assert [each.code for each in found(rules, seen)] == ["vary"]


def test_a_rule_for_other_addresses_decides_nothing() -> None:
    rules = rules_of((RULE % "HTTP_COOKIE").replace("^page", "^other"))
    seen = exchange(rules, fields=[("Content-Type", "text/html"), ("Cache-Control", KEPT)])
    assert found(rules, seen) == []
