"""Why a rule did nothing, as far as the trace says: one function for every page of the inspector.

"Nearest" is a guess at what a person is looking for: a rule whose pattern matched and whose condition did not hold
comes before one whose pattern stopped somewhere in its input; one that did not even begin to match is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.traces.response_part import Story, stories_of
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, Reading, blocks, flag, inbound_blocks, name_of, number, text
from urlrewrite.trace.text import shown, visible

NEAR = 0.05
"""The score from which a rule is listed."""

_NEVER_NEAR = re.compile(r"[\^$().*+?]*")
"""Patterns that match everything, so that matching says nothing."""
_WITH_SLASH = re.compile(r"\^?\(?(?:\?:)?/([\w.~-]+)")


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that did nothing, and why; the nearer it came, the higher is `score`."""

    side: Literal["request", "response"]
    rule: str
    cause: Cause
    score: float

    @property
    def why(self) -> str:
        """The cause as a clause, without the rule's name."""
        return self.cause.why


def misses(reading: Reading) -> list[Miss]:
    """Return the rules that did nothing, the nearest first."""
    found = [*inbound_misses(reading.request), *outbound_misses(reading)]
    return sorted((miss for miss in found if miss.score >= NEAR), key=lambda miss: -miss.score)


def inbound_misses(events: Iterable[Event]) -> Iterator[Miss]:
    """Yield the inbound rules that were evaluated and did not act."""
    for block in inbound_blocks(events):
        if not block.name or block.end is None or flag(block.end, "succeeded"):
            continue
        found = block.first(Name.PATTERN_MATCH)
        if found is None:
            continue
        if not flag(found, "succeeded"):
            yield Miss("request", block.name, *(slash_at_start(found) or _pattern(found)))
        elif failed := condition_failed(block.events):
            why, score = _condition(failed)
            score = score / 4 if _NEVER_NEAR.fullmatch(text(found, "pattern")) else 1 + score
            yield Miss("request", block.name, why, score)


def slash_at_start(match: Event) -> tuple[Cause, float] | None:
    """Return the commonest mistake: a pattern with the slash at the beginning, which no input of an inbound
    rule has.
    """
    pattern, value = text(match, "pattern"), text(match, "input")
    found = _WITH_SLASH.match(pattern)
    if found is None or not value.lower().startswith(found[1].lower()):
        return None
    return cause(Why.SLASH_AT_START, pattern=shown(pattern, 120), value=shown(value, 120)), 1.5


def outbound_misses(reading: Reading, *, of_items: bool = False) -> Iterator[Miss]:
    """Yield the outbound rules that changed nothing, except those that are not enabled.

    With `of_items` also those that changed some items and did not match others.
    """
    preconditions: dict[str, Block] = {}
    rest: list[Event] = []
    names = Name.PRECONDITION_EVALUATION_START, Name.PRECONDITION_EVALUATION_END
    for block in blocks(reading.response, *names, "pre_condition"):
        if block.name:
            preconditions[block.name.lower()] = block
        else:
            rest += block.events
    skipped = {
        text(event, "rule"): text(event, "pre_condition")
        for event in rest
        if name_of(event) == Name.OUTBOUND_RULE_SKIPPED
    }
    for story in stories_of(rest)[0]:
        if story.name in skipped:
            yield _skipped(story.name, skipped[story.name], preconditions)
        elif not story.idle and not story.changes and not _changed(story):
            yield from _idle(story)
        elif not story.idle and of_items and story.misses:
            yield _nearest(story)


def _changed(story: Story) -> int:
    return (number(story.tally, "changed") or 0) if story.tally else 0


def _skipped(rule: str, name: str, preconditions: dict[str, Block]) -> Miss:
    block = preconditions.get(name.lower())
    failed = condition_failed(block.events) if block else None
    why, score = _condition(failed) if failed else (None, 0.5)
    detail = f": {why.why}" if why else ""
    return Miss("response", rule, cause(Why.PRECONDITION, name=visible(name), detail=detail), 0.5 + score / 2)


def _idle(story: Story) -> Iterator[Miss]:
    if story.matches:
        failed = condition_failed(story.evaluated)
        if failed:
            why, score = _condition(failed)
            yield Miss("response", story.name, why, 1 + score)
        else:
            value = shown(text(story.matches[0], "input"), 120)
            yield Miss("response", story.name, cause(Why.LEFT_AS_IT_IS, value=value), 0.3)
    elif story.misses:
        yield _nearest(story)
    elif story.tally is not None and not number(story.tally, "examined"):
        yield Miss("response", story.name, cause(Why.NOTHING_TO_EXAMINE), 0.2)


def _nearest(story: Story) -> Miss:
    """Return the item that a rule did not match and came nearest to."""
    nearest = max(story.misses, key=lambda event: number(event, "matched_up_to") or 0)
    return Miss("response", story.name, *_pattern(nearest, shown(text(nearest, "where"), 80)))


def _pattern(event: Event, where: str = "") -> tuple[Cause, float]:
    """Return why a pattern did not match, and how much of its input it took."""
    pattern, value = shown(text(event, "pattern"), 120), text(event, "input")
    if flag(event, "matched"):
        return cause(Why.NEGATED_PATTERN, pattern=pattern, value=shown(value, 120)), 0.3
    reach = min(max(number(event, "matched_up_to") or 0, 0), len(value))
    why = Why.PATTERN_IN_PLACE if where else Why.PATTERN
    return cause(why, where=where, pattern=pattern, reach=_reach(value, reach)), reach / (len(value) + 1)


def _reach(value: str, reach: int) -> str:
    if not value:
        return "does not match an empty text"
    if reach >= len(value):
        return f"asks for more than {shown(value, 120)}"
    if reach == 0:
        return f"does not match {shown(value, 120)}"
    return f"matches {shown(value[:reach], 80)} and stops at {shown(value[reach:], 80)}"


def _in_part(value: str, reach: int) -> str:
    """Return how far a pattern of a condition matches, where it matches a part."""
    return f" (it matches {shown(value[:reach], 80)} and then stops)" if 0 < reach < len(value) else ""


def condition_failed(events: Iterable[Event]) -> Event | None:
    """Return the last condition that did not hold."""
    failed = None
    for event in events:
        if name_of(event) == Name.CONDITION_EVALUATION and not flag(event, "succeeded"):
            failed = event
    return failed


def condition_cause(event: Event) -> Cause:
    """Return why a condition does not hold."""
    return _condition(event)[0]


def _condition(event: Event) -> tuple[Cause, float]:
    """Return why a condition does not hold, and how much of its input its pattern took."""
    template, value = shown(text(event, "input"), 80), text(event, "expanded_input")
    if text(event, "match_type") in ("IsFile", "IsDirectory"):
        what = "a file" if text(event, "match_type") == "IsFile" else "a directory"
        verb = "is" if flag(event, "negate") else "is not"
        return cause(Why.NO_FILE, value=shown(value, 120), verb=verb, what=what), 0.2
    pattern = shown(text(event, "pattern"), 120)
    if flag(event, "matched"):
        return cause(Why.NEGATED_CONDITION, template=template, pattern=pattern, value=shown(value, 120)), 0.3
    reach = min(max(number(event, "matched_up_to") or 0, 0), len(value))
    found = cause(
        Why.CONDITION, template=template, value=shown(value, 120), pattern=pattern, reach=_in_part(value, reach)
    )
    return found, reach / (len(value) + 1)
