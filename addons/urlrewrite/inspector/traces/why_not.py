"""Of the rules that did nothing, those that came nearest to it, each with what kept it from acting.

"Nearest" is a guess at what a person is looking for: a rule whose pattern matched and whose condition did not hold
comes before one whose pattern stopped somewhere in its input, and one that did not even begin to match is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from urlrewrite.inspector.traces.response_part import Story, stories_of
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, Reading, blocks, flag, name_of, number, text
from urlrewrite.trace.text import shown, visible

NEAR = 0.05
"""The score from which a rule is told."""

_NEVER_NEAR = re.compile(r"[\^$().*+?]*")
"""Patterns that match everything, so that matching says nothing."""
_WITH_SLASH = re.compile(r"\^?\(?(?:\?:)?/([\w.~-]+)")
_OUTSIDE = frozenset(
    {Name.URL_REWRITE_END, Name.URL_REWRITE_START, Name.REQUEST_ROUTED, Name.ANSWERED, Name.RULES_RULED_OUT}
)


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that did nothing, and why, in a sentence; the nearer it was, the higher is `score`."""

    side: Literal["request", "response"]
    rule: str
    why: str
    score: float


def misses(reading: Reading) -> list[Miss]:
    """The rules that did nothing, the nearest first."""
    found = [*_inbound(reading.request), *_outbound(reading.response)]
    return sorted((miss for miss in found if miss.score >= NEAR), key=lambda miss: -miss.score)


def _inbound(events: Iterable[Event]) -> Iterator[Miss]:
    for block in blocks(events, Name.RULE_EVALUATION_START, Name.RULE_EVALUATION_END, "rule", _OUTSIDE):
        if not block.name or block.end is None or flag(block.end, "succeeded"):
            continue
        found = block.first(Name.PATTERN_MATCH)
        if found is None:
            continue
        if not flag(found, "succeeded"):
            why, score = _stopped(found)
            if slash := _asks_for_slash(found):
                why, score = slash, 1.5
        elif failed := _failed_condition(block.events):
            why, score = _condition(failed)
            score = score / 4 if _NEVER_NEAR.fullmatch(text(found, "pattern")) else 1 + score
        else:
            continue
        yield Miss("request", block.name, why, score)


def _asks_for_slash(event: Event) -> str:
    """The commonest slip: a pattern with the slash at the beginning that no input of an inbound rule has."""
    pattern, value = text(event, "pattern"), text(event, "input")
    found = _WITH_SLASH.match(pattern)
    if found is None or not value.lower().startswith(found[1].lower()):
        return ""
    return (
        f"its pattern {shown(pattern, 120)} asks for a slash at the beginning, "
        f"but rules see the path without it: {shown(value, 120)}"
    )


def _outbound(events: list[Event]) -> Iterator[Miss]:
    preconditions: dict[str, Block] = {}
    rest: list[Event] = []
    for block in blocks(events, Name.PRECONDITION_EVALUATION_START, Name.PRECONDITION_EVALUATION_END, "pre_condition"):
        if block.name:
            preconditions[block.name] = block
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


def _changed(story: Story) -> int:
    return (number(story.tally, "changed") or 0) if story.tally else 0


def _skipped(rule: str, name: str, preconditions: dict[str, Block]) -> Miss:
    block = preconditions.get(name)
    failed = _failed_condition(block.events) if block else None
    why, score = _condition(failed) if failed else ("", 0.5)
    sentence = f'its precondition "{visible(name)}" does not hold{f": {why}" if why else ""}'
    return Miss("response", rule, sentence, 0.5 + score / 2)


def _idle(story: Story) -> Iterator[Miss]:
    if story.matches:
        failed = _failed_condition(story.told)
        if failed:
            why, score = _condition(failed)
            yield Miss("response", story.name, why, 1 + score)
        else:
            why = f"it matches {shown(text(story.matches[0], 'input'), 120)}, which it leaves as it is"
            yield Miss("response", story.name, why, 0.3)
    elif story.misses:
        nearest = max(story.misses, key=lambda event: number(event, "matched_up_to") or 0)
        why, score = _stopped(nearest)
        yield Miss("response", story.name, f"in {shown(text(nearest, 'where'), 80)}, {why}", score)
    elif story.tally is not None and not number(story.tally, "examined"):
        yield Miss("response", story.name, "the response has nothing that it examines", 0.2)


def _stopped(event: Event) -> tuple[str, float]:
    """Why a pattern did not match, and how much of its input it took."""
    pattern, value = shown(text(event, "pattern"), 120), text(event, "input")
    if flag(event, "matched"):
        return f"its pattern {pattern} matches {shown(value, 120)}, and must not: it is negated", 0.3
    reach = min(max(number(event, "matched_up_to") or 0, 0), len(value))
    return f"its pattern {pattern} {_where(value, reach)}", reach / (len(value) + 1)


def _where(value: str, reach: int) -> str:
    if not value:
        return "does not match an empty text"
    if reach >= len(value):
        return f"asks for more than {shown(value, 120)}"
    if reach == 0:
        return f"does not begin to match {shown(value, 120)}"
    return f"matches {shown(value[:reach], 80)} and stops at {shown(value[reach:], 80)}"


def _failed_condition(events: Iterable[Event]) -> Event | None:
    failed = None
    for event in events:
        if name_of(event) == Name.CONDITION_EVALUATION and not flag(event, "succeeded"):
            failed = event
    return failed


def _condition(event: Event) -> tuple[str, float]:
    """Why a condition does not hold, and how much of its input its pattern took."""
    template, value = shown(text(event, "input"), 80), text(event, "expanded_input")
    if text(event, "match_type") in ("IsFile", "IsDirectory"):
        what = "a file" if text(event, "match_type") == "IsFile" else "a directory"
        return f"{shown(value, 120)} {'is' if flag(event, 'negate') else 'is not'} {what}", 0.2
    pattern = shown(text(event, "pattern"), 120)
    if flag(event, "matched"):
        return f"its condition {template} matches {pattern}, and must not: {shown(value, 120)}", 0.3
    reach = min(max(number(event, "matched_up_to") or 0, 0), len(value))
    return f"its condition {template} is {shown(value, 120)}, where {pattern} {_where(value, reach)}", reach / (
        len(value) + 1
    )
