"""Mappings of a YAML file to typed values.

A key that is given as null (`rules:` with every rule commented out) counts as not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reader import Reader, member, words_for
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.wording import fix_of, listed, shown, suggestion
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar, Sequence
from urlrewrite.model import Source
from urlrewrite.model.problems import Fix


class Table(Reader):
    """A mapping of which the keys are known: unknown and repeated ones are reported at once.

    `path` goes before the key in messages (`match` gives `match.url`).
    """

    BOOLEANS = MappingProxyType({"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False})
    QUOTE = "'"

    def __init__(self, node: Mapping, keys: SequenceOf[str], report: Report, path: str = "") -> None:
        super().__init__(report)
        self.node = node
        self.path = path
        self._values: dict[str, Node] = {}
        report.ask(node, Kind.TABLE, keys=tuple(keys))
        for key, value in pairs(node, report, path):
            if key.text not in keys:
                message = f"got the key {shown(key.text)}, expected {listed(keys)}{suggestion(key.text, keys)}"
                fix = fix_of(key.text, keys)
                report.error(key.line, ProblemId.UNKNOWN_KEY, self._labelled("", message), fix)
            elif not (isinstance(value, Scalar) and value.is_null):
                self._values[key.text] = value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> Node | None:
        """Return the node of a key; None if the key is missing or null."""
        return self._values.get(key)

    def label(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def line(self, key: str) -> int:
        return self._values.get(key, self.node).line

    def word(self, key: str) -> str | None:
        value = self._values.get(key)
        return value.text if isinstance(value, Scalar) else None

    def described(self, key: str) -> str:
        return describe(self._values[key])

    def error(self, key: str, id: ProblemId, message: str, fix: Fix | None = None) -> None:
        if id is ProblemId.MISSING:
            self.report.ask(self.node, Kind.MISSING, key)
        super().error(key, id, message, fix)

    def boolean(self, key: str, default: bool) -> bool:
        self.report.ask(self.node, Kind.BOOLEAN, key, default=default)
        return super().boolean(key, default)

    def integer(self, key: str, default: int, accepted: range) -> int:
        self.report.ask(self.node, Kind.INTEGER, key, default=default, accepted=accepted)
        return super().integer(key, default, accepted)

    def parsed[T](self, key: str, default: T, parse: Callable[[str], T]) -> T:
        self.report.ask(self.node, Kind.PARSED, key, default=default, parse=parse)
        return super().parsed(key, default, parse)

    def choice[E: StrEnum](self, key: str, default: E, numbers: MappingOf[str, E] | None = None) -> E:
        self.report.ask(self.node, Kind.CHOICE, key, default=default, words=tuple(words_for(default, numbers)))
        return super().choice(key, default, numbers)

    def text(self, key: str, default: str = "") -> str:
        self.report.ask(self.node, Kind.TEXT, key, default=default)
        return text_of(self._values[key], self.report, self.label(key)) if key in self else default

    def trimmed(self, key: str, expected: str) -> str:
        text = self.required(key, expected)
        if text != text.strip() or not text.isprintable():
            message = f"got {shown(text)}, expected {expected} on one line, without blanks around it"
            self.error(key, ProblemId.BAD_VALUE, message)
        return text.strip()

    def required_choice[E: StrEnum](self, key: str, default: E) -> E:
        """Read a choice that must be there."""
        if key not in self:
            self.error(key, ProblemId.MISSING, f"got nothing, expected {listed(type(default))}")
        return self.choice(key, default)

    def texts(self, key: str) -> tuple[Scalar, ...]:
        return texts_of(self._values[key], self.report, self.label(key)) if key in self else ()

    def nodes(self, key: str) -> tuple[Node, ...]:
        """Read the items of a list."""
        return items_of(self._values[key], self.report, self.label(key)) if key in self else ()

    def mapping(self, key: str, names: SequenceOf[str] = ()) -> list[tuple[Scalar, Node]]:
        """Read a mapping whose keys are names of the author's own; `names` are the only ones that make sense."""
        if key not in self:
            return []
        value = self._values[key]
        if isinstance(value, Mapping):
            self.report.ask(value, Kind.NAMES, words=tuple(names))
            return pairs(value, self.report, self.label(key))
        self.error(key, ProblemId.WRONG_KIND, f"got {describe(value)}, expected a mapping of names")
        return []

    def text_mapping(self, key: str) -> dict[str, str]:
        """Read a mapping of names to texts."""
        return texts_by_name(self.mapping(key), self.report, self.label(key))

    def table(self, key: str, keys: SequenceOf[str]) -> Table | None:
        """Read a mapping of known keys; None if it is missing or something else."""
        return table_of(self._values[key], keys, self.report, self.label(key)) if key in self else None


