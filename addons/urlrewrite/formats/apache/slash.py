r"""Rewrites patterns of per-server context, which see `/shop/cart`, for rules of IIS, which see `shop/cart`.

Every URL begins with a slash, and mostly it is plain what a pattern does with it: `^/shop` matches it as it is,
`^(.*)$` has it at the start of its group, `\.php$` never matches it. Then the slash is taken off the pattern, and a
reference to a group that began with it gets it back (`$1` is `/{R:1}`). Where it depends on the URL which part of the
pattern matches the slash, as in `^(.*)/(.*)$`, the rule has to match `{URL}`, which begins with it, in a condition.

No pattern is tried on a text here: the tree shows that both patterns match the same URLs with the same groups. What the
tree does not show in a few steps counts as "depends".
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.patterns import characters
from urlrewrite.patterns.tree import (
    EMPTY,
    Anchor,
    Chars,
    Choice,
    Concatenation,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    flat,
    is_any,
    is_any_run,
    nodes,
)

_SLASH = Chars(characters.single(ord("/")))
_EVERYTHING = Repeat(Chars(characters.DOT), 0, None, lazy=False)


@dataclass(frozen=True, slots=True)
class WithoutSlash:
    """A pattern for URLs without their slash; `groups` are those whose text lost it (0 is the whole match)."""

    tree: Node
    groups: frozenset[int]


def without_slash(tree: Node, used: frozenset[int]) -> WithoutSlash | None:
    """Return the pattern for URLs without their slash, or None where it depends on the URL.

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
    items = flat(branch)
    if items == [Anchor.START]:
        return _Branch(branch, frozenset(), True)
    anchored = items[:1] == [Anchor.START]
    for node in nodes(Concatenation(tuple(items[anchored:]))):
        if node == Anchor.START or (isinstance(node, Look) and not node.ahead):
            return None
    if anchored or _takes_everything_first(items):
        return _anchored(items, used)
    may, empty = _starts(branch)
    if not may and not empty:
        return _Branch(branch, frozenset(), False)
    if not used and _matches_every_url(items):
        return _Branch(_EVERYTHING, frozenset(), True)
    if items[:1] == [_SLASH] and 0 not in used:
        return _Branch(Concatenation((Choice((Anchor.START, _SLASH)), *items[1:])), frozenset(), False)
    return None


def _anchored(items: list[Node], used: frozenset[int]) -> _Branch | None:
    stripper = _Stripper()
    stripped = stripper.strip(items, ())
    if stripped is None or stripper.unsure & used:
        return None
    if any(
        isinstance(node, Reference) and node.number in stripper.groups for node in nodes(Concatenation(tuple(items)))
    ):
        return None
    return _Branch(Concatenation(tuple(stripped)), frozenset((*stripper.groups, 0)), True)


def _matches_every_url(items: list[Node]) -> bool:
    """Tell whether any one character, or none, is a match; every URL has at least its slash."""
    needed = [item for item in items if not (isinstance(item, Repeat) and item.least == 0)]
    return not needed or (len(needed) == 1 and is_any(needed[0]))


def _has_slash(chars: Chars) -> bool:
    return characters.contains(chars.ranges, ord("/"))


def _takes_everything_first(items: list[Node]) -> bool:
    """Tell whether the items begin with `.*` or `.+`, and so match at the start of the text or nowhere."""
    match items:
        case [Group(body), *_]:
            return _takes_everything_first(flat(body))
        case [Repeat(body, 0 | 1, None), *_]:
            return is_any(body)
        case _:
            return False


def _starts(node: Node) -> tuple[bool, bool]:
    """Tell whether a match of the node may begin with `/`, and whether it may be empty where `/` follows."""
    match node:
        case Chars():
            return _has_slash(node), False
        case Anchor():
            return False, node != Anchor.END
        case Look():
            return False, True
        case Group(body):
            return _starts(body)
        case Repeat(body, least):
            may, empty = _starts(body)
            return may, empty or least == 0
        case Reference():
            return True, True
        case Choice(branches):
            starts = list(map(_starts, branches))
            return any(may for may, _ in starts), any(empty for _, empty in starts)
        case Concatenation(items):
            takes = False
            looked_at: Node = EMPTY
            for item in items:
                # the reference of an atomic group takes what the lookahead before it has found
                atomic = isinstance(item, Reference) and item.number < 0
                may, empty = _starts(looked_at if atomic else item)
                looked_at = item.body if isinstance(item, Look) else EMPTY
                takes = takes or may
                if not empty:
                    return takes, False
            return takes, True


def _is_universal(rest: tuple[Node, ...]) -> bool:
    """Tell whether the items match every text: there are none, or only `.*` in groups or not, then perhaps `$`."""
    items = flat(Concatenation(rest))
    if len(items) > 1 and items[-1] == Anchor.END:
        items.pop()
    return all(_is_universal((item.body,)) if isinstance(item, Group) else is_any_run(item) for item in items)


class _Stripper:
    """Takes one slash off the start of what a sequence matches.

    `groups` collects the groups that began with it, `unsure` those of them that may take no part in a match.
    """

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.unsure: set[int] = set()

    def strip(self, items: list[Node], rest: tuple[Node, ...]) -> list[Node] | None:
        """Return the items for a text without the slash, None where it depends; `rest` follows them in the pattern."""
        if not items:
            return None
        first, others = items[0], items[1:]
        after = (*others, *rest)
        match first:
            case Concatenation(inner):
                return self.strip([*inner, *others], rest)
            case Anchor.START:
                stripped = self.strip(others, rest)
                return None if stripped is None else [first, *stripped]
            case Look(body, ahead=True, negative=negative):
                ahead = self.strip([body], (_EVERYTHING,))
                stripped = self.strip(others, rest)
                if ahead is None or stripped is None:
                    return None
                return [Look(Concatenation(tuple(ahead)), ahead=True, negative=negative), *stripped]
            case Chars():
                return others if _has_slash(first) else None
            case Group(body, number):
                self.groups.add(number)
                inside = self.strip([body], after)
                return None if inside is None else [Group(Concatenation(tuple(inside)), number), *others]
            case Choice(alternatives):
                known = frozenset(self.groups)
                branches = [self.strip([branch], after) for branch in alternatives]
                self.unsure |= self.groups - known
                if None in branches:
                    return None
                return [
                    Choice(tuple(Concatenation(tuple(branch)) for branch in branches if branch is not None)),
                    *others,
                ]
            case Repeat():
                return self._repeat(first, others, after)
            case _:
                return None

    def _repeat(self, first: Repeat, others: list[Node], after: tuple[Node, ...]) -> list[Node] | None:
        if not isinstance(first.body, Chars) or not _has_slash(first.body) or first.most == 0:
            return None
        if first.least == 0:
            may, empty = _starts(Concatenation(after))
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
