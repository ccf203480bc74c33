"""The literal text without which a pattern cannot match: the keys of an index of many rules. And, by the same means,
what a group of a pattern can capture.

Everything here is a *necessary* condition, on texts without regard to case (`fold`): a text that a pattern matches has
what is said of it; a text that has it may still not match. So only letters count whose every variant folds to the same
one character, and anything that is hard to judge (a large class, a back-reference, a lookaround) says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from urlrewrite.patterns import characters, linear
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.tree import (
    Anchor,
    Chars,
    Choice,
    Concatenation,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    chars,
    children,
    nodes,
)

MAX_TEXTS = 100  # alternatives that are kept apart, as in `^(en|de|fr)/(news|blog)/`
MAX_LENGTH = 60  # characters of each
MAX_CLASS = 4  # a class of more letters is not spelled out
_WIDEST_CLASS = 16  # nor is one looked at that has more code points

_SIGMA = "\u03a3"  # its lower case depends on what stands around it


class Anchoring(StrEnum):
    """Where in a text a literal must be; the earlier member, the more it says."""

    WHOLE = "whole"
    START = "start"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Literals:
    """Literals of which a folded text must have one, where `anchoring` says. None is empty, unless it is `WHOLE`."""

    anchoring: Anchoring
    texts: frozenset[str]


def fold(text: str) -> str:
    """Return a text in the form in which literals are compared: all case variants of a character become one."""
    return text.lower()


def required_literals(tree: Node) -> tuple[Literals, ...]:
    """Return what every text has in which the pattern matches; each entry holds by itself."""
    found: dict[Literals, None] = {}
    if linear.is_anchored(tree):
        heads = _heads(tree)
        whole = not heads.complete and not heads.open
        texts = heads.all()
        if texts and (whole or "" not in texts):
            found[Literals(Anchoring.WHOLE if whole else Anchoring.START, texts)] = None
    for texts in _inside(tree):
        if texts and "" not in texts:
            found[Literals(Anchoring.ANYWHERE, texts)] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Captured:
    """What a group can capture, folded: the texts in full, and the beginnings of longer ones ("" for any beginning).

    `chars` are the characters that a longer text may hold; None where that is not known.
    """

    texts: frozenset[str]
    beginnings: frozenset[str] = frozenset()
    chars: Ranges | None = None


def captured(tree: Node, number: int) -> Captured:
    """Return what a group can capture, 0 being the whole match; nothing but "" for a group that is not there."""
    if number == 0:
        return _captured(tree, optional=False)
    found = [_captured(group, optional=optional) for group, optional in _groups(tree, number)]
    if not found:
        return Captured(frozenset({""}))
    every = [each.chars for each in found if each.chars is not None]
    return Captured(
        frozenset[str]().union(*(each.texts for each in found)),
        frozenset[str]().union(*(each.beginnings for each in found)),
        characters.union(*every) if len(every) == len(found) else None,
    )


def _captured(node: Node, *, optional: bool) -> Captured:
    heads = _heads(node)
    texts = heads.complete | heads.ended
    # A back-reference holds what its group does, which may be any text.
    known = not any(isinstance(below, Reference) for below in nodes(node))
    return Captured(texts | {""} if optional else texts, heads.open, chars(node) if known else None)


def _groups(node: Node, number: int, optional: bool = False) -> Iterator[tuple[Node, bool]]:
    """Yield the bodies of the groups of this number, and whether a match may leave them out."""
    if isinstance(node, Group) and node.number == number:
        yield node.body, optional
    optional = optional or isinstance(node, Choice) or (isinstance(node, Repeat) and node.least == 0)
    for below in children(node):
        yield from _groups(below, number, optional or (isinstance(node, Look) and node.negative))


@dataclass(frozen=True, slots=True)
class _Heads:
    """What a node's match may begin with: texts that are all of it, beginnings of longer ones, and texts after which
    the whole input is at its end.
    """

    complete: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()

    def all(self) -> frozenset[str]:
        return self.complete | self.open | self.ended

    def opened(self) -> _Heads:
        """Return the heads where more may follow."""
        return _Heads(open=self.complete | self.open, ended=self.ended)

    def then(self, after: _Heads) -> _Heads:
        """Return what a match of this and then of `after` begins with; less of it where there would be too many."""
        if len(self.complete) * len(after.all()) + len(self.open | self.ended) > MAX_TEXTS:
            return self.opened()

        def joined(texts: frozenset[str]) -> frozenset[str]:
            return frozenset(before + text for before in self.complete for text in texts)

        heads = _Heads(joined(after.complete), self.open | joined(after.open), self.ended | joined(after.ended))
        return heads.opened() if any(len(text) > MAX_LENGTH for text in heads.complete) else heads


_NOTHING = frozenset({""})
_EMPTY = _Heads(complete=_NOTHING)
_UNKNOWN = _Heads(open=_NOTHING)


def _heads(node: Node) -> _Heads:
    match node:
        case Chars(ranges):
            letters = _letters(ranges)
            return _UNKNOWN if letters is None else _Heads(complete=letters)
        case Concatenation(items):
            heads = _EMPTY
            for _, following in _pieces(items):
                if not heads.complete:
                    break
                heads = heads.then(following)
            return heads
        case Choice(branches):
            return _either(map(_heads, branches))
        case Group(body):
            return _heads(body)
        case Repeat(body, least, most):
            once = _heads(body)
            heads = _EMPTY
            for _ in range(min(least, MAX_LENGTH)):
                heads = heads.then(once)
            if most == least and least <= MAX_LENGTH:
                return heads
            if least == 0 and most == 1:
                return _either((_EMPTY, once))
            return heads.opened()
        case Anchor.END:
            return _Heads(ended=_NOTHING)
        case Anchor() | Look():
            return _EMPTY
        case _:
            return _UNKNOWN


def _pieces(items: tuple[Node, ...]) -> Iterator[tuple[Node | None, _Heads]]:
    """Yield the items with their heads; letters that follow one another are one piece, without a node."""
    word = ""
    for item in items:
        letters = _letters(item.ranges) if isinstance(item, Chars) else None
        if letters and len(letters) == 1 and len(word) < MAX_LENGTH:
            word += next(iter(letters))
            continue
        if word:
            yield None, _Heads(complete=frozenset({word}))
            word = ""
        yield item, _heads(item)
    if word:
        yield None, _Heads(complete=frozenset({word}))


def _either(branches: Iterable[_Heads]) -> _Heads:
    complete, open_, ended = frozenset[str](), frozenset[str](), frozenset[str]()
    for heads in branches:
        complete, open_, ended = complete | heads.complete, open_ | heads.open, ended | heads.ended
    return _UNKNOWN if len(complete) + len(open_) + len(ended) > MAX_TEXTS else _Heads(complete, open_, ended)


@cache
def _letters(ranges: Ranges) -> frozenset[str] | None:
    """Return the characters of a set, folded; None where they are many, or fold differently by their place."""
    if sum(high - low + 1 for low, high in ranges) > _WIDEST_CLASS:
        return None
    letters = {chr(code) for low, high in ranges for code in range(low, high + 1)}
    folded = frozenset(map(fold, letters))
    return None if _SIGMA in letters or len(folded) > MAX_CLASS else folded


def _inside(node: Node) -> Iterator[frozenset[str]]:
    """Yield sets of texts; one text of each set is somewhere in what the node matches or looks at."""
    match node:
        case Concatenation(items):
            heads = _EMPTY
            for item, following in _pieces(items):
                if following.complete != _NOTHING:
                    heads = heads.then(following)
                    if not heads.complete:
                        yield heads.all()
                        heads = _EMPTY
                if item is not None and not isinstance(item, Chars):
                    yield from _inside(item)
            yield heads.all()
        case Choice(branches):
            best = [max(_inside(branch), key=_worth, default=_NOTHING) for branch in branches]
            together = frozenset[str]().union(*best)
            if len(together) <= MAX_TEXTS:
                yield together
        case Group(body):
            yield from _inside(body)
        case Repeat(body, least) if least > 0:
            yield _heads(node).all()
            yield from _inside(body)
        case Look(body, negative=False):
            yield from _inside(body)
        case Chars():
            yield _heads(node).all()
        case _:
            pass


def _worth(texts: frozenset[str]) -> tuple[int, int]:
    return min(map(len, texts), default=0), -len(texts)
