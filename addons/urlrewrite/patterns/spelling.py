r"""Trees written as patterns: in the common language of Python's `re` and `regex`, and in ECMAScript.

ECMAScript is written for people: `\w` in place of `[0-9A-Z_a-z]`, letters and digits first in a class. A set that
contains the last of all characters is written as the complement of the others. Groups are numbered as ECMAScript counts
them, whatever their numbers in the tree (`written_numbers`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.tree import Anchor, Chars, Choice, Concatenation, Group, Look, Node, Reference, Repeat, nodes

_SPECIAL = frozenset(r"^$\.*+?()[]{}|")
_SPECIAL_IN_CLASS = frozenset(r"\]^-[")
_CONTROLS = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f"}
_ANCHORS = {Anchor.START: "^", Anchor.END: "$", Anchor.BOUNDARY: r"\b", Anchor.NOT_BOUNDARY: r"\B"}
_SETS: dict[Ranges, str] = {
    **{ranges: f"\\{letter}" for letter, ranges in characters.ESCAPES.items()},
    characters.ALL: r"[\s\S]",
    characters.NONE: r"[^\s\S]",
    characters.DOT: ".",
}
_REFERENCE = re.compile(r"\\[1-9]")
_SETS_IN_CLASS = {r"\w": characters.WORD, r"\s": characters.SPACE}


def python_source(node: Node, *, ignore_case: bool) -> str:
    """Write a tree for `re` or `regex`, to be compiled with the flag ASCII and, if so, IGNORECASE."""
    writer = _Writer(ignore_case=ignore_case)
    writer.write(node)
    return "".join(writer.parts)


def ecmascript_source(node: Node) -> str:
    """Write a tree as an ECMAScript pattern.

    A case-ignoring pattern is written from sets without variants in case, as its author had them.
    """
    writer = _EcmascriptWriter(written_numbers(node))
    writer.write(node)
    return "".join(writer.parts)


def ecmascript_literal(text: str) -> str:
    """Write a text as an ECMAScript pattern that matches this text and no other."""
    return "".join(f"\\{char}" if char in _SPECIAL else _readable(char) for char in text)


def written_numbers(node: Node) -> Mapping[int, int]:
    """Tell the number of each group in the written pattern; 0, the whole match, stays 0.

    Groups with a number below zero are left out: no one but the pattern itself refers to them.
    """
    numbers = {0: 0}
    groups = (each for each in nodes(node) if isinstance(each, Group))
    numbers.update((group.number, at) for at, group in enumerate(groups, 1) if group.number > 0)
    return numbers


class _Writer:
    """Writes what both languages spell alike, and the rest as Python needs it."""

    def __init__(self, *, ignore_case: bool) -> None:
        self.parts: list[str] = []
        self.ignore_case = ignore_case

    def write(self, node: Node) -> None:
        match node:
            case Concatenation(items):
                for item in items:
                    self.enclose("(?:" if isinstance(item, Choice) else "", item)
            case Choice(branches):
                for at, branch in enumerate(branches):
                    self.parts += "|" * (at > 0)
                    self.write(branch)
            case Group(body):
                self.enclose("(", body)
            case Look(body, ahead, negative):
                self.enclose(f"(?{'' if ahead else '<'}{'!' if negative else '='}", body)
            case Repeat(body, least, most, lazy):
                self.enclose("" if isinstance(body, Chars | Group) else "(?:", body)
                self.parts.append(_quantifier(least, most) + ("?" if lazy else ""))
            case _:
                self.parts.append(self.leaf(node))

    def enclose(self, opening: str, node: Node) -> None:
        if opening:
            self.parts.append(opening)
        self.write(node)
        if opening:
            self.parts.append(")")

    def leaf(self, node: Chars | Anchor | Reference) -> str:
        match node:
            case Chars(ranges):
                return characters.python_source(ranges, ignore_case=self.ignore_case)
            case Anchor():
                return node.value
            case Reference(number):
                return rf"(?({number})\{number})"


class _EcmascriptWriter(_Writer):
    """Writes ECMAScript. `numbers` are those of groups that a reference may come before."""

    def __init__(self, numbers: Mapping[int, int]) -> None:
        super().__init__(ignore_case=False)
        self.numbers = dict(numbers)
        self.opened = 0

    def write(self, node: Node) -> None:
        if isinstance(node, Group):
            self.opened += 1
            self.numbers[node.number] = self.opened
        super().write(node)

    def leaf(self, node: Chars | Anchor | Reference) -> str:
        match node:
            case Chars(ranges):
                text = _ecmascript_set(ranges)
                # a digit behind a reference would make it another one
                return f"(?:{text})" if text.isdigit() and self.parts and _REFERENCE.match(self.parts[-1]) else text
            case Anchor():
                return _ANCHORS[node]
            case Reference(number):
                return f"\\{self.numbers[number]}"


def _quantifier(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _ if least == most:
            return f"{{{least}}}"
        case _:
            return f"{{{least},{'' if most is None else most}}}"


def _ecmascript_set(ranges: Ranges) -> str:
    """Return a set of characters as ECMAScript writes it for a reader."""
    if known := _SETS.get(ranges):
        return known
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return ecmascript_literal(chr(ranges[0][0]))
    negated = characters.contains(ranges, characters.LAST)
    rest = characters.invert(ranges) if negated else ranges
    written = "[^" if negated else "["
    for name, known_set in _SETS_IN_CLASS.items():
        outside = characters.invert(rest)
        if characters.disjoint(known_set, outside):
            written += name
            rest = characters.invert(characters.union(outside, known_set))
    for low, high in sorted(rest, key=lambda pair: not chr(pair[0]).isalnum()):
        written += _in_class(low)
        if high > low:
            written += ("-" if high > low + 1 else "") + _in_class(high)
    return written + "]"


def _in_class(code: int) -> str:
    char = chr(code)
    return f"\\{char}" if char in _SPECIAL_IN_CLASS else _readable(char)


def _readable(char: str) -> str:
    if char.isprintable():
        return char
    if char <= "\xff":
        return _CONTROLS.get(char) or f"\\x{ord(char):02x}"
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
