"""What a pattern says of every text that it matches, read off its tree: how such a text begins and ends, what is in it.

Everything here is conservative: what is not plain to see is not claimed.
"""

from __future__ import annotations

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.pattern import Pattern
from urlrewrite.patterns.tree import (
    Anchor,
    Chars,
    Choice,
    Concatenation,
    Group,
    Look,
    Node,
    Repeat,
    is_any_run,
    size,
    width,
)

MAX_SIZE = 2000
"""Nodes of a pattern, its counts written out; nothing is said of a larger one."""

_MAX_COUNT_LENGTH = 64
_NICE = "xa1/-_.=?&:;X "
_TAIL = "az/?&=.-%"


def flat(node: Node) -> list[Node]:
    """Return the parts of a pattern one after the other, groups opened and small counts written out."""
    return _flat(node) if size(node) <= MAX_SIZE else [node]


def _flat(node: Node) -> list[Node]:
    match node:
        case Concatenation(items):
            return [part for item in items for part in _flat(item)]
        case Group(body):
            return _flat(body)
        case Choice((only,)):
            return _flat(only)
        case Repeat(body, least, most) if least == most and least <= _MAX_COUNT_LENGTH:
            return _flat(body) * least
        case _:
            return [node]


def first_characters(pattern: Pattern) -> list[Ranges] | None:
    """Return the sets of the characters that a match surely begins with; None where it may begin further on."""
    parts = flat(pattern.tree)
    if parts[:1] != [Anchor.START]:
        return None
    found: list[Ranges] = []
    for part in parts[1:]:
        match part:
            case Chars(ranges):
                found.append(ranges)
            case Repeat(Chars(ranges), least) if least > 0:
                return [*found, ranges]
            case _:
                return found
    return found


def is_only(ranges: Ranges, char: str) -> bool:
    """Say whether the set is this one character, in either case."""
    return ranges in (characters.single(ord(char)), characters.single(ord(char), ignore_case=True))


def begins_with(pattern: Pattern, char: str) -> bool:
    """Say whether every text that the pattern matches begins with this character."""
    first = first_characters(pattern) or []
    return any(is_only(ranges, char) for ranges in first[:1])


def cannot_begin_with(pattern: Pattern, char: str) -> bool:
    """Say whether no text that the pattern matches begins with this character."""
    first = first_characters(pattern) or []
    return any(not characters.contains(ranges, ord(char)) for ranges in first[:1])


def needs(pattern: Pattern, text: str) -> bool:
    """Say whether these characters stand next to each other in every text that the pattern matches."""
    parts = flat(pattern.tree)
    return any(
        all(
            isinstance(part, Chars) and is_only(part.ranges, char) for part, char in zip(parts[at:], text, strict=False)
        )
        for at in range(len(parts) - len(text) + 1)
    )


def matches_everything(pattern: Pattern) -> bool:
    """Say whether the pattern matches every text without line ends."""
    parts = flat(pattern.tree)
    start, end = parts[:1] == [Anchor.START], parts[-1:] == [Anchor.END]
    inner = parts[start : len(parts) - end] if parts else []
    if not all(_may_be_empty(part) for part in inner):
        return False
    return not (start and end) or any(map(is_any_run, inner))


def takes_all_after(pattern: Pattern) -> list[Ranges] | None:
    """Return sets of characters such that every text that begins with them matches; None where none are known."""
    parts = flat(pattern.tree)
    if parts[:1] != [Anchor.START]:
        return None
    rest = parts[1:]
    start: list[Ranges] = []
    while rest and isinstance(rest[0], Chars):
        start.append(rest[0].ranges)
        rest = rest[1:]
    if rest[-1:] == [Anchor.END]:
        rest = rest[:-1]
        if not any(map(is_any_run, rest)):
            return None
    return start if all(map(_may_be_empty, rest)) else None


def covers_end(pattern: Pattern) -> bool:
    """Say whether a match of the pattern reaches the end of any ordinary value, or its author has looked further."""
    return _covers_end(pattern.tree)


def _covers_end(node: Node) -> bool:
    match node:
        case Concatenation(items):
            return bool(items) and _covers_end(items[-1])
        case Group(body):
            return _covers_end(body)
        case Choice(branches):
            return all(map(_covers_end, branches))
        case Repeat(Chars(ranges), _, None):
            return all(characters.contains(ranges, ord(char)) for char in _TAIL)
        case Repeat(body, _, most) if most == 1:
            return _covers_end(body)
        case Anchor.END | Look():
            return True
        case _:
            return False


def _may_be_empty(node: Node) -> bool:
    return not isinstance(node, Look | Anchor) and width(node)[0] == 0


def sample(node: Node, *, long: bool = True) -> str:
    """Return a text that the node probably matches; with `long` one that has the optional parts."""
    match node:
        case Chars(ranges):
            return sample_character(ranges)
        case Concatenation(items):
            return "".join(sample(item, long=long) for item in items)
        case Choice(branches):
            return sample(branches[0], long=long)
        case Group(body):
            return sample(body, long=long)
        case Repeat(body, least):
            return sample(body, long=long) * min(max(least, int(long)), _MAX_COUNT_LENGTH)
        case _:
            return ""


def sample_character(ranges: Ranges) -> str:
    """Return a character of the set, a plain one if there is one; "" for the empty set."""
    for char in _NICE:
        if characters.contains(ranges, ord(char)):
            return char
    if not ranges:
        return ""
    char = chr(ranges[0][0])
    return char.lower() if char.isascii() and characters.contains(ranges, ord(char.lower())) else char


def samples(pattern: Pattern, deadline: float = 0.02) -> list[str]:
    """Return a few texts that the pattern matches; each was tried, for at most `deadline` seconds."""
    if size(pattern.tree) > MAX_SIZE:
        return []
    texts = dict.fromkeys(sample(pattern.tree, long=long) for long in (True, False))
    return [text for text in texts if pattern.search(text, deadline)]
