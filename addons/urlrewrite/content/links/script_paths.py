"""Paths from the root in scripts. Nothing distinguishes a path in a string from another text that begins with a slash.

So they are mapped only where the user says which they are (`rootPaths`), by the link map. Those that look as if they
were passed to something that takes a URL are reported, so that nobody has to search for them.
"""

from __future__ import annotations

import re

from urlrewrite.content.changes import Links
from urlrewrite.content.links.mounts import Mount
from urlrewrite.content.stream import BodyRewriter

_LOOKS_LIKE_A_PATH = re.compile(
    rb"(?:\b(?:fetch|import|importScripts|Worker|EventSource|WebSocket|ajax|axios|open|get|post|put|delete|register"
    rb"|assign|replace)\s*\(\s*(?:[\"'][A-Z]{3,7}[\"']\s*,\s*)?|\b(?:href|src|action|url|baseURL|location|from)\s*[:=]?\s*)"
    rb"[\"'`](?P<path>/(?![/*])[\w.~%/-]*)"
)


def tell_paths(script: bytes, mount: Mount, links: Links) -> None:
    """Call `links.on_path` for what looks like a path from the root in a script and is not a public one."""
    public = mount.path.encode() + b"/"
    for found in _LOOKS_LIKE_A_PATH.finditer(script):
        path = found["path"]
        if mount.path and path.startswith(public):
            continue
        links.on_path(path.decode("ascii"))


class Watched:
    """A script that comes in chunks, rewritten by another rewriter, whose paths are reported."""

    def __init__(self, inner: BodyRewriter, mount: Mount, links: Links) -> None:
        self._inner = inner
        self._mount = mount
        self._links = links

    @property
    def held(self) -> bytes:
        """Bytes consumed and not yet emitted."""
        return self._inner.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now."""
        return self._watched(self._inner.feed(chunk))

    def finish(self) -> bytes:
        """End the script; return all that was held back."""
        return self._watched(self._inner.finish())

    def _watched(self, sent: bytes) -> bytes:
        tell_paths(sent, self._mount, self._links)
        return sent
