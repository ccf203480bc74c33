"""Safe text from values that anybody on the network may have written.

What a terminal or a browser would act upon instead of showing it (control characters, bidirectional overrides, other
invisible ones) is written out as `‹202E›`, a byte that is not UTF-8 as `‹x80›`. So a value can neither begin a line of
its own nor change the reading order.
"""

from __future__ import annotations

import re
import unicodedata

VALUE = 400
"""Characters of a value that are shown; what is longer loses its middle."""

_PLAIN = 4000

_ASIDE = re.compile(r"[^\x20-\x7e]")
_NOT_OF_LINES = re.compile(r"[^\x20-\x7e\n\t]")
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "⏎", "\t": "⇥"}


def visible(value: object) -> str:
    """Return the text of any value, with every invisible character written out."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= _PLAIN:
        return value
    return _ASIDE.sub(_written_out, plain(value))


def printable(text: str) -> str:
    """Return a text of any length with every invisible character but its line ends written out."""
    return _NOT_OF_LINES.sub(_written_out, text.replace("\r\n", "\n"))


def plain(value: object) -> str:
    """Return the text of any value unchanged, except that huge values are cut."""
    try:
        return clipped(value if isinstance(value, str) else str(value), _PLAIN)
    except (ValueError, RecursionError):
        # Python writes out neither numbers of thousands of digits nor lists in lists in lists without end.
        return f"({type(value).__name__})"


def _written_out(found: re.Match[str]) -> str:
    char = found[0]
    if char in _SHORT:
        return _SHORT[char]
    category = unicodedata.category(char)
    if category == "Cs" and "\udc80" <= char <= "\udcff":
        return f"‹x{ord(char) - 0xDC00:02X}›"
    # A space that is not the common one looks like it, and is never what a pattern means.
    return f"‹{ord(char):02X}›" if category in _HIDDEN or category == "Zs" else char


def shown(value: object, limit: int = VALUE) -> str:
    """Return a value as one line: never empty, the middle left out where it is longer than `limit` characters."""
    text = clipped(visible(value), limit)
    # Blanks at the ends would be overlooked.
    return f"“{text}”" if text != text.strip() else text or "(empty)"


def clipped(text: str, limit: int) -> str:
    """Return `text` cut to `limit` characters in its middle: the end stays, because that is where most values
    differ.
    """
    if len(text) <= limit:
        return text
    head = (limit - 1) * 3 // 5
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"
