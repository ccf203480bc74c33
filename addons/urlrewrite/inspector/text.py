"""Text for a fixed-width view: columns, lines, sentences."""

from __future__ import annotations

import re
import textwrap
import unicodedata

from urlrewrite.trace.text import VALUE, clipped, visible

WIDTH = 80
"""Columns that fit into the right half of mitmweb on a usual screen."""

_SENTENCE = 2000


def shortened(text: str, limit: int) -> str:
    """Return a sentence cut to `limit` characters at its end: unlike a value, it says most at its beginning."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def columns(text: str) -> int:
    """Return the number of columns that a visible text takes up."""
    return sum(_columns(char) for char in text) if not text.isascii() else len(text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return `text` padded with blanks to `width` columns."""
    return text + " " * (width - columns(text))


def pointed(value: str, position: int, width: int = WIDTH) -> tuple[str, int]:
    """Return a line of about `width` columns around a position in a value, and the column of the position."""
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
    """Return a visible text on as many lines as it needs, all but the first indented."""
    return textwrap.wrap(
        words[:_SENTENCE],
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def joined(items: list[str], lead: str, indent: str, width: int = WIDTH) -> list[str]:
    """Return `items` one after the other behind `lead`, on as many lines of about `width` columns as they need."""
    lines, line = [], lead
    begun = False
    for item in items:
        if begun and columns(line) + columns(item) + 2 > width:
            lines.append(line)
            line, begun = indent, False
        line += f"  {item}" if begun else item
        begun = True
    return [*lines, line] if begun else lines


def sentences(*clauses: str) -> str:
    """Return clauses as sentences, each with its capital; a single one, and an empty text, stay without a full stop.

    A name (`links: off`, `script-src`) keeps its letters as they are.
    """
    told = [_with_capital(clause.removesuffix(".")) for clause in clauses if clause]
    return f"{'. '.join(told)}." if len(told) > 1 else "".join(told)


_PLAIN_WORD = re.compile(r"[a-z]+(?=[ ,]|$)")


def _with_capital(clause: str) -> str:
    return clause[0].upper() + clause[1:] if _PLAIN_WORD.match(clause) else clause


def quoted_names(names: list[str], most: int = 2) -> str:
    """Return names of rules as `"a", "b" and 3 more`."""
    listed = ", ".join(f'"{clipped(visible(name), 40)}"' for name in names[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 link`, `1,300 links`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
