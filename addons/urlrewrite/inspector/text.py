"""Text for a fixed-width view, from values that anybody on the network may have written.

What a terminal or a browser would act upon instead of showing it (control characters, bidirectional overrides, other
invisible ones) is written out as `‹202E›`, a byte that is no UTF-8 as `‹x80›`. So a value can neither begin a line of
its own nor turn the order of what is read.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

WIDTH = 80
"""Columns that fit into the right half of mitmweb on a common screen."""

VALUE = 400
"""Characters of a value that are shown; what is longer loses its middle."""

_SENTENCE = 2000
_PLAIN = 4000

_ASIDE = re.compile(r"[^\x20-\x7e]")
_NOT_OF_LINES = re.compile(r"[^\x20-\x7e\n\t]")
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "⏎", "\t": "⇥"}


def visible(value: object) -> str:
    """The text of any value, with every character that has no look of its own written out."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= _PLAIN:
        return value
    return _ASIDE.sub(_written_out, plain(value))


def printable(text: str) -> str:
    """A text of any length as it is visible, in its own lines."""
    return _NOT_OF_LINES.sub(_written_out, text.replace("\r\n", "\n"))


def plain(value: object) -> str:
    """The text of any value as it is, but for what would take a screen of its own."""
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
    """A value as one line: never empty, the middle left out where it is longer than `limit` characters."""
    text = clipped(visible(value), limit)
    # Blanks at the ends would be overlooked.
    return f"“{text}”" if text != text.strip() else text or "(empty)"


def clipped(text: str, limit: int) -> str:
    """`text` within `limit` characters; the end stays, because that is where most values differ."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 3 // 5
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def shortened(text: str, limit: int) -> str:
    """A sentence within `limit` characters: unlike a value, it says most at its beginning."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def columns(text: str) -> int:
    """The columns that a visible text takes up."""
    return sum(_columns(char) for char in text) if not text.isascii() else len(text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """`text` with blanks up to `width` columns."""
    return text + " " * (width - columns(text))


def pointed(value: str, position: int, width: int = WIDTH) -> tuple[str, int]:
    """One line of about `width` columns around a position in a value, and the column at which the position is."""
    position = min(max(position, 0), len(value))
    head = visible(value[max(position - VALUE, 0) : position])
    tail = visible(value[position : position + VALUE])
    if columns(head) + columns(tail) > width:
        room = max(width - columns(tail), width * 2 // 3)
        head = head if columns(head) <= room else f"…{head[-(room - 1) :]}"
        room = width - columns(head)
        tail = tail if columns(tail) <= room else f"{tail[: max(room - 1, 0)]}…"
    return head + tail, columns(head)


def sentence(words: str) -> list[str]:
    """A visible text on as many lines as it takes, the further ones indented."""
    return textwrap.wrap(
        words[:_SENTENCE],
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def joined(items: list[str], lead: str, indent: str, width: int = WIDTH) -> list[str]:
    """`items` one after the other behind `lead`, on as many lines of about `width` columns as it takes."""
    lines, line = [], lead
    begun = False
    for item in items:
        if begun and columns(line) + columns(item) + 2 > width:
            lines.append(line)
            line, begun = indent, False
        line += f"  {item}" if begun else item
        begun = True
    return [*lines, line] if begun else lines


def quoted_names(names: list[str], most: int = 2) -> str:
    """Names of rules as `"a", "b" and 3 more`."""
    told = ", ".join(f'"{clipped(visible(name), 40)}"' for name in names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told


def counted(number: int, noun: str) -> str:
    """`1 link`, `1,300 links`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
