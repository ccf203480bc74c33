r"""What a regular expression of Apache says, as a tree, and the tree as an ECMAScript pattern.

A possessive repetition or an atomic group is `(?=(...))\1` in ECMAScript, which takes a group of its own; so groups may
have another number in the written pattern than they had in Apache's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set. `slash` tells whether `/` is in it, `dot` that it is `.`."""

    source: str
    slash: bool = False
    dot: bool = False


@dataclass(frozen=True, slots=True)
class Assertion:
    r"""`^`, `$`, `\b` and others that take no characters."""

    source: str


@dataclass(frozen=True, slots=True)
class Look:
    """A lookaround; `opening` is `(?=` and so on."""

    opening: str
    body: Node


@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group by its number in Apache's pattern."""

    number: int
    body: Node


@dataclass(frozen=True, slots=True)
class Atomic:
    """`(?>...)`, and the possessive repetitions."""

    body: Node


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repetition; `most` is None for no limit."""

    body: Node
    least: int
    most: int | None
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A back-reference, by the group's number in Apache's pattern."""

    number: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another; empty for the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    branches: tuple[Node, ...]


type Node = Chars | Assertion | Look | Group | Atomic | Repeat | Reference | Sequence | Choice

START, END = Assertion("^"), Assertion("$")
SLASH = Chars("/", slash=True)
ANY_LINE = Chars(r"[\s\S]", slash=True, dot=True)


def nodes(tree: Node) -> Iterator[Node]:
    """The tree and all that is in it, in the order of writing."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case Look() | Group() | Atomic() | Repeat():
                waiting.append(node.body)
            case Sequence():
                waiting += reversed(node.items)
            case Choice():
                waiting += reversed(node.branches)
            case _:
                pass


def written_numbers(tree: Node) -> Mapping[int, int]:
    """The number that each group has in the written pattern, 0 (the whole) included."""
    numbers, last = {0: 0}, 0
    for node in nodes(tree):
        if isinstance(node, Group | Atomic):
            last += 1
            if isinstance(node, Group):
                numbers[node.number] = last
    return numbers


def group_count(tree: Node) -> int:
    """How many groups the written pattern has."""
    return sum(isinstance(node, Group | Atomic) for node in nodes(tree))


def write(tree: Node) -> str:
    """The tree as an ECMAScript pattern."""
    return _Writer(written_numbers(tree)).node(tree)


class _Writer:
    def __init__(self, numbers: Mapping[int, int]) -> None:
        self.numbers = numbers
        self.opened = 0

    def node(self, node: Node) -> str:
        match node:
            case Chars() | Assertion():
                return node.source
            case Look():
                return f"{node.opening}{self.node(node.body)})"
            case Group():
                self.opened += 1
                return f"({self.node(node.body)})"
            case Atomic():
                self.opened += 1
                number = self.opened
                return f"(?:(?=({self.node(node.body)}))\\{number})"
            case Reference():
                return f"\\{self.numbers[node.number]}"
            case Repeat():
                body = self.node(node.body)
                whole = isinstance(node.body, Chars | Group | Reference | Atomic)
                return f"{body if whole else f'(?:{body})'}{_quantifier(node)}"
            case Sequence():
                return "".join(self.items(node.items))
            case Choice():
                return "|".join(map(self.node, node.branches))

    def items(self, items: tuple[Node, ...]) -> Iterator[str]:
        for item, following in zip_longest(items, items[1:]):
            text = self.node(item)
            # A digit behind a reference would make it another one.
            number = isinstance(item, Reference) and isinstance(following, Chars) and following.source[:1].isdigit()
            yield f"(?:{text})" if isinstance(item, Choice) or number else text


def _quantifier(node: Repeat) -> str:
    match node.least, node.most:
        case 0, None:
            sign = "*"
        case 1, None:
            sign = "+"
        case 0, 1:
            sign = "?"
        case least, None:
            sign = f"{{{least},}}"
        case least, most:
            sign = f"{{{least}}}" if least == most else f"{{{least},{most}}}"
    return f"{sign}?" if node.lazy else sign
