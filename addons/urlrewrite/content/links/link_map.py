r"""The link map: every spelling of a backend's origin, and what the public origin looks like in the same spelling.

A backend's URL hides in attributes, scripts, style sheets, JSON, queries of other URLs; each place escapes it in its
own way. All of them have one thing in common: the letters of the host stay as they are. So the map looks for the host
and reads outwards from it:

    http:\/\/privateserver:8080\/x        "http%3A%2F%2Fprivateserver%3A8080"        'http://' + 'privateserver:8080'
    scheme   slashes  host  port

Before the host stand two slashes in some escape, before them perhaps a scheme and its colon; after the host perhaps a
port. What follows decides whether the name really ends there: `privateserver.example`, `privateserver:80801` and
`privateserver@example` are other hosts. Only scheme, host and port are replaced; the escapes around them are kept and
the new port's colon is written as the old colons were. Nothing outside of the match is ever looked at or changed, so
the map needs to know neither HTML nor JavaScript.

A host that stands alone is mapped only where it is the whole of a quoted string (`location.host === "privateserver"`)
or the domain of a cookie in one (`"a=b; domain=privateserver"`), and only where the caller says that such strings are
code (`bare=True`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from urlrewrite.content.links import patterns
from urlrewrite.content.links.host_search import CombinedSearch, Search, host_search
from urlrewrite.content.links.mounts import Mount
from urlrewrite.content.links.pair_table import PairTable, over
from urlrewrite.content.links.pairs import Pair, Target, end_of_path, same_port, scheme_like
from urlrewrite.content.links.spellings import colon_like, escaped_before, path_like, path_pattern

__all__ = ["REACH_BACK", "LinkMap", "OnChange", "Pair", "shifted"]

type OnChange = Callable[[int, bytes, bytes], None]

_WINDOW = 160
"""Bytes before the host in which scheme, slashes and user information are looked for."""

REACH_BACK = 16
"""Bytes before a URL that decide whether a word begins with it."""

_ENDS_OF_SLASHES = frozenset(bytes([byte]) for byte in b"/fF7;}@ \t\n\r\f")
_ENDS_OF_QUOTE = frozenset(bytes([byte]) for byte in b"\"'`;")
_ENDS_OF_DOMAIN = frozenset((b"=", b"."))
"""What stands right before a host in a URL, a quoted one, and a cookie's domain; any other needs no closer look."""

_BEGINS = re.compile(rb"[a-z]+://[^/]*+")

_REACH_ON = 256
"""Bytes after a host that decide whether it ends there, however its port is escaped."""


