"""The commonest outbound rule: a fixed beginning of a URL is replaced, and all the rest is kept.

    ^http(s)?://privateserver:8080/(.*)      becomes      https://www.example.com/{R:2}

Such a pattern matches a value that begins with one of a few texts, whatever comes then; and what it makes of the value
is known from the beginning alone. Here such rules are recognised, so that their values need no regular expression.

What is said here holds of values whose rest, behind the beginning, has no line end in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.template import BackReference, Literal, Template, Variable
from urlrewrite.patterns import characters
from urlrewrite.patterns.pattern import Pattern
from urlrewrite.patterns.tree import Anchor, Chars, Choice, Concatenation, Group, Node, Repeat

_MAX_PREFIXES = 16
"""Beginnings that a pattern may have, and characters in a class of it."""

type _Spelled = list[tuple[str, dict[int, str]]]
"""Texts that a part of a pattern matches, and what its groups capture then."""


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """A rule that only looks at the beginning of a value.

    `prefixes` are in ASCII, and none of them begins with another one. Each has what is put in its place, None where the
    rule matches and changes nothing. Where case is ignored they are in lower case, and a value that begins with one of
    them in another case matches, too.
    """

    prefixes: Mapping[str, str | None]


def prefix_rule(compiled: CompiledOutboundRule, variables: Mapping[str, str]) -> PrefixRule | None:
    """Return what a rule does if it only looks at the beginning of a value, else None.

    `variables` are the server variables whose values stay the same while a body is rewritten, by name.
    """
    rule = compiled.rule
    if rule.match.negate or compiled.conditions.items:
        return None
    split = _split(compiled.pattern)
    if split is None:
        return None
    spelled, rest = split
    prefixes: dict[str, str | None] = {}
    for text, groups in spelled:
        becomes: str | None = None
        if compiled.rewrites:
            becomes = _becomes(compiled.value, text, groups, rest, variables)
            if becomes is None:
                return None
        prefixes[text] = becomes
    return PrefixRule(prefixes)


def _split(pattern: Pattern) -> tuple[_Spelled, int] | None:
    """Return the beginnings of a pattern, and the number of the group that takes the rest."""
    if not isinstance(pattern.tree, Concatenation):
        return None
    items = pattern.tree.items
    ended = items[-1:] == (Anchor.END,)
    items = items[: -1 if ended else None]
    if len(items) < 3 or items[0] is not Anchor.START:
        return None
    match items[-1]:
        case Group(Repeat(Chars(ranges), 0, None, lazy), number) if ended or not lazy:
            if ranges not in (characters.DOT, characters.ALL):
                return None
        case _:
            return None
    spelled = _spelled(Concatenation(items[1:-1]))
    if not spelled:
        return None
    texts = sorted(text for text, _ in spelled)
    if not texts[0] or any(longer.startswith(text) for text, longer in pairwise(texts)):
        return None
    return spelled, number


def _spelled(node: Node) -> _Spelled | None:
    """Return all texts that a node matches, None where they are many or not known."""
    match node:
        case Chars(ranges):
            letters = _letters(ranges)
            return None if letters is None else [(letter, {}) for letter in letters]
        case Concatenation(items):
            return _joined([_spelled(item) for item in items])
        case Choice(branches):
            found = [_spelled(branch) for branch in branches]
            texts = [each for branch in found if branch is not None for each in branch]
            return None if None in found or len(texts) > _MAX_PREFIXES else texts
        case Group(body, number):
            inner = _spelled(body)
            return None if inner is None else [(text, groups | {number: text}) for text, groups in inner]
        case Repeat(body, 0, 1):
            inner = _spelled(body)
            return None if inner is None else [*inner, ("", {})]
        case _:
            return None


def _joined(parts: list[_Spelled | None]) -> _Spelled | None:
    texts: _Spelled = [("", {})]
    for part in parts:
        if part is None or len(texts) * len(part) > _MAX_PREFIXES:
            return None
        texts = [(head + tail, groups | more) for (head, groups), (tail, more) in product(texts, part)]
    return texts


def _letters(ranges: characters.Ranges) -> list[str] | None:
    """Return the characters of a set, one for two that differ in case; None where they are many or not all ASCII."""
    if not ranges or ranges[-1][1] > 0x7E or sum(high - low + 1 for low, high in ranges) > 2 * _MAX_PREFIXES:
        return None
    codes = [code for low, high in ranges for code in range(low, high + 1)]
    letters = [chr(code) for code in codes if not (0x41 <= code <= 0x5A and code | 0x20 in codes)]
    return letters if all(map(str.isprintable, letters)) else None


def _becomes(
    value: Template, prefix: str, groups: Mapping[int, str], rest: int, variables: Mapping[str, str]
) -> str | None:
    """Return what replaces the beginning; None where the new value is more than a new beginning and the old rest."""
    if not value.nodes:
        return None
    match value.nodes[-1]:
        case BackReference("R", number) if number == rest:
            end = ""
        case BackReference("R", 0):
            end = prefix
        case _:
            return None
    texts = list(_texts(value, groups, rest, variables))
    return None if None in texts else "".join([*(text for text in texts if text is not None), end])


def _texts(value: Template, groups: Mapping[int, str], rest: int, variables: Mapping[str, str]) -> Iterator[str | None]:
    """Yield the text of each node of a template but the last; None for one that is not known."""
    for node in value.nodes[:-1]:
        match node:
            case Literal(text):
                yield text
            case BackReference("R", number) if number not in (0, rest):
                yield groups.get(number, "")
            case BackReference("C", _):
                yield ""
            case Variable(name):
                yield variables.get(name)
            case _:
                yield None
