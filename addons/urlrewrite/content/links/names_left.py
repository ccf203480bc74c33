"""Where a body still names the backend once it has been rewritten: in prose, in a comment, in an e-mail address.

No such name is wrong by itself, and none is a link; the trace reports it, so that nobody has to search for it. The
search costs next to nothing where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from urlrewrite.content.held import Held, held
from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.host_search import host_search

MAX_EXCERPTS = 5
_BEFORE, _AFTER = 60, 40
_ENDS = 2
"""Bytes that decide whether a name ends before them."""
_BLANKS = re.compile(rb"\s+")


class NamesSought:
    """The names of backends that are searched for, made ready once for all bodies.

    `hosts` are in lower case and found in any letter case where one of them is written as it is here. What a public
    name contains is not searched for.
    """

    def __init__(self, hosts: Iterable[bytes], public: Iterable[bytes]) -> None:
        names = b"\n".join(public)
        sought = frozenset(host for host in hosts if host not in names)
        self.hosts = host_search(sought)
        self.longest = max(map(len, sought), default=0)

    @cached_property
    def name(self) -> re.Pattern[bytes]:
        """An expression for a name that ends where it seems to."""
        return re.compile(rb"(?<![\w.-])%b(?![\w-]|\.\w)" % any_of(self.hosts.hosts))


class NamesLeft:
    """A count of the names of backends in what is sent, with the text around the first of them."""

    def __init__(self, names: NamesSought) -> None:
        self._names = names
        self._kept = b""
        self._keep = names.longest + _ENDS
        self.count = 0
        self.excerpts: list[str] = []
        """The text around each of the first `MAX_EXCERPTS` names, on one line."""

    def look(self, data: bytes, *, final: bool) -> None:
        """Look through the next bytes that are sent; a name at their end is judged when more bytes are there."""
        seen = len(self._kept) - _ENDS
        data = self._kept + data if self._kept else data
        until = len(data) if final else len(data) - _ENDS
        if self._names.hosts.occurs(data):
            for found in self._names.name.finditer(data):
                if seen < found.end() <= until:
                    self._add(data, *found.span())
        self._kept = data[-self._keep :]

    def _add(self, data: bytes, start: int, end: int) -> None:
        self.count += 1
        if len(self.excerpts) < MAX_EXCERPTS:
            around = data[max(0, start - _BEFORE) : end + _AFTER]
            self.excerpts.append(_BLANKS.sub(b" ", around).strip().decode("utf-8", "replace"))


class Watching:
    """The last stage of a body that is rewritten as it comes: it passes everything, and looks through it."""

    def __init__(self, names: NamesLeft) -> None:
        self._names = names

    @property
    def held(self) -> Held:
        """Nothing."""
        return held()

    def feed(self, chunk: bytes) -> bytes:
        """Look through the next bytes, and return them."""
        self._names.look(chunk, final=False)
        return chunk

    def finish(self) -> bytes:
        """Look at the end; nothing was held back."""
        self._names.look(b"", final=True)
        return b""