def describe(node: Node) -> str:
    """Describe a node for the "got" of a message."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        braced = [key.text for key, value in node.entries if isinstance(value, Scalar) and value.is_null]
        return f"a mapping (put a text such as '{{{braced[0]}}}' in quotes)" if len(braced) == 1 else "a mapping"
    if node.is_null:
        return "nothing"
    return shown(node.text)


def pairs(node: Mapping, report: Report, path: str = "") -> list[tuple[Scalar, Node]]:
    """Return the entries of a mapping, each key once; report repeated keys as errors."""
    first: dict[str, tuple[Scalar, Node]] = {}
    where = f"{path}: " if path else ""
    for key, value in node.entries:
        if (seen := first.setdefault(key.text, (key, value))[0]) is not key:
            message = (
                f"{where}got the key {shown(key.text)} again, expected it once: the first one is in line {seen.line}"
            )
            report.error(key.line, ProblemId.DUPLICATE_KEY, message)
    return list(first.values())


def table_of(node: Node, keys: SequenceOf[str], report: Report, path: str = "") -> Table | None:
    """Read a mapping of known keys; report anything else as an error and return None."""
    if isinstance(node, Mapping):
        return Table(node, keys, report, path)
    where = f"{path}: " if path else ""
    report.error(
        node.line, ProblemId.WRONG_KIND, f"{where}got {describe(node)}, expected a mapping with {', '.join(keys)}"
    )
    return None


def tables_of(nodes: Iterable[Node], keys: SequenceOf[str], report: Report, label: str) -> list[Table]:
    """Read the mappings of a list, numbered in messages; report anything else as an error and leave it out."""
    found = (table_of(node, keys, report, f"{label}[{number}]") for number, node in enumerate(nodes, 1))
    return [table for table in found if table]


def text_of(node: Node, report: Report, label: str) -> str:
    """Return the text of a scalar, "" for null; report anything else as an error and return ""."""
    if isinstance(node, Scalar):
        report.ask(node, Kind.TEXT)
        return "" if node.is_null else node.text
    report.error(node.line, ProblemId.WRONG_KIND, f"{label}: got {describe(node)}, expected a text")
    return ""


def texts_by_name(entries: Iterable[tuple[Scalar, Node]], report: Report, label: str) -> dict[str, str]:
    """Return the texts of a mapping's entries by their keys."""
    return {key.text: text_of(value, report, f"{label}.{key.text}") for key, value in entries}


def items_of(node: Node, report: Report, label: str) -> tuple[Node, ...]:
    """Return the items of a list; report anything else as an error and return no items."""
    if isinstance(node, Sequence):
        report.ask(node, Kind.LIST)
        return node.items
    report.error(node.line, ProblemId.WRONG_KIND, f"{label}: got {describe(node)}, expected a list")
    return ()


def texts_of(node: Node, report: Report, label: str) -> tuple[Scalar, ...]:
    """Return the texts of a list, or the one text that stands in its place; report anything else as an error."""
    if isinstance(node, Scalar):
        report.ask(node, Kind.TEXT)
        return (node,)
    found = []
    for item in items_of(node, report, label):
        if isinstance(item, Scalar):
            report.ask(item, Kind.TEXT)
            found.append(item)
        else:
            report.error(item.line, ProblemId.WRONG_KIND, f"{label}: got {describe(item)}, expected a text")
    return tuple(found)


def choice_of[E: StrEnum](node: Node, default: E, report: Report, label: str) -> E:
    """Return the member of the default's enumeration that a node names; report anything else and return the default."""
    words = words_for(default)
    report.ask(node, Kind.CHOICE, words=tuple(words))
    word = node.text if isinstance(node, Scalar) else None
    if word is not None and (found := member(word, words)) is not None:
        return found
    hint, fix = ("", None) if word is None else (suggestion(word, words), fix_of(word, words))
    report.error(node.line, ProblemId.BAD_VALUE, f"{label}: got {describe(node)}, expected {listed(words)}{hint}", fix)
    return default


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def source(self) -> Source: ...


def named[T: _Named](
    table: Table, key: str, what: str, read: Callable[[Scalar, Node, str], T | None]
) -> MappingOf[str, T]:
    """Read a mapping of names to things.

    `read` makes a thing of its name, its node and the label for messages. `what` is what messages call such a thing;
    two of them whose names differ only in case are an error.
    """
    label = table.label(key)
    made = (read(name, node, f"{label}.{name.text}") for name, node in table.mapping(key))
    found = [item for item in made if item is not None]
    table.report.problems.extend(duplicate_names(what, ((item.name, item.source) for item in found)))
    return MappingProxyType({item.name: item for item in found})
