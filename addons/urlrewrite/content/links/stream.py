"""The link map for a text that comes in chunks, such as a script or JSON."""

from __future__ import annotations

from urlrewrite.content.held import Held, held
from urlrewrite.content.links.link_map import REACH_BACK, LinkMap, OnChange, shifted


class LinkStream:
    """`LinkMap.map` for chunks. Held back are the last bytes, which may belong to a URL, up to an end of a line."""

    def __init__(self, link_map: LinkMap, *, bare: bool, on_change: OnChange) -> None:
        self._link_map = link_map
        self._bare = bare
        self._on_change = on_change
        self._kept = b""  # bytes that are mapped but may still be looked back at, then those held back
        self._done = 0
        self._offset = 0

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return held(self._kept[self._done :])

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what no further bytes can alter."""
        return self._mapped(chunk, final=False)

    def finish(self) -> bytes:
        """End the text; return all that was held back."""
        return self._mapped(b"", final=True)

    def _mapped(self, chunk: bytes, *, final: bool) -> bytes:
        data = self._kept + chunk
        on_change = shifted(self._on_change, self._offset)
        mapped, settled = self._link_map.map_settled(
            data, self._done, final=final, bare=self._bare, on_change=on_change
        )
        keep = max(settled - REACH_BACK, 0)
        self._kept, self._done, self._offset = data[keep:], settled - keep, self._offset + keep
        return mapped
