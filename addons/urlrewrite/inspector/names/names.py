"""The names of backends in some bytes, in every spelling: what `search.py` looks for.

Most spellings leave the letters of a host as they are, so they are searched for as the link map does; what surrounds
them decides what they are. A few spellings hide the letters, and each of these has a quick test of its own: letters
written as escapes (`escapes.py`), what is encoded as a whole (`encoded.py`), and the two or four bytes a character of
UTF-16 and UTF-32. Bytes without a name cost only these tests.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from enum import StrEnum

from urlrewrite.content.links.spellings import COLON, QUOTE, SLASH
from urlrewrite.inspector.names.encoded import digits_of
from urlrewrite.inspector.names.escapes import Reading
from urlrewrite.inspector.names.sought import WIDTHS, interleaved, sought_hosts
from urlrewrite.model.origin import DEFAULT_PORTS, Origin

MAX_NAMES = 5000
"""Names in one body that are examined; further ones are not."""

_WINDOW = 160
_REACH_ON = 64
_ESCAPED_REACH = 400
_LAST_PORT = 65535
_TELLING = 8

_GAP = rb"(?:%b|\\){0,6}" % SLASH
_BEFORE = re.compile(
    rb"(?:(?P<scheme>https?|wss?)%b%b|%b{2}|\\\\{1,2})(?P<user>[^\s\"'<>/@\\%%?#]*@)?(?P<labels>[\w.-]*\.)?\Z"
    % (COLON, _GAP, SLASH)
)
_SLASH_OR_ESCAPE = re.compile(rb"[:/\\%&]")
_MARKS = (b'"', b"'", b"<", b">")
_AFTER = re.compile(rb"\.?(?:%b(?P<port>\d{1,9}))?" % COLON)
_WORD = re.compile(rb"[\w-]")
_PLAIN = (
    (b"https://", re.compile(rb"(?P<scheme>https)://(?P<user>)(?P<labels>)")),
    (b"http://", re.compile(rb"(?P<scheme>http)://(?P<user>)(?P<labels>)")),
)
"""How most URLs begin; compared first, since that takes no search."""
_ESCAPE_ENDS = re.compile(rb"(?:%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[nrtbfv])\Z")
_LONGER = re.compile(rb"\.?[\w-]|\.[a-z0-9]|@")
_QUOTE_BEFORE = re.compile(rb"(?:[\"'`]|&(?:quot|apos|#0*3[49]|#x0*2[27]);)\Z")
_QUOTE_AFTER = re.compile(QUOTE)
_REST_OF_HOST = re.compile(rb"[\w.-]*[\w-](?::\d{1,5})?")
_SPELLINGS = (
    (b"%25", "percent-encoded twice"),
    (b"%", "percent-encoded"),
    (b"&", "character references"),
    (b"\\u", r"\u escapes"),
    (b"\\x", r"\x escapes"),
    (b"\\/", r"slashes as \/"),
    (b"\\", "backslashes"),
)


class Relation(StrEnum):
    """How a name that was found relates to the backend."""

    SAME = "the backend"
    OTHER_PORT = "another port"
    BELOW = "a name below the backend's"
    LONGER = "a longer name"
    MAIL = "an e-mail address"


@dataclass(frozen=True, slots=True)
class Named:
    """A backend's name in some bytes.

    `start` and `end` are its span with scheme and port, `written` these bytes. `authority` is host and port in plain,
    `origin` the backend's origin that it names. `is_url` says that two slashes precede it, `quoted` that it is the
    whole of a quoted string.
    """

    start: int
    end: int
    written: bytes
    spelling: str
    authority: str
    origin: Origin
    scheme: str = ""
    relation: Relation = Relation.SAME
    is_url: bool = False
    quoted: bool = False
    hidden: bool = False
    """Whether it is encoded: no browser reads it, and nothing maps it."""

    def moved(self, by: int) -> Named:
        """Return it for bytes in which it begins so much later."""
        return replace(self, start=self.start + by, end=self.end + by)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it names another server than the backend, as far as can be seen: a host below the backend's, or an
        explicit port that is not the backend's. A URL without a port may well name the backend.
        """
        other_port = self.relation is Relation.OTHER_PORT and self.authority != self.origin.host_text
        return self.relation is Relation.BELOW or other_port


