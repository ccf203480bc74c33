"""The shape of rule files, learned from their reader.

The reader is given small trees, one for each place and kind of value, and says what it asks of them (`Question`): so a
key that it reads is known here, with its type and its default, and one that it no longer reads is not.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.questions import Kind, Question
from urlrewrite.formats.reports import Report
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar, Sequence
from urlrewrite.formats.yaml.rules import rule_set_of

ITEM, NAME = "[]", "*"
"""Steps of a place: an item of a list, and a name of the author's own."""

type Place = tuple[str, ...]
"""The keys that lead to a value, with `ITEM` and `NAME` between them."""

_EXAMPLE = "x"
_SCALARS = (Kind.CHOICE, Kind.INTEGER, Kind.BOOLEAN, Kind.PARSED, Kind.TEXT)
"""From what says most of a text to what says least."""

_FILE = "/nowhere/rules.yaml"
"""No file is there, so none that is named relative to it."""


@dataclass(frozen=True, slots=True)
class Value:
    """What may stand in a place: any of those that are not None. Nothing is asked of a value that has none of them.

    Attributes:
        scalar: what is asked of a text.
        item: what may stand in a list.
        named: what may stand in a mapping of names; `names` are the only ones that make sense, () for any.
        table: the name of the table that a mapping is, a key of `Shapes.tables`.
    """

    scalar: Question | None = None
    item: Value | None = None
    named: Value | None = None
    names: tuple[str, ...] = ()
    table: str | None = None


@dataclass(slots=True)
class TableShape:
    """A mapping of known keys.

    Attributes:
        values: what may stand under each key.
        defaults: what is taken if a key is not given, as the reader has it; a key is missing here if that is inherited.
        required: the keys that must be there.
        required_with: the keys that must be there besides, by another key and its word.
    """

    values: dict[str, Value] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    required_with: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Asked:
    """What was asked in one reading: by place, and by place and key."""

    node: dict[Place, list[Question]] = field(default_factory=dict)
    missing: set[tuple[Place, str]] = field(default_factory=set)
    absent: dict[tuple[Place, str], Question] = field(default_factory=dict)

    def missing_at(self, place: Place) -> bool:
        """Say whether something is missing although a value stands in this place."""
        return bool(place) and (place[:-1], place[-1]) in self.missing


class Shapes:
    """All tables of rule files, by name; that of the whole file is `root`.

    Tables that have the same keys under the same key of whatever they stand in are one.
    """

    def __init__(self) -> None:
        self.tables: dict[str, TableShape] = {}
        self._names: dict[tuple[str, tuple[str, ...]], str] = {}
        self.root = self._value(()).table or ""

    def _value(self, place: Place) -> Value:
        examples: tuple[Node, ...] = (Scalar(_EXAMPLE, 1), Sequence((), 1), Mapping((), 1))
        questions = [question for node in examples for question in _ask(place, node).node.get(place, ())]
        by_kind = {question.kind: question for question in reversed(questions)}
        scalar = next((by_kind[kind] for kind in _SCALARS if kind in by_kind), None)
        if scalar and scalar.kind is Kind.CHOICE:
            # A word that says too little by itself is for the mapping that says the rest.
            words = tuple(word for word in scalar.words if not _ask(place, Scalar(word, 1)).missing_at(place))
            scalar = Question(scalar.kind, scalar.default, words)
        names = by_kind[Kind.NAMES].words if Kind.NAMES in by_kind else ()
        return Value(
            scalar,
            self._value((*place, ITEM)) if Kind.LIST in by_kind else None,
            self._value((*place, names[0] if names else NAME)) if Kind.NAMES in by_kind else None,
            names,
            self._table(place, by_kind[Kind.TABLE].keys) if Kind.TABLE in by_kind else None,
        )

    def _table(self, place: Place, keys: tuple[str, ...]) -> str:
        """Return the name of the table, whose keys are asked about unless it is known."""
        steps = [step for step in place if step not in (ITEM, NAME)] or ["file"]
        ending = {ITEM: ".item", NAME: ".entry"}.get(place[-1], "") if place else ""
        own = f"{steps[-1]}{ending}"
        name = self._names.get((own, keys))
        if name is None:
            name = own
            while name in self.tables:
                steps.pop()
                name = f"{steps[-1]}.{name}"
            self._names[own, keys] = name
            self.tables[name] = shape = TableShape()
            self._fill(shape, place, keys)
        return name

    def _fill(self, shape: TableShape, place: Place, keys: tuple[str, ...]) -> None:
        required = {key for at, key in _ask(place, Mapping((), 1)).missing if at == place}
        with_word: dict[tuple[str, str], set[str]] = {}
        for key in keys:
            value = shape.values[key] = self._value((*place, key))
            asked = _ask(place, _table_of({key: Scalar(_EXAMPLE, 1)}))
            for (at, other), question in asked.absent.items():
                if at == place:
                    shape.defaults.setdefault(other, question.default)
            if value.scalar and value.scalar.kind is Kind.CHOICE:
                for word in value.scalar.words:
                    found = _ask(place, _table_of({key: Scalar(word, 1)}))
                    with_word[key, word] = {other for at, other in found.missing if at == place}
        always = required.copy()
        for (key, _), missing in with_word.items():
            always &= missing | {key}
        shape.required = frozenset(always)
        more = {said: frozenset(missing - always) for said, missing in with_word.items()}
        shape.required_with = {said: keys for said, keys in more.items() if keys}


def _table_of(entries: MappingOf[str, Node]) -> Mapping:
    return Mapping(tuple((Scalar(key, 1), node) for key, node in entries.items()), 1)


def _ask(place: Place, node: Node) -> _Asked:
    """Read a file that has nothing but this node in this place; return what was asked."""
    places = {id(node): place}
    nodes = [node]
    for depth in range(len(place), 0, -1):
        step = place[depth - 1]
        node = Sequence((node,), 1) if step == ITEM else _table_of({_EXAMPLE if step == NAME else step: node})
        places[id(node)] = place[: depth - 1]
        nodes.append(node)
    asked = _Asked()

    def listen(of: object, key: str, question: Question) -> None:
        at = places.get(id(of))
        if at is None:
            return
        if question.kind is Kind.MISSING:
            asked.missing.add((at, key))
        elif key and not (isinstance(of, Mapping) and any(name.text == key for name, _ in of.entries)):
            asked.absent.setdefault((at, key), question)
        else:
            asked.node.setdefault((*at, key) if key else at, []).append(question)

    rule_set_of(node, Report(_FILE, [], listener=listen), FilesRead())
    return asked
