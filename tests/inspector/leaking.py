"""Exchanges for the tests of leaks: a response of the backend, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange

B = "http://privateserver:8080"
P = "https://www.example.com"

type Lines = Iterable[tuple[str, str]]


def exchange(
    rules: RulesInForce,
    body: str | bytes = "",
    content_type: str = "text/html",
    fields: Lines = (),
    *,
    status: int = 200,
    url: str = f"{P}/a",
    reason: str = "",
    method: str = "GET",
) -> RecordedExchange:
    """An exchange as it is recorded, with a response of the backend as given."""
    data = body.encode() if isinstance(body, str) else body
    lines = ((("Content-Type", content_type),) if content_type else ()) + tuple(fields)
    return recorded(
        RecordedExchange("f1", 1.0, {}, request_facts(method, url), None, ResponseFacts(status, lines, reason), data),
        rules,
    )


def recorded(seen: RecordedExchange, rules: RulesInForce) -> RecordedExchange:
    """The same exchange under other rules."""
    assert seen.original is not None
    result = evaluate(rules, seen.request, seen.original, seen.original_body or b"")
    answer = ResponseFacts(result.status or 0, tuple(result.fields or ()), seen.original.reason)
    return replace(seen, trace=result.exchange.trace.data, response=answer, response_body=result.body)


def unmapped(seen: RecordedExchange) -> RecordedExchange:
    """The same exchange, if nothing had been rewritten."""
    return replace(seen, response=seen.original, response_body=seen.original_body)


def worst(seen: RecordedExchange, rules: RulesInForce) -> Leak:
    """The only leak of an exchange, or the most harmful."""
    return find_leaks(seen, rules)[0]
