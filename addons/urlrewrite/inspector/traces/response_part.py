"""The response's side of a report: the plan of the body, preconditions, outbound rules one by one, fields and links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from urlrewrite.inspector.text import counted, padded
from urlrewrite.inspector.traces.changes import content_changes, field_changes, link_changes
from urlrewrite.inspector.traces.comparisons import (
    CONDITIONS,
    INSIDE,
    captures,
    comparison,
    conditions,
    labelled,
    lookup,
    mark,
)
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, Reading, blocks, flag, name_of, number, other, text, texts
from urlrewrite.trace.text import shown, visible

_PRECONDITION = (Name.PRECONDITION_EVALUATION_START, Name.PRECONDITION_EVALUATION_END)


@dataclass(slots=True)
class Story:
    """What is known of one outbound rule. `evaluated` are conditions and look-ups, in order; `idle` says why
    it was left out.
    """

    name: str
    idle: str = ""
    matches: list[Event] = field(default_factory=list)
    misses: list[Event] = field(default_factory=list)
    evaluated: list[Event] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    removed: list[Event] = field(default_factory=list)
    tally: Event | None = None


def response_part(reading: Reading) -> list[str]:
    """Return the lines of the response's side."""
    if not reading.response:
        return ["  no rule saw a response"]
    preconditions = list(blocks(reading.response, *_PRECONDITION, "pre_condition"))
    rest = [event for block in preconditions if not block.name for event in block.events]
    own = any(name_of(event) == Name.ANSWERED for event in reading.request)
    lines: list[str] = []
    for event in rest:
        lines += _plan(event, own)
    held = [block for block in preconditions if block.name]
    if held:
        lines += ["", "  Preconditions"]
    for block in held:
        succeeded = block.end is not None and flag(block.end, "succeeded")
        lines.append(f"  {mark(succeeded) if block.end else '…'} {visible(block.name)}")
        lines += conditions(block.events, INSIDE)
    stories, strays = stories_of(rest)
    if stories:
        lines += ["", "  Outbound rules"]
    for story in stories:
        lines += story_lines(story)
    lines += [f"  {other(event)}" for event in strays]
    if fields := [event for event in rest if name_of(event) == Name.GENERAL_SET_RESPONSE_HEADER]:
        lines += ["", "  Fields of the response", *field_changes(fields)]
    links = [event for event in rest if _is_link(event)]
    total = max(number(reading.data, "links") or 0, len(links))
    if total:
        lines += ["", f"  {counted(total, 'link')} mapped in the body", *link_changes(links, total)]
    return lines + _messages(reading, [event for event in rest if name_of(event) == Name.MESSAGE_CHANGE])


def _messages(reading: Reading, changes: list[Event]) -> list[str]:
    """Return the messages of a WebSocket: how many there were, and what was mapped in them."""
    tallies = reading.data.get("websocket")
    if not isinstance(tallies, Mapping):
        return []
    lines = ["", "  Messages of the WebSocket"]
    for way, tally in tallies.items():
        if isinstance(tally, Mapping):
            counts = [
                f"{number(tally, key) or 0:,} {key.replace('_', ' ')}" for key in ("messages", "changed", "left_alone")
            ]
            lines.append(labelled(visible(str(way)), ", ".join(counts), "    "))
    return lines + link_changes(changes, len(changes))


def _plan(event: Event, own: bool) -> Iterator[str]:
    match name_of(event):
        case Name.URL_REWRITE_START:
            whose = "our own; rules see its fields" if own else "from the backend"
            yield labelled("response", f"{number(event, 'status') or '?'}, {whose}", "  ")
        case Name.BODY_PLAN:
            yield labelled("body", f"{visible(text(event, 'way'))}: {shown(text(event, 'why'))}", "  ")
        case Name.BODY_RELEASED:
            held = counted(number(event, "held") or 0, "byte")
            waited = number(event, "milliseconds")
            when = "" if waited is None else f", {waited:,} ms after the head"
            yield labelled("", f"stream, after {held} were held{when}: {shown(text(event, 'why'))}", "  ")
        case Name.BODY_WINDOWS:
            size = number(event, "size")
            what = "groups of lines" if size is None else f"windows of {counted(size, 'byte')}"
            windows = f"{number(event, 'windows') or 0:,} {what}"
            yield labelled("", f'rule "{visible(text(event, "rule"))}" saw it in {windows}', "  ")
        case Name.BODY_DECODED:
            coding = ", ".join(map(visible, texts(event, "codings"))) or "not coded"
            charset = f"{visible(text(event, 'charset'))} (by {visible(text(event, 'charset_source'))})"
            size, decoded = number(event, "bytes"), number(event, "decoded")
            # Of a stream nobody knows how long it will be.
            sizes = "" if size is None else f" · {counted(size, 'byte')}"
            sizes += f", {decoded:,} decoded" if decoded is not None and size != decoded else ""
            yield labelled("", f"{coding} · {charset}{sizes}", "  ")
        case Name.PATHS_LEFT:
            paths = ", ".join(map(shown, texts(event, "paths")))
            yield labelled("scripts", f"left alone, since rootPaths does not name them: {paths}", "  ")
        case Name.NAMES_LEFT:
            around = ", ".join(shown(excerpt, 120) for excerpt in texts(event, "around"))
            yield labelled("left", f"{counted(number(event, 'count') or 0, 'name')} of the backend: {around}", "  ")
        case Name.INTEGRITY:
            if corrected := number(event, "mended"):
                yield labelled(
                    "integrity",
                    f"{counted(corrected, 'digest')} corrected to those of the files as they are sent",
                    "  ",
                )
            for url in texts(event, "kept"):
                yield labelled("integrity", f"kept, so this file is left alone: {shown(url)}", "  ")


