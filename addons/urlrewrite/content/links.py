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

A host that stands alone is mapped only where it is the whole of a quoted string (`location.host === "privateserver"`),
and only where the caller says that such strings are code (`bare=True`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from urlrewrite.origin import DEFAULT_PORTS, Origin

type OnChange = Callable[[int, bytes, bytes], None]

_COLON = (
    rb"(?:\\*:|%(?:25)*3a|&(?:amp;)*(?:#0*58;?|#x0*3a;?|colon;)"
    rb"|\\+u003a|\\+u\{0*3a\}|\\+x3a|\\0{0,4}3a[ \t\n\r\f]?)"
)
_SLASH = (
    rb"(?:\\*/|%(?:25)*2f|&(?:amp;)*(?:#0*47;?|#x0*2f;?|sol;)"
    rb"|\\+u002f|\\+u\{0*2f\}|\\+x2f|\\0{0,4}2f[ \t\n\r\f]?)"
)
_WINDOW = 160
"""Bytes before the host in which scheme, slashes and user information are looked for."""

REACH_BACK = 16
"""Bytes before a URL that tell whether a word begins with it."""

_REACH_ON = 256
"""Bytes after a host that tell whether it ends there, however its port is escaped."""

_AFTER_ESCAPE = rb"(?<=%[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2})|(?<=\\[nrtbfv])"
"""An escape ends in letters that are no part of the word that follows it: `\\nhttp://`, `%22http:`."""
_WORD_START = re.compile(rb"(?<![a-z0-9+.\-])|" + _AFTER_ESCAPE, re.IGNORECASE)
_BEFORE = re.compile(
    rb"(?:(?:" + _WORD_START.pattern + rb")(?P<scheme>https?|wss?)(?P<colon>" + _COLON + rb")"
    rb"|(?:(?<![\w:/.~\\-])|(?:" + _AFTER_ESCAPE + rb")(?<!%3a)(?<!003a)))"
    rb"(?P<slashes>(?P<slash>" + _SLASH + rb")" + _SLASH + rb")"
    rb"(?P<user>[^\s\"'<>/@\\%?#]*@)?\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rb"(?P<dot>\.(?=" + _COLON + rb"|" + _SLASH + rb"))?"
    rb"(?:(?P<colon>" + _COLON + rb")(?P<port>\d{1,5}|(?=" + _SLASH + rb")))?"
    rb"(?![a-z0-9_\-@]|\.[a-z0-9]|%(?:25)*40|" + _COLON + rb"\d)",
    re.IGNORECASE,
)
_CLOSED = re.compile(rb"[}\])>;]\s*[\r\n]\Z")
"""An end of data over which no URL reaches: that of a line of JSON, or of a statement."""
_BARE_BEFORE = re.compile(
    rb"(?:(?P<scheme>https?|wss?)(?P<joint>:(?:\\*/){2}(?P<quote>[\"'`])\s*\+\s*))?(?P<open>\\*[\"'`])\Z", re.IGNORECASE
)
_BARE_AFTER = re.compile(rb"(?::(?P<port>\d{1,5}))?(?=\\*[\"'`]|/[^\s\"'`]*[\"'`])")
_PLAIN_PREFIXES = {b"http://": "http", b"https://": "https"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One origin and what stands for it on the other side."""

    origin: Origin
    becomes: Origin


class LinkMap:
    """Maps the URLs of some origins to others, in bytes of any encoding that contains ASCII.

    The inverse map, for what browsers send back, is `LinkMap` of the swapped pairs.
    """

    __slots__ = ("_by_host", "_hosts", "_longest", "pairs", "plain")

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.pairs = tuple(pairs)
        self._by_host: dict[bytes, list[Pair]] = {}
        for pair in self.pairs:
            for spelling in _host_spellings(pair.origin.host):
                self._by_host.setdefault(spelling, []).append(pair)
        # How most links begin, and what they become: without a look at each of their parts.
        self.plain = tuple(
            (b"%b/" % str(pair.origin).encode(), b"%b/" % str(pair.becomes).encode()) for pair in self.pairs
        )
        # The longest host first, so that no host hides a longer one that begins with it.
        hosts = sorted(self._by_host, key=len, reverse=True)
        self._hosts = re.compile(b"|".join(map(re.escape, hosts))) if hosts else None
        self._longest = max(map(len, hosts), default=0)

    @property
    def hosts(self) -> frozenset[bytes]:
        """Every spelling of every host, in lower case."""
        return frozenset(self._by_host)

    def names_in(self, data: bytes) -> bool:
        """Whether a host of this map occurs at all, in any letter case: the quick test before any work."""
        lower = data.lower()
        return any(host in lower for host in self._by_host)

    def map(self, data: bytes, *, bare: bool = False, on_change: OnChange | None = None) -> bytes:
        """`data` with every URL of a mapped origin replaced; the same object where there is none.

        `bare` maps quoted strings that are a host and nothing else, too. `on_change(offset, before, after)` is told of
        every replacement.
        """
        if self._hosts is None:
            return data
        for plain, becomes in self.plain:
            if data.startswith(plain) and self._hosts.search(data.lower(), len(plain)) is None:
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
        """What `map` gives for `data[done:]` as far as no further data could alter it, and up to where that is.

        `data[:done]` has been dealt with; of it `REACH_BACK` bytes must be there, or all. `final` says that no further
        data comes.
        """
        closed = final or _CLOSED.search(data, max(done, len(data) - _REACH_ON)) is not None
        until = len(data) if closed else max(len(data) - _REACH_ON, done)
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
        """`map` for a text, as fields are; characters that are not ASCII survive."""
        data = text.encode("utf-8", "surrogateescape")
        mapped = self.map(data, bare=bare)
        return text if mapped is data else mapped.decode("utf-8", "surrogateescape")

    def map_authority(self, authority: str) -> str | None:
        """The other side's authority for a bare `host` or `host:port`; None if it is not one of ours.

        A host without a port means any port, and becomes a host without a port unless both sides have their default.
        """
        host, colon, port = authority.rpartition(":") if re.search(r":\d{0,5}$", authority) else (authority, "", "")
        pairs = self._by_host.get(host.rstrip(".").lower().encode("utf-8", "surrogateescape"), ())
        for pair in pairs:
            if colon and port and int(port) != pair.origin.port:
                continue
            if not port and not pair.origin.has_default_port:
                return pair.becomes.host_text
            return pair.becomes.authority
        return None

    def _changes(self, data: bytes, bare: bool, done: int, until: int) -> Iterator[tuple[int, int, bytes]]:
        """The spans to replace, and with what, for the hosts after `done` that end before `until`."""
        if self._hosts is None:
            return
        # Hosts are searched in a copy in lower case: letter case does not count in a host (RFC 3986, 3.2.2).
        lower = data.lower()
        for found in self._hosts.finditer(lower, done, until):
            change = self._change(data, lower, found[0], found.start(), found.end(), done, bare)
            if change is not None:
                yield change
                done = change[1]

    def _change(
        self, data: bytes, lower: bytes, host: bytes, start: int, end: int, done: int, bare: bool
    ) -> tuple[int, int, bytes] | None:
        """The span to replace around a host at `start:end`, and with what; None if it is no URL of ours."""
        for prefix, scheme in _PLAIN_PREFIXES.items():
            begin = start - len(prefix)
            if begin >= done and lower.startswith(prefix, begin):
                if not _WORD_START.match(lower, begin):
                    return None
                return self._after(data, host, scheme, begin, end, b"://", b":")
        floor = max(done, start - _WINDOW)
        before = _BEFORE.search(data, floor, start)
        if before:
            scheme = (before["scheme"] or b"").decode().lower()
            colon = before["colon"] or b""
            between = colon + before["slashes"] + (before["user"] or b"")
            return self._after(data, host, scheme, before.start(), end, between, colon or _colon_like(before["slash"]))
        return self._bare(data, host, start, end, floor) if bare else None

    def _after(
        self, data: bytes, host: bytes, scheme: str, begin: int, end: int, between: bytes, colon: bytes
    ) -> tuple[int, int, bytes] | None:
        after = _AFTER.match(data, end)
        if after is None:
            return None
        port = int(after["port"]) if after["port"] else None
        for pair in self._by_host[host]:
            if not _same_port(pair.origin, scheme, port):
                continue
            becomes = pair.becomes
            new_scheme = _scheme_like(scheme, becomes.scheme) if scheme else ""
            written = new_scheme.encode() + between + becomes.host_text.encode()
            if not becomes.has_default_port:
                written += (after["colon"] or colon) + str(becomes.port).encode()
            return begin, after.end(), written
        return None

    def _bare(self, data: bytes, host: bytes, start: int, end: int, floor: int) -> tuple[int, int, bytes] | None:
        """A quoted host, and the scheme that a script puts before it with a plus sign."""
        after = _BARE_AFTER.match(data, end)
        before = _BARE_BEFORE.search(data, floor, start) if after else None
        if after is None or before is None:
            return None
        authority = self.map_authority(data[start : after.end()].decode("utf-8", "surrogateescape"))
        if authority is None:
            return None
        if not before["scheme"]:
            return start, after.end(), authority.encode()
        becomes = self._by_host[host][0].becomes
        scheme = _scheme_like(before["scheme"].decode().lower(), becomes.scheme).encode()
        return before.start(), after.end(), scheme + before["joint"] + before["open"] + authority.encode()


def shifted(on_change: OnChange, base: int) -> OnChange:
    """An `on_change` for a part of some data that begins at `base`."""

    def told(offset: int, before: bytes, after: bytes) -> None:
        on_change(base + offset, before, after)

    return told


def _same_port(origin: Origin, scheme: str, port: int | None) -> bool:
    """Whether a URL with this scheme ("" if relative) and port is of that origin.

    The scheme itself does not count: a backend reached by http may call itself https, and the other way round.
    """
    if port is not None:
        return port == origin.port or (origin.has_default_port and port == DEFAULT_PORTS.get(scheme))
    return origin.has_default_port or (scheme != "" and DEFAULT_PORTS[scheme] == origin.port)


def _scheme_like(scheme: str, new: str) -> str:
    """The public scheme for a URL: the WebSocket twin of it where the URL is one of a WebSocket."""
    return new.replace("http", "ws") if scheme.startswith("ws") else new


def _colon_like(slash: bytes) -> bytes:
    """How a colon is written where slashes are written so."""
    if slash.endswith(b"/"):
        return b":"
    for old, new in ((b"2f", b"3a"), (b"2F", b"3A"), (b"47", b"58"), (b"sol", b"colon"), (b"SOL", b"colon")):
        if old in slash:
            return slash.replace(old, new)
    return b":"


def _host_spellings(host: str) -> Iterable[bytes]:
    """The lower-case ways in which a host is written: as it is, in Unicode, percent-encoded, in brackets."""
    if ":" in host:
        yield f"[{host}]".encode()
        yield f"%5b{host.replace(':', '%3a')}%5d".encode()
        return
    yield host.encode("utf-8")
    if "xn--" in host:
        try:
            unicode_host = host.encode("ascii").decode("idna").lower()
        except UnicodeError:
            return
        yield unicode_host.encode("utf-8")
        yield "".join(c if c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in unicode_host).encode()
