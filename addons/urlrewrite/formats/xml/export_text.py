"""How an exported configuration looks: elements, their attributes and comments as indented XML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_INDENT = "  "
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAKS = re.compile(r"\r\n|\r|\n")


class NotXmlError(ValueError):
    """A text with a character that XML 1.0 cannot hold, not even as a reference (its production `Char`)."""


@dataclass(slots=True)
class Tag:
    """An element; `comments` are written before it."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Tag] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def add(self, name: str, **attributes: str) -> Tag:
        """Add an element to this one, and return it."""
        child = Tag(name, attributes)
        self.children.append(child)
        return child

    def set_if(self, name: str, value: str, default: str = "") -> None:
        """Set an attribute unless it has its default."""
        if value != default:
            self.attributes[name] = value


def boolean(value: bool) -> str:
    """Write a boolean as IIS does."""
    return "true" if value else "false"


def document(root: Tag) -> str:
    """Return the text of a configuration file, to be saved as UTF-8. Raises NotXmlError."""
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, "")]) + "\n"


def _lines(tag: Tag, pad: str) -> Iterator[str]:
    for comment in tag.comments:
        yield from _comment(comment, pad)
    attributes = "".join(f' {name}="{_attribute(value)}"' for name, value in tag.attributes.items())
    if not tag.children:
        yield f"{pad}<{tag.name}{attributes} />"
        return
    yield f"{pad}<{tag.name}{attributes}>"
    for child in tag.children:
        yield from _lines(child, pad + _INDENT)
    yield f"{pad}</{tag.name}>"


def _attribute(value: str) -> str:
    return _checked(value).translate(_ESCAPES)


def _comment(text: str, pad: str) -> Iterable[str]:
    # Two hyphens in a row end a comment; nothing in one is escaped (XML 1.0, 2.5).
    lines = _LINE_BREAKS.split(re.sub(r"-(?=-)", "- ", _checked(text)))
    if len(lines) == 1:
        return [f"{pad}<!-- {lines[0]} -->"]
    inner = pad + " " * len("<!-- ")
    rest = [inner + line if line else "" for line in lines[1:]]
    return [f"{pad}<!-- {lines[0]}", *rest[:-1], f"{rest[-1]} -->"]


def _checked(text: str) -> str:
    found = _NOT_XML.search(text)
    if found:
        raise NotXmlError(f"got the character U+{ord(found[0]):04X}, expected a text that XML can hold")
    return text
