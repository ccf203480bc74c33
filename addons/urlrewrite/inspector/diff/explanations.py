"""How a change came about: the pattern of its rule, what it captured, and the conditions, as short lines."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.inspector.diff.causes import ChangeCause
from urlrewrite.inspector.diff.spans import Span
from urlrewrite.inspector.traces.comparisons import captures, conditions
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, flag, name_of, text, texts
from urlrewrite.trace.text import shown

_OF_MATCHES = frozenset(
    {
        Name.CONDITIONS_EVALUATION_START,
        Name.CONDITION_EVALUATION,
        Name.CONDITIONS_EVALUATION_END,
        Name.REWRITE_MAP_LOOKUP,
    }
)
_MAX_LINES = 16


class Explanations:
    """What a trace says about the items that rules for responses matched: about the first few of each rule."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._matches: dict[ChangeCause, dict[str, list[Event]]] = {}
        current: list[Event] = []
        for event in events:
            name = name_of(event)
            if name == Name.OUTBOUND_PATTERN_MATCH:
                current = []
                if flag(event, "succeeded"):
                    of_rule = self._matches.setdefault(ChangeCause(text(event, "rule")), {})
                    current = of_rule.setdefault(text(event, "input"), [event])
            elif name in _OF_MATCHES and current:
                current.append(event)
            elif name != Name.CONTENT_CHANGE:
                current = []

    def of(self, span: Span) -> list[str]:
        """Return the lines for a change, cause by cause; nothing for causes on which the trace has no details."""
        lines: list[str] = []
        for cause in span.by:
            lines.append(cause.label)
            lines += self._of_cause(cause, span.before)
        return lines[:_MAX_LINES]

    def _of_cause(self, cause: ChangeCause, before: str) -> list[str]:
        matches = self._matches.get(cause, {})
        exact = matches.get(before) or next(
            (events for value, events in matches.items() if before and before in value), None
        )
        if exact:
            return self._lines(exact)
        first = next(iter(matches.values()), None)
        return [f"  pattern    {shown(text(first[0], 'pattern'), 200)}"] if first else []

    def _lines(self, events: list[Event]) -> list[str]:
        match = events[0]
        return [
            f"  pattern    {shown(text(match, 'pattern'), 200)}",
            f"  input      {shown(text(match, 'input'), 200)}",
            *captures("R", texts(match, "captures"), "  "),
            *(conditions(events[1:], "  ") if len(events) > 1 else []),
        ]
