"""Reads rule files, and the files that they name, from disk; remembers them, so that they are watched.

What somebody is editing can stand in for files, so that it is tried before it is saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

MAX_FILE_SIZE = 32 * 2**20
"""Bytes of one file; IIS reads 250 KB of a web.config unless told otherwise."""

_FINGERPRINT_DIGITS = 12


class FilesRead:
    """The files that are read together, one rule file after another with what it names.

    `edited` are contents by absolute path, which count instead of what is on disk there.
    """

    def __init__(self, edited: Mapping[str, bytes] | None = None) -> None:
        self._edited = edited or {}
        self._digests: dict[str, bytes] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Their absolute paths, in the order of reading, those included that could not be read."""
        return tuple(self._digests)

    @property
    def fingerprint(self) -> str:
        """The same for the same contents in the same order; their order is that of the global rules."""
        return hashlib.sha256(b"".join(self._digests.values())).hexdigest()[:_FINGERPRINT_DIGITS]

    def add(self, name: str, content: bytes) -> None:
        """Count a file as read."""
        self._digests[str(Path(name).absolute())] = hashlib.sha256(content).digest()

    def read(self, path: Path, *, plain: bool = False) -> bytes:
        """Read a file of at most `MAX_FILE_SIZE` bytes; with `plain`, refuse pipes and devices.

        Raises OSError or ValueError; `reason` has the words for them.
        """
        self._digests.setdefault(str(path.absolute()), b"")
        content = self._edited.get(str(path.absolute()))
        if content is None:
            if plain and path.exists() and not path.is_file():
                raise ValueError("it is no plain file")
            with path.open("rb") as file:
                content = file.read(MAX_FILE_SIZE + 1)
        if len(content) > MAX_FILE_SIZE:
            raise ValueError(f"it has more than {MAX_FILE_SIZE // 2**20} MB")
        self.add(str(path), content)
        return content


def reason(error: OSError | ValueError) -> str:
    """Say why a file cannot be read."""
    return str(getattr(error, "strerror", None) or error)
