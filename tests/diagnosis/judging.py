"""A case is browsed, diagnosed, and judged by the codes of what is found: named, found, wrong or missed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from unittest.mock import patch

from diagnosis.backend import Request
from diagnosis.planting import Planted
from diagnosis.visitor import Visitor
from inspector.browsing import MAX_REDIRECTS
from inspector.planted import in_force
from urlrewrite.inspector import broken as breakages
from urlrewrite.inspector.asking.answers import Answer, Asked
from urlrewrite.inspector.asking.request_changes import Sent, Version
from urlrewrite.inspector.experiments.judging import Seen
from urlrewrite.inspector.experiments.requests import CannotAsk, asked_again
from urlrewrite.inspector.pages import broken
from urlrewrite.inspector.recorded_exchange import Snapshot


class Verdict(StrEnum):
    """How well a case was diagnosed; of sound pages there are CLEAN and WRONG only."""

    NAMED = "named"
    FOUND = "found"
    """The symptom is shown, or something false besides the cause."""
    WRONG = "wrong"
    """The first thing that is said is false, or an error is claimed of a sound page."""
    MISSED = "missed"
    CLEAN = "clean"


@dataclass(frozen=True)
class Judged:
    """A verdict; of the errors that were claimed, so many are true; what was found is kept for who may see it."""

    verdict: Verdict
    errors: int
    true_errors: int
    findings: list[dict[str, Any]]
    asked: bool = False


SECONDS = 600.0
"""How long is thought about a case, whatever else the machine has to do."""


def judge(case: Planted) -> Judged:
    """Browses a case, asks the backend again where the page offers it and nothing is known, and judges what is said."""
    with patch.object(broken, "SECONDS", SECONDS), patch.object(breakages, "MAX_SECONDS", SECONDS):
        return _judged(case)


def _judged(case: Planted) -> Judged:
    visitor = Visitor(in_force(case.rules), case.backend)
    case.user(visitor)
    if case.reload:
        visitor.rules = in_force(case.reload)
        assert case.again
        case.again(visitor)
    assert not case.cause or case.unseen or _shows(visitor), "this is no fault"
    snapshot = visitor.snapshot
    judged = _judge(case, snapshot)
    if judged.verdict is Verdict.NAMED or not judged.findings:
        return judged
    asked = _asked(visitor, judged.findings[0])
    if asked is None:
        return judged
    flow, answers = asked
    again = Snapshot(snapshot.exchanges, snapshot.rules, snapshot.statistics, asked={flow: answers})
    after = _judge(case, again)
    return Judged(after.verdict, after.errors, after.true_errors, after.findings, asked=True)


def _shows(visitor: Visitor) -> bool:
    """Whether a fault is one: something is refused, or comes again and again, or who has logged in has to again."""
    statuses = [seen.response.status if seen.response else 0 for seen in visitor.seen]
    refused = any(not 100 <= status < 400 for status in statuses)
    again = len(visitor.seen) > 2 and b"<h1>Sign in" in (visitor.seen[-1].response_body or b"")
    return (
        refused or again or statuses[-MAX_REDIRECTS:].count(302) + statuses[-MAX_REDIRECTS:].count(301) == MAX_REDIRECTS
    )


def _judge(case: Planted, snapshot: Snapshot) -> Judged:
    first, findings = _findings(snapshot)
    errors = [each for each in findings if each["severity"] == "error"]
    if not case.cause:
        return Judged(Verdict.WRONG if errors else Verdict.CLEAN, len(errors), 0, findings)
    false = [each for each in errors if not _is_true(case, each)]
    true = len(errors) - len(false)
    if first is not None and any(each.holds(first) for each in case.cause):
        verdict = Verdict.FOUND if false else Verdict.NAMED
    elif first is not None and first in false:
        verdict = Verdict.WRONG
    else:
        shown = (
            each for each in findings if each["kind"] in case.symptom or any(one.holds(each) for one in case.cause)
        )
        verdict = Verdict.FOUND if any(True for _ in shown) else Verdict.MISSED
    return Judged(verdict, len(errors), true, findings)


def _is_true(case: Planted, finding: dict[str, Any]) -> bool:
    return finding["kind"] in (*case.symptom, *case.besides) or any(each.holds(finding) for each in case.cause)


def _findings(snapshot: Snapshot) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """What stands first on the page, and all that is found in all page loads."""
    shown = broken.data(snapshot, {})
    findings = list(shown["findings"])
    for load in shown["loads"]:
        if load["findings"] and load["flow"] != shown["load"]["flow"]:
            findings += broken.data(snapshot, {"flow": load["flow"]})["findings"]
    return next(iter(shown["findings"]), None), findings


def _asked(visitor: Visitor, finding: dict[str, Any]) -> tuple[str, Asked] | None:
    """What comes of asking the backend again, as a person may let it be done by a click."""
    offered = finding.get("ask")
    if not offered or not offered["safe"]:
        return None
    exchange = visitor.snapshot.find(offered["flow"])
    assert exchange is not None
    try:
        asked = asked_again(exchange, visitor.rules, Seen(visitor.seen), math.inf)
    except CannotAsk:
        return None
    while (planned := asked.next()) is not None:
        asked.answers.append((planned, _answer(visitor, planned.sent)))
    return exchange.flow_id, asked


def _answer(visitor: Visitor, sent: Sent) -> Answer:
    if sent.version is not Version.HTTP1:
        return Answer(None, failure="no HTTP/2")
    fields = (("Host", sent.host), *sent.fields)
    try:
        answer = visitor.backend.answer(Request(sent.method, sent.host, sent.target, fields, sent.body, sent.tls))
    except OSError as error:
        return Answer(None, failure=str(error))
    return Answer(answer.status, answer.fields)


def told(judged: Judged) -> Iterator[str]:
    """What was said, for a person who may see it."""
    for each in judged.findings[:5]:
        yield f"{each['severity']} {each['kind']} {each['code'] or '-'} [{each['rule']}] {each['title'][:260]}"
