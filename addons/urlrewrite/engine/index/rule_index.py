"""A list of inbound rules that is quick to go through, however long: most rules are ruled out without being looked at.

Rules of long lists are alike: a thousand paths, a thousand hosts. From each rule one *key* is taken: a literal that
the URL, or the input of one of the rule's conditions, must have for the rule to match (see `patterns/literals.py`). The
keys lie in tables, one for each such input: whole texts and beginnings in dictionaries, literals that may be anywhere
under their rarest run of up to four characters. A request searches each table once; the rules that it names, and those
that have no key, are evaluated as ever, in their order.

The index only ever rules out what certainly does not match, and would have done nothing else either: a key is taken
from a condition only if no condition before it can warn of anything. Whatever a rule changes (the URL, a server
variable) may change the inputs, so that the tables are searched again for the rules behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.conditions import CompiledCondition
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.template import BackReference, Literal, Template, Variable
from urlrewrite.engine.variables import FILE_VARIABLES, is_server_variable, normal_name
from urlrewrite.model import LogicalGrouping
from urlrewrite.patterns.literals import Anchoring, Literals, fold, required_literals
from urlrewrite.trace.request_events import RULES_RULED_OUT

WORTHWHILE = 32
"""A list of up to this many rules has no index, and its trace has each of them."""

_FEWEST = 8  # an input that so few rules have a key for costs more than it saves
_MAX_TABLES = 8
_GRAM = 4
_SHORT = 3  # a literal shorter than this is found anywhere in most texts

DISABLED = "disabled"
THE_URL = "{R:0}"
"""Reasons why a rule is left out; a further one is the input of a condition."""

type _Input = Template | str  # a condition's input, or the directory below which a pattern matches the URL


class RuleList(Sequence["CompiledInboundRule"]):
    """The rules of one level, in order."""

    __slots__ = ("_index", "_rules")

    def __init__(self, rules: Iterable[CompiledInboundRule] = ()) -> None:
        self._rules = tuple(rules)
        self._index = _Index(self._rules) if len(self._rules) > WORTHWHILE else None

    def __len__(self) -> int:
        return len(self._rules)

    @overload
    def __getitem__(self, at: int) -> CompiledInboundRule: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[CompiledInboundRule, ...]: ...
    def __getitem__(self, at: int | slice) -> CompiledInboundRule | tuple[CompiledInboundRule, ...]:
        return self._rules[at]

    def __iter__(self) -> Iterator[CompiledInboundRule]:
        return iter(self._rules)

    def candidates(self, scope: Scope) -> Iterator[CompiledInboundRule]:
        """Yield the rules that may match, in order; which ones may depend on what the rules before them have done.

        The trace gets an event for each run of rules that is left out, unless every rule is to be traced.
        """
        index = self._index
        if index is None or (scope.trace.on and scope.trace.every_rule):
            yield from self._rules
            return
        url, assigned = scope.variables.url, scope.variables.assigned
        position = 0
        stale = True
        while stale:
            stale = False
            path, before = url.path, dict(assigned)  # a rewrite makes a new path, if only of the same text
            for candidate in index.candidates(scope, position):
                self._tell(scope, index, position, candidate)
                yield self._rules[candidate]
                position = candidate + 1
                if url.path is not path or assigned != before:
                    stale = True
                    break
        self._tell(scope, index, position, len(self._rules))

    def _tell(self, scope: Scope, index: _Index, start: int, end: int) -> None:
        if start < end and scope.trace.on:
            scope.trace.add(
                RULES_RULED_OUT,
                first=self._rules[start].rule.name,
                last=self._rules[end - 1].rule.name,
                count=end - start,
                reasons=index.reasons(start, end),
            )


class _Index:
    """A table of keys for each input, and the rules without a key."""

    def __init__(self, rules: tuple[CompiledInboundRule, ...]) -> None:
        options = [list(_options(compiled)) if compiled.rule.enabled else [] for compiled in rules]
        used = Counter(shape for offered in options for shape in {_shape(entry) for entry, _ in offered})
        worthwhile = {shape for shape, rules_of_it in used.most_common(_MAX_TABLES) if rules_of_it >= _FEWEST}
        crowds = Counter(
            (_shape(entry), literals.anchoring, text)
            for offered in options
            for entry, literals in offered
            for text in literals.texts
        )

        def cost(option: tuple[_Input, Literals]) -> tuple[bool, int, int, int]:
            entry, literals = option
            shape, anchoring = _shape(entry), literals.anchoring
            shortest = min(map(len, literals.texts))
            crowd = max(crowds[shape, anchoring, text] for text in literals.texts)
            return (
                anchoring is Anchoring.ANYWHERE and shortest < _SHORT,
                crowd,
                list(Anchoring).index(anchoring),
                -shortest,
            )

        inputs: dict[str, _Input] = {}
        keys: dict[str, list[tuple[int, Literals]]] = {}
        always: list[int] = []
        labels: list[str] = []
        for position, offered in enumerate(options):
            usable = [option for option in offered if _shape(option[0]) in worthwhile]
            if not rules[position].rule.enabled:
                labels.append(DISABLED)
            elif not usable:
                always.append(position)
                labels.append("")
            else:
                entry, literals = min(usable, key=cost)
                shape = _shape(entry)
                inputs[shape] = entry
                keys.setdefault(shape, []).append((position, literals))
                labels.append(shape)
        self._always = always
        self._tables = [(inputs[shape], LiteralTable(entries)) for shape, entries in keys.items()]
        self._counts = {
            label: [0, *accumulate(each == label for each in labels)] for label in dict.fromkeys(labels) if label
        }

    def candidates(self, scope: Scope, start: int) -> list[int]:
        """Return the positions, from `start` on, of the rules that may match now, in order."""
        found: set[int] = set()
        for entry, table in self._tables:
            text = _text_of(entry, scope)
            if text is not None:
                table.find(fold(text), found)
        return sorted([*self._always[bisect_left(self._always, start) :], *(at for at in found if at >= start)])

    def reasons(self, start: int, end: int) -> dict[str, int]:
        """Count the rules left out by reason: "disabled", or the input that lacks their key."""
        counted = {label: counts[end] - counts[start] for label, counts in self._counts.items()}
        return {label: count for label, count in counted.items() if count}


class LiteralTable:
    """A table of literals that finds, for one text, the rules whose key it has."""

    def __init__(self, entries: list[tuple[int, Literals]]) -> None:
        self._whole: dict[str, list[int]] = {}
        self._starts: dict[str, list[int]] = {}
        self._grams: dict[str, dict[str, list[int]]] = {}
        places = {
            Anchoring.WHOLE: self._whole,
            Anchoring.START: self._starts,
            Anchoring.ANYWHERE: dict[str, list[int]](),
        }
        for position, literals in entries:
            for text in literals.texts:
                places[literals.anchoring].setdefault(text, []).append(position)
        anywhere = places[Anchoring.ANYWHERE]
        frequency = Counter(gram for text in anywhere for gram in set(_grams_of(text)))
        for text, positions in anywhere.items():
            rarest = min(_grams_of(text), key=lambda gram: frequency[gram])
            self._grams.setdefault(rarest, {})[text] = positions
        self._start_lengths = sorted(set(map(len, self._starts)))
        self._gram_lengths = sorted(set(map(len, self._grams)))

    def find(self, text: str, found: set[int]) -> None:
        """Add the positions of the rules to `found`; `text` is folded."""
        found.update(self._whole.get(text, ()))
        for length in self._start_lengths:
            found.update(self._starts.get(text[:length], ()))
        for length in self._gram_lengths:
            grams = {text[at : at + length] for at in range(len(text) - length + 1)}
            for gram in self._grams.keys() & grams:
                for literal, positions in self._grams[gram].items():
                    if literal in text:
                        found.update(positions)


def _grams_of(text: str) -> list[str]:
    length = min(len(text), _GRAM)
    return [text[at : at + length] for at in range(len(text) - length + 1)]


def _text_of(entry: _Input, scope: Scope) -> str | None:
    """Return the input's text at this moment; None where the URL is not in the directory."""
    if isinstance(entry, Template):
        return scope.expand(entry)
    path = scope.variables.url.path
    offset = path.below(entry) if entry else 0
    return path.text[offset:] if offset >= 0 else None


