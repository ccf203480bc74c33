"""The outbound rules for the values of one attribute, arranged so that most values need none of them.

A page has thousands of values, and a site may have a hundred rules. What is found out here once for a list of rules:

- `RequiredLiterals`: what a value must have for any of the rules to match. A value without it is only counted.
- `PrefixOutcome`: what all rules together make of any value with a certain beginning, where that is certain from the
  beginning alone (see `prefix_rules`). Rules chain, so the beginning that one makes is what the next one looks at.
- For all other values an index, so that a rule is only tried on values that have its literal.

Nothing of it is a guess: where something is not certain, there is no `PrefixOutcome` or no `RequiredLiterals`.
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
from urlrewrite.patterns.literals import Anchoring, Literals, fold, required_literals

type Pair = tuple[str, str]
"""A tag and an attribute of it."""

_FEWEST = 8
"""Number of rules from which an index saves more than it costs."""
_MAX_OUTCOMES = 256
_SHORTEST = 3
"""Characters from which a literal is worth looking for anywhere in a value."""

_PLAIN_RUN = re.compile(r"[!#-&(-;?-_a-~]+")
"""What every expression for a value accepts: no white space, quote, `<`, `=`, `>` or backtick."""
_WRITABLE = re.compile(r"[ !#-;=-~]*")
"""What needs no escape between double quotes."""


@dataclass(frozen=True, slots=True)
class RequiredLiterals:
    """What a value has if any of the rules matches it: one of `starts` at its beginning, or one of `parts` anywhere.

    All are in ASCII and in lower case, and are compared without case. Holds for values in ASCII only.
    """

    starts: frozenset[str]
    parts: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class PrefixOutcome:
    """What the rules make of a value that begins with `prefix`: `becomes` replaces that beginning.

    Holds for values whose rest is printable ASCII. `matched` are the positions of rules, `changes` those of rules that
    change something, each with the beginning before it and after it; `end` is the position behind the last rule that is
    tried.
    """

    prefix: str
    becomes: str
    matched: tuple[int, ...]
    changes: tuple[tuple[int, str, str], ...]
    end: int


class ValueRules:
    """The rules for one attribute, in order.

    Attributes:
        required: what a value must have for a rule to match it; None where that is not known of every rule.
        outcomes: by prefix; no prefix begins with another one.
    """

    __slots__ = ("_always", "_indexed", "_lengths", "outcomes", "required", "rules")

    def __init__(self, rules: tuple[CompiledOutboundRule, ...], variables: Mapping[str, str]) -> None:
        self.rules = rules
        literals = [_literals(compiled) for compiled in rules]
        self.required = _required(literals)
        self.outcomes = {outcome.prefix: outcome for outcome in _outcomes(rules, literals, variables)}
        self._lengths = sorted(set(map(len, self.outcomes)))
        keyed = [(at, found) for at, found in enumerate(literals) if found] if len(rules) >= _FEWEST else []
        self._indexed = LiteralTable(keyed) if keyed else None
        self._always = sorted(set(range(len(rules))).difference(at for at, _ in keyed))

    def outcome(self, text: str) -> PrefixOutcome | None:
        """Return what the rules make of a value, if its beginning decides that."""
        for length in self._lengths:
            outcome = self.outcomes.get(text[:length])
            if outcome is not None:
                return outcome if text.isascii() and text.isprintable() else None
        return None

    def candidates(self, text: str, start: int) -> Iterable[int]:
        """Return the positions, from `start` on, of the rules that may match a value, in order."""
        if self._indexed is None:
            return range(start, len(self.rules))
        found: set[int] = set()
        self._indexed.find(fold(text), found)
        return sorted([*self._always[bisect_left(self._always, start) :], *(at for at in found if at >= start)])


@lru_cache(maxsize=256)
def value_rules(rules: tuple[CompiledOutboundRule, ...], variables: tuple[tuple[str, str], ...]) -> ValueRules:
    """Return the rules for values, made once for the same rules and the same values of their variables."""
    return ValueRules(rules, dict(variables))


@lru_cache(maxsize=64)
def by_pair(rules: tuple[CompiledOutboundRule, ...]) -> Mapping[Pair, tuple[CompiledOutboundRule, ...]]:
    """Return the rules of a pass by the pairs of tag and attribute that they examine."""
    found: dict[Pair, list[CompiledOutboundRule]] = {}
    for compiled in rules:
        for pair in compiled.tags:
            found.setdefault(pair, []).append(compiled)
    return {pair: tuple(of_pair) for pair, of_pair in found.items()}


@lru_cache(maxsize=64)
def constant_variables(rules: tuple[CompiledOutboundRule, ...]) -> tuple[str, ...]:
    """Return the names of the variables in the values of some rules that stay the same while a body is rewritten."""
    nodes = (node for compiled in rules for node in compiled.value.nodes)
    names = {node.name for node in nodes if isinstance(node, Variable)}
    return tuple(sorted(name for name in names if normal_name(name).startswith(("HTTP", "SERVER_"))))


def _literals(compiled: CompiledOutboundRule) -> Literals | None:
    """Return the most selective literals that a value must have for a rule to match it; None where there are none."""
    if compiled.rule.match.negate:
        return None
    found = [literals for literals in required_literals(compiled.pattern.tree) if "" not in literals.texts]
    anchored = [literals for literals in found if literals.anchoring is not Anchoring.ANYWHERE]
    long = [literals for literals in found if min(map(len, literals.texts)) >= _SHORTEST]
    return next(iter([*anchored, *sorted(long, key=lambda each: -min(map(len, each.texts)))]), None)


def _required(literals: Iterable[Literals | None]) -> RequiredLiterals | None:
    starts: set[str] = set()
    parts: set[str] = set()
    for each in literals:
        if each is None:
            return None
        texts = {text for text in each.texts if text.isascii()}
        if each.anchoring is not Anchoring.ANYWHERE:
            starts |= texts
            continue
        runs = [max(_PLAIN_RUN.findall(text), key=len, default="") for text in texts]
        if any(len(run) < _SHORTEST for run in runs):
            return None
        parts.update(runs)
    return RequiredLiterals(frozenset(starts), frozenset(parts))


def _outcomes(
    rules: tuple[CompiledOutboundRule, ...], literals: list[Literals | None], variables: Mapping[str, str]
) -> Iterator[PrefixOutcome]:
    simple = [prefix_rule(compiled, variables) for compiled in rules]
    prefixes = {prefix for rule in simple if rule for prefix in rule.prefixes if _WRITABLE.fullmatch(prefix)}
    if len(prefixes) > _MAX_OUTCOMES:
        return
    found: list[str] = []
    for prefix in sorted(prefixes):
        # A prefix stands before the longer ones that begin with it, and if it has an outcome, so have they.
        if found and prefix.startswith(found[-1]):
            continue
        outcome = _outcome(prefix, rules, simple, literals)
        if outcome is not None:
            found.append(prefix)
            yield outcome


def _outcome(
    prefix: str,
    rules: tuple[CompiledOutboundRule, ...],
    simple: list[PrefixRule | None],
    literals: list[Literals | None],
) -> PrefixOutcome | None:
    """Return what the rules make of values that begin with `prefix`, None where that depends on the rest."""
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
    """Say whether a value that begins so may have one of the literals."""
    if literals.anchoring is Anchoring.ANYWHERE:
        return True
    begins = fold(begins)
    return any(begins.startswith(text) or text.startswith(begins) for text in literals.texts)
