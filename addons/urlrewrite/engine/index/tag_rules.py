"""The outbound rules for the values of one attribute, arranged so that most values need none of them.

A page has thousands of values, and a site may have a hundred rules. What is found out here once for a list of rules:

- `RequiredLiterals`: what a value must have for any of the rules to match. A value without it is only counted.
- `PrefixOutcome`: what all rules together make of any value with a certain beginning, where that can be told from the
  beginning alone (see `prefix_rules`). Rules chain, so the beginning that one makes is what the next one looks at.
- For all other values an index, so that a rule is only tried on values that have its literal.

Nothing of it is a guess: where something is not certain, there is no walk, or nothing is needed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.index.prefix_rules import PrefixRule, prefix_rule
from urlrewrite.engine.index.rule_index import LiteralTable
from urlrewrite.engine.template import Variable
from urlrewrite.engine.variables import normal_name
from urlrewrite.patterns.literals import Literals, Place, fold, required_literals

type Pair = tuple[str, str]
"""A tag and an attribute of it."""

_FEWEST = 8
"""Rules from which an index costs less than it saves."""
_MAX_WALKS = 256
_SHORTEST = 3
"""Characters of a literal that says something wherever in a value it is."""

_PLAIN_RUN = re.compile(r"[!#-&(-;?-_a-~]+")
"""What every expression for a value takes: no white space, quote, `<`, `=`, `>` or backtick."""
_WRITABLE = re.compile(r"[ !#-;=-~]*")
"""What needs no escape between double quotes."""


@dataclass(frozen=True, slots=True)
class RequiredLiterals:
    """What a value has if a rule matches it: one of `starts` at its beginning, or one of `parts` anywhere.

    All are in ASCII and in lower case, and case does not count. It is said of values in ASCII only.
    """

    starts: frozenset[str]
    parts: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class PrefixOutcome:
    """What the rules make of a value that begins with `prefix`: the same with `becomes`.

    That is so of values whose rest is printable ASCII. `matched` are the positions of rules, `changes` those of rules
    that change something, each with the beginning before it and after it; `end` is the position behind the last rule
    that is tried.
    """

    prefix: str
    becomes: str
    matched: tuple[int, ...]
    changes: tuple[tuple[int, str, str], ...]
    end: int


class ValueRules:
    """The rules for one attribute, in order.

    Attributes:
        needed: what a value must have; None where that is not known of every rule.
        walks: by prefix; no prefix begins with another one.
    """

    __slots__ = ("_always", "_indexed", "_lengths", "needed", "rules", "walks")

    def __init__(self, rules: tuple[CompiledOutboundRule, ...], variables: Mapping[str, str]) -> None:
        self.rules = rules
        literals = [_literals(compiled) for compiled in rules]
        self.needed = _needed(literals)
        self.walks = {walk.prefix: walk for walk in _walks(rules, literals, variables)}
        self._lengths = sorted(set(map(len, self.walks)))
        keyed = [(at, found) for at, found in enumerate(literals) if found] if len(rules) >= _FEWEST else []
        self._indexed = LiteralTable(keyed) if keyed else None
        self._always = sorted(set(range(len(rules))).difference(at for at, _ in keyed))

    def walk(self, text: str) -> PrefixOutcome | None:
        """The walk of a value, if it has one."""
        for length in self._lengths:
            walk = self.walks.get(text[:length])
            if walk is not None:
                return walk if text.isascii() and text.isprintable() else None
        return None

    def to_try(self, text: str, start: int) -> Iterable[int]:
        """The rules from `start` on that may match a value, by their position, in order."""
        if self._indexed is None:
            return range(start, len(self.rules))
        found: set[int] = set()
        self._indexed.find(fold(text), found)
        return sorted([*self._always[bisect_left(self._always, start) :], *(at for at in found if at >= start)])


@lru_cache(maxsize=256)
def value_rules(rules: tuple[CompiledOutboundRule, ...], variables: tuple[tuple[str, str], ...]) -> ValueRules:
    """The same for every exchange with the same rules in force, and the same values of the variables in them."""
    return ValueRules(rules, dict(variables))


@lru_cache(maxsize=64)
def by_pair(rules: tuple[CompiledOutboundRule, ...]) -> Mapping[Pair, tuple[CompiledOutboundRule, ...]]:
    """The rules of a pass by the tags and attributes that they examine."""
    found: dict[Pair, list[CompiledOutboundRule]] = {}
    for compiled in rules:
        for pair in compiled.tags:
            found.setdefault(pair, []).append(compiled)
    return {pair: tuple(of_pair) for pair, of_pair in found.items()}


@lru_cache(maxsize=64)
def constant_variables(rules: tuple[CompiledOutboundRule, ...]) -> tuple[str, ...]:
    """The variables in the values of some rules that stay as they are while a body is rewritten."""
    nodes = (node for compiled in rules for node in compiled.value.nodes)
    names = {node.name for node in nodes if isinstance(node, Variable)}
    return tuple(sorted(name for name in names if normal_name(name).startswith(("HTTP", "SERVER_"))))


def _literals(compiled: CompiledOutboundRule) -> Literals | None:
    """The literals that say most of the values that a rule matches."""
    if compiled.rule.match.negate:
        return None
    found = [literals for literals in required_literals(compiled.pattern.tree) if "" not in literals.texts]
    anchored = [literals for literals in found if literals.place is not Place.ANYWHERE]
    long = [literals for literals in found if min(map(len, literals.texts)) >= _SHORTEST]
    return next(iter([*anchored, *sorted(long, key=lambda each: -min(map(len, each.texts)))]), None)


def _needed(literals: Iterable[Literals | None]) -> RequiredLiterals | None:
    starts: set[str] = set()
    parts: set[str] = set()
    for each in literals:
        if each is None:
            return None
        texts = {text for text in each.texts if text.isascii()}
        if each.place is not Place.ANYWHERE:
            starts |= texts
            continue
        runs = [max(_PLAIN_RUN.findall(text), key=len, default="") for text in texts]
        if any(len(run) < _SHORTEST for run in runs):
            return None
        parts.update(runs)
    return RequiredLiterals(frozenset(starts), frozenset(parts))


def _walks(
    rules: tuple[CompiledOutboundRule, ...], literals: list[Literals | None], variables: Mapping[str, str]
) -> Iterator[PrefixOutcome]:
    simple = [prefix_rule(compiled, variables) for compiled in rules]
    prefixes = {prefix for rule in simple if rule for prefix in rule.prefixes if _WRITABLE.fullmatch(prefix)}
    if len(prefixes) > _MAX_WALKS:
        return
    found: list[str] = []
    for prefix in sorted(prefixes):
        # A prefix stands before the longer ones that begin with it, and if it has a walk, so is theirs.
        if found and prefix.startswith(found[-1]):
            continue
        walk = _walk(prefix, rules, simple, literals)
        if walk is not None:
            found.append(prefix)
            yield walk


def _walk(
    prefix: str,
    rules: tuple[CompiledOutboundRule, ...],
    simple: list[PrefixRule | None],
    literals: list[Literals | None],
) -> PrefixOutcome | None:
    """What the rules make of values that begin so, None where that depends on the rest."""
    begins, matched, changes = prefix, list[int](), list[tuple[int, str, str]]()
    for at, compiled in enumerate(rules):
        known = literals[at]
        if known is not None and not _may_match(begins, known):
            continue
        rule = simple[at]
        if rule is None:
            return None
        found = next((each for each in rule.prefixes if begins.startswith(each)), None)
        if found is None:
            return None
        matched.append(at)
        becomes = rule.prefixes[found]
        if becomes is not None:
            after = becomes + begins[len(found) :]
            if after != begins:
                changes.append((at, begins, after))
            begins = after
            if not _WRITABLE.fullmatch(begins):
                return None
        if compiled.rule.stop_processing:
            return PrefixOutcome(prefix, begins, tuple(matched), tuple(changes), at + 1)
    return PrefixOutcome(prefix, begins, tuple(matched), tuple(changes), len(rules))


def _may_match(begins: str, literals: Literals) -> bool:
    """Whether a value that begins so may have one of the literals."""
    if literals.place is Place.ANYWHERE:
        return True
    begins = fold(begins)
    return any(begins.startswith(text) or text.startswith(begins) for text in literals.texts)
