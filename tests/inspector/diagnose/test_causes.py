"""Every cause that the inspector finds, from an exchange that has it: the table is `causes.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules_of import SITE, rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import Settings
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.rule_misses import misses
from urlrewrite.inspector.diagnose.why import Cause, Why
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.trace import TraceLevel

TABLE: Mapping[str, list[Mapping[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("causes.yaml").read_text(encoding="utf-8")
)
CASES = [
    pytest.param(code, case, id=f"{code} {number}")
    for code, cases in TABLE.items()
    for number, case in enumerate(cases, 1)
]
SITES = {
    "": SITE,
    "mounted": "public: https://www.example.com/app\nbackend: http://privateserver:8080\n",
    "connected": "public: https://www.example.com\nbackend: http://privateserver:8080\nconnect: 127.0.0.1:9000\n",
    "a part of a backend": "public: https://www.example.com\nbackend: http://privateserver:8080/part\n",
}


def recorded(told: Mapping[str, Any]) -> RecordedExchange:
    """The exchange of a case, as the inspector gets it."""
    settings = Settings(trace=TraceLevel(told.get("level", TraceLevel.FULL)))
    rules = rules_of(told.get("rules", ""), site=SITES[told.get("site", "")], settings=settings)
    request = request_facts(
        "GET", f"https://www.example.com{told.get('path', '/page')}", (("Sec-Fetch-Dest", "document"),)
    )
    fields = (("Content-Type", told.get("type", "text/html")), *told.get("fields", {}).items())
    original = ResponseFacts(told.get("status", 200), fields, told.get("phrase", ""))
    body = told.get("body", "").encode()
    result = evaluate(rules, request, original, body)
    trace = result.exchange.trace.data
    own = "target" not in trace
    answer = None
    if result.status is not None:
        answer = ResponseFacts(result.status, tuple(result.fields or ()), told.get("phrase", ""))
    sent = (None, None) if own else (original, body)
    return RecordedExchange("f", 1.0, trace, request, b"", *sent, answer, result.body, own)


def one(cause: Cause | None) -> list[Cause]:
    return [cause] if cause else []


def diagnosed(told: Mapping[str, Any]) -> list[str]:
    """The codes that the inspector gives where the case says, each once."""
    seen = recorded(told)
    rules = rules_of(told.get("now", told.get("rules", "")), site=SITES[told.get("site", "")])
    load = page_loads([seen])[-1]
    case = Case(load, rules)
    views: Mapping[str, Callable[[], list[object]]] = {
        "misses": lambda: [miss.cause.code for miss in misses(case.reading(seen))],
        "near": lambda: [cause.code for cause in near_misses(case, seen)],
        "taken": lambda: [cause.code for cause in one(taken_by(case, seen))],
        "local": lambda: [cause.code for cause in one(local_response(case, seen))],
        "leaks": lambda: [leak.cause.code for leak in find_leaks(seen, rules)],
        "broken": lambda: [found.code for found in find_breakages(load, rules) if found.code],
    }
    return sorted({str(code) for code in views[told["seen"]]()})


@pytest.mark.parametrize(("code", "case"), CASES)
def test_a_cause_is_found(code: str, case: Mapping[str, Any]) -> None:
    assert diagnosed(case) == case.get("all", [code])


def test_no_cause_is_without_a_case() -> None:
    assert set(TABLE) == {str(why) for why in Why}