class Names:
    """A search for the names of some origins, except public ones.

    A host that is public as well counts only with a scheme or a port that is the backend's and not the public one's.
    `addresses` are those to connect to, host and port: such a host counts only with its port.
    """

    def __init__(
        self, origins: Iterable[Origin], public: Iterable[Origin], addresses: Iterable[tuple[str, int]] = ()
    ) -> None:
        self._addresses = frozenset(addresses)
        dialed = (Origin("http", *address) for address in sorted(self._addresses))
        self._public: MutableMapping[str, Sequence[Origin]] = _by_host(public)
        by_host = {host: _one_a_port(of_host) for host, of_host in _by_host((*origins, *dialed)).items()}
        self._origins: MutableMapping[str, Sequence[Origin]] = self._not_public(by_host)
        self._sought = sought_hosts(self._origins)

    def with_more(self, origins: Iterable[Origin], public: Origin) -> Names:
        """Return a search for some more origins, except one more that is public; all else is shared.

        Of the ports of one host those of these origins come first.
        """
        first: dict[str, Sequence[Origin]] = {
            host: _one_a_port((*found, *self._origins.get(host, ()))) for host, found in _by_host(origins).items()
        }
        is_known = public in self._public.get(public.host, ())
        if is_known and all(found == self._origins.get(host) for host, found in self._not_public(first).items()):
            return self
        more = copy(self)
        if not is_known:
            more._public = ChainMap({public.host: (*self._public.get(public.host, ()), public)}, self._public)
            first.setdefault(public.host, self._origins.get(public.host, ()))
        own = more._not_public(first)
        more._origins = ChainMap({host: own.get(host, ()) for host in first}, self._origins)
        more._sought = self._sought | sought_hosts(host for host in own if host not in self._origins)
        return more

    def _not_public(self, origins: Mapping[str, Sequence[Origin]]) -> dict[str, Sequence[Origin]]:
        """Return the origins that are not public, of the hosts that have one."""
        found = {
            host: tuple(each for each in of_host if each not in self._public.get(host, ()))
            for host, of_host in origins.items()
        }
        return {host: left for host, left in found.items() if left}

    def __bool__(self) -> bool:
        return bool(self._sought.hosts)

    def may_occur(self, data: bytes) -> bool:
        """Do a quick test, at the speed of memory: False is certain."""
        return self._sought.may_occur(data)

    def find(self, data: bytes, *, bare: bool = False, most: int = MAX_NAMES) -> list[Named]:
        """Return the names in bytes of an encoding that contains ASCII, in order.

        `bare` says that a word by itself is a host, however short; otherwise it has to look like one. `most` limits the
        names that are examined in each kind of spelling.
        """
        if not self:
            return []
        lower = data.lower()
        found = [*self._plain(data, lower, bare, most)]
        for reading, begins in self._sought.readings:
            hits = {hit.start() for lead, escape in begins if lead in lower for hit in escape.finditer(lower)}
            if hits:
                found += self._escaped(data, sorted(hits)[:MAX_NAMES], found, reading)
        found += self._encoded(data, lower)
        found += self._in_wide(data, lower)
        return sorted(found, key=lambda named: named.start)[:MAX_NAMES]

    def _plain(self, data: bytes, lower: bytes, bare: bool, most: int = MAX_NAMES) -> Iterator[Named]:
        for _, found in zip(range(most), self._sought.plain.finditer(lower, 0, len(lower)), strict=False):
            named = self._named(data, lower, found.start(), found.end(), bare)
            if named is not None:
                yield named

    def _named(self, data: bytes, lower: bytes, start: int, end: int, bare: bool) -> Named | None:
        """Return the name at `start:end`, where the letters of a host are; None if they are part of something else."""
        host = self._sought.hosts[lower[start:end]]
        floor = max(start - _WINDOW, 0)
        before = _before(lower, floor, start)
        after = _AFTER.match(lower, end, end + _REACH_ON)
        port = int(after["port"]) if after and after["port"] else None
        stop = after.end() if after and port is not None else end
        relation = Relation.SAME
        scheme = ""
        begin = start
        if before:
            begin, scheme = before.start(), (before["scheme"] or b"").decode()
            relation = Relation.BELOW if before["labels"] else relation
        elif lower[start - 1 : start] == b"@" and start:
            relation = Relation.MAIL
        elif _in_word(lower, start) and not _ESCAPE_ENDS.search(lower, max(start - 6, 0), start):
            return None
        elif lower[start - 1 : start] == b"." and _in_word(lower, start - 1):
            if "." not in host:
                return None
            relation = Relation.BELOW
        if port is None and _LONGER.match(lower, end):
            if before is None or lower[end : end + 1] in (b"@", b"_", b"-") or lower[end : end + 1].isalnum():
                return None
            relation = Relation.LONGER
            rest = _REST_OF_HOST.match(lower, end)
            stop = rest.end() if rest else stop
        possible = (port or 0) <= _LAST_PORT
        quoted = bool(
            possible
            and not before
            and _QUOTE_AFTER.match(lower, stop)
            and _QUOTE_BEFORE.search(lower, max(start - 8, 0), start)
        )
        if before is None and port is None and not bare and not quoted and not _is_telling(host):
            return None
        origin, other_port = self._meant(scheme, host, port, is_url=before is not None)
        if origin is None:
            return None
        if other_port and relation is Relation.SAME:
            relation = Relation.OTHER_PORT
        # No browser follows a URL with a port that there cannot be.
        is_url = possible and before is not None
        written = data[begin:stop]
        authority = f"{origin.host_text}:{port}" if port else origin.host_text
        return Named(begin, stop, written, _spelling(written), authority, origin, scheme, relation, is_url, quoted)

    def _meant(self, scheme: str, host: str, port: int | None, *, is_url: bool) -> tuple[Origin | None, bool]:
        """Return the backend's origin that a name means, None for a public one, and whether its port differs."""
        origins = self._origins.get(host, ())
        asked = port or DEFAULT_PORTS.get(scheme)
        same = next((origin for origin in origins if origin.port == asked), None)
        if of_host := self._public.get(host):
            http = scheme.replace("ws", "http", 1) if scheme.startswith("ws") else scheme
            if port is None and not scheme:
                return None, False
            if any(public.port == asked and http in ("", public.scheme) for public in of_host):
                return None, False
            return same, False
        origins = [
            origin for origin in origins if (origin.host, origin.port) not in self._addresses or port == origin.port
        ]
        if not origins:
            return None, False
        if same or not is_url:
            return same or origins[0], port is not None and same is None
        # A URL without a port has that of its scheme.
        by_default = [origin for origin in origins if origin.has_default_port]
        if port is None and by_default:
            return by_default[0], False
        return origins[0], True

    def _escaped(self, data: bytes, hits: list[int], known: list[Named], reading: Reading) -> Iterator[Named]:
        """Yield names with letters written as escapes at `hits`, except where others are `known`."""
        spans = [(named.start, named.end) for named in known]
        done = read = 0
        for at in hits:
            if at < read:
                continue
            begin = max(at - _ESCAPED_REACH, done)
            read = at + 2 * _ESCAPED_REACH
            window, starts = reading.decoded(data[begin : read + _ESCAPED_REACH])
            plain = window.lower()
            for named in self._plain(window, plain, bare=False):
                start, end = begin + starts[named.start], begin + starts[named.end]
                is_known = any(start < stop and first < end for first, stop in spans)
                if not is_known and (named.is_url or not reading.in_urls):
                    written = data[start:end]
                    spelling = reading.name or _spelling(written)
                    yield replace(
                        named, start=start, end=end, written=written, spelling=spelling, hidden=reading.hidden
                    )
                done = max(done, end)

    def _encoded(self, data: bytes, lower: bytes) -> Iterator[Named]:
        """Yield names inside of what is encoded as a whole."""
        digits = digits_of(lower)
        seen = set[tuple[int, int]]()
        for form in self._sought.forms:
            for decoded in form.find(data, lower, digits, MAX_NAMES):
                for named in self._plain(decoded.plain, decoded.plain.lower(), bare=False):
                    around = decoded.plain[max(named.start - 4, 0) : named.end + 4]
                    if named.start < decoded.last and decoded.first < named.end and _is_text(around):
                        start, end = decoded.spans[named.start][0], decoded.spans[named.end - 1][1]
                        if (start, end) in seen:
                            continue
                        seen.add((start, end))
                        plain = named.spelling == "plain"
                        spelling = form.spelling if plain else f"{form.spelling} of {named.spelling}"
                        written = data[start:end]
                        yield replace(named, start=start, end=end, written=written, spelling=spelling, hidden=True)

    def _in_wide(self, data: bytes, lower: bytes) -> Iterator[Named]:
        """Yield names in text of two or four bytes a character that is embedded in other bytes."""
        for step, name in WIDTHS.items():
            if not self._sought.may_be_wide(lower, step):
                continue
            for phase in range(step):
                found = self._sought.plain.finditer(lower[phase::step], 0, len(lower))
                at_places = ((phase + step * each.start(), each[0]) for each in found)
                wide = ((at, host) for at, host in at_places if lower.startswith(interleaved(host, step), at))
                for (at, host), _ in zip(wide, range(MAX_NAMES), strict=False):
                    begin = max(at - step * _WINDOW, at % step)
                    narrow = data[begin : at + step * (len(host) + _REACH_ON) : step]
                    index = (at - begin) // step
                    named = self._named(narrow, narrow.lower(), index, index + len(host), bare=False)
                    if named:
                        start, end = begin + named.start * step, begin + named.end * step
                        yield replace(named, start=start, end=end, spelling=name, written=named.written)


