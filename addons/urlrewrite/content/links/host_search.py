"""A search for any of some hosts that costs little more for thousands of them than for one.

Many hosts are named after a few domains. Where none of these marks is in a text there is no host, and where one is,
hosts are looked for around it only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from sys import maxsize

from urlrewrite.content.links.any_of import any_of

FEW = 4
"""Hosts that are searched for by themselves."""

MAX_MARKS = 16
_SHORTEST = 4


class HostSearch:
    """A search in bytes in lower case; of several hosts that begin at one place the longest is meant.

    `signs` are texts of which one occurs wherever a host does: the hosts, or fewer.
    """

    def __init__(self, hosts: frozenset[bytes]) -> None:
        self.hosts = hosts
        self._expression = re.compile(any_of(hosts, exact=True))
        self.longest = max(map(len, hosts), default=0)
        marks = marks_of(hosts)
        self._mark = re.compile(b"|".join(map(re.escape, marks))) if marks else None
        self.signs = frozenset(marks) if marks else hosts

    def occurs(self, lower: bytes) -> bool:
        """Say whether a host is in some bytes."""
        if len(self.signs) <= MAX_MARKS and not any(sign in lower for sign in self.signs):
            return False
        return self.search(lower) is not None

    def search(self, lower: bytes, start: int = 0, end: int = maxsize) -> re.Match[bytes] | None:
        """Return the first host in a part of some bytes."""
        if self._mark is None:
            return self._expression.search(lower, start, end)
        at = start
        while mark := self._mark.search(lower, at, end):
            first = max(mark.end() - self.longest, start)
            found = self._expression.search(lower, first, min(mark.start() + self.longest, end))
            # One that begins behind the mark has a mark of its own, and may go on behind this part.
            if found and found.start() <= mark.start():
                return found
            at = mark.start() + 1
        return None

    def finditer(self, lower: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
        """Yield all hosts in a part of some bytes, one behind the other."""
        if self._mark is None:
            yield from self._expression.finditer(lower, start, end)
            return
        while found := self.search(lower, start, end):
            yield found
            start = found.end()


class CombinedSearch:
    """Two searches as one: the host that begins first, of two that begin at one place the longer one.

    `signs` are texts of which one occurs wherever a host does.
    """

    def __init__(self, first: Search, second: Search) -> None:
        self._searches = first, second
        self.longest: int = max(first.longest, second.longest)
        self.signs: frozenset[bytes] = first.signs | second.signs

    def occurs(self, lower: bytes) -> bool:
        """Say whether a host is in some bytes."""
        return any(search.occurs(lower) for search in self._searches)

    def search(self, lower: bytes, start: int = 0, end: int = maxsize) -> re.Match[bytes] | None:
        """Return the first host in a part of some bytes."""
        return next(self.finditer(lower, start, end), None)

    def finditer(self, lower: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
        """Yield all hosts in a part of some bytes, one behind the other."""
        found = [search.search(lower, start, end) for search in self._searches]
        while ahead := [match for match in found if match]:
            first = min(ahead, key=lambda match: (match.start(), -match.end()))
            yield first
            start = first.end()
            found = [
                search.search(lower, start, end) if match and match.start() < start else match
                for search, match in zip(self._searches, found, strict=True)
            ]


type Search = HostSearch | CombinedSearch


@lru_cache(maxsize=64)
def host_search(hosts: frozenset[bytes]) -> HostSearch:
    """Return the search for some hosts; maps of different sites that have the same ones share it."""
    return HostSearch(hosts)


def marks_of(hosts: Collection[bytes]) -> list[bytes]:
    """Return a few texts of which every host has one, and none of which is in another; nothing if that takes many."""
    if len(hosts) <= FEW or b"" in hosts:
        return []
    marks = set[bytes]()
    for host in hosts:
        marks.add(_mark(host))
        if len(marks) > 2 * MAX_MARKS:
            return []
    least = [mark for mark in sorted(marks) if not any(other in mark for other in marks if other != mark)]
    return least if len(least) <= MAX_MARKS else []


def _mark(host: bytes) -> bytes:
    """Return the domain of a host, of an IPv4 address its beginning, and where there is none all of it."""
    labels = host.split(b".")
    if len(labels) == 1:
        return host
    if all(map(bytes.isdigit, labels)):
        return b".".join(labels[:2]) + b"."
    mark = b"." + b".".join(labels[-2:] if len(labels) > 2 else labels[-1:])
    return mark if len(mark) >= _SHORTEST else host
