"""A trace as it is read back: nothing is taken for granted, since it may come from a file of any version or author.

Events lie flat in the trace, in the order in which they happened. Here they are grouped again: the request's side and
the response's, and what belongs to one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from urlrewrite.trace import response_events
from urlrewrite.trace.events import EventType, Name
from urlrewrite.trace.reasons import REASONS, Reason
from urlrewrite.trace.text import plain, shown, visible
from urlrewrite.trace.version1 import upgraded

type Event = Mapping[str, Any]

PROBLEMS = (Name.ERROR, Name.WARNING)

LINK_FRAMING = frozenset("content-length transfer-encoding etag last-modified accept-ranges".split())
"""Fields that follow from a changed body: they are true again, and nobody looks for them."""

_LARGE = 10**15
_MAX_TEXTS = 200

_OF_THE_RESPONSE = frozenset(
    event.name for event in vars(response_events).values() if isinstance(event, EventType)
).difference(PROBLEMS)


_OF_THE_REQUEST = frozenset({Name.REQUEST_BODY, Name.REQUEST_BODY_CHANGE})


def text(event: Event, key: str) -> str:
    """Return the text that an event has under a key, including unsafe characters; "" where it has none."""
    value = event.get(key)
    return "" if value is None else plain(value)


def number(event: Event, key: str) -> int | None:
    """Return the number that an event has under a key, None where it has none."""
    value = event.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGE else None


def flag(event: Event, key: str) -> bool:
    """Say whether an event has true under a key."""
    return event.get(key) is True


def texts(event: Event, key: str) -> list[str]:
    """Return the list of texts that an event has under a key."""
    value = event.get(key)
    if not isinstance(value, list | tuple):
        return []
    return [plain(item) for item in value[:_MAX_TEXTS]]


def reason_of(event: Event) -> Reason | None:
    """Return the code of an event; None where it has none that this version knows."""
    return REASONS.get(text(event, "reason"))


def name_of(event: Event) -> str:
    """Return the event's name; "" where it has no valid one."""
    name = event.get("event")
    return name if isinstance(name, str) else ""


@dataclass(slots=True)
class Block:
    """What happened to one rule, or to one precondition, or between two of them (`name` is "" then)."""

    name: str = ""
    start: Event = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    end: Event | None = None

    def all(self, name: str) -> Iterator[Event]:
        """Yield its events of that name."""
        return (event for event in self.events if name_of(event) == name)

    def first(self, name: str) -> Event | None:
        """Return its first event of that name, None where there is none."""
        return next(self.all(name), None)


@dataclass(frozen=True, slots=True)
class Reading:
    """A trace whose parts have the types that they should have."""

    data: Mapping[str, Any]
    request_line: Event
    request: list[Event]
    response: list[Event]

    @property
    def events(self) -> list[Event]:
        """All events in order."""
        return [*self.request, *self.response]

    def problems(self) -> list[Event]:
        """Return errors, then warnings."""
        found = [event for event in self.events if name_of(event) in PROBLEMS]
        return sorted(found, key=lambda event: PROBLEMS.index(name_of(event)))

    def names(self, key: str) -> list[str]:
        """Return the names of rules that the trace lists under a key, each once."""
        return list(dict.fromkeys(texts(self.data, key)))


def read(trace: object) -> Reading:
    """Return the trace with everything of a wrong type left out. It raises nothing, whatever `trace` is."""
    data: Mapping[str, Any] = trace if isinstance(trace, Mapping) else {}
    if data.get("version") == 1:
        data = upgraded(data)
    line = data.get("request")
    raw = data.get("events")
    events = [event for event in raw if isinstance(event, Mapping)] if isinstance(raw, list | tuple) else []
    border = next((index for index, event in enumerate(events) if _begins_response(event)), len(events))
    # The body of a request may still be on its way when the response begins.
    request = [*events[:border], *(event for event in events[border:] if name_of(event) in _OF_THE_REQUEST)]
    response = [event for event in events[border:] if name_of(event) not in _OF_THE_REQUEST]
    return Reading(data, line if isinstance(line, Mapping) else {}, request, response)


def _begins_response(event: Event) -> bool:
    name = name_of(event)
    return name in _OF_THE_RESPONSE or (name == Name.URL_REWRITE_START and event.get("type") == "Outbound")


def blocks(
    events: Iterable[Event], begin: str, end: str, key: str, outside: frozenset[str] = frozenset()
) -> Iterator[Block]:
    """Yield the events from each `begin` to its `end` as a block; `key` is where these events name the rule.

    A block that has no end, because an error came in between, lasts until an event of the names in `outside`.
    """
    current = Block()
    for event in events:
        match name_of(event):
            case name if name == begin:
                if current.name or current.events:
                    yield current
                current = Block(text(event, key) or "(no name)", event)
            case name if name == end and current.name:
                current.end = event
                yield current
                current = Block()
            case name:
                if current.name and name in outside:
                    yield current
                    current = Block()
                current.events.append(event)
    if current.name or current.events:
        yield current


_OUTSIDE_RULES = frozenset(
    {
        Name.ANSWERED,
        Name.ARR_SERVER_ROUTED,
        Name.EARLY_HINTS,
        Name.GENERAL_SET_REQUEST_HEADER,
        Name.NO_SERVER,
        Name.QUERY_MAPPED_BACK,
        Name.REQUEST_BODY,
        Name.REQUEST_BODY_CHANGE,
        Name.REQUEST_QUEUED,
        Name.REQUEST_ROUTED,
        Name.RULES_RULED_OUT,
        Name.SAML_LEFT,
        Name.SECTION_ANSWERED,
        Name.SECTION_PASSED,
        Name.SERVER_FAILED,
        Name.SERVER_STATE,
        Name.URL_REWRITE_END,
        Name.URL_REWRITE_START,
    }
)


def inbound_blocks(events: Iterable[Event]) -> Iterator[Block]:
    """Yield the events of each inbound rule as a block; those of no rule stand in blocks without a name."""
    return blocks(events, Name.RULE_EVALUATION_START, Name.RULE_EVALUATION_END, "rule", _OUTSIDE_RULES)


def other(event: Event) -> str:
    """Return an event that this version does not know as one line."""
    fields = [(key, value) for key, value in event.items() if key != "event"][:20]
    rest = "  ".join(f"{shown(key, 40)}={shown(value, 120)}" for key, value in fields)
    return f"{visible(text(event, 'event')) or '(an event without a name)'}  {rest}".rstrip()
