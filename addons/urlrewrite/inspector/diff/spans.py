"""Where two texts differ that are equal apart from many short spans: a body before and after it was rewritten.

A common diff searches for the longest of all matches, and takes minutes for a page with thousands of changes. Here both
texts are read in parallel: in large steps while they are equal, and where they are not, up to the nearest place where
they are equal again. Changes repeat (every link to one host), so changes found before are tried first. The result may
not be the shortest description, but it always leads from one text to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urlrewrite.inspector.diff.causes import ChangeCause

MAX_SPANS = 20_000
"""Spans that are kept apart; what comes after them is one span."""

_GRAM = 8
"""Characters by which a place to continue is searched for."""
_FIRST_WINDOW, _LAST_WINDOW = 256, 1 << 20
_SURE = 32
"""Equal characters that suffice to continue at, however far away."""
_MAX_PAIRS = 1000
_MAX_OF_A_KEY = 16
_WORD = 64
"""Characters by which a span is widened at most, so that it shows whole words."""


@dataclass(frozen=True, slots=True)
class Span:
    """`before`, which is at `start` to `end` of a text, and `after`, which replaces it; `by` are its causes."""

    start: int
    end: int
    before: str
    after: str
    by: tuple[ChangeCause, ...] = ()

    def moved(self, by: int) -> Span:
        """Return this span shifted by `by` characters."""
        return replace(self, start=self.start + by, end=self.end + by)


def spans_between(before: str, after: str, likely: Iterable[tuple[str, str]] = ()) -> list[Span]:
    """Return the spans in which two texts differ, in order and disjoint.

    `likely` are changes that are known to have happened somewhere: texts and what they became.
    """
    whole = before, after
    ends = _equal_ends(before, after)
    before, after = before[: len(before) - ends], after[: len(after) - ends]
    known = _Known(before, after)
    for pair in likely:
        known.learn(*pair)
    found: list[tuple[int, int, int, int]] = []
    i = j = last = 0
    while True:
        run = _run(before, i, after, j, len(before))
        i, j = i + run, j + run
        if i == len(before) and j == len(after):
            break
        rest = len(before) - i, len(after) - j
        if len(found) == MAX_SPANS - 1 or not all(rest):
            found.append((i, len(before), j, len(after)))
            break
        back, ahead, ahead_after = known.find(i, j, i - last) or (0, *(_resync(before, i, after, j) or rest))
        found.append((i - back, i + ahead, j - back, j + ahead_after))
        known.learn(before[i - back : i + ahead], after[j - back : j + ahead_after])
        i, j = i + ahead, j + ahead_after
        last = i
    return _in_words(*whole, found)


def _equal_ends(before: str, after: str) -> int:
    """Return how many characters at the ends of both texts are equal, not counting those equal at their beginnings."""
    most = min(len(before), len(after)) - _run(before, 0, after, 0, len(before))
    done, step = 0, max(most, 1)
    while done < most and step:
        step = min(step, most - done)
        end, end_after = len(before) - done, len(after) - done
        if before[end - step : end] == after[end_after - step : end_after]:
            done += step
        else:
            most = min(most, done + step - 1)
            step //= 2
    return done


class _Known:
    """Changes found before, by the characters in which they first differ."""

    def __init__(self, before: str, after: str) -> None:
        self._before, self._after = before, after
        self._pairs: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        self._seen: set[tuple[str, str]] = set()

    def learn(self, before: str, after: str) -> None:
        """Remember a change."""
        if (before, after) in self._seen or len(self._seen) >= _MAX_PAIRS or before == after:
            return
        self._seen.add((before, after))
        same = _run(before, 0, after, 0, len(before))
        of_key = self._pairs.setdefault((before[same : same + 1], after[same : same + 1]), [])
        if len(of_key) < _MAX_OF_A_KEY:
            of_key.append((same, before, after))

    def find(self, i: int, j: int, room: int) -> tuple[int, int, int] | None:
        """Return a known change at these positions, where the texts differ: how much it takes before them, and after.

        `room` is the number of characters before them that it may take.
        """
        best: tuple[int, int, int, int] | None = None
        first, second = self._before[i], self._after[j]
        for key in ((first, second), ("", second), (first, "")):
            for same, before, after in self._pairs.get(key, ()):
                if same > room:
                    continue
                start, start_after = i - same, j - same
                if not self._before.startswith(before, start) or not self._after.startswith(after, start_after):
                    continue
                end, end_after = start + len(before), start_after + len(after)
                run = _run(self._before, end, self._after, end_after, _SURE)
                if end + run == len(self._before) and end_after + run == len(self._after):
                    run = _SURE
                if run >= _GRAM // 2 and (best is None or (run, end) > best[:2]):
                    best = run, end, same, end_after
        return (best[2], best[1] - i, best[3] - j) if best else None


def _run(before: str, i: int, after: str, j: int, most: int) -> int:
    """Return how many characters from two positions on are equal, at most `most`."""
    most = min(most, len(before) - i, len(after) - j)
    done, step = 0, 32
    while done < most:
        step = min(step, most - done)
        if before[i + done : i + done + step] == after[j + done : j + done + step]:
            done += step
            step *= 2
        elif step == 1:
            break
        else:
            step //= 2
            most = min(most, done + 2 * step + 1)
    return done


def _resync(before: str, i: int, after: str, j: int) -> tuple[int, int] | None:
    """Return the distance in both texts to the nearest place where they are equal again; None if it is too far away."""
    window = _FIRST_WINDOW
    while True:
        places: dict[str, int] = {}
        for p in range(min(window, len(before) - i - _GRAM + 1) - 1, -1, -1):
            places[before[i + p : i + p + _GRAM]] = p
        candidates = []
        for q in range(min(window, len(after) - j - _GRAM + 1)):
            found = places.get(after[j + q : j + q + _GRAM])
            if found is not None:
                candidates.append((found + q, found, q))
        for distance, p, q in sorted(candidates):
            # The further away, the more must be equal: else it is a place that only looks like it.
            run = _run(before, i + p, after, j + q, _SURE)
            at_ends = i + p + run == len(before) and j + q + run == len(after)
            if at_ends or run >= min(_GRAM + distance // 4, _SURE):
                while p and q and before[i + p - 1] == after[j + q - 1]:
                    p, q = p - 1, q - 1
                return p, q
        if window >= _LAST_WINDOW or window >= max(len(before) - i, len(after) - j):
            return None
        window *= 4


def _in_words(before: str, after: str, found: list[tuple[int, int, int, int]]) -> list[Span]:
    """Return the spans widened to whole words; those that then touch are merged."""
    merged: list[tuple[int, int, int, int]] = []
    for index, (start, end, start_after, end_after) in enumerate(found):
        left = merged[-1][1] if merged else 0
        right = found[index + 1][0] if index + 1 < len(found) else len(before)
        lowest, highest = max(left, start - _WORD), min(right, end + _WORD)
        shift, shift_after = start, end
        if _cuts_word(before, after, start, start_after, end, end_after):
            while start > lowest and before[start - 1].isalnum():
                start -= 1
        while end < highest and before[end].isalnum() and end > start and before[end - 1].isalnum():
            end += 1
        start_after -= shift - start
        end_after += end - shift_after
        if merged and merged[-1][1] >= start:
            start, start_after = merged[-1][0], merged[-1][2]
            merged.pop()
        merged.append((start, end, start_after, end_after))
    return [Span(a, b, before[a:b], after[c:d]) for a, b, c, d in merged]


def _cuts_word(before: str, after: str, start: int, start_after: int, end: int, end_after: int) -> bool:
    """Say whether a span begins within a word of one of the texts."""
    return (
        before[start : min(start + 1, end)].isalnum() or after[start_after : min(start_after + 1, end_after)].isalnum()
    )


def applied(text: str, spans: Iterable[Span]) -> str:
    """Return the text with the spans replaced."""
    pieces: list[str] = []
    done = 0
    for span in spans:
        pieces += (text[done : span.start], span.after)
        done = span.end
    return "".join((*pieces, text[done:]))


def because(spans: Iterable[Span], cause: ChangeCause) -> list[Span]:
    """Return the spans with one more cause."""
    return [replace(span, by=(*span.by, cause)) for span in spans]


def chained(before: str, first: Sequence[Span], second: Sequence[Span], after: str) -> list[Span]:
    """Merge the spans from a text to the next one and those from that one to `after` into spans that lead
    there directly.
    """
    edits: list[tuple[int, int, int, Span]] = []
    shift = 0
    for span in first:
        start = span.start + shift
        edits.append((start, start + len(span.after), 0, span))
        shift += len(span.after) - len(span.before)
    edits += [(span.start, span.end, 1, span) for span in second]
    edits.sort(key=lambda edit: edit[:3])
    result: list[Span] = []
    shifts = [0, 0]
    index = 0
    while index < len(edits):
        start, end = edits[index][:2]
        origin, target = start - shifts[0], start + shifts[1]
        by: dict[int, list[ChangeCause]] = {0: [], 1: []}
        while index < len(edits):
            next_start, next_end, stage, span = edits[index]
            empty = next_start == next_end or start == end
            if next_start > end or (next_start == end and not empty):
                break
            end = max(end, next_end)
            shifts[stage] += len(span.after) - len(span.before)
            by[stage] += span.by
            index += 1
        origin_end, target_end = end - shifts[0], end + shifts[1]
        old, new = before[origin:origin_end], after[target:target_end]
        if old != new:
            result.append(Span(origin, origin_end, old, new, tuple(dict.fromkeys((*by[0], *by[1])))))
    return result
