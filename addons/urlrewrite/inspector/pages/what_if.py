"""The page What if: edited rule files against recorded exchanges; and saving an edited one.

GET returns `{files, recorded, last, in_force}`; with `state=1` only `{in_force}`, the fingerprint of these rules.

POST `{edited, last?, seconds?}` returns `{loaded, problems, result}`; `result` is that of `result_data`. With `lint` it
is null: the rules are only loaded and judged.

POST `{propose: {yaml, xml, site}, path, text}` returns `{text}`: the text with the proposal in it, null if that is not
safe, or the site is in another file.

POST `{save: path, text, stamp}` returns `{saved, stamp, fingerprint, problems}`. It writes only one of the rule files
in force, only what loads without an error, and only if the file has not changed since it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urlrewrite.formats.files_read import reason
from urlrewrite.inspector.diff.differences import FieldChange
from urlrewrite.inspector.leaks.proposals import Proposal, as_rule_file
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.pages.try_out import edited_texts, files_data
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.trials.edited_rules import load_edited, problem_data
from urlrewrite.inspector.trials.rule_texts import MAX_LENGTH, NotEditable, edited_contents, save, stamp_of_file
from urlrewrite.inspector.trials.what_if import EFFECTS, LAST, MAX_LAST, SECONDS, Changed, Effect, WhatIf, what_if
from urlrewrite.model.problems import Severity
from urlrewrite.trace.text import clipped, visible

MAX_SECONDS = 30.0

_FLOWS = 8
_VALUE = 600


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files, what edited ones would do, or the result of saving one.

    Raises:
        PageError: the query is invalid or cannot be carried out; the message says why.
    """
    fingerprint = snapshot.rules.fingerprint if snapshot.rules else ""
    if query.get("state"):
        return {"in_force": fingerprint}
    try:
        if "save" in query:
            return _saved(snapshot, query)
        if "propose" in query:
            return _proposed(snapshot, query)
        if "edited" in query:
            return _compared(snapshot, query)
    except NotEditable as error:
        raise PageError(visible(str(error))) from None
    recorded = sum(exchange.own or exchange.original is not None for exchange in snapshot.exchanges)
    return {"files": files_data(snapshot), "recorded": recorded, "last": LAST, "in_force": fingerprint}


def _compared(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    if snapshot.rules is None:
        raise PageError("no rules are in force, with which others could be compared")
    last = int(_number(query, "last", LAST, MAX_LAST))
    seconds = _number(query, "seconds", SECONDS, MAX_SECONDS)
    loaded = load_edited(snapshot, edited_texts(query))
    others = loaded.in_force(snapshot.rules.settings, snapshot.rules.fingerprint)
    problems = [problem_data(problem) for problem in loaded.problems]
    if others is None or query.get("lint"):
        return {"loaded": others is not None, "problems": problems, "result": None}
    result = what_if(snapshot.exchanges, snapshot.rules, others, last=last, seconds=seconds)
    return {"loaded": True, "problems": problems, "result": result_data(result)}


def _number(query: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    try:
        number = float(query.get(name) or usual)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number <= most:
        raise PageError(f"{name}: got {visible(clipped(str(query.get(name)), 40))}, expected a number up to {most:g}")
    return number


def _proposed(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    proposed, text = query.get("propose"), query.get("text")
    if not isinstance(proposed, Mapping) or not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise PageError("propose: expected a proposal (yaml, xml, site) and the text of a rule file")
    yaml, xml, site = (str(proposed.get(name) or "") for name in ("yaml", "xml", "site"))
    if _file_of(snapshot, site) not in ("", query.get("path")):
        return {"text": None}
    return {"text": as_rule_file(text, Proposal("", "", yaml, xml, site))}


def _file_of(snapshot: Snapshot, site: str) -> str:
    """Return the absolute path of the file with a site in force; "" if there is no site of this name."""
    sites = snapshot.rules.rules.sites if snapshot.rules else ()
    files = (str(Path(each.site.source.file).absolute()) for each in sites if each.site.name == site)
    return next(files, "")


def _saved(snapshot: Snapshot, query: Mapping[str, Any]) -> dict[str, Any]:
    path, text, stamp = (query.get(name) for name in ("save", "text", "stamp"))
    if not isinstance(path, str) or not isinstance(text, str) or not isinstance(stamp, str):
        raise PageError("save: expected the path of a rule file, its text, and the stamp that came with it")
    contents = edited_contents(snapshot, {path: text})
    loaded = load_edited(snapshot, {path: text})
    if loaded.rules is None:
        errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
        raise PageError(f"Nothing was saved, since it could not be loaded: {visible(str(errors[0]))}")
    fingerprint = loaded.rules.rule_set.fingerprint
    if path not in contents:
        # It is what is on disk.
        stamp = stamp_of_file(snapshot, path)
    else:
        try:
            stamp = save(snapshot, path, contents[path], stamp)
        except OSError as error:
            raise PageError(f"{visible(path)} cannot be written: {visible(reason(error))}") from None
    problems = [problem_data(problem) for problem in loaded.problems]
    return {"saved": path, "stamp": stamp, "fingerprint": fingerprint, "problems": problems}


def result_data(result: WhatIf) -> dict[str, Any]:
    """Return a comparison as JSON values; all texts are safe to be shown."""
    return {
        "looked": result.looked,
        "left_out": result.left_out,
        "without": result.without,
        "seconds": round(result.seconds, 2),
        "changed": result.changed,
        "changes": [_change(change) for change in result.changes],
        **{name: [_effect(item) for item in getattr(result, name)] for name in EFFECTS},
        "tests": {
            "run": result.tests,
            "left_out": result.tests_left_out,
            "failed": [
                {
                    "request": visible(f"{test.method} {test.url}"),
                    "name": visible(test.name),
                    "file": visible(test.source.file),
                    "line": test.source.line,
                    "messages": [visible(clipped(message, _VALUE)) for message in messages],
                }
                for test, messages in result.tests_failed[:50]
            ],
        },
    }


def _change(change: Changed) -> dict[str, Any]:
    return {
        **_flow(change.exchange),
        "method": visible(change.exchange.request.method),
        "what": list(change.what),
        "target": [_text(text) for text in change.target] if change.target else None,
        "status": list(change.status) if change.status else None,
        "request": [_field(item) for item in change.request],
        "fields": [_field(item) for item in change.fields],
        "body": list(change.body),
        "body_changes": change.body_changes,
        "note": change.note,
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "kind": effect.kind,
        "harm": str(effect.harm),
        "message": _text(effect.message),
        "place": _text(effect.place),
        "why": _text(effect.why),
        "count": effect.count,
        "flows": [_flow(exchange) for exchange in effect.flows[:_FLOWS]],
        "flow_count": len(effect.flows),
    }


def _flow(exchange: RecordedExchange) -> dict[str, Any]:
    return {
        "id": exchange.flow_id,
        "url": _text(exchange.request.url),
        "status": exchange.response.status if exchange.response else None,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    before = None if change.before is None else _text(change.before)
    after = None if change.after is None else _text(change.after)
    return {"name": _text(change.name), "before": before, "after": after}


def _text(text: str) -> str:
    return visible(clipped(text, _VALUE))
