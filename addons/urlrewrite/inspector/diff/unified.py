"""The changes of a response as a unified diff, each hunk headed by its cause; and a response as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import decoded_body
from urlrewrite.inspector.diff.differences import Differences, FieldChange, cause_names, differences
from urlrewrite.inspector.diff.hunks import Hunk, Lines, hunks
from urlrewrite.inspector.diff.spans import Span, applied
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import clipped, printable, shown, visible

MAX_HUNKS = 200
"""Hunks of a body that are shown."""

_LINE = 1000
_MAX_LINES = 60
"""Lines of one hunk that are shown on each side."""


def unified(exchange: RecordedExchange, rules: RulesInForce | None = None) -> str:
    """Return what was changed in fields and body, as a unified diff. `rules` are those in force."""
    found = differences(exchange, rules)
    if exchange.original is None or exchange.response is None:
        return f"Nothing to compare: {found.note}."
    lines = [
        f"--- the backend's response: {_status(exchange.original)}",
        f"+++ the client's response: {_status(exchange.response)}",
        *_fields(found.fields),
        *_body(found),
    ]
    return "\n".join(lines)


def original_text(exchange: RecordedExchange) -> str:
    """Return the response as the backend sent it, its body decoded."""
    if exchange.own:
        return "The request was not forwarded: this response is the proxy's own."
    if exchange.original is None:
        return "The backend's response was not kept: there was none, or it was dropped to save memory."
    head = [
        _status(exchange.original),
        *(f"{visible(name)}: {visible(value)}" for name, value in exchange.original.fields),
    ]
    body = decoded_body(
        exchange.original, exchange.original_body, read_as=exchange.response.fields if exchange.response else None
    )
    about = f"({body.about}, decoded)" if body.codings and body.text is not None else ""
    text = f"({body.note})" if body.text is None else printable(body.text)
    return "\n".join([*head, "", *filter(None, [about]), text])


def _status(facts: ResponseFacts) -> str:
    return f"{facts.status} {visible(facts.reason)}".rstrip()


def _fields(changes: Iterable[FieldChange]) -> Iterator[str]:
    """Yield fields with the same causes under one heading."""
    by_cause: dict[str, list[FieldChange]] = {}
    for change in changes:
        by_cause.setdefault(cause_names(change.by), []).append(change)
    for causes, of_them in by_cause.items():
        yield f"@@ fields @@ {causes}"
        for change in of_them:
            name = visible(change.name)
            if change.before is not None:
                yield f"-{name}: {shown(change.before, _LINE)}"
            if change.after is not None:
                yield f"+{name}: {shown(change.after, _LINE)}"


def _body(found: Differences) -> Iterator[str]:
    text = found.original.text
    if text is None or found.note:
        yield f"@@ body @@ {found.note or found.original.note}"
        return
    if not found.spans:
        yield "@@ body @@ unchanged" if text == found.response.text else "@@ body @@ not compared"
        return
    lines = Lines(text)
    shown_hunks = hunks(lines, found.spans, most=MAX_HUNKS)
    for hunk in shown_hunks:
        yield from _hunk(lines, hunk)
    if rest := len(found.spans) - sum(len(hunk.spans) for hunk in shown_hunks):
        yield f"@@ and {rest:,} more changes @@"


def _hunk(lines: Lines, hunk: Hunk) -> Iterator[str]:
    causes = dict.fromkeys(cause for span in hunk.spans for cause in span.by)
    also = ", and others" if causes and not all(span.by for span in hunk.spans) else ""
    yield f"@@ body, line {hunk.line:,} @@ {cause_names(causes)}{also}"
    done = hunk.start
    for start, end, spans in _changed_lines(lines, hunk):
        yield from _marked(" ", lines.cut(done, start))
        yield from _marked("-", lines.cut(start, end))
        moved = [span.moved(-start) for span in spans]
        yield from _marked("+", Lines(applied(lines.text[start:end], moved)).all())
        done = end
    yield from _marked(" ", lines.cut(done, hunk.end))


def _changed_lines(lines: Lines, hunk: Hunk) -> Iterator[tuple[int, int, list[Span]]]:
    """Yield the lines that changes touch, adjacent ones together, with the changes."""
    start = end = hunk.start
    held: list[Span] = []
    for span in hunk.spans:
        first, last = lines.around(span.start, span.end, 0)
        if held and first >= end:
            yield start, end, held
            held = []
        start = start if held else first
        end = max(end, last)
        held.append(span)
    yield start, end, held


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines[:_MAX_LINES]:
        yield mark + visible(clipped(line, _LINE))
    if len(lines) > _MAX_LINES:
        yield f"{mark}… {len(lines) - _MAX_LINES:,} more lines"