class LinkMap:
    """A map of the URLs of some origins to others, in bytes of any encoding that contains ASCII.

    The inverse map, for what browsers send back, is `LinkMap` of the swapped pairs. Where there is a `mount`, URLs
    without a host are concerned, too: in scripts quoted strings that begin with one of the `root_paths`, and styles.
    """

    def __init__(
        self, pairs: Iterable[Pair] | PairTable, mount: Mount | None = None, root_paths: Sequence[str] = ()
    ) -> None:
        self.table = pairs if isinstance(pairs, PairTable) else PairTable(pairs)
        """The pairs, and what is known of all of them."""
        self.mount = mount
        self._paths = root_paths
        self._root_paths = _by_first_segment(root_paths if mount else ())
        self._reach_on = _REACH_ON + 8 * max([self.table.longest_path, *map(len, root_paths)])

    @cached_property
    def _search(self) -> Search:
        return self.table.search

    @cached_property
    def _search_in_code(self) -> Search:
        if self.mount is None:
            return self._search
        words = host_search(frozenset({*self._root_paths, patterns.STYLE_URL}))
        return words if b"" in words.hosts else CombinedSearch(self._search, words)

    @cached_property
    def _longest(self) -> int:
        return max(self._search.longest, self._search_in_code.longest)

    @property
    def pairs(self) -> Sequence[Pair]:
        """All pairs."""
        return self.table.pairs

    def over(self, shared: LinkMap, hosts: frozenset[bytes]) -> LinkMap:
        """Return this map with the pairs of another one behind it, but for those of some hosts; see `over`."""
        return LinkMap(over(self.table, shared.table, hosts), self.mount, self._paths)

    def names_in(self, data: bytes) -> bool:
        """Say whether a host of this map may occur at all, in any letter case: the quick test before any work."""
        return self.names_in_lower(data.lower())

    def names_in_lower(self, lower: bytes) -> bool:
        """Say the same of bytes in lower case."""
        return self._search.occurs(lower)

    def map(self, data: bytes, *, bare: bool = False, on_change: OnChange | None = None) -> bytes:
        """Return `data` with every URL of a mapped origin replaced; the same object where there is none.

        `bare` maps quoted strings that are a host and nothing else, too. `on_change(offset, before, after)` is called
        for every replacement.
        """
        if not self.table.hosts:
            return data
        if self.mount is None and (begins := _BEGINS.match(data)):
            plain, becomes = self.table.plain_at(data, begins[0]) or (b"", b"")
            if plain and self._search.search(data.lower(), len(plain)) is None:
                if on_change:
                    on_change(0, plain[:-1], becomes[:-1])
                return becomes + data[len(plain) :]
        pieces: list[bytes] = []
        done = 0
        for start, end, after in self._changes(data, bare, 0, len(data)):
            if on_change and data[start:end] != after:
                on_change(start, data[start:end], after)
            pieces += (data[done:start], after)
            done = end
        if not pieces:
            return data
        pieces.append(data[done:])
        return b"".join(pieces)

    def map_settled(
        self, data: bytes, done: int, *, final: bool, bare: bool = False, on_change: OnChange | None = None
    ) -> tuple[bytes, int]:
        """Map `data[done:]` as far as no further data could alter the result; return that part, and where it ends.

        `data[:done]` has been mapped before; of it `REACH_BACK` bytes must be there, or all. `final` says that no
        further data comes.
        """
        closed = final or patterns.CLOSED.search(data, max(done, len(data) - self._reach_on)) is not None
        until = len(data) if closed else max(len(data) - self._reach_on, done)
        pieces: list[bytes] = []
        last = done
        for start, end, after in self._changes(data, bare, done, until):
            if on_change and data[start:end] != after:
                on_change(start, data[start:end], after)
            pieces += (data[last:start], after)
            last = end
        settled = len(data) if closed else max(last, until - self._longest - _WINDOW)
        pieces.append(data[last:settled])
        return b"".join(pieces), settled

    def map_text(self, text: str, *, bare: bool = False) -> str:
        """Map a text, such as a field value; characters that are not ASCII survive."""
        data = text.encode("utf-8", "surrogateescape")
        if not bare and not self.names_in(data):
            return text
        mapped = self.map(data, bare=bare)
        return text if mapped is data else mapped.decode("utf-8", "surrogateescape")

    def map_authority(self, authority: str) -> str | None:
        """Return the other side's authority for a bare `host` or `host:port`; None if it is not one of ours.

        A host without a port means any port, and becomes a host without a port unless both sides have their default.
        """
        return next((text for _, text in self._authorities(authority)), None)

    def _authorities(self, authority: str) -> Iterator[tuple[Pair, str]]:
        """Yield the pairs that a bare authority may be of, each with the other side's authority."""
        host, colon, port = authority.rpartition(":") if re.search(r":\d{0,5}$", authority) else (authority, "", "")
        for pair in self.table.of_host(host.rstrip(".").lower().encode("utf-8", "surrogateescape")):
            if not pair.alone or (colon and port and int(port) != pair.origin.port):
                continue
            without_port = not port and not pair.origin.has_default_port
            yield pair, pair.becomes.host_text if without_port else pair.becomes.authority

    def _changes(self, data: bytes, bare: bool, done: int, until: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield the spans to replace, and with what, for the hosts after `done` that end before `until`."""
        searched = self._search_in_code if bare else self._search
        # Hosts are searched in a copy in lower case: letter case does not count in a host (RFC 3986, 3.2.2).
        lower = data.lower()
        for found in searched.finditer(lower, done, until):
            change = None
            if found[0] in self.table.hosts:
                change = self._change(data, lower, found[0], found.start(), found.end(), done, bare)
            if change is None and found[0] in self._root_paths:
                change = self._root_change(data, found[0], found.start(), max(done, found.start() - _WINDOW))
            if change is None and found[0] == patterns.STYLE_URL:
                change = self._style_change(data, found.start(), max(done, found.start() - _WINDOW))
            if change is not None:
                yield change
                done = change[1]

    def _change(
        self, data: bytes, lower: bytes, host: bytes, start: int, end: int, done: int, bare: bool
    ) -> tuple[int, int, bytes] | None:
        """Return the span to replace around a host at `start:end`, and with what; None if it is not a URL of ours."""
        for prefix, scheme in patterns.PLAIN_PREFIXES.items():
            begin = start - len(prefix)
            if begin >= done and lower.startswith(prefix, begin):
                if not patterns.WORD_START.match(lower, begin):
                    return None
                return self._after(data, host, scheme, begin, end, b"://", b":", b"/")
        floor = max(done, start - _WINDOW)
        beside = data[start - 1 : start]
        before = patterns.BEFORE.search(data, floor, start) if beside in _ENDS_OF_SLASHES else None
        if before:
            scheme = (before["scheme"] or b"").decode().lower()
            colon = before["colon"] or b""
            between = colon + before["slashes"] + (before["user"] or b"")
            slash = before["slash"]
            return self._after(data, host, scheme, before.start(), end, between, colon or colon_like(slash), slash)
        return self._bare(data, host, start, end, floor, beside) if bare else None

    def _after(
        self, data: bytes, host: bytes, scheme: str, begin: int, end: int, between: bytes, colon: bytes, slash: bytes
    ) -> tuple[int, int, bytes] | None:
        after = patterns.AFTER.match(data, end)
        if after is None:
            return None
        target = self.target(scheme, host, int(after["port"]) if after["port"] else None, data, after.end())
        if target is None:
            return None
        becomes = target.becomes
        written = target.scheme.encode() + escaped_before(between, becomes.host_text.encode())
        if not becomes.has_default_port:
            written += escaped_before(after["colon"] or colon, str(becomes.port).encode())
        return begin, target.end, written + path_like(target.path, slash) if target.path else written

    def target(self, scheme: str, host: bytes, port: int | None, data: bytes, at: int) -> Target | None:
        """Return what a URL becomes whose authority ends at `at`; None if it is not one of ours.

        `scheme` is "" in a relative URL and then stays so; `host` is in lower case; `port` is None where none is said.
        """
        only_origin = None
        # Where no path follows it is an origin alone, which any pair with it tells.
        has_path = patterns.PATH_FOLLOWS.match(data, at)
        for pair in self.table.at_url(host, data, at) if has_path else self.table.of_host(host):
            if not same_port(pair.origin, scheme, port):
                continue
            new_scheme = scheme_like(scheme, pair.becomes.scheme) if scheme else ""
            if (end := end_of_path(pair, data, at)) is not None:
                return Target(new_scheme, pair.becomes, pair.new_path, end)
            if only_origin is None and not has_path:
                only_origin = Target(new_scheme, pair.becomes, "", at)
        return only_origin

    def _bare(
        self, data: bytes, host: bytes, start: int, end: int, floor: int, beside: bytes
    ) -> tuple[int, int, bytes] | None:
        """Return the change of a quoted host, with a scheme that a script puts before it, or of a cookie's domain."""
        if beside in _ENDS_OF_DOMAIN:
            cookie = patterns.COOKIE_BEFORE.search(data, floor, start) and patterns.COOKIE_AFTER.match(data, end)
            return (start, end, self.table.of_host(host)[0].becomes.host_text.encode()) if cookie else None
        before = patterns.BARE_BEFORE.search(data, floor, start) if beside in _ENDS_OF_QUOTE else None
        after = patterns.BARE_AFTER.match(data, end) if before else None
        if after is None or before is None:
            return None
        at = after.end()
        is_url = before["scheme"] is not None or data.startswith(b"/", at)
        for pair, authority in self._authorities(data[start:at].decode("utf-8", "surrogateescape")):
            last, written = at, authority.encode()
            if is_url:
                # A path follows, or is put behind it as the scheme was put before it.
                found = end_of_path(pair, data, at)
                if found is None:
                    continue
                last, written = found, written + pair.new_path.encode()
            if not before["scheme"]:
                return start, last, written
            scheme = scheme_like(before["scheme"].decode().lower(), pair.becomes.scheme).encode()
            return before.start(), last, scheme + before["joint"] + before["open"] + written
        return None

    def _root_change(self, data: bytes, segment: bytes, start: int, floor: int) -> tuple[int, int, bytes] | None:
        """Return the change of a quoted string that begins with a root path, whose first segment stands at `start`."""
        before = patterns.ROOT_BEFORE.search(data, floor, start)
        if before is None or self.mount is None:
            return None
        at = before.start("slash")
        known = any(path_pattern(path).match(data, at) for path in self._root_paths[segment])
        return self.mount.change(data, at) if known else None

    def _style_change(self, data: bytes, start: int, floor: int) -> tuple[int, int, bytes] | None:
        """Return the change of the path in a `url(/x)` that stands at `start`, if that is in a string of a script."""
        found = patterns.STYLE_PATH.match(data, start)
        if found is None or self.mount is None or patterns.IN_STYLE.search(data, floor, start) is None:
            return None
        return self.mount.change(data, found.start("path"))


def shifted(on_change: OnChange, base: int) -> OnChange:
    """Return an `on_change` for a part of some data that begins at `base`."""

    def on_part(offset: int, before: bytes, after: bytes) -> None:
        on_change(base + offset, before, after)

    return on_part


def _by_first_segment(paths: Iterable[str]) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for path in paths:
        found.setdefault(path.split("/")[1].lower().encode(), []).append(path)
    return found
