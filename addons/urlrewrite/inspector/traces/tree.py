"""A trace as a tree of its steps, with the interesting ones open.

Open are those that failed, those that acted, and of the rules that did not act those that came nearest; the lines of a
node show pattern and input one above the other, with a mark at the point up to which they matched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from urlrewrite.inspector.text import counted
from urlrewrite.inspector.traces.changes import field_changes
from urlrewrite.inspector.traces.comparisons import SCOPES, conditions
from urlrewrite.inspector.traces.request_part import request_part
from urlrewrite.inspector.traces.response_part import Story, response_part, stories_of, story_lines
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, Reading, blocks, flag, inbound_blocks, name_of, number, text
from urlrewrite.trace.text import shown, visible

MAX_NODES = 1000
"""Rules of one side that have a node; the others are counted."""

type NodeKind = Literal["ok", "no", "warn", "err", "info"]

_SILENT = frozenset({Name.WARNING, Name.ERROR, Name.URL_REWRITE_END, Name.IIS_DIFFERS})
_BODY = frozenset(
    {
        Name.URL_REWRITE_START,
        Name.BODY_PLAN,
        Name.BODY_DECODED,
        Name.BODY_RELEASED,
        Name.BODY_WINDOWS,
        Name.INTEGRITY,
        Name.PATHS_LEFT,
        Name.NAMES_LEFT,
        Name.MESSAGE_CHANGE,
    }
)


@dataclass(frozen=True, slots=True)
class Node:
    """One step: its title, lines of text for a fixed-width view, and the steps in it."""

    title: str
    kind: NodeKind = "info"
    lines: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    opened: bool = False


def request_tree(reading: Reading, near: Collection[str] = ()) -> list[Node]:
    """Return the request's side; `near` are the names of rules that nearly matched."""
    nodes: list[Node] = []
    scope: Node | None = None
    rules: list[Node] = []
    set_on_request: list[Event] = []
    for block in inbound_blocks(reading.request):
        if block.name:
            rules.append(_inbound_rule(reading, block, near))
            continue
        for event in block.events:
            match name_of(event):
                case Name.URL_REWRITE_START:
                    nodes += _closed(scope, rules)
                    scope, rules = _scope(event), []
                case Name.RULE_DISABLED | Name.RULE_OUTSIDE_LOCATION | Name.RULES_RULED_OUT:
                    rules += _nodes_of(reading, event)
                case Name.GENERAL_SET_REQUEST_HEADER:
                    set_on_request.append(event)
                case name if name not in _SILENT:
                    nodes += _closed(scope, rules)
                    scope, rules = None, []
                    nodes += _nodes_of(reading, event, opened=True)
    nodes += _closed(scope, rules)
    if set_on_request:
        title = f"Set on the request ({counted(len(set_on_request), 'field')})"
        nodes.append(Node(title, lines=_dedented(field_changes(set_on_request))))
    return nodes


def _scope(event: Event) -> Node:
    where = f", in {shown(text(event, 'location'))}" if text(event, "location") else ""
    title = SCOPES.get(text(event, "scope"), visible(text(event, "scope")))
    return Node(f"{title}{where}, on {shown(text(event, 'url'))}", opened=True)


def _closed(scope: Node | None, rules: list[Node]) -> Iterator[Node]:
    """Yield the node of a rule set with its rules; rules outside of any come by themselves."""
    if len(rules) > MAX_NODES:
        rules = [*rules[:MAX_NODES], Node(f"and {len(rules) - MAX_NODES:,} more")]
    if scope is None:
        yield from rules
    else:
        title = scope.title if rules else f"{scope.title}: there is none"
        yield replace(scope, title=title, children=tuple(rules))


