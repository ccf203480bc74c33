"""The trace: plain data that says what was decided and why.

A trace is a dict of dicts, lists, strings, numbers and booleans, so that it can be saved with a flow and printed as
JSON. Events are kept in the order in which they happened; each is declared (`events.py`), and what says why is a code
beside a sentence (`reasons.py`). `version` counts the shapes that a trace has had; `reading.py` reads those before.
"""

from __future__ import annotations

from enum import StrEnum
from time import perf_counter
from typing import Any, Unpack

from urlrewrite.trace import response_events as events
from urlrewrite.trace.events import EventType, Name
from urlrewrite.trace.reasons import Reason, Values, sentence

type Event = dict[str, Any]

VERSION = 2

MAX_CHANGES = 200
"""Changes of a body listed one by one; further ones are only counted."""

TRACED_ITEMS = 8
"""Items of one outbound rule whose evaluation is traced in full; the others are counted."""

CLIP = 2000
"""Characters of an input that a trace keeps."""


def clip(text: str) -> str:
    """Return `text` cut to what a trace keeps of it, with a note of its length."""
    return text if len(text) <= CLIP else f"{text[:CLIP]}… ({len(text)} characters)"


class TraceLevel(StrEnum):
    """How much is traced: every rule and every change, decisions only, or what the log line needs."""

    OFF = "off"
    DECISIONS = "decisions"
    FULL = "full"


class Trace:
    """The trace of one exchange while it is collected; below the level `FULL` only decisions, warnings and errors.

    `on` says whether single rules and changes are traced at this moment. With `every_rule` inbound rules that an index
    rules out are evaluated nevertheless, and traced one by one.
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
        """Seconds by side ("inbound", "outbound") and rule. It is not part of the trace: no two runs have the same."""
        self.data: dict[str, Any] = {"version": VERSION, "id": trace_id, "events": self.events}
        if not self.on:
            self.data["level"] = str(level)

    def add[**Keys](self, event: EventType[Keys], /, *none: Keys.args, **keys: Keys.kwargs) -> None:
        """Add one of many events about single rules and changes: at the level `FULL` only."""
        if self.on:
            self.events.append({"event": event.name, **keys})

    def decided[**Keys](self, event: EventType[Keys], /, *none: Keys.args, **keys: Keys.kwargs) -> None:
        """Add an event that says what becomes of the request, or of the response's body: at every level."""
        self.events.append({"event": event.name, **keys})

    def spend(self, side: str, rule: str, began: float) -> None:
        """Add the seconds since `began`, by `perf_counter`, to the time of a rule."""
        key = side, rule
        self.spent[key] = self.spent.get(key, 0.0) + perf_counter() - began

    def count_field(self, name: str) -> None:
        """Count a change of a field of the response."""
        name = name.lower()
        self.changed_fields[name] = self.changed_fields.get(name, 0) + 1

    @property
    def tells_changes(self) -> bool:
        """Whether the next change of the response's content gets an event of its own."""
        return self.on and self.changes < MAX_CHANGES

    def count_change(self) -> bool:
        """Count a change of the response's content; say whether it still gets an event of its own."""
        self.changes += 1
        return self.on and self.changes <= MAX_CHANGES

    def change(self, **keys: Unpack[events.ContentChange]) -> None:
        """Add one change of the response's content; beyond `MAX_CHANGES` they are only counted."""
        if self.count_change():
            self.tell_change(**keys)

    def tell_change(self, **keys: Unpack[events.ContentChange]) -> None:
        """Add the event of a change that was counted."""
        self.events.append({"event": events.CONTENT_CHANGE.name, **keys})

    def warn(self, reason: Reason, *, cause: Reason | None = None, **values: Unpack[Values]) -> None:
        """Add something that did not go as the rules require. A `cause` gives the `detail` of the reason's sentence."""
        self._tell(events.WARNING, reason, values, cause=cause)

    def warn_of_field(self, field: str, value: str, cause: str, why: str) -> None:
        """Add what is wrong with a field line; `cause` is the code that goes with the sentence `why`."""
        message = sentence(Reason.FIELD, {"name": field, "detail": why})
        self.decided(
            events.WARNING, reason=str(Reason.FIELD), cause=cause, message=message, field=field, value=clip(value)
        )

    def warn_as_iis_fails(self, reason: Reason, iis_status: str, **values: Unpack[Values]) -> None:
        """Add something for which IIS would respond with an error, and this site does not."""
        self._tell(events.WARNING, reason, values, iis_status=iis_status)

    def iis_differs(self, reason: Reason, iis_status: str, **values: Unpack[Values]) -> None:
        """Add something that is not wrong, but for which IIS would respond with an error."""
        self._tell(events.IIS_DIFFERS, reason, values, iis_status=iis_status)

    def error(
        self,
        reason: Reason,
        *,
        cause: Reason | None = None,
        iis_status: str = "",
        iis: str = "",
        **values: Unpack[Values],
    ) -> None:
        """Add the reason why the exchange ended with an error; `iis` says what IIS does if it does something else."""
        self._tell(events.ERROR, reason, values, cause=cause, iis_status=iis_status, iis=iis)

    def _tell(
        self,
        event: EventType[...],
        reason: Reason,
        values: Values,
        *,
        cause: Reason | None = None,
        iis_status: str = "",
        iis: str = "",
    ) -> None:
        more: dict[str, str] = {}
        if cause:
            more["cause"] = str(cause)
            values = {**values, "detail": sentence(cause, values)}
        if rule := values.get("rule"):
            more["rule"] = rule
        if iis := iis or reason.iis:
            more["iis"] = iis
        if iis_status:
            more["iis_status"] = iis_status
        self.events.append({"event": event.name, "reason": str(reason), "message": sentence(reason, values), **more})

    def problems(self) -> list[str]:
        """Return the messages of all warnings and errors."""
        return [event["message"] for event in self.events if event["event"] in (Name.WARNING, Name.ERROR)]
