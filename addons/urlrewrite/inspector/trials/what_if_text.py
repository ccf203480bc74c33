"""A comparison of rules on recorded exchanges, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.text import counted
from urlrewrite.inspector.trials.what_if import Changed, Effect, WhatIf
from urlrewrite.trace.text import clipped, shown, visible

_MAX_LINES = 40


def what_if_lines(result: WhatIf) -> list[str]:
    """Return what would become of the exchanges: first what breaks, then leaks, then each response that changes."""
    looked = counted(result.looked, "exchange")
    lines = [f"{counted(result.changed, 'response')} of {looked} would change"]
    if result.left_out:
        lines.append(f"time ran out before {counted(result.left_out, 'exchange')} could be examined")
    if result.without:
        lines.append(f"{counted(result.without, 'exchange')} cannot be compared: the backend's response was not kept")
    if result.tests:
        lines.append(
            f"tests of the rule file: {result.tests - len(result.tests_failed)} pass, {len(result.tests_failed)} fail"
        )
    for test, messages in result.tests_failed[:_MAX_LINES]:
        lines.append(f"  fails: {visible(f'{test.method} {test.url}')}  {visible(test.source)}")
        lines += [f"    {shown(message)}" for message in messages[:5]]
    for title, effects in (
        ("would break", result.broken),
        ("leaks that would appear", result.appeared),
        ("leaks that would vanish", result.vanished),
        ("would be fixed", result.fixed),
    ):
        lines += [title, *(_effect(item) for item in effects[:_MAX_LINES])] if effects else []
    for change in result.changes[:_MAX_LINES]:
        lines += _change(change)
    return lines


def _effect(item: Effect) -> str:
    place = f" in {shown(item.place, 80)}" if item.place else ""
    return f"  {item.kind}: {shown(item.message, 200)}{place} ×{item.count:,}, {counted(len(item.flows), 'flow')}"


def _change(change: Changed) -> Iterator[str]:
    request = change.exchange.request
    yield f"{visible(request.method)} {visible(clipped(request.url, 200))}: {', '.join(change.what)}"
    if change.note:
        yield f"  ({change.note})"
    if change.target:
        yield from (f"  - {shown(change.target[0])}", f"  + {shown(change.target[1])}")
    if change.status:
        yield f"  status {change.status[0]} → {change.status[1]}"
    for item in (*change.request, *change.fields)[:_MAX_LINES]:
        yield from [f"  - {visible(item.name)}: {shown(item.before)}"] if item.before is not None else []
        yield from [f"  + {visible(item.name)}: {shown(item.after)}"] if item.after is not None else []
    for hunk in change.body:
        yield f"  body, line {hunk['line']:,}"
        for sign, side in (("-", "before"), ("+", "after")):
            text = "".join(piece for piece, _ in hunk[side])
            yield from (f"  {sign} {shown(line)}" for line in text.split("\n")[:6])
