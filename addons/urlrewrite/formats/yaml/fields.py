"""Nodes of a rule file to typed values; what does not fit becomes a problem and a default, so that reading goes on.

A key that is given as null (`rules:` with every rule commented out) counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from enum import StrEnum

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar, Sequence
from urlrewrite.model import PatternSyntax, Source

BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def describe(node: Node) -> str:
    """A node as the "got" part of a message."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        braced = [key.text for key, value in node.entries if isinstance(value, Scalar) and value.is_null]
        return f"a mapping (put a text such as '{{{braced[0]}}}' in quotes)" if len(braced) == 1 else "a mapping"
    if node.is_null:
        return "nothing"
    return shown(node.text)


class Table:
    """A mapping of which the keys are known: reads them by type, and reports unknown and repeated ones at once.

    `path` goes before the key in messages (`match` gives `match.url`).
    """

    def __init__(self, node: Mapping, keys: SequenceOf[str], report: Report, path: str = "") -> None:
        self.node = node
        self.report = report
        self.path = path
        self._values: dict[str, Node] = {}
        self._wrong: set[str] = set()
        for key, value in pairs(node, report, path):
            if key.text not in keys:
                hint = suggestion(key.text, keys)
                where = f"{path}: " if path else ""
                report.error(
                    key.line,
                    ProblemId.UNKNOWN_KEY,
                    f"{where}got the key {shown(key.text)}, expected {listed(keys)}{hint}",
                )
            elif not (isinstance(value, Scalar) and value.is_null):
                self._values[key.text] = value

    def __contains__(self, key: str) -> bool:
        """Whether the key is given, and not as null."""
        return key in self._values

    def get(self, key: str) -> Node | None:
        """The node of a key."""
        return self._values.get(key)

    def at(self, key: str) -> Node:
        """The node that a problem with this key belongs to: its value, or the mapping where it is missing."""
        return self._values.get(key, self.node)

    def label(self, key: str) -> str:
        """The key with the path that leads to it."""
        return f"{self.path}.{key}" if self.path else key

    def is_wrong(self, key: str) -> bool:
        """Whether the key has a value that is none of its enumeration, so that nothing should be concluded from it."""
        return key in self._wrong

    def source(self, key: str) -> Source:
        """Where the value of a key was written, or the mapping where it is missing."""
        return self.report.source(self.at(key).line)

    def error(self, key: str, id: ProblemId, message: str) -> None:
        """Adds an error about a key."""
        self.report.error(self.at(key).line, id, f"{self.label(key)}: {message}")

    def warning(self, key: str, id: ProblemId, message: str) -> None:
        """Adds a warning about a key."""
        self.report.warning(self.at(key).line, id, f"{self.label(key)}: {message}")

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return text_of(self._values[key], self.report, self.label(key)) if key in self else default

    def required(self, key: str, expected: str) -> str:
        """A text that must be there and not be empty."""
        value = self._values.get(key)
        if value is None or (isinstance(value, Scalar) and not value.text):
            self.error(key, ProblemId.MISSING, f"got nothing, expected {expected}")
            return ""
        return self.text(key)

    def given(self, key: str, expected: str) -> str:
        """A text that must be there and may be empty."""
        if key not in self:
            self.error(key, ProblemId.MISSING, f"got nothing, expected {expected}")
        return self.text(key)

    def trimmed(self, key: str, expected: str) -> str:
        """A required text without blanks at its ends (`requireTrimmedString` in rewrite_schema.xml)."""
        text = self.required(key, expected)
        if text != text.strip() or not text.isprintable():
            message = f"got {shown(text)}, expected {expected} on one line, without blanks around it"
            self.error(key, ProblemId.BAD_VALUE, message)
        return text.strip()

    def boolean(self, key: str, default: bool) -> bool:
        """`true` or `false`, or YAML's other words for them, in any case."""
        if key not in self:
            return default
        value = self._values[key]
        if isinstance(value, Scalar) and value.text.lower() in BOOLEANS:
            return BOOLEANS[value.text.lower()]
        self.error(key, ProblemId.BAD_VALUE, f"got {describe(value)}, expected true or false")
        return default

    def integer(self, key: str, default: int, accepted: range) -> int:
        """A whole number out of a range."""
        if key not in self:
            return default
        value = self._values[key]
        if isinstance(value, Scalar) and value.text.isascii() and value.text.isdigit() and len(value.text) < 20:
            number = int(value.text)
            if number in accepted:
                return number
        expected = f"expected a whole number from {accepted.start} to {accepted[-1]}"
        self.error(key, ProblemId.BAD_VALUE, f"got {describe(value)}, {expected}")
        return default

    def choice[E: StrEnum](self, key: str, default: E, also: MappingOf[str, E] | None = None) -> E:
        """One of the values of an enumeration, in any case; `also` adds words to them."""
        if key not in self:
            return default
        told = len(self.report.problems)
        found = choice_of(self._values[key], default, self.report, self.label(key), also)
        if len(self.report.problems) > told:
            self._wrong.add(key)
        return found

    def pattern_syntax(self) -> PatternSyntax:
        """`patternSyntax`; where it is none, one in which every text is a pattern, so that no other error follows."""
        syntax = self.choice("patternSyntax", PatternSyntax.ECMASCRIPT)
        return PatternSyntax.EXACT_MATCH if self.is_wrong("patternSyntax") else syntax

    def required_choice[E: StrEnum](self, key: str, default: E) -> E:
        """As `choice`, an error where the key is missing."""
        if key not in self:
            self.error(key, ProblemId.MISSING, f"got nothing, expected {listed(type(default))}")
        return self.choice(key, default)

    def texts(self, key: str) -> tuple[Scalar, ...]:
        """One text or a list of them."""
        return texts_of(self._values[key], self.report, self.label(key)) if key in self else ()

    def nodes(self, key: str) -> tuple[Node, ...]:
        """The items of a list."""
        return items_of(self._values[key], self.report, self.label(key)) if key in self else ()

    def mapping(self, key: str) -> list[tuple[Scalar, Node]]:
        """Keys and values of a mapping with names of the author's own."""
        if key not in self:
            return []
        value = self._values[key]
        if isinstance(value, Mapping):
            return pairs(value, self.report, self.label(key))
        self.error(key, ProblemId.WRONG_KIND, f"got {describe(value)}, expected a mapping of names")
        return []

    def table(self, key: str, keys: SequenceOf[str]) -> Table | None:
        """A mapping of known keys; None where it is missing or something else."""
        return table_of(self._values[key], keys, self.report, self.label(key)) if key in self else None


