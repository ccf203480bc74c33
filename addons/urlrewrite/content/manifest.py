"""Web app manifests: JSON in which some keys hold URLs (W3C, "Web Application Manifest")."""

from __future__ import annotations

from urlrewrite.content.html.references import in_manifest
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Paths
from urlrewrite.content.splicing import map_around

_MAX_LENGTH = 1 << 20


class Manifest:
    """Maps a manifest as a whole; of one of more than a megabyte, what is complete of it."""

    def __init__(self, link_map: LinkMap, paths: Paths, told: OnChange) -> None:
        self._link_map = link_map
        self._paths = paths
        self._told = told
        self._offset = 0
        self._held = b""

    @property
    def held(self) -> bytes:
        """What was taken and not answered for."""
        return self._held

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes."""
        self._held += chunk
        end = self._held.rfind(b",") if len(self._held) > _MAX_LENGTH else 0
        return self._mapped(max(end, 0))

    def finish(self) -> bytes:
        """The manifest is complete: returns it."""
        return self._mapped(len(self._held))

    def _mapped(self, end: int) -> bytes:
        data, self._held = self._held[:end], self._held[end:]
        told = shifted(self._told, self._offset)
        self._offset += end
        changes = self._paths.changes(data, in_manifest(data))
        return map_around(data, changes, self._link_map, told, bare=True)
