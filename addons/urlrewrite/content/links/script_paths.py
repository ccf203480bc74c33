"""Paths from the root in scripts and JSON.

Nothing distinguishes a path in a string from another text that begins with a slash, unless it stands in a style, as in
`url(/x)`. So they are mapped only where the user says which they are (`rootPaths`), by the link map. Those that look as
if they were passed to something that takes a URL, or belong to a key that says so, are reported, so that nobody has to
search for them.
"""

from __future__ import annotations

import re

from urlrewrite.content.changes import Links
from urlrewrite.content.held import Held
from urlrewrite.content.links.mounts import Mount
from urlrewrite.content.stream import BodyRewriter

_LOOKS_LIKE_A_PATH = re.compile(
    rb"(?:\b(?:fetch|import|importScripts|Worker|EventSource|WebSocket|ajax|axios|open|get|post|put|delete|register"
    rb"|assign|replace)\s*+\(\s*+(?:[\"'][A-Z]{3,7}[\"']\s*+,\s*+)?+"
    rb"|\b(?:href|src|action|url|baseURL|location|from)\s*+[:=]?+\s*+)"
    rb"[\"'`](?P<path>/(?![/*])[\w.~%/-]*)"
)
_LOOKS_LIKE_ONE_IN_JSON = re.compile(
    rb'"[\w.-]{0,40}?(?:action|api|asset|base|endpoint|file|href|icon|image|link|location|path|prefix|root|route|src|static|ur[il])'
    rb'[\w.-]{0,40}+"\s*+:\s*+"(?P<path>\\?/(?![/*\\])[\w.~%/\\-]+)[?#"]',
    re.IGNORECASE,
)
"""The value of a key whose name says that it is a path. Other strings with a slash in front are anything."""


def tell_paths(code: bytes, mount: Mount, links: Links) -> None:
    """Call `links.on_path` for what looks like a path from the root in a script or JSON and is not a public one."""
    public = mount.path.encode()
    for pattern in (_LOOKS_LIKE_A_PATH, _LOOKS_LIKE_ONE_IN_JSON):
        for found in pattern.finditer(code):
            path = found["path"].replace(b"\\/", b"/")
            if not (mount.path and (path == public or path.startswith(public + b"/"))):
                links.on_path(path.decode("ascii"))


class Watched:
    """A script or JSON that comes in chunks, rewritten by another rewriter, whose paths are reported."""

    def __init__(self, inner: BodyRewriter, mount: Mount, links: Links) -> None:
        self._inner = inner
        self._mount = mount
        self._links = links

    @property
    def held(self) -> Held:
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
