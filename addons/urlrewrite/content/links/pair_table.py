"""The pairs of a link map, to be asked by host and by origin; and some pairs over those of a table that many share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from urlrewrite.content.links.host_search import FEW, CombinedSearch, Search, host_search
from urlrewrite.content.links.host_spellings import host_spellings
from urlrewrite.content.links.names_left import NamesSought
from urlrewrite.content.links.pairs import Pair, how_urls_begin
from urlrewrite.content.links.path_index import MANY, PathIndex, beginnings, beginnings_in

type Plain = tuple[int, int, bytes, bytes]
"""How the links of a pair begin, and what that becomes; before them, what says which pair goes first."""

_IN_VALUE = re.compile(rb'="(?=([a-z]+://[^/"]*+))')


class PairTable:
    """Some pairs. Those with the longest path go first, so that no path hides one below it."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._pairs = tuple(sorted(pairs, key=lambda pair: -len(pair.path)))
        self._by_host: dict[bytes, list[Pair]] = {}
        self._plain: dict[bytes, dict[bytes, Plain]] = {}
        for rank, pair in enumerate(self._pairs):
            for spelling in host_spellings(pair.origin.host):
                self._by_host.setdefault(spelling, []).append(pair)
            origin = str(pair.origin).encode()
            before, becomes = f"{pair.origin}{pair.path}/".encode(), f"{pair.becomes}{pair.new_path}/".encode()
            self._plain.setdefault(origin, {}).setdefault(before, (-len(pair.path), rank, before, becomes))
        self._by_path: dict[bytes, PathIndex] = {}
        self.hosts = frozenset(self._by_host)
        """Every spelling of every host, in lower case."""
        self.longest_path = max((len(pair.path) for pair in self._pairs), default=0)

    @property
    def pairs(self) -> Sequence[Pair]:
        """All pairs."""
        return self._pairs

    @cached_property
    def search(self) -> Search:
        """The search for any of the hosts."""
        return host_search(self.hosts)

    @property
    def own_pairs(self) -> Sequence[Pair]:
        """The pairs that this table does not share with others."""
        return self._pairs

    def of_host(self, host: bytes) -> Sequence[Pair]:
        """Return the pairs with a host."""
        return self._by_host.get(host, ())

    def plain_of(self, origin: bytes) -> Mapping[bytes, Plain]:
        """Return how links with an origin begin, the longest beginning first."""
        return self._plain.get(origin, {})

    def plain_at(self, url: bytes, origin: bytes) -> tuple[bytes, bytes] | None:
        """Return the longest of these that a URL with this origin begins with, and what it becomes."""
        plain = self.plain_of(origin)
        found = [plain[each] for each in beginnings(url, origin, _longest(plain)) if each in plain]
        return found[-1][2:] if found else None

    def plain_in(self, span: bytes) -> Iterable[tuple[bytes, bytes]]:
        """Return how links may begin that stand at the beginning of values in double quotes, and what that becomes."""
        origins = self._plain if len(self._plain) <= FEW else set(_IN_VALUE.findall(span))
        found = sorted(chain(*(self._occurring(origin, span) for origin in origins)))
        return [(before, becomes) for *_, before, becomes in found]

    def _occurring(self, origin: bytes, span: bytes) -> Iterable[Plain]:
        plain = self.plain_of(origin)
        if len(plain) < MANY:
            return plain.values()
        occurring = beginnings_in(span, origin, _longest(plain))
        return (plain[each] for each in occurring if each in plain)

    def at_url(self, host: bytes, data: bytes, at: int) -> Sequence[Pair]:
        """Return the pairs with a host whose path may begin at a place in some bytes."""
        pairs = self._by_host.get(host, ())
        if len(pairs) < MANY:
            return pairs
        if host not in self._by_path:
            self._by_path[host] = PathIndex(pairs)
        return self._by_path[host].at(data, at)

    @cached_property
    def names(self) -> frozenset[bytes]:
        """The hosts that are meant where they stand alone, too, in every spelling and in lower case."""
        return frozenset(host for host, pairs in self._by_host.items() if any(pair.alone for pair in pairs))

    @cached_property
    def new_hosts(self) -> frozenset[bytes]:
        """What hosts become, in lower case."""
        return frozenset(pair.becomes.host_text.lower().encode() for pair in self.pairs)

    @cached_property
    def begins(self) -> bytes:
        """An expression for how most links begin: without a look at each of their parts."""
        return how_urls_begin(self.pairs)

    @cached_property
    def becomes(self) -> bytes:
        """All that beginnings of links become, on lines, in lower case."""
        return b"\n".join(becomes for plain in self._plain.values() for *_, becomes in plain.values()).lower()

    @cached_property
    def is_final(self) -> bool:
        """Whether nothing that a link becomes could be taken for a link again."""
        return not self.search.occurs(self.becomes)

    @cached_property
    def is_of_origins(self) -> bool:
        """Whether no origin has several pairs, of different paths."""
        return all(len(plain) == 1 for plain in self._plain.values())

    @cached_property
    def names_sought(self) -> NamesSought:
        """What is searched for in what is sent."""
        return NamesSought(self.names, self.new_hosts)


