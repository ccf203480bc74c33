"""Rewriters that see a body in chunks.

What `feed` and `finish` return, put together, is the rewritten body, however the input was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class BodyRewriter(Protocol):
    """Bytes in, bytes out. After `finish` a rewriter is used up."""

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes of the body; returns what can be sent now."""

    def finish(self) -> bytes:
        """The body is complete: returns all that was held back."""


class Lines:
    """Rewrites line by line, so that an event stream arrives event by event; only an unfinished line is held back.

    `rewrite` is given some lines and their offset in the body.
    """

    def __init__(self, rewrite: Callable[[bytes, int], bytes]) -> None:
        self._rewrite = rewrite
        self._held = b""
        self._offset = 0

    def feed(self, chunk: bytes) -> bytes:
        """Returns all complete lines, rewritten."""
        data = self._held + chunk
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._held = data[end:]
        return self._rewritten(data[:end])

    def finish(self) -> bytes:
        """The last line, if no line end followed it."""
        held, self._held = self._held, b""
        return self._rewritten(held)

    def _rewritten(self, lines: bytes) -> bytes:
        offset = self._offset
        self._offset += len(lines)
        return self._rewrite(lines, offset) if lines else b""
