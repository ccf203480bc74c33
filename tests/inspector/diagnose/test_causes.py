"""Every cause that the inspector finds, from an exchange that has it: the table is `causes.yaml`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules_of import SITE, rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import Settings
from urlrewrite.inspector.asking.answers import Answer, Asked
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.exchange_case import names_of, site_and_public_name
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.rule_misses import misses
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.judging import Seen
from urlrewrite.inspector.experiments.requests import asked_again
from urlrewrite.inspector.leaks.excerpts import Excerpts
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.leaks.watch import message_excerpts
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import SERVER_FAILED
from urlrewrite.trace.trace import TraceLevel

TABLE: Mapping[str, list[Mapping[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("causes.yaml").read_text(encoding="utf-8")
)
SITES = {
    # What ARR does to Location by default would hide what rules do to it.
    "": f"{SITE}reverseRewriteHostInResponseHeaders: false\n",
    "mounted": "public: https://www.example.com/app\nbackend: http://privateserver:8080\n",
    "connected": "public: https://www.example.com\nbackend: http://privateserver:8080\nconnect: 127.0.0.1:9000\n",
    "a part of a backend": "public: https://www.example.com\nbackend: http://privateserver:8080/part\n",
}


def recorded(told: Mapping[str, Any]) -> RecordedExchange:
    """The exchange of a case, as the inspector gets it."""
    settings = Settings(trace=TraceLevel(told.get("level", TraceLevel.FULL)))
    rules = rules_of(told.get("rules", ""), site=SITES[told.get("site", "")], settings=settings)
    asks = {"Sec-Fetch-Dest": "document", **told.get("asks", {})}
    request = request_facts(
        told.get("method", "GET"), f"https://www.example.com{told.get('path', '/page')}", tuple(asks.items())
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
    failed = ""
    if failure := told.get("fails"):
        failed = "it failed"
        server = {"server": "privateserver:8080", "detail": failed, "attempt": 1, "milliseconds": 1}
        result.exchange.trace.decided(SERVER_FAILED, **{"cause": "closed", "fault": "", **server, **failure})
        if answer and answer.status >= 500:
            origin = "http://privateserver:8080"
            result.exchange.trace.error(Reason.BACKEND_FAILED, iis_status="502.3", origin=origin, detail=failed)
            own, sent = True, (None, None)
    if "lost" in told:
        trace["websocket_lost"] = told["lost"]
    if message := told.get("message", told.get("octets", "")):
        excerpts = Excerpts()
        names = names_of(rules, *site_and_public_name(request, rules))
        message_excerpts(message.encode(), names, excerpts, text="message" in told)
        trace["websocket_leaks"] = excerpts.as_data()
    return RecordedExchange(
        "f", 1.0, trace, request, told.get("upload", "").encode(), *sent, answer, result.body, own, failed
    )


def answered(looked: Looked, answers: Mapping[str, int]) -> dict[str, Asked]:
    """The experiment on the request of a case: a kind of change, or with what it changes, has its own status."""
    asked = asked_again(looked.seen, looked.rules, Seen(()), math.inf)
    while (planned := asked.next()) is not None:
        exact = answers.get(f"{planned.kind} {planned.was}", answers.get(planned.kind))
        asked.answers.append((planned, Answer(answers["else"] if exact is None else exact)))
    return {looked.seen.flow_id: asked}


class Looked:
    """What the inspector finds of the exchange of a case."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.seen = recorded(told)
        self.rules = rules_of(told.get("now", told.get("rules", "")), site=SITES[told.get("site", "")])
        # A WebSocket belongs to the page before it, and so does what that page asks for.
        page = told.get("page", {} if "lost" in told else None)
        before = [] if page is None else [replace(recorded(page), flow_id="page")]
        self.load = page_loads([*before, self.seen])[-1]
        self.earlier = tuple(replace(recorded(each), began=0.0) for each in told.get("earlier", []))
        self.case = Case(self.load, self.rules, self.earlier)

    def causes(self, where: str) -> list[Cause]:
        case, seen = self.case, self.seen
        match where:
            case "misses":
                return [miss.cause for miss in misses(case.reading(seen))]
            case "near":
                return list(near_misses(case, seen))
            case "leaks":
                return [leak.cause for leak in find_leaks(seen, self.rules)]
        found = {"taken": taken_by, "local": local_response}[where](case, seen)
        return [found] if found else []


def cases(*where: str) -> pytest.MarkDecorator:
    """The rows of the table whose cause is looked for there."""
    rows = [
        pytest.param(code, case, id=f"{code} {number}")
        for code, cases in TABLE.items()
        for number, case in enumerate(cases, 1)
        if case["seen"] in where
    ]
    return pytest.mark.parametrize(("code", "case"), rows)


@cases("misses", "near", "taken", "local", "leaks")
def test_a_cause_is_found(code: str, case: Mapping[str, Any]) -> None:
    causes = Looked(case).causes(case["seen"])
    assert {str(cause.code) for cause in causes} == {code}
    assert not case.get("value") or case["value"] in causes[0].values


@cases("broken")
def test_a_breakage_has_a_cause(code: str, case: Mapping[str, Any]) -> None:
    looked = Looked(case)
    asked = answered(looked, case["answers"]) if "answers" in case else {}
    breakages = find_breakages(looked.load, looked.rules, looked.earlier, asked=asked)
    # Warnings of rules have the codes of the trace.
    breakages = [each for each in breakages if each.code and each.kind != "warning"]
    assert {each.code for each in breakages} == {code}
    assert case.get("says", "").casefold() in breakages[0].title.casefold()
    proposed = breakages[0].as_data()
    assert "yaml" not in case or yaml.safe_load(proposed["yaml"]) == case["yaml"]
    assert not proposed["yaml"] or proposed["site"] == looked.rules.rules.rule_set.sites[0].name


@cases("leaks")
def test_a_leak_has_a_remedy(code: str, case: Mapping[str, Any]) -> None:
    looked = Looked(case)
    for leak in find_leaks(looked.seen, looked.rules):
        assert (leak.remedy, leak.also) == (case.get("remedy", "a rule"), case.get("also"))


def test_no_cause_is_without_a_case() -> None:
    assert set(TABLE) == {str(why) for why in Why}


NOT_REFUSED = [
    {"rules": "linksAlso: requestBodies"},
    {"status": 200},
    {"upload": "a=https%3A%2F%2Felsewhere.example"},
    {"asks": {"Content-Type": "application/octet-stream"}},
    {"upload": ""},
    {"status": 500},
]


@pytest.mark.parametrize("other", NOT_REFUSED)
def test_a_body_is_no_cause_where_it_makes_no_difference(other: Mapping[str, Any]) -> None:
    looked = Looked({**TABLE["request-body"][0], **other})
    assert "request-body" not in {each.code for each in find_breakages(looked.load, looked.rules)}
