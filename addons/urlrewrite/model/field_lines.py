"""The header fields of a message: one type for all rooms.

Field lines are immutable, so they are handed on as they are: who changes one makes a new tuple, and who changes none
gives back the one that came.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FOLD = re.compile(r"(?<![ \t])[ \t]*+\r\n[ \t]++")

type FieldLine = tuple[str, str]
"""One field line (RFC 9110, 5.2): name and value as they came, with bytes that are not UTF-8 as surrogates."""

type FieldLines = tuple[FieldLine, ...]
"""The field lines of a message or of its trailers, in order."""

OF_CONNECTION = frozenset(
    "connection content-length http2-settings keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
"""Fields that frame a message or belong to one connection (RFC 9110, 7.6.1; RFC 9112, 6): no rule file can set them."""


def field_values(fields: FieldLines, name: str) -> list[str]:
    """Give the values of every line of a field, in order; `name` is compared without case."""
    name = name.lower()
    return [value for key, value in fields if key.lower() == name]


def is_token(text: str) -> bool:
    """Say whether a text is a token (RFC 9110, 5.6.2), as methods and the names of fields are."""
    return _TOKEN.fullmatch(text) is not None


def has_control(value: str) -> bool:
    """Say whether a field value has a control character other than a tab (RFC 9110, 5.5)."""
    return _CONTROL.search(value) is not None


def unfolded(fields: FieldLines) -> FieldLines:
    """Unfold folded lines (RFC 9112, 5.2), which mitmproxy joins by CR LF and a blank."""
    if "\r\n" not in "".join([value for _, value in fields]):
        return fields
    return tuple((name, _FOLD.sub(" ", value).strip(" \t") if "\r\n" in value else value) for name, value in fields)
