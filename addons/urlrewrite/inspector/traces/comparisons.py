"""A pattern above its input, with a mark where it stopped matching; and conditions made of these."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.inspector.text import columns, joined, padded, pointed
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, flag, name_of, number, other, text, texts
from urlrewrite.trace.text import clipped, shown, visible

INSIDE = " " * 6
"""The indent of what belongs to a rule."""

CONDITIONS = frozenset({Name.CONDITIONS_EVALUATION_START, Name.CONDITION_EVALUATION, Name.CONDITIONS_EVALUATION_END})
SCOPES = {"Global": "Global rules", "Distributed": "Rules of the site"}
"""What the `scope` of a set of inbound rules is called."""

LABEL = 11
"""Columns of the words that stand before values."""

_CAPTURE = 60
_TEMPLATE = 24


def labelled(label: str, value: str, indent: str) -> str:
    """Return `value` behind a word that says what it is."""
    return f"{indent}{padded(label + ' ', LABEL)}{value}"


def mark(succeeded: bool) -> str:
    """Return the sign for "held" or "did not hold"."""
    return "✓" if succeeded else "✗"


def comparison(event: Event, indent: str, *, key: str = "input", label: str = "input", syntax: str = "") -> list[str]:
    """Return pattern and input of a match, and where it stopped; `key` is where the event has the input."""
    notes = [syntax] if syntax not in ("", "ECMAScript", "Pattern") else []
    notes += ["negated"] if flag(event, "negate") else []
    width = max(columns(label) + 2, LABEL)
    pattern = shown(text(event, "pattern")) + "".join(f"  · {visible(note)}" for note in notes)
    value, position = text(event, key), number(event, "matched_up_to")
    line, column = pointed(value, position or 0) if value else ("(empty)", 0)
    lines = [
        f"{indent}{padded('pattern', width)}{pattern}",
        f"{indent}{padded(label, width)}{line if position is not None else shown(value)}",
    ]
    if position is not None and not flag(event, "succeeded"):
        why = "the pattern asks for more" if position >= len(value) else "stopped matching here"
        lines.append(f"{indent}{' ' * (width + column)}↑ {why}")
    elif flag(event, "matched") and not flag(event, "succeeded"):
        lines.append(f"{indent}{' ' * width}matches, and must not: the pattern is negated")
    return lines


def captures(kind: str, groups: list[str], indent: str, whole: str = "") -> list[str]:
    """Return `{R:0}` or `{C:0}` and the further ones with their values; nothing if that is the `whole` input alone."""
    if groups == [whole]:
        return []
    items = [f"{{{kind}:{index}}} {shown(group, _CAPTURE)}" for index, group in enumerate(groups)]
    return joined(items, labelled("captures", "", indent), " " * (len(indent) + LABEL))


def condition(event: Event, indent: str) -> list[str]:
    """Return one condition: its template, the value, and why it held or did not."""
    sign, template = mark(flag(event, "succeeded")), visible(text(event, "input"))
    kind = text(event, "match_type")
    inner = indent + "  "
    if kind in ("IsFile", "IsDirectory"):
        negated = "is not" if flag(event, "negate") else "is"
        what = "a file" if kind == "IsFile" else "a directory"
        value = shown(text(event, "expanded_input"))
        lines = [labelled(f"{negated} {what}", value, inner)]
        lines += [labelled("from", clipped(template, 400), inner)] if template else []
    elif columns(template) <= _TEMPLATE:
        lines = comparison(event, inner, key="expanded_input", label=template or "input")
    else:
        lines = comparison(event, inner, key="expanded_input")
        lines.append(labelled("from", clipped(template, 400), inner))
    return [f"{indent}{sign} {lines[0][len(inner) :]}", *lines[1:]]


def conditions(events: Iterable[Event], indent: str, *, failed_only: bool = False) -> list[str]:
    """Return the events from CONDITIONS_EVALUATION_START to _END as lines, and at the end the values of `{C:n}`."""
    lines: list[str] = []
    looked_up: list[str] = []
    groups: list[str] = []
    whole = ""
    track_all = False
    for event in events:
        match name_of(event):
            case Name.CONDITIONS_EVALUATION_START:
                track_all = flag(event, "track_all_captures")
                also = "  · trackAllCaptures" if track_all else ""
                lines += (
                    []
                    if failed_only
                    else [labelled("conditions", visible(text(event, "logical_grouping")) + also, indent)]
                )
            case Name.CONDITION_EVALUATION:
                held = flag(event, "succeeded")
                found = texts(event, "captures") if held else []
                groups = [*groups, *found[1:]] if track_all and groups else found or groups
                whole = text(event, "expanded_input") if found else whole
                if not (failed_only and held):
                    lines += [*looked_up, *condition(event, indent + "  ")]
                looked_up = []
            case Name.REWRITE_MAP_LOOKUP if failed_only:
                looked_up.append(lookup(event, indent + "    "))
            case Name.REWRITE_MAP_LOOKUP:
                lines.append(lookup(event, indent + "    "))
            case Name.CONDITIONS_EVALUATION_END:
                if groups and not failed_only:
                    lines += captures("C", groups, indent, whole)
            case Name.WARNING | Name.ERROR:
                pass  # They stand at the top of a trace.
            case _:
                lines.append(indent + other(event))
    return lines


def lookup(event: Event, indent: str) -> str:
    """Return what a rewrite map gave."""
    entry = f"{{{visible(text(event, 'map'))}:{shown(text(event, 'key'), 120)}}}"
    return labelled("looked up", f"{entry} → {shown(text(event, 'value'))}", indent)
