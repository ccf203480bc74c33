"""Texts that state the length of each of their parts, which is counted again where a part is rewritten.

A partial page update of ASP.NET (`length|type|id|content|`, as `Sys.WebForms.PageRequestManager` reads it) is a page in
pieces: each part is of a kind of its own. Others carry messages: Engine.IO's polling (`length:packet`, version 3),
Closure's BrowserChannel (the length on a line of its own), netstrings (`length:text,`, in bytes). A text is one of them
if it is one from its first character to its last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from urlrewrite.content.kinds import Kind

_DELTA_KINDS = {
    "updatepanel": Kind.HTML,
    "scriptblock": Kind.JAVASCRIPT,
    "scriptstartupblock": Kind.JAVASCRIPT,
    "scriptdispose": Kind.JAVASCRIPT,
    "onsubmit": Kind.JAVASCRIPT,
    "arraydeclaration": Kind.JAVASCRIPT,
    "expando": Kind.JAVASCRIPT,
    "dataitem": Kind.OTHER_TEXT,
    "dataitemjson": Kind.JSON,
    "hiddenfield": Kind.OTHER_TEXT,
    "pageredirect": Kind.ADDRESS,
    "formaction": Kind.ADDRESS,
}
"""What is in the parts of a partial page update that can have links, by the type in lower case."""

_SCRIPT_PATH = "scriptpath"


@dataclass(frozen=True, slots=True)
class Part:
    """A part: `head` is its beginning up to the content, in which `count` stands at `at`; `tail` ends it.

    `kind` is that of the content, None for content without links.
    """

    head: str
    at: int
    count: str
    content: str
    tail: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class _Form:
    head: re.Pattern[str]
    tail: str
    length: Callable[[str], int]
    is_delta: bool = False


def _utf16(text: str) -> int:
    """Count as JavaScript and .NET do."""
    return len(text) + sum(char > "\uffff" for char in text)


def _utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


_DELTA = _Form(re.compile(r"(?P<count>\d{1,9})\|(?P<type>[^|]*)\|(?P<id>[^|]*)\|"), "|", _utf16, is_delta=True)
_MESSAGES = (
    _Form(re.compile(r"(?P<count>\d{1,9}):"), ",", _utf8),
    _Form(re.compile(r"(?P<count>\d{1,9}):(?=[0-6])"), "", _utf16),
    _Form(re.compile(r"(?P<count>\d{1,9})\n"), "", _utf16),
)
BEGINNING = re.compile(rb"\d{1,9}[:|\n]")
"""How such a text begins."""


class Counted:
    """A text in parts, each with its length."""

    def __init__(self, form: _Form, parts: Sequence[Part]) -> None:
        self._form = form
        self.parts = parts

    def written(self, contents: Sequence[str]) -> str:
        """Return the text with these contents in place of its own."""
        return "".join(
            part.head + content + part.tail
            if content == part.content
            else f"{part.head[: part.at]}{self._form.length(content)}{part.head[part.at + len(part.count) :]}"
            + content
            + part.tail
            for part, content in zip(self.parts, contents, strict=True)
        )


def counted(text: str, *, is_delta: bool) -> Counted | None:
    """Read a text in parts, as a partial page update or as messages; None where it is none from end to end."""
    for form in (_DELTA,) if is_delta else _MESSAGES:
        if parts := _parts(text, form):
            return Counted(form, parts)
    return None


def _parts(text: str, form: _Form) -> list[Part] | None:
    found: list[Part] = []
    position = 0
    while position < len(text):
        head = form.head.match(text, position)
        if head is None:
            return None
        end = _end(text, head.end(), int(head["count"]), form)
        if end is None or not text.startswith(form.tail, end):
            return None
        kind = _kind_of(head) if form.is_delta else Kind.OTHER_TEXT
        content = text[head.end() : end]
        found.append(Part(head[0], head.start("count") - head.start(), head["count"], content, form.tail, kind))
        position = end + len(form.tail)
    return found


def _end(text: str, start: int, count: int, form: _Form) -> int | None:
    """Return where so many units from `start` end; None where that is in a character, or beyond the text."""
    end = min(start + count, len(text))
    # Most texts have one unit a character; from there it is not far.
    over = form.length(text[start:end]) - count
    while over > 0 and end > start:
        end -= 1
        over -= form.length(text[end])
    return end if over == 0 else None


def _kind_of(head: re.Match[str]) -> Kind | None:
    if head["id"].lower() == _SCRIPT_PATH:
        return Kind.ADDRESS
    return _DELTA_KINDS.get(head["type"].lower())
