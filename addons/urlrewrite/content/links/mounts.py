"""Paths of a backend that is published below another path: `/` there is `/app` here.

A URL with a host is the business of `LinkMap`. This is about references that have none. Those that begin with a slash
(`/login`) are read from the root of the public name, where the application is not, so they get its path. Those that do
not (`x`, `../x`) need nothing: they are read from the page, and both sides have the same paths below the mount. Only
one that climbs over the root, where browsers stop, would climb out of the mount.

Never twice. A backend that heeds X-Forwarded-Prefix writes its public path itself. With `aware` a path that begins with
that is taken for a public one and stays; without, the backend cannot know its public path, so that a path beginning
with the same letters is one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from urlrewrite.content.links.spellings import SLASH, path_like, path_pattern

type Change = tuple[int, int, bytes]
"""A span of some bytes, and what is to stand there."""

type PathBack = Callable[[str], str]
"""Returns what a public path from the root is for the backend: a path of it, or a URL of another origin."""

_SECOND = rb"(?:%b|[\\\t\n\r]|&(?:#0*(?:92|9|10|13)(?![0-9])|#x0*(?:5c|9|a|d)(?![0-9a-f])|bsol;|tab;|newline;))" % SLASH
_ROOTED = re.compile(rb"(?P<slash>%b)(?!%b)" % (SLASH, _SECOND), re.IGNORECASE)
"""A path from the root; after a second slash, in any spelling that browsers read, a host follows."""
_RELATIVE = re.compile(rb"/?+(?:[\w.~%+@-]++/)*+[\w.~%+@-]*+(?!:)")


@dataclass(frozen=True, slots=True)
class Mount:
    """The mount of a site: `base` at the backend is `path` in public.

    Each is "" or a path without a slash at its end.
    """

    base: str
    path: str
    aware: bool = True
    changes: tuple[tuple[str, str], ...] = field(init=False)
    """Beginnings of paths of the backend and what they become, the longest first."""

    def __post_init__(self) -> None:
        pairs = {self.base: self.path}
        if self.aware and self.path:
            pairs.setdefault(self.path, self.path)
        object.__setattr__(self, "changes", tuple(sorted(pairs.items(), key=lambda pair: -len(pair[0]))))

    def map_path(self, path: str) -> str:
        """Return a path of the backend (no query) as the public one."""
        for before, after in self.changes:
            if path == before or path.startswith(f"{before}/"):
                return after + path[len(before) :] or "/"
        return path

    def map_cookie_path(self, path: str) -> str:
        """Map the Path of a cookie, which may cover more than the mount: then the cookie is for all of the mount."""
        covers = f"{self.base}/".startswith(path if path.endswith("/") else f"{path}/")
        return f"{self.path}/" if covers else self.map_path(path)

    @property
    def plain_root(self) -> bytes:
        """An expression for how paths that become public ones begin in their plainest spelling: narrow, but quick."""
        stay = [before for before, after in self.changes if before == after and before.startswith(f"{self.base}/")]
        segments = [re.escape(before[len(self.base) + 1 :].partition("/")[0].encode()) for before in stay]
        but = [segment + rb"(?![\w.~-])" for segment in segments]
        if not self.base:
            but.append(rb"[/%\\&\t\n\r]")
        return re.escape(self.base.encode()) + b"/" + (b"(?!%b)" % b"|".join(but) if but else b"")

    def change(self, data: bytes, at: int) -> Change | None:
        """Return the change of the path from the root that begins at `at`, with any spelling of
        slashes; None for none.
        """
        rooted = _ROOTED.match(data, at)
        if rooted is None:
            return None
        for before, after in self.changes:
            found = path_pattern(before).match(data, at)
            if found is None:
                continue
            if before == after:
                return None
            slash = rooted["slash"]
            if not before:
                return at, rooted.end(), path_like(after, slash) + slash
            if not after and not _ROOTED.match(data, found.end()):
                return at, found.end(), slash
            return at, found.end(), path_like(after, slash)
        return None


class Paths:
    """The references without a host in one document.

    `page` is the path by which the backend knows the document, "" where that is unknown: then no reference is seen to
    climb.
    """

    def __init__(self, mount: Mount, page: str = "") -> None:
        self.mount = mount
        self._known = page.startswith("/")
        self._directory = page.encode().split(b"/")[1:-1]
        self._based = False
        self.elsewhere = False
        """The document says that its references are read from another host."""

    def within(self) -> Paths:
        """Return the paths of a document inside of this one."""
        inner = Paths(self.mount)
        inner._known, inner._directory, inner.elsewhere = self._known, self._directory, self.elsewhere
        return inner

    def rebase(self, path: bytes | None) -> None:
        """Take a `<base>`: references are read from this path of the backend, or from another host where it is None.

        The first one counts (WHATWG HTML, 4.2.3).
        """
        if self._based:
            return
        self._based = True
        if path is None:
            self.elsewhere = True
        elif path.startswith(b"/") or self._known:
            before = [] if path.startswith(b"/") else self._directory
            self._directory, _, _ = _walk(before, path, 0)
            self._directory.pop()
            self._known = True

    def changes(self, data: bytes, places: Iterator[int]) -> list[Change]:
        """Return the changes of the references that begin at these offsets."""
        found = (self.change(data, at) for at in places)
        return [change for change in found if change]

    def change(self, data: bytes, at: int) -> Change | None:
        """Return the change of the reference that begins at `at`; None for no change."""
        if self.elsewhere:
            return None
        return self._climbing(data, at) or self.mount.change(data, at)

    def _climbing(self, data: bytes, at: int) -> Change | None:
        """Return the change of a path that climbs out of the mount: it becomes one from the root."""
        found = _RELATIVE.match(data, at)
        if found is None or b".." not in found[0] or not (self._known or found[0].startswith(b"/")):
            return None
        base = self.mount.base.encode().split(b"/")[1:]
        rooted = found[0].startswith(b"/")
        path, climbed, left = _walk([] if rooted else self._directory, found[0], len(base))
        needed = left or bool(base) if rooted else climbed
        if not needed or path[: len(base)] != base:
            return None
        return at, found.end(), self.mount.map_path("/" + b"/".join(path).decode()).encode()


def _walk(directory: list[bytes], path: bytes, floor: int) -> tuple[list[bytes], bool, bool]:
    """Return the segments that a path leads to, the last one being "" for a directory, and whether it climbs over the
    floor, and whether over the root.
    """
    segments = list(directory)
    climbed = left = False
    for segment in path.removeprefix(b"/").split(b"/"):
        if segment == b"..":
            climbed = climbed or len(segments) <= floor
            left = left or not segments
            del segments[-1:]
        elif segment != b".":
            segments.append(segment)
    if path.rpartition(b"/")[2] in (b"..", b"."):
        segments.append(b"")
    return segments, climbed, left