def _by_host(origins: Iterable[Origin]) -> dict[str, Sequence[Origin]]:
    found: dict[str, list[Origin]] = {}
    for origin in origins:
        found.setdefault(origin.host, []).append(origin)
    return {host: tuple(of_host) for host, of_host in found.items()}


def _one_a_port(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    """Return the first of the origins of a host for each port."""
    found: dict[int, Origin] = {}
    for origin in origins:
        found.setdefault(origin.port, origin)
    return tuple(found.values())


def _before(lower: bytes, floor: int, start: int) -> re.Match[bytes] | None:
    """Match what makes a URL of the host that begins at `start`."""
    for text, pattern in _PLAIN:
        if lower.endswith(text, floor, start):
            return pattern.match(lower, start - len(text), start)
    # Neither a quote nor a bracket stands in what comes before a host.
    floor = 1 + max(floor - 1, *(lower.rfind(mark, floor, start) for mark in _MARKS))
    return _BEFORE.search(lower, floor, start) if _SLASH_OR_ESCAPE.search(lower, floor, start) else None


def _is_text(data: bytes) -> bool:
    return data.isascii() and all(byte >= 9 for byte in data)


def _in_word(lower: bytes, at: int) -> bool:
    return at > 0 and _WORD.match(lower, at - 1) is not None


def _spelling(written: bytes) -> str:
    return next((name for mark, name in _SPELLINGS if mark in written), "plain")


def _is_telling(host: str) -> bool:
    """Say whether a host that stands alone in a text can hardly be another word."""
    return host != "localhost" and (len(host) >= _TELLING or not host.isalpha())
