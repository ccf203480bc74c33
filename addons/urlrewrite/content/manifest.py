"""Files of JSON in which some strings are URLs: web app manifests, import maps, speculation rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
        self._held = b""

    @property
    def held(self) -> bytes:
        """Bytes consumed and not yet emitted."""
        return self._held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now: nothing up to a megabyte."""
        self._held += chunk
        end = self._held.rfind(b",") if len(self._held) > _MAX_LENGTH else 0
        return self._mapped(max(end, 0))

    def finish(self) -> bytes:
        """End the manifest; return all that was held back."""
        return self._mapped(len(self._held))

    def _mapped(self, end: int) -> bytes:
        data, self._held = self._held[:end], self._held[end:]
        on_change = shifted(self._on_change, self._offset)
        self._offset += end
        changes = self._paths.changes(data, self._places(data))
        return map_around(data, changes, self._link_map, on_change, bare=True)
