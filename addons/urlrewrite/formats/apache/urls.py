"""Splits substitutions into path and query, and tells what kind of URL one is: the URL of an IIS action."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from urlrewrite.formats.apache.strings import ConditionGroup, MapLookup, Part, RuleGroup, ServerVariable, Text
from urlrewrite.formats.apache.syntax import Flag

_HOLE = "\ufffc"
"""Stands in for a reference where only the text around it matters."""

_ABSOLUTE = re.compile(rf"([A-Za-z{_HOLE}][A-Za-z0-9+.\-{_HOLE}]*)://|mailto:", re.IGNORECASE)
_PROXIED = re.compile(rf"(https?|wss?|[A-Za-z{_HOLE}]*{_HOLE}[A-Za-z{_HOLE}]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """A substitution in its parts; `query` is None without a `?`."""

    path: tuple[Part, ...]
    query: tuple[Part, ...] | None
    absolute: bool
    proxied: bool

    @classmethod
    def of(cls, parts: tuple[Part, ...], *, last_mark: bool, document_root: str) -> Target:
        """Split a substitution; a document root at its start is the site's, and is removed."""
        if parts[:1] in ((ServerVariable("DOCUMENT_ROOT"),), (ServerVariable("CONTEXT_DOCUMENT_ROOT"),)):
            parts = parts[1:]
        elif document_root and parts and isinstance(parts[0], Text) and parts[0].text.startswith(f"{document_root}/"):
            parts = (Text(parts[0].text.removeprefix(document_root)), *parts[1:])
        outline = "".join(part.text if isinstance(part, Text) else _HOLE for part in parts)
        scheme = _ABSOLUTE.match(outline)
        proxied = bool(scheme and scheme[1] and _PROXIED.fullmatch(scheme[1]))
        path, query = _split(parts, last=last_mark)
        return cls(path, query, scheme is not None, proxied)


def _split(parts: tuple[Part, ...], *, last: bool) -> tuple[tuple[Part, ...], tuple[Part, ...] | None]:
    marked = [index for index, part in enumerate(parts) if isinstance(part, Text) and "?" in part.text]
    if not marked:
        return parts, None
    index = marked[-1 if last else 0]
    part = parts[index]
    assert isinstance(part, Text)
    head, _, tail = part.text.rpartition("?") if last else part.text.partition("?")
    before = (Text(head),) if head else ()
    after = (Text(tail),) if tail else ()
    return (*parts[:index], *before), (*after, *parts[index + 1 :])


def appends_query(target: Target, has: Callable[[Flag], bool]) -> bool:
    """Tell whether the request's query string is kept: without a new one or with QSA, and not with QSD."""
    kept = target.query is None or has(Flag.QUERY_APPEND)
    return kept and not has(Flag.QUERY_DISCARD)


def escaped(parts: tuple[Part, ...], characters: str) -> tuple[Part, ...]:
    """Percent-encode these characters in the text parts, as Apache does: to it a substitution is decoded text."""

    def escape(text: str) -> str:
        return "".join(f"%{ord(char):02X}" if char in characters else char for char in text)

    return tuple(Text(escape(part.text)) if isinstance(part, Text) else part for part in parts)


def is_relative(target: Target) -> bool:
    """Tell whether the path is relative to the directory of the rules, as far as its first part shows."""
    if target.absolute or not target.path:
        return False
    match target.path[0]:
        case Text(text):
            return not text.startswith("/")
        case RuleGroup():
            return True
        case ConditionGroup() | ServerVariable() | MapLookup():
            return False
