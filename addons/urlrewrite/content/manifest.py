"""Files of JSON in which some strings are URLs: web app manifests, import maps, speculation rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from urlrewrite.content.held import Held, Pieces
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Paths
from urlrewrite.content.splicing import map_around

_MAX_LENGTH = 1 << 20


class Manifest:
    """A rewriter that maps such a file as a whole; of one of more than a megabyte, what is complete of it.

    `places` returns where URLs may begin in it.
    """

    def __init__(
        self, link_map: LinkMap, paths: Paths, on_change: OnChange, places: Callable[[bytes], Iterator[int]]
    ) -> None:
        self._places = places
        self._link_map = link_map
        self._paths = paths
        self._on_change = on_change
        self._offset = 0
        self._pieces = Pieces()

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._pieces.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now: nothing up to a megabyte."""
        self._pieces.add(chunk)
        if self._pieces.size <= _MAX_LENGTH:
            return b""
        end = self._pieces.whole().rfind(b",")
        return self._mapped(end if end > 0 else self._pieces.size)

    def finish(self) -> bytes:
        """End the manifest; return all that was held back."""
        return self._mapped(self._pieces.size)

    def _mapped(self, end: int) -> bytes:
        data = self._pieces.whole()
        self._pieces.keep(data[end:])
        data = data[:end]
        on_change = shifted(self._on_change, self._offset)
        self._offset += end
        changes = self._paths.changes(data, self._places(data))
        return map_around(data, changes, self._link_map, on_change, bare=True)
