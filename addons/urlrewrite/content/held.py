"""What a rewriter holds back of a body, at a price that does not grow with how much that is.

A body may come in thousands of small chunks while one long script, comment or rule is held. If each of them had all
that is held put together, or read again, the time would grow with the square of the length.
"""

from __future__ import annotations

from collections.abc import Callable

type Held = Callable[[], bytes]
"""What was held back at one moment: put together only when it is called, which is when a rewriter has failed."""

_SMALL = 4096
"""Bytes that may be read again for each chunk."""


def held(*parts: bytes) -> Held:
    """Return what is held back, given its parts in order."""
    return lambda: b"".join(parts)


class Pieces:
    """Bytes that come in chunks. To add one, and to remember what is there, takes the same time however many are there.

    Attributes:
        size: the number of bytes.
    """

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Put a chunk behind the others."""
        self.size += len(chunk)
        # The parts get shorter from first to last, so that there are few, and no byte is copied often.
        while self._parts and len(self._parts[-1]) <= len(chunk):
            chunk = self._parts.pop() + chunk
        self._parts.append(chunk)

    def whole(self) -> bytes:
        """Return all of them as one."""
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def keep(self, rest: bytes) -> None:
        """Hold this instead of what is there."""
        self._parts, self.size = [rest] if rest else [], len(rest)

    @property
    def held(self) -> Held:
        """What is there now."""
        return held(*self._parts)


class Unfinished(Pieces):
    """Bytes that begin with something unfinished, and have to be read from the beginning to see whether it has ended.

    That is not done for each chunk, but once they have become an eighth more; a few bytes are always read.
    """

    __slots__ = ("_enough",)

    def __init__(self) -> None:
        super().__init__()
        self._enough = 0

    @property
    def worth_reading(self) -> bool:
        """Whether there are enough of them to be read again."""
        return self.size >= self._enough

    def keep(self, rest: bytes) -> None:
        """Hold what is left after it was read."""
        super().keep(rest)
        self._enough = len(rest) + len(rest) // 8 if len(rest) > _SMALL else 0
