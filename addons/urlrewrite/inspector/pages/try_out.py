"""The page Try: a request and a response, evaluated by the rules in force or by edited texts of them; nothing is sent.

GET (`flow`) returns `{files, form, in_force}`: `files` are `{path text stamp note}`, `form` is `{flow method url fields
response note}` of the recorded exchange, or empty; `response` is `{status fields body note}` or null.

POST (`url method fields flow response edited`) returns `{loaded, problems, result}`: `problems` are those of the rule
files (`edited_rules.problem_data`), `result` is `trying.as_data`, or null where the rules cannot be loaded. `fields`
are lines `Name: value` or pairs. With `flow` the recorded response counts, unless there is a `response`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from urlrewrite.engine.facts import RequestFacts, one_line
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import decoded_body
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.trials.edited_rules import load_edited, problem_data
from urlrewrite.inspector.trials.rule_texts import NotEditable, rule_texts
from urlrewrite.inspector.trials.trying import (
    CannotTry,
    Trial,
    as_data,
    field_lines,
    field_text,
    trial_of,
    try_out,
    written_request,
    written_response,
)
from urlrewrite.model.origin import Origin
from urlrewrite.model.problems import Problem
from urlrewrite.trace.text import clipped, visible
from urlrewrite.trace.trace import TraceLevel

_BODY = 200_000
"""Characters of a body that can be edited; a longer one can be tried as it was recorded."""

_NEW_RESPONSE = {"status": 200, "fields": "Content-Type: text/html; charset=utf-8\n", "body": "", "note": ""}


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form, or the result of trying what is in it.

    Raises:
        PageError: the request, the response, the flow or the text of a rule file is invalid.
    """
    recorded = recorded_of(snapshot, query)
    if "url" not in query:
        return {
            "files": files_data(snapshot),
            "form": _form(recorded) if recorded else _empty_form(snapshot),
            "in_force": snapshot.rules.fingerprint if snapshot.rules else "",
        }
    try:
        return _tried(snapshot, query, recorded)
    except (CannotTry, NotEditable) as error:
        raise PageError(str(error)) from None


def recorded_of(snapshot: Snapshot, query: Mapping[str, Any]) -> RecordedExchange | None:
    """Return the exchange of the flow in the query, None if there is no flow in it. Raises PageError if it no
    longer exists.
    """
    flow = query.get("flow")
    if not flow:
        return None
    found = snapshot.find(str(flow))
    if found is None:
        raise PageError(f"got the flow {visible(clipped(str(flow), 80))}, expected one that is still kept")
    return found


def edited_texts(query: Mapping[str, Any]) -> dict[str, str]:
    """Return the edited texts by path. Raises PageError for anything else."""
    edited = query.get("edited") or {}
    if not isinstance(edited, Mapping) or not all(isinstance(text, str) for text in edited.values()):
        raise PageError("edited: expected texts by the paths of their files")
    return {str(path): text for path, text in edited.items()}


def files_data(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the rule files as `{path text stamp note}`."""
    texts = rule_texts(snapshot)
    return [{"path": file.path, "text": file.text, "stamp": file.stamp, "note": file.note} for file in texts]


def _tried(snapshot: Snapshot, query: Mapping[str, Any], recorded: RecordedExchange | None) -> dict[str, Any]:
    rules, problems = _rules(snapshot, edited_texts(query))
    result = {"loaded": rules is not None, "problems": [problem_data(problem) for problem in problems], "result": None}
    trial = _trial(query, recorded)
    return result if rules is None else result | {"result": as_data(try_out(rules, trial))}


def _rules(snapshot: Snapshot, edited: dict[str, str]) -> tuple[RulesInForce | None, tuple[Problem, ...]]:
    if snapshot.rules is None:
        raise PageError("no rules are in force")
    if not edited:
        return snapshot.rules.traced(TraceLevel.FULL), ()
    loaded = load_edited(snapshot, edited)
    return loaded.in_force(snapshot.rules.settings), loaded.problems


def _trial(query: Mapping[str, Any], recorded: RecordedExchange | None) -> Trial:
    fields = field_lines(query.get("fields") or "")
    method, url = str(query.get("method") or "GET").strip(), str(query["url"]).strip()
    request = written_request(method, url, fields, recorded)
    if recorded and _parts(request) == _parts(recorded.request):
        # The very same, its fields in their order.
        request = recorded.request
    given = query.get("response")
    if given is None:
        trial = trial_of(recorded) if recorded else Trial(request)
        return Trial(request, trial.response, trial.body, trial.notes)
    if not isinstance(given, Mapping):
        raise PageError("response: expected status, fields and body")
    try:
        status = int(given.get("status") or 200)
    except (TypeError, ValueError):
        raise PageError("response: expected a status such as 200") from None
    lines = field_lines(given.get("fields") or "", "headers of the response")
    response, body, notes = written_response(status, lines, str(given.get("body") or ""))
    return Trial(request, response, body, notes)


def _parts(request: RequestFacts) -> tuple[object, ...]:
    fields = sorted((name, one_line(value).strip()) for name, value in request.fields if name.lower() != "host")
    return request.method, request.url, fields


def _form(recorded: RecordedExchange) -> dict[str, Any]:
    request = recorded.request
    # The name is in the URL; where Host says another one, it stands among the fields.
    without = ["host"] if all(value == request.host for name, value in request.fields if name.lower() == "host") else []
    return {
        "flow": recorded.flow_id,
        "method": request.method,
        "url": request.url,
        "fields": field_text(request.fields, without),
        "response": _response_form(recorded),
        "note": visible("; ".join(trial_of(recorded).notes)),
    }


def _response_form(recorded: RecordedExchange) -> dict[str, Any] | None:
    if recorded.original is None:
        return None
    body = decoded_body(recorded.original, recorded.original_body)
    text, note = body.text, body.note
    if text is not None and len(text) > _BODY:
        text, note = (
            None,
            f"the body is longer than the {_BODY:,} characters that can be edited; it is tried as it came",
        )
    fields = field_text(recorded.original.fields)
    return {"status": recorded.original.status, "fields": fields, "body": text, "note": visible(note)}


def _empty_form(snapshot: Snapshot) -> dict[str, Any]:
    public: list[Origin] = []
    if snapshot.rules:
        public = [origin for site in snapshot.rules.rules.sites for origin in site.site.public]
    url = f"{public[0]}/" if public else "https://www.example.com/"
    return {"flow": "", "method": "GET", "url": url, "fields": "", "response": dict(_NEW_RESPONSE), "note": ""}
