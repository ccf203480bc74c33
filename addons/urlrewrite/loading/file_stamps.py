"""Stamps of files on disk: whether a file has changed is found without reading it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

type Stamp = tuple[tuple[str, int, int], ...]


def stamp(paths: Iterable[str]) -> Stamp:
    """Return a value that changes when one of the files does (mtime or size); a missing file counts as well."""
    stamps = []
    for path in dict.fromkeys(paths):
        try:
            status = Path(path).stat()
        except OSError:
            stamps.append((path, 0, -1))
        else:
            stamps.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)
