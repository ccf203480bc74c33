"""What was changed, as `-` before and `+` after: fields by reason, content by rule, links by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from urlrewrite.inspector.text import columns, counted, padded
from urlrewrite.trace.reading import Event, number, text, texts
from urlrewrite.trace.text import shown, visible

PER_PLACE = 6
"""Different links of one place that are listed; the others are counted."""

PER_RULE = 10
"""Changes of one rule that are listed; the others are counted."""

_OFFSETS = 4


def field_changes(events: Iterable[Event]) -> list[str]:
    """Return changes of fields under their reasons, in the order in which the reasons first appear."""
    by_reason: dict[tuple[str, ...], list[str]] = {}
    for event in events:
        lines = by_reason.setdefault(tuple(texts(event, "why")), [])
        name = visible(text(event, "name"))
        before, after = text(event, "before"), text(event, "after")
        lines += [f"      - {name}: {shown(before)}"] if before else []
        lines += [f"      + {name}: {shown(after)}"] if after or not before else []
    listed: list[str] = []
    for reasons, lines in by_reason.items():
        listed += [f"    {line}" for line in map(shown, reasons or ("(no reason given)",))] + lines
    return listed


def content_changes(events: list[Event], indent: str) -> list[str]:
    """Return changes that a rule made, each with its place."""
    lines: list[str] = []
    for event in events[:PER_RULE]:
        offset = number(event, "offset")
        at = f", offset {offset:,}" if offset is not None else ""
        lines.append(f"{indent}in {shown(text(event, 'where'))}{at}")
        lines += [f"{indent}  - {shown(text(event, 'before'))}", f"{indent}  + {shown(text(event, 'after'))}"]
    if len(events) > PER_RULE:
        lines.append(f"{indent}and {len(events) - PER_RULE:,} more")
    return lines


def link_changes(events: list[Event], total: int) -> list[str]:
    """Return mapped links by place, equal ones together, with the first offsets.

    `total` includes those that have no event in the trace.
    """
    places: dict[str, dict[tuple[str, str], list[Event]]] = {}
    for event in events:
        spelling = text(event, "before"), text(event, "after")
        places.setdefault(text(event, "where"), {}).setdefault(spelling, []).append(event)
    lines: list[str] = []
    for where, spellings in sorted(places.items(), key=lambda place: -sum(map(len, place[1].values()))):
        lines += [f"    {shown(where)}", *_spellings(spellings)]
    unlisted = total - len(events)
    return [*lines, f"    {unlisted:>5,}  more, which the trace only counts"] if unlisted > 0 else lines


def _spellings(spellings: dict[tuple[str, str], list[Event]]) -> Iterator[str]:
    ranked = sorted(spellings.items(), key=lambda item: -len(item[1]))
    listed = [(f"{shown(before)} → {shown(after)}", same) for (before, after), same in ranked[:PER_PLACE]]
    width = min(max(columns(pair) for pair, _ in listed), 64)
    for pair, same in listed:
        offsets = [number(event, "offset") for event in same[:_OFFSETS]]
        at = ", ".join("?" if offset is None else str(offset) for offset in offsets)
        yield f"    {len(same):>5}  {padded(pair, width)}  at {at}{', …' if len(same) > _OFFSETS else ''}"
    if rest := [same for _, same in ranked[PER_PLACE:]]:
        yield f"    {sum(map(len, rest)):>5}  in {counted(len(rest), 'other spelling')}"


def change_tally(links: int, fields: int, cookies: int) -> str:
    """Return `24 links, 3 fields, 2 cookies`; "" where there are none."""
    counts = ((links, "link"), (fields, "field"), (cookies, "cookie"))
    return ", ".join(counted(count, noun) for count, noun in counts if count)
