"""What tells one state of files on disk from another, without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

type Stamp = tuple[tuple[str, int, int], ...]


def stamp(paths: Iterable[str]) -> Stamp:
    """What changes when one of the files does; a file that is not there counts as well."""
    stamps = []
    for path in dict.fromkeys(paths):
        try:
            status = Path(path).stat()
        except OSError:
            stamps.append((path, 0, -1))
        else:
            stamps.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)