def _shape(entry: _Input) -> str:
    """Return a key that is equal for inputs that always have equal texts."""
    if isinstance(entry, str):
        return f"{THE_URL} in {entry}" if entry else THE_URL
    return "".join(node.text if isinstance(node, Literal) else f"{{{_name(node)}}}" for node in entry.nodes)


def _name(node: object) -> str:
    assert isinstance(node, Variable)
    return node.name.upper().replace("-", "_")


def _options(compiled: CompiledInboundRule) -> Iterator[tuple[_Input, Literals]]:
    """Yield the keys that a rule offers; where a text lacks one of them, the rule has no effect at all."""
    if not compiled.rule.match.negate:
        for literals in required_literals(compiled.pattern.tree):
            yield compiled.directory, literals
    conditions = compiled.conditions
    if len(conditions.items) > 1 and conditions.logical_grouping is LogicalGrouping.MATCH_ANY:
        yield from _of_any(conditions.items)
        return
    for item in conditions.items:
        if not _has_no_side_effects(item):
            return
        for literals in _of_condition(item):
            yield item.input, literals


def _of_condition(item: CompiledCondition) -> tuple[Literals, ...]:
    """Return what the input must have for the condition to hold."""
    plain = all(isinstance(node, Literal | Variable) for node in item.input.nodes)  # the same for every rule
    return required_literals(item.pattern.tree) if item.pattern and plain and not item.condition.negate else ()


def _of_any(items: tuple[CompiledCondition, ...]) -> Iterator[tuple[_Input, Literals]]:
    """Yield what one input must have for any of the conditions to hold, if all have the same input."""
    if not all(map(_has_no_side_effects, items)):
        return
    offered = [_of_condition(item) for item in items]
    if not all(offered) or len({_shape(item.input) for item in items}) > 1:
        return
    for anchoring in Anchoring:
        alternatives = [
            next((each.texts for each in literals if each.anchoring is anchoring), None) for literals in offered
        ]
        texts = [each for each in alternatives if each is not None]
        if len(texts) == len(items):
            yield items[0].input, Literals(anchoring, frozenset[str]().union(*texts))


def _is_silent(name: str) -> bool:
    return is_server_variable(name) and normal_name(name) not in FILE_VARIABLES


def _has_no_side_effects(item: CompiledCondition) -> bool:
    """Say whether evaluating the condition adds nothing to the trace, warns of nothing and looks nothing up."""
    return item.pattern is not None and all(
        isinstance(reference, BackReference) or (isinstance(reference, Variable) and _is_silent(reference.name))
        for reference in item.input.references()
    )
