"""Texts that a pattern matches, made from its tree."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.tree import Chars, Choice, Concatenation, Group, Node, Reference, Repeat

_LIKED = "abcdefgABC0123456789-_hkmnXxyz./ ~!@$&'()*+,;=:%<>[]{}|?#"
_FEW = (0, 1, 1, 3, 6)


def sample(tree: Node, random: Random, given: Mapping[int, str] | None = None) -> str:
    """Return a text that the tree matches, but for what its assertions demand; most of it printable ASCII.

    `given` is what groups are to capture, by their numbers.
    """
    return _Sampler(random, given or {}).of(tree)


class _Sampler:
    def __init__(self, random: Random, given: Mapping[int, str]) -> None:
        self.random = random
        self.given = given
        self.groups: dict[int, str] = {}

    def of(self, node: Node) -> str:
        match node:
            case Chars(ranges):
                return self.character(ranges)
            case Concatenation(items):
                return "".join(map(self.of, items))
            case Choice(branches):
                return self.of(self.random.choice(branches))
            case Repeat(body, least, most):
                times = least + self.random.choice(_FEW)
                return "".join(self.of(body) for _ in range(times if most is None else min(times, most)))
            case Group(body, number):
                text = self.groups[number] = self.given[number] if number in self.given else self.of(body)
                return text
            case Reference(number):
                return self.groups.get(number, "")
            case _:
                return ""

    def character(self, ranges: Ranges) -> str:
        liked = [char for char in _LIKED if characters.contains(ranges, ord(char))]
        if not liked:
            return chr(ranges[0][0]) if ranges else ""
        # Of "any character", mostly letters: other ones make other patterns fail.
        return self.random.choice(liked[:30] if len(liked) > 30 else liked)
