"""What differs between the response of the backend and the one that the client got, and what made each difference.

The differences are found by comparing the two responses: a trace has only the first two hundred changes. Their causes
are certain where the rules that made the response are still in force (`stages.py`); else they are read from the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diff.bodies_decoded import DecodedBody, decoded_body
from urlrewrite.inspector.diff.causes import LINKS, ChangeCause
from urlrewrite.inspector.diff.spans import Span, because, chained, spans_between
from urlrewrite.inspector.diff.stages import NoStages, Stage, stages_of
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import LINK_FRAMING, Event, Reading, flag, name_of, number, read, text, texts
from urlrewrite.trace.text import clipped, visible
from urlrewrite.trace.trace import clip

FOLLOWS_BODY = LINK_FRAMING | {"content-encoding"}
"""Fields that are made true for a body that was changed."""

_OF_FIELDS = frozenset({Name.GENERAL_SET_RESPONSE_HEADER, Name.CONTENT_CHANGE})

_MAX_LINES = 500
"""Field lines of one response that are compared."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field line that was added (`before` is None), removed (`after` is None) or changed."""

    name: str
    before: str | None
    after: str | None
    by: tuple[ChangeCause, ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences of one response.

    `note` says what could not be compared, and why. `stages` are the response after each cause; where there are none,
    `why_no_stages` says why, and the causes are those in the trace. `fields_told` are the events of the trace from
    which the causes of changes of fields are read, `known` the changes of the body that it has.
    """

    fields: tuple[FieldChange, ...]
    original: DecodedBody
    response: DecodedBody
    spans: tuple[Span, ...]
    note: str = ""
    stages: tuple[Stage, ...] = ()
    why_no_stages: str = ""
    fields_told: tuple[Event, ...] = ()
    known: tuple[tuple[str, str], ...] = ()


def differences(exchange: RecordedExchange, rules: RulesInForce | None = None) -> Differences:
    """Return what was changed in a response. `rules` are those in force. It raises nothing, whatever the
    trace holds.
    """
    reading = read(exchange.trace)
    read_as = exchange.response.fields if exchange.response else None
    original = decoded_body(exchange.original, exchange.original_body, read_as=read_as)
    response = decoded_body(exchange.response, exchange.response_body)
    note = _not_compared(exchange, original, response)
    if exchange.original is None or exchange.response is None:
        return Differences((), original, response, (), note, (), note)
    traced = tuple(event for event in reading.response if name_of(event) in _OF_FIELDS)
    changes = tuple(field_changes(exchange.original.fields, exchange.response.fields, traced))
    try:
        stages = stages_of(exchange, rules, original, response)
    except NoStages as error:
        spans = _spans_by_trace(original.text, response.text, reading)
        return Differences(changes, original, response, tuple(spans), note, (), str(error), traced)
    changes = tuple(_by_stages(changes, exchange.original.fields, stages))
    known = tuple((change.before, change.after) for change in dict.fromkeys(_traced_changes(reading.response)))
    spans = _spans_by_stages(original.text, stages, known)
    return Differences(changes, original, response, tuple(spans), note, tuple(stages), "", traced, known)


def _not_compared(exchange: RecordedExchange, original: DecodedBody, response: DecodedBody) -> str:
    if exchange.own:
        forwarded = "no backend gave one" if exchange.trace.get("target") else "the request was not forwarded"
        return f"this response is the proxy's own: {forwarded}"
    if exchange.response is None:
        return "there is no response"
    if exchange.original is None:
        return "the backend's response was not kept: it was dropped to save memory, or the flow is of another version"
    if original.text is None:
        same = exchange.original_body is not None and exchange.original_body == exchange.response_body
        return f"{original.note}{'; it is as the backend sent it' if same else ''}"
    return response.note


# The body


def _spans_by_stages(before: str | None, stages: Sequence[Stage], known: Sequence[tuple[str, str]]) -> list[Span]:
    """Return the spans of all stages put together; a stage without a text (a body that is not text) is skipped."""
    if before is None:
        return []
    start, current, spans = before, before, list[Span]()
    for stage in stages:
        if stage.text is None or stage.text == current:
            continue
        more = because(spans_between(current, stage.text, known), stage.cause)
        spans = chained(start, spans, more, stage.text)
        current = stage.text
    return spans


@dataclass(frozen=True, slots=True)
class _TracedChange:
    """A change in the trace, or several of one value, each of which began with the result of the one before."""

    by: tuple[ChangeCause, ...]
    before: str
    after: str


def _spans_by_trace(before: str | None, after: str | None, reading: Reading) -> list[Span]:
    if before is None or after is None:
        return []
    traced = list(dict.fromkeys(_traced_changes(reading.response)))
    spans = spans_between(before, after, [(change.before, change.after) for change in traced])
    causes = _body_causes(reading)
    if len(causes) == 1:
        return because(spans, causes[0])
    causes_of: dict[tuple[str, str], tuple[ChangeCause, ...]] = {}
    result = []
    for span in spans:
        key = span.before, span.after
        if key not in causes_of:
            causes_of[key] = _causes_of(span, traced)
        result.append(replace(span, by=causes_of[key]))
    return result


def _traced_changes(events: Iterable[Event]) -> Iterator[_TracedChange]:
    chain, where = _TracedChange((), "", ""), ""
    for event in events:
        if name_of(event) == Name.CONTENT_CHANGE and _is_of_body(event):
            by = (LINKS if flag(event, "link") else ChangeCause(text(event, "rule")),)
            change = _TracedChange(by, text(event, "before"), text(event, "after"))
            yield change
            if chain.by and chain.after == change.before and where == text(event, "where"):
                change = _TracedChange((*chain.by, *by), chain.before, change.after)
                yield change
            chain, where = change, text(event, "where")


def _is_of_body(event: Event) -> bool:
    where = text(event, "where")
    return flag(event, "link") or number(event, "offset") is not None or where == "body" or where.startswith("<")


def _body_causes(reading: Reading) -> list[ChangeCause]:
    """Return everything that changed the body, including what the trace has no single change of."""
    causes = dict.fromkeys(cause for change in _traced_changes(reading.response) for cause in change.by)
    of_fields = {
        text(event, "rule")
        for event in reading.response
        if name_of(event) == Name.CONTENT_CHANGE and not _is_of_body(event)
    }
    for event in reading.response:
        if (
            name_of(event) == Name.OUTBOUND_RULE_END
            and number(event, "changed")
            and text(event, "rule") not in of_fields
        ):
            causes[ChangeCause(text(event, "rule"))] = None
    if number(reading.data, "links"):
        causes[LINKS] = None
    return list(causes)


def _causes_of(span: Span, traced: Sequence[_TracedChange]) -> tuple[ChangeCause, ...]:
    """Return the causes of a span by its texts. A rule's event has a whole value, of which the span may be
    only a part.
    """
    same = [change for change in traced if (change.before, change.after) == (span.before, span.after)]
    if not same and span.before and span.after:
        same = [change for change in traced if span.before in change.before and span.after in change.after]
    if not same:
        # Several changes on one span: the first began with a part of it, the last one ended so.
        same = [
            change
            for change in traced
            if (change.before and change.before in span.before) or (change.after and change.after in span.after)
        ]
    # One chain of changes says more than each of them.
    longest = max((change.by for change in same), key=len, default=())
    return longest if len(longest) > 1 else tuple(dict.fromkeys(cause for change in same for cause in change.by))


# Fields


def field_changes(before: FieldLines, after: FieldLines, events: Iterable[Event] = ()) -> Iterator[FieldChange]:
    """Yield the field lines in which two responses differ, in the order of the first; added ones come last.

    `events` are those of the trace that say why.
    """
    causes = _FieldCauses(events)
    old, new = _by_name(before), _by_name(after)
    for name in dict.fromkeys((*old, *new)):
        was, is_now = old.get(name, []), new.get(name, [])
        kept = [line for line in was if line in is_now]
        # What is in both does not matter, however often and in whichever order.
        for line in kept:
            if line in was and line in is_now:
                was.remove(line)
                is_now.remove(line)
        for index in range(max(len(was), len(is_now))):
            first = was[index] if index < len(was) else None
            second = is_now[index] if index < len(is_now) else None
            written = (second or first or ("", ""))[0]
            values = first[1] if first else None, second[1] if second else None
            yield FieldChange(written, *values, causes.of(name, *values))


def _by_stages(changes: Iterable[FieldChange], before: FieldLines, stages: Sequence[Stage]) -> Iterator[FieldChange]:
    """Yield the changes with the rules that touched their fields, where the trace is silent."""
    touched: dict[str, dict[ChangeCause, None]] = {}
    for stage in stages:
        if stage.cause.is_rule:
            for change in field_changes(before, stage.fields):
                touched.setdefault(change.name.lower(), {})[stage.cause] = None
            before = stage.fields
    for change in changes:
        follows = change.name.lower() in FOLLOWS_BODY
        yield change if change.by or follows else replace(change, by=tuple(touched.get(change.name.lower(), ())))


def _by_name(fields: FieldLines) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, value in fields[:_MAX_LINES]:
        found.setdefault(name.lower(), []).append((name, value))
    return found


class _FieldCauses:
    """What the trace says of changes of fields."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._changes: dict[str, list[_TracedChange]] = {}
        for event in events:
            match name_of(event):
                case Name.GENERAL_SET_RESPONSE_HEADER:
                    cause, name = (
                        ChangeCause("; ".join(texts(event, "why")) or "no reason given", is_rule=False),
                        text(event, "name"),
                    )
                case Name.CONTENT_CHANGE if not _is_of_body(event):
                    cause, name = ChangeCause(text(event, "rule")), text(event, "where")
                case _:
                    continue
            change = _TracedChange((cause,), text(event, "before"), text(event, "after"))
            self._changes.setdefault(name.lower(), []).append(change)

    def of(self, name: str, before: str | None, after: str | None) -> tuple[ChangeCause, ...]:
        """Return the causes that lead from one value to the other; if none do, all that touched the field."""
        current, goal = clip(before or ""), clip(after or "")
        chain: list[ChangeCause] = []
        changes = self._changes.get(name, [])
        for change in changes:
            if change.before == current and current != goal:
                current = change.after
                chain += change.by
        touched = (cause for change in changes for cause in change.by)
        return tuple(dict.fromkeys(chain if current == goal else touched))


def cause_names(causes: Iterable[ChangeCause]) -> str:
    """Return causes as `rule "a", links`; a phrase that they are unknown where there are none."""
    return ", ".join(clipped(visible(cause.label), 200) for cause in causes) or "the trace does not say by what"
