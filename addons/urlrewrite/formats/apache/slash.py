r"""Patterns of the server level, which see `/shop/cart`, made to see `shop/cart` as IIS's rules do.

A pattern is asked what it does with the slash that stands before every URL. Mostly that is plain: `^/shop` takes it as
it is, `^(.*)$` has it at the start of its group, `\.php$` never gets near it. Then the pattern is written without it,
and a reference to such a group gets the slash in front (`$1` is `/{R:1}`). Where the response depends on the URL, as
with `^(.*)/(.*)$`, there is none, and the rule has to match `{URL}`, which begins with the slash, in a condition.

Nothing here tries a pattern on a text: it is shown of the tree that both patterns match the same URLs with the same
groups. What cannot be shown in a few steps counts as "depends".
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.formats.apache.tree import (
    END,
    SLASH,
    START,
    Assertion,
    Atomic,
    Chars,
    Choice,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    Sequence,
    nodes,
)

_EVERYTHING = Repeat(Chars(".", slash=True, dot=True), 0, None)


@dataclass(frozen=True, slots=True)
class WithoutSlash:
    """A pattern for URLs without their slash; `groups` are those whose text has lost it (0 for the whole match)."""

    tree: Node
    groups: frozenset[int]


def without_slash(tree: Node, used: frozenset[int]) -> WithoutSlash | None:
    """The pattern for URLs without their slash, or None where it depends on the URL.

    Args:
        tree: the pattern for URLs with their slash.
        used: the groups that the rule refers to.
    """
    branches = tree.branches if isinstance(tree, Choice) else (tree,)
    found = [_branch(branch, used) for branch in branches]
    if None in found:
        return None
    stripped = [branch for branch in found if branch]
    if used and len({branch.anchored for branch in stripped}) > 1:
        return None  # another branch may come to be the first that matches
    groups = frozenset(group for branch in stripped for group in branch.groups)
    if len(branches) > 1 and used & groups - {0}:
        return None  # a group that took no part has no slash either
    if 0 in used and len({0 in branch.groups for branch in stripped}) > 1:
        return None
    trees = tuple(branch.tree for branch in stripped)
    return WithoutSlash(trees[0] if len(trees) == 1 else Choice(trees), groups)


@dataclass(frozen=True, slots=True)
class _Branch:
    tree: Node
    groups: frozenset[int]
    anchored: bool


def _branch(branch: Node, used: frozenset[int]) -> _Branch | None:
    items = _flat(branch)
    if items == [START]:
        return _Branch(branch, frozenset(), True)
    anchored = bool(items) and items[0] == START
    for node in nodes(Sequence(tuple(items[anchored:]))):
        if node == START or (isinstance(node, Look) and "<" in node.opening):
            return None
    if anchored or _takes_everything_first(items):
        return _anchored(items, used)
    may, empty = _starts(branch)
    if not may and not empty:
        return _Branch(branch, frozenset(), False)
    if not used and _matches_every_url(items):
        return _Branch(_EVERYTHING, frozenset(), True)
    if items and items[0] == SLASH and 0 not in used:
        return _Branch(Sequence((Choice((START, SLASH)), *items[1:])), frozenset(), False)
    return None


def _anchored(items: list[Node], used: frozenset[int]) -> _Branch | None:
    stripper = _Stripper()
    stripped = stripper.strip(items, ())
    if stripped is None or stripper.unsure & used:
        return None
    if any(isinstance(node, Reference) and node.number in stripper.groups for node in nodes(Sequence(tuple(items)))):
        return None
    return _Branch(Sequence(tuple(stripped)), frozenset((*stripper.groups, 0)), True)


def _matches_every_url(items: list[Node]) -> bool:
    """Whether one character, or none, is enough for it whatever that is; every URL has a slash at least."""
    needed = [item for item in items if not (isinstance(item, Repeat) and item.least == 0)]
    return not needed or (len(needed) == 1 and isinstance(needed[0], Chars) and needed[0].dot)


def _flat(node: Node) -> list[Node]:
    """The items of a sequence, of those in it too."""
    if isinstance(node, Sequence):
        return [item for part in node.items for item in _flat(part)]
    return [node]


def _takes_everything_first(items: list[Node]) -> bool:
    """Whether it begins with `.*` or `.+`, so that it matches at the start of the text or nowhere."""
    first = items[0] if items else None
    while isinstance(first, Group):
        flat = _flat(first.body)
        first = flat[0] if flat else None
    if not isinstance(first, Repeat) or first.least > 1 or first.most is not None:
        return False
    return isinstance(first.body, Chars) and first.body.dot


def _starts(node: Node) -> tuple[bool, bool]:
    """Whether it may match at a place where `/` follows, taking it; and taking nothing."""
    match node:
        case Chars():
            return node.slash, False
        case Assertion():
            return False, node != END
        case Look():
            return False, True
        case Group() | Atomic():
            return _starts(node.body)
        case Repeat():
            may, empty = _starts(node.body)
            return may, empty or node.least == 0
        case Reference():
            return True, True
        case Choice():
            starts = [_starts(branch) for branch in node.branches]
            return any(may for may, _ in starts), any(empty for _, empty in starts)
        case Sequence():
            takes = False
            for item in node.items:
                may, empty = _starts(item)
                takes = takes or may
                if not empty:
                    return takes, False
            return takes, True


def _is_universal(rest: tuple[Node, ...]) -> bool:
    """Whether it matches every text: nothing, or `.*` and groups of it, with `$` or without."""
    flat: list[Node] = []
    waiting = list(reversed(rest))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Group):
            waiting.append(node.body)
        elif isinstance(node, Sequence):
            waiting += reversed(node.items)
        else:
            flat.append(node)
    if len(flat) > 1 and flat[-1] == END:
        flat.pop()
    return all(
        isinstance(node, Repeat)
        and node.least == 0
        and node.most is None
        and isinstance(node.body, Chars)
        and node.body.dot
        for node in flat
    )


class _Stripper:
    """Takes one slash off the start of what a sequence matches.

    `groups` collects the groups that had it, `unsure` those of them that may take no part in a match.
    """

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.unsure: set[int] = set()

    def strip(self, items: list[Node], rest: tuple[Node, ...]) -> list[Node] | None:
        """The items for a text without the slash; `rest` is what follows them in the pattern."""
        if not items:
            return None
        first, others = items[0], items[1:]
        after = (*others, *rest)
        match first:
            case Sequence():
                return self.strip([*first.items, *others], rest)
            case Assertion() if first == START:
                stripped = self.strip(others, rest)
                return None if stripped is None else [START, *stripped]
            case Look() if "<" not in first.opening:
                body = self.strip([first.body], (_EVERYTHING,))
                stripped = self.strip(others, rest)
                if body is None or stripped is None:
                    return None
                return [Look(first.opening, Sequence(tuple(body))), *stripped]
            case Chars():
                return others if first.slash else None
            case Group():
                self.groups.add(first.number)
                body = self.strip([first.body], after)
                return None if body is None else [Group(first.number, Sequence(tuple(body))), *others]
            case Choice():
                known = frozenset(self.groups)
                branches = [self.strip([branch], after) for branch in first.branches]
                self.unsure |= self.groups - known
                if None in branches:
                    return None
                return [Choice(tuple(Sequence(tuple(branch)) for branch in branches if branch is not None)), *others]
            case Repeat():
                return self._repeat(first, others, after)
            case _:
                return None

    def _repeat(self, first: Repeat, others: list[Node], after: tuple[Node, ...]) -> list[Node] | None:
        if not isinstance(first.body, Chars) or not first.body.slash or first.most == 0:
            return None
        if first.least == 0:
            may, empty = _starts(Sequence(after))
            if (may or empty) and (first.lazy or not _is_universal(after)):
                return None
        least, most = max(0, first.least - 1), None if first.most is None else first.most - 1
        match least, most:
            case _, 0:
                return others
            case 1, 1:
                return [first.body, *others]
            case _:
                return [Repeat(first.body, least, most, first.lazy), *others]