def _inbound_rule(reading: Reading, block: Block, near: Collection[str]) -> Node:
    events = [block.start, *block.events, *([block.end] if block.end else [])]
    lines = request_part(Reading({}, reading.request_line, events, []))
    acted = block.end is not None and flag(block.end, "succeeded")
    source = f"  ({shown(text(block.start, 'source'))})" if text(block.start, "source") else ""
    kind: NodeKind = "err" if block.end is None else "ok" if acted else "warn" if block.name in near else "no"
    return Node(f"{visible(block.name)}{source}", kind, _dedented(lines[1:]), opened=kind != "no")


def _nodes_of(reading: Reading, event: Event, *, opened: bool = False) -> Iterator[Node]:
    """Yield the node of an event outside of rules; its first line is the title."""
    lines = _dedented(request_part(Reading({}, reading.request_line, [event], [])))
    kept = [line for line in lines if line.strip()]
    if kept:
        kind: NodeKind = "no" if name_of(event).startswith("RULE") else "info"
        yield Node(kept[0].removeprefix("– ").removeprefix("✗ "), kind, _dedented(kept[1:]), opened=opened)


def response_tree(reading: Reading, near: Collection[str] = ()) -> list[Node]:
    """Return the response's side; `near` are the names of rules that nearly matched."""
    if not reading.response:
        return [Node("No rule saw a response")]
    whole = list(
        blocks(reading.response, Name.PRECONDITION_EVALUATION_START, Name.PRECONDITION_EVALUATION_END, "pre_condition")
    )
    rest = [event for block in whole if not block.name for event in block.events]
    nodes = list(_body(reading, [event for event in rest if name_of(event) in _BODY]))
    held = [_precondition(block) for block in whole if block.name]
    if held:
        opened = any(node.kind != "ok" for node in held)
        nodes.append(Node("Preconditions", children=tuple(held[:MAX_NODES]), opened=opened))
    stories, _ = stories_of(rest)
    if stories:
        rules = tuple(_outbound_rule(story, near) for story in stories[:MAX_NODES])
        nodes.append(Node("Outbound rules", children=rules, opened=True))
    fields = [event for event in rest if name_of(event) == Name.GENERAL_SET_RESPONSE_HEADER]
    if fields:
        title = f"Fields of the response ({counted(len(fields), 'change')})"
        nodes.append(Node(title, "ok", _dedented(field_changes(fields))))
    links = [event for event in rest if name_of(event) == Name.CONTENT_CHANGE and flag(event, "link")]
    total = max(number(reading.data, "links") or 0, len(links))
    if total:
        lines = response_part(Reading({"links": total}, {}, [], links))
        nodes.append(Node(f"{counted(total, 'link')} mapped in the body", "ok", _dedented(lines[2:])))
    return nodes


def _body(reading: Reading, events: list[Event]) -> Iterator[Node]:
    data = {"websocket": reading.data.get("websocket")}
    answered = [event for event in reading.request if name_of(event) == Name.ANSWERED]
    lines = _dedented(response_part(Reading(data, {}, answered, events))) if events else ()
    if lines:
        yield Node("Response and body", lines=lines, opened=True)


def _precondition(block: Block) -> Node:
    held = block.end is not None and flag(block.end, "succeeded")
    lines = _dedented(conditions(block.events, ""))
    return Node(visible(block.name), "ok" if held else "no" if block.end else "err", lines, opened=not held)


def _outbound_rule(story: Story, near: Collection[str]) -> Node:
    lines = story_lines(story)
    kind: NodeKind = "ok" if story.changes else "warn" if story.name in near else "no"
    if story.tally is None and not story.idle:
        kind = "err"
    title = lines[0].strip().removeprefix("✓ ").removeprefix("✗ ").removeprefix("– ")
    return Node(title, kind, _dedented(lines[1:]), opened=kind != "no")


def _dedented(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines without the indentation that all of them have; their own structure stays."""
    kept = list(lines)
    indent = min((len(line) - len(line.lstrip(" ")) for line in kept if line.strip()), default=0)
    return tuple(line[indent:] for line in kept)
