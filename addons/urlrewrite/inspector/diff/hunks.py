"""The parts of a text around its changes, in short lines, so that a page with one line of 200 kB can be shown, too."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from urlrewrite.inspector.diff.spans import Span

CONTEXT = 3
"""Lines before and after a change."""

_LONG = 120
_MAX_TOGETHER = 20
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_PIECE = re.compile(r".{60,400}?(?:(?=<)|(?<=[;}>]))|.{1,400}", re.DOTALL)
"""Of a long line: up to where a tag begins, or a tag or statement ends."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """A part of a text, from `start` to `end`, with the changes in it; `line` is the number of its first line."""

    start: int
    end: int
    line: int
    spans: tuple[Span, ...]


class Lines:
    """A text in lines, long ones broken where a tag begins or a statement ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._newlines = [found.end() for found in re.finditer(r"\n", text)]
        starts: list[int] = []
        for line in _LINE.finditer(text):
            starts.append(line.start())
            if line.end() - line.start() > _LONG:
                pieces = _PIECE.finditer(text, line.start(), line.end())
                starts += (piece.start() for piece in pieces if piece.start() > line.start())
        self._starts = starts or [0]

    def number(self, position: int) -> int:
        """Return the number of the line, by line ends, that contains a position."""
        return bisect_right(self._newlines, position) + 1

    def around(self, start: int, end: int, context: int) -> tuple[int, int]:
        """Return the span of the lines from `start` to `end`, with `context` lines before and after."""
        first = bisect_right(self._starts, start) - 1
        # What was changed up to the end of a line does not touch the next one.
        last = max(bisect_left(self._starts, end), first + 1)
        after = last + context
        return self._starts[max(first - context, 0)], self._starts[after] if after < len(self._starts) else len(
            self.text
        )

    def all(self) -> list[str]:
        """Return all lines, without their line ends."""
        return self.cut(0, len(self.text))

    def cut(self, start: int, end: int) -> list[str]:
        """Return the lines between two positions, without their line ends."""
        inner = self._starts[bisect_right(self._starts, start) : bisect_left(self._starts, end)]
        edges = [start, *inner, end]
        pieces = [self.text[a:b] for a, b in pairwise(edges) if a < b]
        return [piece.removesuffix("\n").removesuffix("\r") for piece in pieces]


def hunks(lines: Lines, spans: Sequence[Span], *, context: int = CONTEXT, most: int) -> list[Hunk]:
    """Return the parts of a text around its changes, in order, at most `most` of them.

    Where changes stand close to each other, those with other causes are in a hunk of their own, if they are in other
    lines.
    """
    found: list[Hunk] = []
    start = end = changed = 0
    held: list[Span] = []

    def close(at: int) -> None:
        found.append(Hunk(start, at, lines.number(start), tuple(held)))
        held.clear()

    for span in spans:
        of_lines, end_of_lines = lines.around(span.start, span.end, 0)
        first, last = lines.around(span.start, span.end, context)
        if held and first > end:
            close(end)
            start = first
        elif held and of_lines >= changed and (span.by != held[-1].by or len(held) >= _MAX_TOGETHER):
            close(changed)
            start = changed
        elif not held:
            start = first
        if len(found) == most:
            return found
        end, changed = max(end, last), max(changed, end_of_lines)
        held.append(span)
    if held:
        close(end)
    return found
