"""Through the rules one by one: each step goes on where the one before it ended, and the last one is the response."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from inspector.exchanges import BODIES, HTML, TRACES, seen_by, seen_with
from rules_of import rules_of
from urlrewrite.inspector.diff.differences import differences
from urlrewrite.inspector.diff.spans import applied
from urlrewrite.inspector.diff.steps import ResponseStep, response_steps, url_steps
from urlrewrite.trace.reading import read

RULES = r"""
links: everywhere
rules:
  - name: first
    match: ^old/(.*)
    action: {type: Rewrite, url: 'new/{R:1}'}
  - name: not this
    match: ^other
    action: {type: Rewrite, url: 'x'}
  - name: second
    match: ^new/(\d+)$
    action: {type: Rewrite, url: 'item.php?id={R:1}'}
outboundRules:
  - name: stops
    match: {filterByTags: [A], pattern: '^/b$'}
    action: None
    stopProcessing: true
  - name: foo to bar
    match: {filterByTags: None, pattern: foo}
    action: {type: Rewrite, value: bar}
  - name: bar to foo
    match: {filterByTags: None, pattern: bar}
    action: {type: Rewrite, value: 'f{R:0}'}
  - name: letters
    match: {filterByTags: [A], pattern: '^/(\w)$'}
    action: {type: Rewrite, value: 'http://privateserver:8080/{R:1}'}
  - name: server
    match: {serverVariable: RESPONSE_Server, pattern: .+}
    action: {type: Rewrite, value: nobody}
"""
PAGE = '<p>foo, and a long way from it bar</p>\n<a href="/a">one of them</a> <a href="/b">and the other one</a>\n'
FIELDS = (*HTML, ("Server", "IIS"))


def steps(trace_only: bool = False) -> tuple[list[ResponseStep], Any]:
    rules = rules_of(RULES)
    seen = seen_by(rules, PAGE.encode(), fields=FIELDS, url="https://www.example.com/old/7?q=1")
    found = differences(seen, None if trace_only else rules)
    return list(response_steps(found, FIELDS)), seen


def texts(found: list[ResponseStep]) -> list[str | None]:
    return [step.before if step.before is None else applied(step.before, step.spans) for step in found]


def test_the_text_after_each_rule_is_what_the_next_one_saw() -> None:
    found, seen = steps()
    assert [step.cause.name for step in found] == ["server", "foo to bar", "bar to foo", "letters", "links"]
    assert texts(found) == [
        PAGE,
        PAGE.replace("foo", "bar"),
        PAGE.replace("foo", "bar").replace("bar", "fbar"),
        PAGE.replace("foo", "bar")
        .replace("bar", "fbar")
        .replace('"/a"', '"http://privateserver:8080/a"')
        .replace('"/b"', '"http://privateserver:8080/b"'),
        seen.response_body.decode(),
    ]
    assert [change.name for change in found[0].fields] == ["Server"]
    assert not any(step.fields for step in found[1:-1])


def test_from_the_trace_alone_they_lead_from_the_original_to_the_response() -> None:
    found, seen = steps(trace_only=True)
    assert [step.cause.is_rule for step in found] == sorted((step.cause.is_rule for step in found), reverse=True)
    after = texts(found)
    assert found[0].before == PAGE
    assert [step.before for step in found[1:]] == after[:-1]
    assert after[-1] == seen.response_body.decode()
    assert sum(len(step.fields) for step in found) == len(differences(seen).fields)


def test_the_url_after_each_inbound_rule() -> None:
    _, seen = steps()
    assert [(step.rule, step.before, step.after, step.acted, step.what) for step in url_steps(read(seen.trace))] == [
        ("first", "/old/7?q=1", "/new/7?q=1", True, "rewrites to /new/7?q=1"),
        ("not this", "/new/7?q=1", "/new/7?q=1", False, ""),
        ("second", "/new/7?q=1", "/item.php?id=7&q=1", True, "rewrites to /item.php?id=7&q=1"),
    ]


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("{type: Redirect, url: 'http://a/{R:0}', redirectType: Found}", "redirects to http://a/x"),
        ("{type: CustomResponse, statusCode: 403}", "responds with 403"),
        ("AbortRequest", "closes the connection"),
        ("None", ""),
    ],
)
def test_what_a_rule_did_with_the_request(action: str, what: str) -> None:
    rules = rules_of(f"rules: [{{name: r, match: ^x, action: {action}}}]")
    seen = seen_by(rules, url="https://www.example.com/x")
    assert [step.what for step in url_steps(read(seen.trace))] == [what]


@given(TRACES, BODIES, BODIES)
def test_whatever_was_recorded_steps_lead_through_it(trace: Any, original: bytes | None, answer: bytes | None) -> None:
    seen = seen_with(trace, original=original, answer=answer)
    found = differences(seen)
    assert seen.original
    steps_found = list(response_steps(found, seen.original.fields))
    after = texts(steps_found)
    assert [step.before for step in steps_found[1:]] == after[:-1]
    if found.spans:
        assert after[-1] == found.response.text
    assert all(isinstance(step.after, str) for step in url_steps(read(trace)))
