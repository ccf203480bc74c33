"""The page Flow: the exchanges, or one of them with all that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.rule_misses import misses
from urlrewrite.inspector.diff.causes import ChangeCause
from urlrewrite.inspector.diff.differences import Differences, FieldChange, differences
from urlrewrite.inspector.diff.explanations import Explanations
from urlrewrite.inspector.diff.hunks import Hunk, Lines, hunks
from urlrewrite.inspector.diff.spans import Span
from urlrewrite.inspector.diff.steps import ResponseStep, response_steps, url_steps
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.pages.flow_causes import what_is_wrong, what_was_done, why_nothing
from urlrewrite.inspector.pages.flow_list import MAX_URL, head, listed
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.share import Shared
from urlrewrite.inspector.traces.attempts import Attempt, attempts_of, cause_text
from urlrewrite.inspector.traces.tree import Node, request_tree, response_tree
from urlrewrite.trace.reading import Reading, read, text
from urlrewrite.trace.text import clipped, printable, shown, visible

MAX_HUNKS = 100
MAX_OF_A_STEP = 40
MAX_ATTEMPTS = 50
WHOLE = 2**20
"""Characters up to which a body is shown in full on request."""

_VALUE = 4000
_MAX_STEPS = 200
_NEAR = 5

type _Json = dict[str, Any]


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> _Json:
    """Return the list of exchanges, or one of them.

    Without `flow`: see `flow_list.listed`. With `flow`, and `all` for the whole body: see `_one`; with
    `share` (`html` or `har`) `{"name", "type", "text"}`, a file with this flow in which secrets are masked.

    Raises:
        PageError: there is no such flow, or the list cannot be chosen or sorted like that.
    """
    flow_id = str(query.get("flow") or "")
    if not flow_id:
        return listed(snapshot, query)
    exchange = snapshot.find(flow_id)
    if exchange is None:
        raise PageError(f"got the flow {shown(flow_id, 80)}, expected one of those that are kept")
    if share := str(query.get("share") or ""):
        return _shared(exchange, share)
    return _one(exchange, snapshot.rules, whole=bool(query.get("all")))


def _shared(exchange: RecordedExchange, form: str) -> _Json:
    if form not in ("html", "har"):
        raise PageError(f"share: got {shown(form, 40)}, expected html or har")
    shared = Shared(exchange)
    text_of = shared.as_html() if form == "html" else json.dumps(shared.as_har(), indent=1)
    kind = "text/html" if form == "html" else "application/json"
    return {"name": f"flow-{exchange.flow_id[:8]}.{form}", "type": kind, "text": text_of}


# One flow


class _Causes:
    """The causes of changes, numbered in the order of their first use, so that each has its colour."""

    def __init__(self) -> None:
        self._numbers: dict[ChangeCause, int] = {}

    def numbers(self, causes: Iterable[ChangeCause]) -> list[int]:
        """Return the numbers of some causes."""
        return [self._numbers.setdefault(cause, len(self._numbers)) for cause in causes]

    def listed(self) -> list[_Json]:
        """Return all of them, by number."""
        return [{"label": shown(cause.label, 200), "rule": cause.is_rule} for cause in self._numbers]


def _one(exchange: RecordedExchange, rules: RulesInForce | None, *, whole: bool) -> _Json:
    """Return everything about one exchange.

    `wrong`, `why_not` and `done` are for the first screen (see `flow_causes.py`); `attempts` are the servers that the
    request was sent to, in order; `tree` is `{"request": [node],
    "response": [node]}`, a node `{"title", "kind", "lines", "children", "opened"}`; `causes` are `{"label", "rule"}` by
    their number, which is what `by` lists; `fields` are changes `{"name", "before", "after", "by"}`; `body` and each of
    `steps["responses"]` have `hunks`: `{"line", "pieces"}`, where a piece is a text that stayed, or `{"before",
    "after", "by", "tip"}`.
    """
    reading = read(exchange.trace)
    near = misses(reading)[:_NEAR]
    found = differences(exchange, rules)
    causes = _Causes()
    explained = Explanations(reading.response)
    body = _body(found, causes, explained, whole=whole)
    return {
        **head(exchange, reading),
        "ended": exchange.seconds is not None or bool(exchange.failed),
        "trace_id": visible(text(reading.data, "id")),
        "site": visible(text(reading.data, "site")),
        "target": clipped(visible(text(reading.data, "target")), MAX_URL),
        "action": visible(text(reading.data, "action")),
        "way": visible(text(reading.data, "way")),
        "rules": visible(text(reading.data, "rules")),
        "rules_in_force": rules.fingerprint if rules else "",
        "level": visible(text(reading.data, "level")),
        "own": exchange.own,
        "wrong": what_is_wrong(exchange, reading, rules),
        "why_not": why_nothing(near),
        "done": what_was_done(reading),
        "attempts": [_attempt(each) for each in attempts_of(reading.events)[:MAX_ATTEMPTS]],
        "tree": {
            "request": _nodes(request_tree(reading, {miss.rule for miss in near if miss.side == "request"})),
            "response": _nodes(response_tree(reading, {miss.rule for miss in near if miss.side == "response"})),
        },
        "body": body,
        "fields": [_field(change, causes) for change in found.fields],
        "steps": _steps(exchange, found, reading, causes, explained),
        "causes": causes.listed(),
    }


def _attempt(attempt: Attempt) -> _Json:
    """Return one server that the request was sent to; `farm` is "" where the backend is no farm."""
    return {
        "farm": attempt.farm,
        "label": visible(attempt.farm),
        "server": shown(attempt.server, 200),
        "why": visible(attempt.why),
        "cause": visible(cause_text(attempt.cause)),
        "detail": shown(attempt.detail, 300) if attempt.detail else "",
        "milliseconds": attempt.milliseconds,
    }


def _nodes(nodes: Iterable[Node]) -> list[_Json]:
    return [asdict(node) for node in nodes]


def _field(change: FieldChange, causes: _Causes) -> _Json:
    return {
        "name": visible(change.name),
        "before": None if change.before is None else shown(change.before, _VALUE),
        "after": None if change.after is None else shown(change.after, _VALUE),
        "by": causes.numbers(change.by),
    }


def _body(found: Differences, causes: _Causes, explained: Explanations, *, whole: bool) -> _Json:
    before = found.original.text
    note = found.note
    result: _Json = {
        "note": visible(note),
        "original": found.original.about,
        "response": found.response.about,
        "changes": len(found.spans),
        "hunks": [],
        "more": 0,
        "size": len(before or ""),
        "whole": False,
        "by_trace": found.why_no_stages,
    }
    if before is None or found.response.text is None:
        return result
    lines = Lines(before)
    result["whole"] = whole = whole and len(before) <= WHOLE
    if whole:
        parts = [Hunk(0, len(before), 1, found.spans)]
    else:
        parts = hunks(lines, found.spans, most=MAX_HUNKS)
    result["hunks"] = [_hunk(before, part, causes, explained) for part in parts]
    result["more"] = len(found.spans) - sum(len(part.spans) for part in parts)
    return result


def _hunk(text_before: str, hunk: Hunk, causes: _Causes, explained: Explanations) -> _Json:
    return {"line": hunk.line, "pieces": list(_pieces(text_before, hunk, causes, explained))}


def _pieces(text_before: str, hunk: Hunk, causes: _Causes, explained: Explanations) -> Iterator[str | _Json]:
    done = hunk.start
    for span in hunk.spans:
        if done < span.start:
            yield printable(text_before[done : span.start])
        yield _piece(span, causes, explained)
        done = span.end
    if done < hunk.end:
        yield printable(text_before[done : hunk.end])


def _piece(span: Span, causes: _Causes, explained: Explanations) -> _Json:
    return {
        "before": printable(clipped(span.before, _VALUE)),
        "after": printable(clipped(span.after, _VALUE)),
        "by": causes.numbers(span.by),
        "tip": "\n".join(explained.of(span)),
    }


def _steps(
    exchange: RecordedExchange, found: Differences, reading: Reading, causes: _Causes, explained: Explanations
) -> _Json:
    """Return `{"urls": [...], "responses": [...], "note"}`; the note says why the steps of the response are
    not exact.
    """
    urls = [
        {
            "rule": visible(step.rule),
            "before": shown(step.before, MAX_URL),
            "after": shown(step.after, MAX_URL),
            "acted": step.acted,
            "what": shown(step.what, MAX_URL) if step.what else "",
        }
        for step in url_steps(reading)
    ]
    before = exchange.original.fields if exchange.original else ()
    responses = [_step(step, causes, explained) for step in response_steps(found, before)]
    return {"urls": urls[:_MAX_STEPS], "responses": responses[:_MAX_STEPS], "note": found.why_no_stages}


def _step(step: ResponseStep, causes: _Causes, explained: Explanations) -> _Json:
    spans = tuple(Span(s.start, s.end, s.before, s.after, (step.cause,)) for s in step.spans)
    parts = hunks(Lines(step.before), spans, most=MAX_OF_A_STEP) if step.before is not None else []
    return {
        "by": causes.numbers([step.cause])[0],
        "fields": [_field(change, causes) for change in step.fields],
        "hunks": [_hunk(step.before or "", part, causes, explained) for part in parts],
        "changes": len(spans),
        "more": len(spans) - sum(len(part.spans) for part in parts),
    }
