"""The trace: plain data that says what was decided and why.

A trace is a dict of dicts, lists, strings, numbers and booleans, so that it can be saved with a flow and printed as
JSON. Events are kept in the order in which they happened. Their names are those of IIS's failed-request tracing where
it has one (IIS docs, "Using Failed Request Tracing to trace rewrite rules"); its field names are written in snake_case.
"""

from __future__ import annotations

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


class Trace:
    """Collects the events of one exchange. With `on=False` only warnings and errors are kept.

    With `every_rule` inbound rules that an index rules out are evaluated all the same, and told of one by one.
    """

    __slots__ = ("changes", "data", "events", "every_rule", "on")

    def __init__(self, trace_id: str, *, on: bool = True, every_rule: bool = False) -> None:
        self.on = on
        self.every_rule = every_rule
        self.events: list[Event] = []
        self.changes = 0
        self.data: dict[str, Any] = {"version": 1, "id": trace_id, "events": self.events}

    def add(self, name: str, /, **fields: Any) -> None:
        """Adds an event of IIS's (or our) name."""
        if self.on:
            self.events.append({"event": name, **fields})

    @property
    def tells_changes(self) -> bool:
        """Whether the next change of the answer's content is told by itself."""
        return self.on and self.changes < MAX_CHANGES

    def count_change(self) -> bool:
        """Counts a change of the answer's content; whether it is still one of those that are told one by one."""
        self.changes += 1
        return self.on and self.changes <= MAX_CHANGES

    def change(self, **fields: Any) -> None:
        """Adds one change of the answer's content; past `MAX_CHANGES` they are only counted."""
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
