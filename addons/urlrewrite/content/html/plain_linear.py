"""The quick way through a page by a finite automaton, where one can be had; `plain.py` explains what is plain.

`google-re2` is optional. Its automaton looks at each byte once, whatever the expression says, in a third of the time
that `re` takes or less. It reads `plain_language`, which knows no hosts, so these are looked at apart: where each host
in a span belongs to a plain link, all links of the span can be replaced at once. Else the span ends before the first
tag that has another one, and the scanner reads that. A host in a text does no harm.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from urlrewrite.content.html.patterns import HTML
from urlrewrite.content.html.plain_language import for_automaton, plain_language
from urlrewrite.content.html.scanner import Ended, Plain
from urlrewrite.content.links.pair_table import PairTable
from urlrewrite.content.reading import Reading

try:
    import re2
except ImportError:
    re2 = None

_MAX_MEMORY = 16 << 20
"""Bytes that an automaton may take for its states; beyond that it begins anew."""

_FEW = 2
"""Hosts that are counted by themselves."""


class _Span(NamedTuple):
    last: int

    def end(self) -> int:
        return self.last


class Replaced(NamedTuple):
    """A span with its plain links replaced, and how often each: what they began with, what that became, the number."""

    span: bytes
    changes: list[tuple[bytes, bytes, int]]


@lru_cache(maxsize=4)
def automaton(names: frozenset[bytes], *, are_links: bool, never: frozenset[bytes]) -> Plain | None:
    """Return what takes `plain_language`; None where the library is missing, or cannot do it."""
    if re2 is None:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    language = plain_language(names, are_links=are_links, never=never)
    try:
        made: Plain = re2.compile(for_automaton(language), options)
    except re2.error:
        return None
    return made


class LinearPlain:
    """Takes plain HTML of one document as an expression of `plain.py` does, and replaces the links in it."""

    def __init__(self, taken: Plain, table: PairTable, reading: Reading) -> None:
        self._taken = taken
        self._table = table
        self._reading = reading
        self._hosts = tuple(table.hosts) if len(table.hosts) <= _FEW else ()
        self._data: bytes | None = None
        self._lower = b""
        self._first = self._last = -1
        self._stops: list[int] = []
        self._ready = deque[tuple[bytes, Replaced]]()
        self._counted = 0  # up to here of the data it is known whether there are hosts but in links
        self._took_all = True

    def match(self, data: bytes, position: int, /) -> Ended:
        """Return where plain HTML ends that begins at a position between tags."""
        if data is not self._data:
            self._data, self._lower, self._last = data, self._reading.lower(data), -1
            self._counted, self._took_all = 0, True
            self._ready.clear()
        # What was taken from an earlier place on would end where it did from here on, too.
        if not self._first <= position <= self._last:
            self._take(data, position)
        at = bisect_left(self._stops, position)
        return _Span(self._stops[at] if at < len(self._stops) else self._last)

    def replaced(self, span: bytes) -> Replaced:
        """Return a span that was taken with the links in it replaced."""
        if self._ready and self._ready[0][0] == span:
            return self._ready.popleft()[1]
        return self._replace(span)

    def took_all_hosts(self, data: bytes) -> bool:
        """Say whether these bytes were matched from end to end, and no host is in them but in the links replaced.

        To be asked once, at the end: nothing is kept after that.
        """
        took_all = data is self._data and self._took_all and not self._count(self._counted, len(data))
        self._data, self._lower = None, b""
        self._ready.clear()
        return took_all

    def _replace(self, span: bytes) -> Replaced:
        changes = []
        changed = span
        for before, becomes in self._table.plain_in(span):
            longer = len(becomes) - len(before)
            size = len(changed)
            count = 0 if longer else changed.count(b'="' + before)
            changed = changed.replace(b'="' + before, b'="' + becomes)
            if longer:
                count = (len(changed) - size) // longer
            if count:
                changes.append((before, becomes, count))
        return Replaced(changed, changes)

    def _take(self, data: bytes, position: int) -> None:
        taken = self._taken.match(data, position)
        self._first, self._last = position, taken.end() if taken else position
        span = data[position : self._last]
        replaced = self._replace(span)
        # Every link has a host of its own, so that equal numbers leave none for anything else.
        only_links = sum(count for *_, count in replaced.changes) == self._count(position, self._last)
        self._took_all = self._took_all and only_links and not self._count(self._counted, position)
        self._counted = self._last
        self._stops = [] if only_links else list(self._tags_in_doubt(data, span, replaced))
        if span and not self._stops:
            self._ready.append((span, replaced))

    def _count(self, first: int, last: int) -> int:
        """Return how many hosts there are, or more where one is part of another."""
        if self._hosts:
            return sum(self._lower.count(host, first, last) for host in self._hosts)
        return sum(1 for _ in self._table.search.finditer(self._lower, first, last))

    def _tags_in_doubt(self, data: bytes, span: bytes, replaced: Replaced) -> Iterator[int]:
        """Yield where the tags begin that have a host which is not that of a plain link."""
        plain = set(self._hosts_of_links(span, replaced))
        seen = self._first
        for found in self._table.search.finditer(self._lower, self._first, self._last):
            host = found.start()
            if host in plain:
                continue
            begin = data.rfind(b"<", seen, host)
            seen = host
            if begin >= 0 and (tag := HTML.tag.match(data, begin)) and host < tag.end():
                yield begin

    def _hosts_of_links(self, span: bytes, replaced: Replaced) -> Iterator[int]:
        for before, *_ in replaced.changes:
            link = b'="' + before
            at = span.find(link)
            while at >= 0:
                yield self._first + at + link.index(b"//") + 2
                at = span.find(link, at + 1)
