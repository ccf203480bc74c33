"""How an exported rule file looks: scalars with no more quotes than they need, short collections on one line.

What is to be written is a tree of texts, `Map` and `List`. A collection goes on one line if it fits there and nothing
in it has a comment; a list of mappings and what is marked `block` never does. Comments stand in the lines before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from urlrewrite.formats.wording import one_line

WIDTH = 120
"""Columns of a line that may hold a whole collection."""

_INDENT = 2
_MAX_SIMPLE_KEY_LENGTH = 500
"""YAML wants a key of more than 1024 characters to be announced with `?`."""

_LINE_BREAKS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_NULLS = frozenset({"~", "null", "Null", "NULL"})
_NOT_FIRST = frozenset("-?:,[]{}#&*!|>'\"%@`")
_NOT_IN_BLOCK = re.compile(r": |:$| #|^\s|\s$|^\.\.\.")
_NOT_IN_FLOW = re.compile(r"[:?,\[\]{}]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Null:
    """YAML's null."""


type Node = str | Null | Map | List


@dataclass(slots=True)
class Map:
    """Keys, values, and the comment of each."""

    entries: list[tuple[str, Node, str]] = field(default_factory=list)
    block: bool = False

    def add(self, key: str, value: Node, comment: str = "") -> None:
        """Add an entry."""
        self.entries.append((key, value, comment))


@dataclass(slots=True)
class List:
    """Items, and the comment of each. `spaced` puts empty lines between them."""

    items: list[tuple[Node, str]] = field(default_factory=list)
    spaced: bool = False

    def add(self, value: Node, comment: str = "") -> None:
        """Add an item."""
        self.items.append((value, comment))


def document(root: Map, comment: str = "") -> str:
    """Return the text of a file, with an empty line before each collection of the top level.

    Raises ValueError for a text that is no Unicode (lone surrogates).
    """
    lines = _comment(comment, 0)
    for key, value, about in root.entries:
        part = _entry(key, value, about, 0)
        if lines and len(part) > 1:
            lines.append("")
        lines += part
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Node, comment: str, indent: int) -> list[str]:
    """Write the lines of `key: value`."""
    pad = " " * indent
    name = _scalar(key, flow=False)
    before = _comment(comment, indent)
    if len(name) > _MAX_SIMPLE_KEY_LENGTH:
        return [*before, f"{pad}? {name}", *_value(f"{pad}:", value, indent)]
    return [*before, *_value(f"{pad}{name}:", value, indent)]


def _value(start: str, value: Node, indent: int) -> list[str]:
    """Write a value after `start`, on the same line or in lines of its own."""
    if isinstance(value, (str, Null)):
        literal = _literal(value, indent + _INDENT) if isinstance(value, str) else None
        return [f"{start} {literal[0]}", *literal[1:]] if literal else [f"{start} {_flow(value, block=True)}"]
    flow = _flow(value) if _may_flow(value) else ""
    if flow and len(start) + 1 + len(flow) <= WIDTH:
        return [f"{start} {flow}"]
    return [start, *_block(value, indent + _INDENT)]


def _block(node: Map | List, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(node, Map):
        return [line for key, value, comment in node.entries for line in _entry(key, value, comment, indent)]
    lines: list[str] = []
    for value, comment in node.items:
        if node.spaced and lines:
            lines.append("")
        lines += _comment(comment, indent)
        item = _value(f"{pad}-", value, indent)
        if len(item) > 1 and item[0] == f"{pad}-":
            # The first key of a mapping stands beside the dash.
            item[:2] = [f"{pad}- {item[1].lstrip(' ')}"]
        lines += item
    return lines


def _may_flow(node: Node) -> bool:
    """Tell whether a collection may stand on one line."""
    if isinstance(node, Map):
        return (
            not node.block
            and not any(comment for *_, comment in node.entries)
            and all(_may_flow(value) for _, value, _ in node.entries)
        )
    if isinstance(node, List):
        # An empty collection has no other form.
        return all(isinstance(value, (str, Null)) and not comment for value, comment in node.items)
    return not isinstance(node, str) or "\n" not in node


def _flow(node: Node, *, block: bool = False) -> str:
    """Write a node on one line; `block` says that a scalar stands outside of brackets."""
    match node:
        case Null():
            return "null"
        case Map():
            inner = (f"{_scalar(key, flow=True)}: {_flow(value)}" for key, value, _ in node.entries)
            return "{" + ", ".join(inner) + "}"
        case List():
            return "[" + ", ".join(_flow(value) for value, _ in node.items) + "]"
    return _scalar(node, flow=not block)


def _scalar(text: str, *, flow: bool) -> str:
    """Write a text, plain if that means the same, else in quotes."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"got {text!r}, expected text that is Unicode")
    if not text.isprintable():
        return '"' + "".join(map(_escaped, text)) + '"'
    plain = text and text[0] not in _NOT_FIRST and text not in _NULLS and not _NOT_IN_BLOCK.search(text)
    if plain and not (flow and _NOT_IN_FLOW.search(text)):
        return text
    return "'" + text.replace("'", "''") + "'"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _literal(text: str, indent: int) -> list[str] | None:
    """Write a text of several lines as a block (`|`); None if it cannot be written so."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if "\n" not in text or not lines[0] or lines[0][0] in " \t" or not lines[-1].strip():
        return None
    if not all(line.replace("\t", "").isprintable() for line in lines):
        return None
    pad = " " * indent
    return ["|" if text.endswith("\n") else "|-", *(pad + line if line else "" for line in lines)]


def _comment(text: str, indent: int) -> list[str]:
    pad = " " * indent
    return [f"{pad}# {one_line(line)}".rstrip() for line in _LINE_BREAKS.split(text)] if text else []
