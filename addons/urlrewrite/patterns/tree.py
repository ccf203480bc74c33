"""The tree of a regular expression: what is known of it without running it.

The tree has no quantifier over something that only matches the empty text, and, wherever that can be expressed, none
that may repeat an empty match: ECMAScript gives up an iteration that consumed nothing, Python accepts it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set; with the empty set it never matches."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Concatenation:
    """One after the other; without items it always matches the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives; the first branch counts with which the rest matches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`{least,most}`; `most` is None where there is no limit."""

    body: Node
    least: int
    most: int | None
    lazy: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group, numbered from 1; below zero are groups that a reader added (`pcre`)."""

    body: Node
    number: int


@dataclass(frozen=True, slots=True)
class Look:
    """Lookahead or lookbehind."""

    body: Node
    ahead: bool
    negative: bool


class Anchor(StrEnum):
    r"""An assertion without a body, spelled as Python needs it: its `\B` is not true of the empty text before 3.14."""

    START = "^"
    END = r"\Z"
    BOUNDARY = r"\b"
    NOT_BOUNDARY = r"(?!\b)"


@dataclass(frozen=True, slots=True)
class Reference:
    """A back-reference to a group that is closed before; empty where the group has not matched."""

    number: int


type Node = Chars | Concatenation | Choice | Repeat | Group | Look | Anchor | Reference

EMPTY = Concatenation(())
NEVER = Chars(characters.NONE)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below."""
    match node:
        case Concatenation(items):
            return items
        case Choice(branches):
            return branches
        case Repeat(body=body) | Group(body=body) | Look(body=body):
            return (body,)
        case _:
            return ()


def nodes(node: Node) -> Iterator[Node]:
    """Yield the node and all below it, in the order of writing."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def flat(node: Node) -> list[Node]:
    """Return the items of a sequence, with those of sequences in it; a list of the node itself for any other."""
    return [part for item in node.items for part in flat(item)] if isinstance(node, Concatenation) else [node]


def is_any(node: Node) -> bool:
    r"""Tell whether the node is one character of any kind, but perhaps no line end: `.` or `[\s\S]`."""
    return isinstance(node, Chars) and characters.union(node.ranges, characters.LINE_END) == characters.ALL


def is_any_run(node: Node) -> bool:
    """Tell whether the node is `.*`, in a group or not."""
    while isinstance(node, Group):
        node = node.body
    return isinstance(node, Repeat) and node.least == 0 and node.most is None and is_any(node.body)


def has_group(node: Node) -> bool:
    """Tell whether there is a capturing group in the tree."""
    return isinstance(node, Group) or any(map(has_group, children(node)))


def width(node: Node) -> tuple[int, int | None]:
    """Return the least and the greatest number of characters that the node consumes; None: no limit."""
    match node:
        case Chars(ranges):
            return (1, 1) if ranges else (0, 0)
        case Concatenation(items):
            widths = [width(item) for item in items]
            return sum(low for low, _ in widths), _total([high for _, high in widths])
        case Choice(branches):
            widths = [width(branch) for branch in branches]
            highs = [high for _, high in widths if high is not None]
            return min(low for low, _ in widths), max(highs) if len(highs) == len(widths) else None
        case Repeat(body, least, most):
            low, high = width(body)
            return low * least, 0 if high == 0 else None if high is None or most is None else high * most
        case Group(body):
            return width(body)
        case Reference():
            return 0, None
        case _:
            return 0, 0


def _total(highs: list[int | None]) -> int | None:
    known = [high for high in highs if high is not None]
    return sum(known) if len(known) == len(highs) else None


def size(node: Node) -> int:
    """Count the nodes once every count is written out: `a{3,}` is `aaaa*`."""
    below = sum(map(size, children(node)))
    if isinstance(node, Repeat):
        return below * max(1, node.least + (node.most != node.least))
    return 1 + below


def chars(node: Node) -> Ranges:
    """Return every character that the node may consume, but for back-references: their groups have them."""
    match node:
        case Chars(ranges):
            return ranges
        case Look():
            return characters.NONE
        case _:
            return characters.union(*map(chars, children(node)))


def has_optional_group(node: Node) -> bool:
    """Tell whether the node can match while one of its groups takes no part: Python keeps its old capture in a loop."""
    match node:
        case Choice():
            return has_group(node)
        case Repeat(body, least):
            return has_group(body) if least == 0 else has_optional_group(body)
        case Look(negative=True):
            return False
        case _:
            return any(map(has_optional_group, children(node)))


def repeat(body: Node, least: int, most: int | None, *, lazy: bool) -> Node | None:
    """Quantify the body as ECMAScript does: an iteration above `least` must consume something.

    None where the tree cannot say so; `Repeat(body, ...)` is then nearly the same.
    """
    low, high = width(body)
    if low > 0 and most != 0:
        return Repeat(body, least, most, lazy)
    if least > 0:
        return body if high == 0 else None
    rest: Node | None
    if most == 0:
        most, rest = 1, _never(body)
    else:
        rest = nonempty(body)
    return None if rest is None else EMPTY if rest == NEVER else Repeat(rest, 0, most, lazy)


def nonempty(node: Node) -> Node | None:
    """Return a tree that matches as this one, in the same order, but never the empty text; None: not known."""
    low, high = width(node)
    if low > 0:
        return node
    if high == 0:
        return _never(node)
    match node:
        case Group(body, number):
            inner = nonempty(body)
            return None if inner is None else Group(inner, number)
        case Choice(branches):
            rest = tuple(map(nonempty, branches))
            return None if None in rest else Choice(tuple(branch for branch in rest if branch is not None))
        case Concatenation(items):
            consuming = [at for at, item in enumerate(items) if width(item)[1] != 0]
            if len(consuming) > 1:
                return None
            at = consuming[0]
            inner = nonempty(items[at])
            return None if inner is None else Concatenation((*items[:at], inner, *items[at + 1 :]))
        case Repeat(body, 0, most, lazy) if width(body)[0] > 0:
            return Repeat(body, 1, most, lazy)
        case _:
            return None


def _never(node: Node) -> Node:
    """Return a tree that never matches, and keeps the numbers of the groups."""
    return Concatenation((NEVER, node)) if has_group(node) else NEVER