class Overlay(PairTable):
    """The pairs of `own`, and of `shared` those whose hosts are not among `replaced`; see `over`."""

    def __init__(self, own: PairTable, shared: PairTable, replaced: frozenset[bytes]) -> None:
        self._own = own
        self._shared = shared
        self._replaced = replaced
        more = own.hosts - shared.hosts
        self.hosts = shared.hosts | more if more else shared.hosts
        self._more = more
        self.longest_path = max(own.longest_path, shared.longest_path)

    @cached_property
    def search(self) -> Search:
        """The search for any of the hosts."""
        shared = self._shared.search
        return CombinedSearch(shared, host_search(self._more)) if self._more else shared

    @property
    def pairs(self) -> Sequence[Pair]:
        """All pairs, with those of the site itself first."""
        return (*self._own.pairs, *_without(self._shared, self._replaced))

    @property
    def own_pairs(self) -> Sequence[Pair]:
        """The pairs that this table does not share with others."""
        return self._own.pairs

    def of_host(self, host: bytes) -> Sequence[Pair]:
        """Return the pairs with a host."""
        return (self._own if host in self._replaced else self._shared).of_host(host)

    def at_url(self, host: bytes, data: bytes, at: int) -> Sequence[Pair]:
        """Return the pairs with a host whose path may begin at a place in some bytes."""
        return (self._own if host in self._replaced else self._shared).at_url(host, data, at)

    def plain_of(self, origin: bytes) -> Mapping[bytes, Plain]:
        """Return how links with an origin begin, the longest beginning first."""
        return self._own.plain_of(origin) or ({} if origin in self._origins_replaced else self._shared.plain_of(origin))

    def plain_in(self, span: bytes) -> Iterable[tuple[bytes, bytes]]:
        """Return how links may begin that stand at the beginning of values in double quotes, and what that becomes."""
        found = sorted(chain(*(self._occurring(origin, span) for origin in set(_IN_VALUE.findall(span)))))
        return [(before, becomes) for *_, before, becomes in found]

    @cached_property
    def _pairs_replaced(self) -> list[Pair]:
        found = chain(*map(self._shared.of_host, self._replaced))
        return list({id(pair): pair for pair in found}.values())

    @cached_property
    def _origins_replaced(self) -> frozenset[bytes]:
        return frozenset(str(pair.origin).encode() for pair in self._pairs_replaced)

    @cached_property
    def names(self) -> frozenset[bytes]:
        """The hosts that are meant where they stand alone, too, in every spelling and in lower case."""
        same = all((host in self._own.names) == (host in self._shared.names) for host in self._own.hosts)
        return self._shared.names if same else (self._shared.names - self._replaced) | self._own.names

    @cached_property
    def begins(self) -> bytes:
        """An expression for how most links begin: of the own ones only, if these are others than the shared ones."""
        own = {(pair.origin, pair.path) for pair in self._own.pairs}
        shared = {(pair.origin, pair.path) for pair in self._pairs_replaced}
        return self._shared.begins if own == shared else self._own.begins

    @cached_property
    def is_final(self) -> bool:
        """Whether nothing that a link becomes could be taken for a link again."""
        search = self.search
        is_final = self._shared.is_final if search is self._shared.search else not search.occurs(self._shared.becomes)
        return is_final and not search.occurs(self._own.becomes)

    @cached_property
    def is_of_origins(self) -> bool:
        """Whether no origin has several pairs, of different paths."""
        return self._own.is_of_origins and self._shared.is_of_origins

    @cached_property
    def names_sought(self) -> NamesSought:
        """What is searched for in what is sent."""
        shared = {pair.becomes.host_text.lower().encode() for pair in self._pairs_replaced}
        differing = b"\n".join(self._own.new_hosts ^ shared)
        if self.names is self._shared.names and not self.search.occurs(differing):
            return self._shared.names_sought
        return NamesSought(self.names, self.new_hosts)


def over(own: PairTable, shared: PairTable, replaced: frozenset[bytes]) -> PairTable:
    """Return a table that has the pairs of `own`, and of `shared` those with other hosts than are `replaced`.

    `replaced` are hosts as they are spelled, all of those of `own` among them; no pair has some of them only.
    """
    if (replaced & shared.hosts) - own.hosts:
        return PairTable((*own.pairs, *_without(shared, replaced)))
    return Overlay(own, shared, replaced)


def _longest(plain: Mapping[bytes, Plain]) -> int:
    return len(next(iter(plain), b""))


def _without(table: PairTable, hosts: frozenset[bytes]) -> Iterator[Pair]:
    """Yield the pairs with none of some hosts."""
    return (pair for pair in table.pairs if hosts.isdisjoint(host_spellings(pair.origin.host)))
