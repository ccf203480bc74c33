"""Templates: texts with `{...}` in conditions, actions and server variables.

The forms are `{NAME}`, `{R:n}`, `{C:n}`, `{function:text}` and `{MapName:key}`; arguments nest (IIS URL Rewrite Module
2.0 configuration reference, "Using back-references in rewrite rules", "Using server variables", "String functions",
"Using rewrite maps"). Names are compared without case. A brace that does not begin one of these forms is a plain
character: scripts that a rule inserts into a page are full of them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

FUNCTIONS: dict[str, Callable[[str], str]] = {
    "tolower": str.lower,
    "urlencode": lambda text: quote(text, safe="", errors="surrogateescape"),
    "urldecode": lambda text: unquote_plus(text, errors="surrogateescape"),
    "htmlencode": lambda text: html.escape(text, quote=True),
}
"""String functions by lower-case name. UrlDecode makes a blank of `+`, as ASP.NET Core's port does, and as published
rules rely on (`{UrlDecode:{REQUEST_URI}}` for addresses with a plus, `{UrlDecode:{QUERY_STRING}}` for forms).
"""

_VARIABLE = re.compile(r"\{([A-Za-z_][\w.\-]*)\}")
_CALL = re.compile(r"\{([A-Za-z_][\w.\-]*(?: [\w.\-]+)*):")
_BACK_REFERENCE = re.compile(r"\{([RrCc]):(\d{1,3})\}")


class TemplateError(ValueError):
    """Raised for a template that cannot be read; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`{NAME}`: a server variable."""

    name: str


@dataclass(frozen=True, slots=True)
class BackReference:
    """`{R:n}` (of the rule's pattern) or `{C:n}` (of its conditions)."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Call:
    """`{name:argument}`: a string function or a look-up in a rewrite map."""

    name: str
    argument: Template
    offset: int


type Node = Literal | Variable | BackReference | Call


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. `source` is the text as written."""

    source: str
    nodes: tuple[Node, ...]

    def expand(self, resolve: Callable[[Variable | BackReference], str], call: Callable[[str, str], str]) -> str:
        """Return the text with every reference replaced; `call(name, argument)` evaluates functions and maps."""
        return "".join(self.parts(resolve, call))

    def parts(self, resolve: Callable[[Variable | BackReference], str], call: Callable[[str, str], str]) -> list[str]:
        """Return the expanded text of each node, in order."""
        return [
            node.text
            if isinstance(node, Literal)
            else call(node.name, node.argument.expand(resolve, call))
            if isinstance(node, Call)
            else resolve(node)
            for node in self.nodes
        ]

    def references(self) -> Iterator[Variable | BackReference | Call]:
        """Yield every reference, those inside arguments included."""
        for node in self.nodes:
            if isinstance(node, Literal):
                continue
            yield node
            if isinstance(node, Call):
                yield from node.argument.references()


def parse_template(source: str) -> Template:
    """Parse a template.

    Raises:
        TemplateError: a reference is opened and not closed.
    """
    nodes, end = _parse(source, 0, nested=False)
    assert end == len(source)
    return Template(source, nodes)


def _parse(source: str, start: int, *, nested: bool) -> tuple[tuple[Node, ...], int]:
    """Return the nodes from `start` to the end, or to the brace that closes an argument; and where that is."""
    nodes: list[Node] = []
    literal = position = start

    def flush(end: int) -> None:
        if end > literal:
            nodes.append(Literal(source[literal:end]))

    while position < len(source):
        character = source[position]
        if nested and character == "}":
            break
        if character != "{":
            position += 1
            continue
        if found := _BACK_REFERENCE.match(source, position):
            flush(position)
            nodes.append(BackReference(found[1].upper(), int(found[2])))
            literal = position = found.end()
        elif found := _VARIABLE.match(source, position):
            flush(position)
            nodes.append(Variable(found[1]))
            literal = position = found.end()
        elif found := _CALL.match(source, position):
            flush(position)
            inner, end = _parse(source, found.end(), nested=True)
            if end == len(source):
                raise TemplateError(f"'{{{found[1]}:' is opened and never closed", position)
            nodes.append(Call(found[1], Template(source[found.end() : end], inner), position))
            literal = position = end + 1
        else:
            position += 1
    flush(position)
    return tuple(nodes), position
