"""Which of many paths may begin in some bytes: found by the first segment, however the slash before it is written.

Thousands of sites may be mounted on one host; a URL of it is of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.pairs import Pair
from urlrewrite.content.links.spellings import SLASH

MANY = 16
"""Paths from which on it is worth it."""

_ORDINARY = re.compile(r"[A-Za-z0-9_.~-]+")
"""Segments that are written in one way only, and after which none of their characters stands where one ends."""


class PathIndex:
    """Pairs with one host, by their paths."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        places = list(enumerate(pairs))
        segments = {place: pair.path.split("/")[1] if pair.path else "" for place, pair in places}
        named: dict[str, list[tuple[int, Pair]]] = {}
        others: list[tuple[int, Pair]] = []
        for place, pair in places:
            of_segment = named.setdefault(segments[place], []) if _ORDINARY.fullmatch(segments[place]) else others
            of_segment.append((place, pair))
        self._others = [pair for _, pair in others]
        self._by_segment = {
            name.encode(): [pair for _, pair in sorted([*found, *others], key=lambda item: item[0])]
            for name, found in named.items()
        }
        self._first = re.compile(b"(?i:%b)(%b)" % (SLASH, any_of(self._by_segment, exact=True)))

    def at(self, data: bytes, start: int) -> Sequence[Pair]:
        """Return the pairs whose path may begin at a place in some bytes, in their order."""
        found = self._first.match(data, start)
        return self._by_segment[found[1]] if found else self._others


def beginnings(url: bytes, origin: bytes, longest: int) -> Iterator[bytes]:
    """Yield the beginnings of a URL, each up to a slash behind its origin, that have at most `longest` bytes."""
    at = url.find(b"/", len(origin))
    while 0 <= at < longest:
        yield url[: at + 1]
        at = url.find(b"/", at + 1)


def beginnings_in(span: bytes, origin: bytes, longest: int) -> set[bytes]:
    """Return these of all URLs of an origin that begin values in double quotes."""
    urls = set(re.findall(rb'="(?=(%b/[^"]*+))' % re.escape(origin), span))
    return {beginning for url in urls for beginning in beginnings(url, origin, longest)}
