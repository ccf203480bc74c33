"""What kept a rule from acting, in a sentence: the nearest one first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from inspector.exchanges import HTML, TRACES, seen_by
from rules_of import rules_of
from urlrewrite.inspector.diagnose.rule_misses import misses
from urlrewrite.trace.reading import read


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            r"rules: [{name: r, match: '^/article/(\d+)$', action: None}]",
            r"its pattern ^/article/(\d+)$ requires a slash at the beginning, "
            "but rules see the path without it: article/x",
        ),
        (
            r"rules: [{name: r, match: '^article/(\d+)$', action: None}]",
            r"its pattern ^article/(\d+)$ matches article/ and stops at x",
        ),
        (
            r"rules: [{name: r, match: '^article/x/y$', action: None}]",
            "its pattern ^article/x/y$ asks for more than article/x",
        ),
        (
            "rules: [{name: r, match: '^article', conditions: [{input: '{QUERY_STRING}', pattern: a=}], action: None}]",
            "its condition requires {QUERY_STRING} to match a=, but it is (empty)",
        ),
        (
            "rules: [{name: r, match: {url: '^article', negate: true}, action: None}]",
            "its pattern ^article matches article/x, and must not: it is negated",
        ),
        ("rules: [{name: r, match: '^zebra', action: None}]", ""),
        (
            """
            preConditions: {html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html$}]}
            outboundRules:
              - {name: r, preCondition: html, match: {filterByTags: [A], pattern: .}, action: {type: Rewrite, value: x}}
            """,
            'its precondition "html" does not hold: its condition requires {RESPONSE_CONTENT_TYPE} to match '
            "^text/html$, but it is text/html; charset=utf-8 (it matches text/html and then stops)",
        ),
        (
            """
            outboundRules:
              - {name: r, match: {filterByTags: [A], pattern: '^/x/$'}, action: {type: Rewrite, value: x}}
            """,
            "in <a href>, its pattern ^/x/$ matches /x and stops at y",
        ),
        (
            "outboundRules: [{name: r, match: {filterByTags: [Img], pattern: .}, action: {type: Rewrite, value: x}}]",
            "the response has nothing that it examines",
        ),
        (
            """
            outboundRules:
              - name: r
                match: {filterByTags: [A], pattern: ^/x}
                conditions: [{input: '{HTTP_HOST}', pattern: ^intern}]
                action: {type: Rewrite, value: x}
            """,
            "its condition requires {HTTP_HOST} to match ^intern, but it is www.example.com",
        ),
        (
            "outboundRules: [{name: r, match: {filterByTags: [A], pattern: ^/x}, action: None}]",
            "it matches /xy, which it leaves as it is",
        ),
        ("rules: [{name: r, match: '^article', action: None}]", ""),
    ],
)
def test_why_a_rule_did_not_act(rules: str, expected: str) -> None:
    seen = seen_by(rules_of(rules), b'<a href="/xy">', fields=HTML, url="https://www.example.com/article/x")
    assert [miss.why for miss in misses(read(seen.trace))] == [expected] * bool(expected)


def test_the_nearest_comes_first_and_one_that_looks_at_everything_last() -> None:
    rules = rules_of(
        r"""
        rules:
          - {name: everything, match: '.*', conditions: [{input: '{HTTPS}', pattern: '^off$'}], action: None}
          - {name: begins, match: '^article/(\d+)', action: None}
          - {name: condition, match: '^article', conditions: [{input: '{HTTP_X}', pattern: a}], action: None}
        """
    )
    seen = seen_by(rules, url="https://www.example.com/article/x")
    assert [miss.rule for miss in misses(read(seen.trace))] == ["condition", "begins", "everything"]


@given(TRACES)
def test_whatever_a_trace_holds_it_is_told(trace: Any) -> None:
    for miss in misses(read(trace)):
        assert miss.why.isprintable()