def _is_link(event: Event) -> bool:
    return name_of(event) == Name.CONTENT_CHANGE and flag(event, "link")


def stories_of(events: Iterable[Event]) -> tuple[list[Story], list[Event]]:
    """Return the rules in the order in which they first appear, and events that this version does not know."""
    stories: dict[str, Story] = {}
    strays: list[Event] = []
    owner: Story | None = None
    unowned: list[Event] = []
    for event in events:
        if _is_link(event):
            continue
        name = name_of(event)
        if "rule" in event:
            rule = text(event, "rule")
            story = stories.setdefault(rule, Story(rule))
        match name:
            case Name.RULE_DISABLED if "rule" in event:
                story.idle = "enabled: false"
            case Name.OUTBOUND_RULE_SKIPPED if "rule" in event:
                story.idle = f'precondition "{visible(text(event, "pre_condition"))}" does not hold'
            case Name.OUTBOUND_PATTERN_MATCH if "rule" in event:
                (story.matches if flag(event, "succeeded") else story.misses).append(event)
                owner = story if flag(event, "succeeded") else None
            case Name.CONTENT_CHANGE if "rule" in event:
                story.changes.append(event)
                # The conditions of a rule on the whole body come before anything that names the rule.
                story.evaluated += unowned
                unowned = []
                owner = story
            case Name.OUTBOUND_RULE_END if "rule" in event:
                story.tally = event
            case Name.REWRITE_MAP_LOOKUP:
                (owner.evaluated if owner else unowned).append(event)
            case _ if name in CONDITIONS:
                (owner.evaluated if owner else unowned).append(event)
            case Name.RESPONSE_FIELD_REMOVED:
                (owner.removed if owner else strays).append(event)
            case (
                Name.URL_REWRITE_START | Name.URL_REWRITE_END | Name.BODY_PLAN | Name.BODY_DECODED | Name.BODY_RELEASED
            ):
                pass
            case Name.INTEGRITY | Name.PATHS_LEFT | Name.NAMES_LEFT | Name.MESSAGE_CHANGE | Name.BODY_WINDOWS:
                pass
            case Name.GENERAL_SET_RESPONSE_HEADER | Name.IIS_DIFFERS | Name.WARNING | Name.ERROR:
                pass
            case _:
                strays.append(event)
    return sorted(stories.values(), key=lambda story: bool(story.idle)), [*unowned, *strays]


def story_lines(story: Story) -> list[str]:
    """Return one outbound rule: what it did, or why it did nothing."""
    name = visible(story.name) or "(no name)"
    if story.idle:
        return [f"  – {name}  ({story.idle})"]
    acted = bool(story.changes)
    lines = [f"  {padded(f'{mark(acted)} {name}', 40)} {_tally(story)}".rstrip()]
    if acted:
        first = story.matches[0] if story.matches else None
        if first:
            lines.append(labelled("pattern", shown(text(first, "pattern")), INSIDE))
            lines += (
                captures("R", texts(first, "captures"), INSIDE, text(first, "input")) if len(story.matches) == 1 else []
            )
        lines += _evaluated(story, failed_only=False)
        lines += content_changes(story.changes, INSIDE)
        for event in story.removed:
            iis = f" (IIS {visible(text(event, 'iis'))})" if text(event, "iis") else ""
            lines.append(f"{INSIDE}{shown(text(event, 'name'))} is left out, as its value is empty{iis}")
    elif story.matches:
        first = story.matches[0]
        what = f"{shown(text(first, 'pattern'))}  matches {shown(text(first, 'input'), 120)}"
        lines.append(labelled("pattern", what, INSIDE))
        lines += _evaluated(story, failed_only=True) or [
            f"{INSIDE}and the value was that already, or the action is None"
        ]
    elif story.misses:
        # Of several misses the nearest one says most.
        nearest = max(story.misses, key=lambda event: number(event, "matched_up_to") or 0)
        lines += [f"{INSIDE}in {shown(text(nearest, 'where'))}", *comparison(nearest, INSIDE)]
    return lines


def _evaluated(story: Story, *, failed_only: bool) -> list[str]:
    """Return the conditions and look-ups of the first item; those of the others were alike."""
    lines: list[str] = []
    group: list[Event] = []
    for event in story.evaluated:
        if name_of(event) in CONDITIONS or group:
            group.append(event)
            if name_of(event) == Name.CONDITIONS_EVALUATION_END:
                lines += conditions(group, INSIDE, failed_only=failed_only)
                return lines
        elif not failed_only:
            lines.append(lookup(event, INSIDE))
    return lines + conditions(group, INSIDE, failed_only=failed_only)


def _tally(story: Story) -> str:
    if story.tally is None:
        return "was not finished"
    examined, matched, changed = (number(story.tally, key) or 0 for key in ("examined", "matched", "changed"))
    if not examined:
        return "found nothing to examine"
    return f"{examined:,} examined, {matched:,} matched, {changed:,} changed"
