"""The header fields of a message: one type for all rooms.

Field lines are immutable, so they are handed on as they are: who changes one makes a new tuple, and who changes none
gives back the one that came.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

type FieldLine = tuple[str, str]
"""One field line (RFC 9110, 5.2): name and value as they came, with bytes that are not UTF-8 as surrogates."""

type FieldLines = tuple[FieldLine, ...]
"""The field lines of a message or of its trailers, in order."""


def field_values(fields: FieldLines, name: str) -> list[str]:
    """Give the values of every line of a field, in order; `name` is compared without case."""
    name = name.lower()
    return [value for key, value in fields if key.lower() == name]


def is_token(text: str) -> bool:
    """Say whether a text is a token (RFC 9110, 5.6.2), as methods and the names of fields are."""
    return _TOKEN.fullmatch(text) is not None
