"""The trace: plain data that says what was decided and why.

A trace is a dict of dicts, lists, strings, numbers and booleans, so that it can be saved with a flow and printed as
JSON. Events are kept in the order in which they happened. Their names are those of IIS's failed-request tracing where
it has one (IIS docs, "Using Failed Request Tracing to trace rewrite rules"); its field names are written in snake_case.
"""

from __future__ import annotations

from enum import StrEnum
from time import perf_counter
from typing import Any

type Event = dict[str, Any]

MAX_CHANGES = 200
"""Changes of a body listed one by one; further ones are counted only."""

TRACED_ITEMS = 8
"""Items of one outbound rule whose evaluation is traced in full; the others are counted."""

CLIP = 2000
"""Characters of an input that a trace keeps."""


def clip(text: str) -> str:
    """`text`, cut to what a trace keeps of it, with a note of what was left out."""
    return text if len(text) <= CLIP else f"{text[:CLIP]}… ({len(text)} characters)"


class TraceLevel(StrEnum):
    """How much is traced: every rule and every change, what was decided, or what the log's line needs."""

    OFF = "off"
    DECISIONS = "decisions"
    FULL = "full"


class Trace:
    """Collects the events of one exchange; below the level `FULL` only decisions, warnings and errors.

    `on` tells whether single rules and changes are told of at this moment. With `every_rule` inbound rules that an
    index rules out are evaluated all the same, and told of one by one.
    """

    __slots__ = ("changed_fields", "changes", "data", "events", "every_rule", "level", "on", "spent")

    def __init__(self, trace_id: str, *, level: TraceLevel = TraceLevel.FULL, every_rule: bool = False) -> None:
        self.level = level
        self.on = level is TraceLevel.FULL
        self.every_rule = every_rule
        self.events: list[Event] = []
        self.changes = 0
        self.changed_fields: dict[str, int] = {}
        """Changes of the response's fields by their name in lower case."""
        self.spent: dict[tuple[str, str], float] = {}
        """Seconds by side ("inbound", "outbound") and rule. It is no part of the trace: no two runs have the same."""
        self.data: dict[str, Any] = {"version": 1, "id": trace_id, "events": self.events}
        if not self.on:
            self.data["level"] = str(level)

    def add(self, name: str, /, **fields: Any) -> None:
        """Adds an event of IIS's (or our) name, one of many that tell of single rules and changes."""
        if self.on:
            self.events.append({"event": name, **fields})

    def decided(self, name: str, /, **fields: Any) -> None:
        """Adds an event that tells what becomes of the request, or of the response's body: at every level."""
        self.events.append({"event": name, **fields})

    def spend(self, side: str, rule: str, began: float) -> None:
        """Adds the time since `began`, by `perf_counter`, to what a rule has taken."""
        key = side, rule
        self.spent[key] = self.spent.get(key, 0.0) + perf_counter() - began

    def count_field(self, name: str) -> None:
        """Counts a change of a field of the response."""
        name = name.lower()
        self.changed_fields[name] = self.changed_fields.get(name, 0) + 1

    @property
    def tells_changes(self) -> bool:
        """Whether the next change of the response's content is told by itself."""
        return self.on and self.changes < MAX_CHANGES

    def count_change(self) -> bool:
        """Counts a change of the response's content; whether it is still one of those that are told one by one."""
        self.changes += 1
        return self.on and self.changes <= MAX_CHANGES

    def change(self, **fields: Any) -> None:
        """Adds one change of the response's content; past `MAX_CHANGES` they are only counted."""
        if self.count_change():
            self.tell_change(**fields)

    def tell_change(self, **fields: Any) -> None:
        """Adds a change that was counted."""
        self.events.append({"event": "CONTENT_CHANGE", **fields})

    def warn(self, message: str, /, **fields: Any) -> None:
        """Adds something that did not go as the rules ask; `iis=` says what IIS would do."""
        self.events.append({"event": "WARNING", "message": message, **fields})

    def error(self, message: str, /, **fields: Any) -> None:
        """Adds the reason why the exchange was ended with an error."""
        self.events.append({"event": "ERROR", "message": message, **fields})

    def problems(self) -> list[str]:
        """The messages of all warnings and errors."""
        return [event["message"] for event in self.events if event["event"] in ("WARNING", "ERROR")]