def pairs(node: Mapping, report: Report, path: str = "") -> list[tuple[Scalar, Node]]:
    """The entries of a mapping, each key once; a repeated key is an error."""
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
    """A mapping of known keys, or None and an error."""
    if isinstance(node, Mapping):
        return Table(node, keys, report, path)
    where = f"{path}: " if path else ""
    report.error(
        node.line, ProblemId.WRONG_KIND, f"{where}got {describe(node)}, expected a mapping with {', '.join(keys)}"
    )
    return None


def text_of(node: Node, report: Report, label: str) -> str:
    """The text of a scalar, "" for null and, with an error, for everything else."""
    if isinstance(node, Scalar):
        return "" if node.is_null else node.text
    report.error(node.line, ProblemId.WRONG_KIND, f"{label}: got {describe(node)}, expected a text")
    return ""


def items_of(node: Node, report: Report, label: str) -> tuple[Node, ...]:
    """The items of a list, none and an error for everything else."""
    if isinstance(node, Sequence):
        return node.items
    report.error(node.line, ProblemId.WRONG_KIND, f"{label}: got {describe(node)}, expected a list")
    return ()


def texts_of(node: Node, report: Report, label: str) -> tuple[Scalar, ...]:
    """The texts of a list, or the one text that stands in its place."""
    if isinstance(node, Scalar):
        return (node,)
    found = []
    for item in items_of(node, report, label):
        if isinstance(item, Scalar):
            found.append(item)
        else:
            report.error(item.line, ProblemId.WRONG_KIND, f"{label}: got {describe(item)}, expected a text")
    return tuple(found)


def choice_of[E: StrEnum](
    node: Node, default: E, report: Report, label: str, also: MappingOf[str, E] | None = None
) -> E:
    """The value of the default's enumeration that the node names, in any case; the default and an error otherwise."""
    words = {str(value): value for value in type(default)} | dict(also or {})
    if isinstance(node, Scalar):
        for word, value in words.items():
            if word.casefold() == node.text.casefold():
                return value
    hint = suggestion(node.text, words) if isinstance(node, Scalar) else ""
    report.error(node.line, ProblemId.BAD_VALUE, f"{label}: got {describe(node)}, expected {listed(words)}{hint}")
    return default
