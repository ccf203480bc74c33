"""Rewriters that see a body in chunks.

What `feed` and `finish` return, put together, is the rewritten body, however the input was cut.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from urlrewrite.content.coding.codings import decoder, encoder
from urlrewrite.content.held import Held, Pieces, held

_MAX_LINE_LENGTH = 1 << 20


class BodyRewriter(Protocol):
    """A rewriter of one body. After `finish` it is used up."""

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted; they are sent as they are if the rewriter is given up."""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the body; return what can be sent now."""

    def finish(self) -> bytes:
        """End the body; return all that was held back."""


class Chain:
    """Several rewriters, each given what the one before it makes of the body."""

    def __init__(self, stages: Sequence[BodyRewriter]) -> None:
        self._stages = tuple(stages)

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted, as far as the stages before have rewritten them."""
        parts = [stage.held for stage in reversed(self._stages)]
        return lambda: b"".join(part() for part in parts)

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now."""
        for stage in self._stages:
            if not chunk:
                break
            chunk = stage.feed(chunk)
        return chunk

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        rest = b""
        for stage in self._stages:
            rest = (stage.feed(rest) if rest else b"") + stage.finish()
        return rest


class Coded:
    """A rewriter for a coded body: decoded, rewritten by another rewriter, and coded as before or with `sent`.

    What was taken is emitted at the end of each chunk, so that nothing waits in an encoder. `feed` and `finish` raise
    CorruptCoding, and DecodedTooLarge where the body decodes to more than `ratio` times what has come.
    """

    def __init__(
        self, codings: Sequence[str], inner: BodyRewriter, *, sent: Sequence[str] | None = None, fast: bool = False
    ) -> None:
        self._decoder = decoder(codings, limit=sys.maxsize // 4)
        self._encoder = encoder(codings if sent is None else sent, fast=fast)
        self._inner = inner

    @property
    def held(self) -> Held:
        """Nothing: in the middle of a coded body no other bytes can follow than those of its encoder."""
        return held()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now."""
        sent = [self._encoder.feed(self._inner.feed(piece)) for piece in self._decoder.pieces(chunk)]
        return b"".join([*sent, self._encoder.flush()])

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        self._decoder.finish()
        return self._encoder.feed(self._inner.finish()) + self._encoder.finish()


class Whole:
    """A rewriter that collects a short body, and rewrites it when it is complete."""

    def __init__(self, rewrite: Callable[[bytes], bytes]) -> None:
        self._rewrite = rewrite
        self._pieces = Pieces()

    @property
    def held(self) -> Held:
        """All that has come."""
        return self._pieces.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes."""
        self._pieces.add(chunk)
        return b""

    def finish(self) -> bytes:
        """Return the body, rewritten."""
        body = self._pieces.whole()
        self._pieces.keep(b"")
        return self._rewrite(body)


class Lines:
    """A rewriter that works line by line, so that an event stream arrives event by event.

    `rewrite` is given some lines and their offset in the body. Of a line of more than a megabyte it is given pieces.
    """

    def __init__(self, rewrite: Callable[[bytes, int], bytes]) -> None:
        self._rewrite = rewrite
        self._unfinished = Pieces()
        self._offset = 0

    @property
    def held(self) -> Held:
        """The unfinished line."""
        return self._unfinished.held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return all complete lines, rewritten."""
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if not end and self._unfinished.size + len(chunk) > _MAX_LINE_LENGTH:
            end = len(chunk)
        if not end:
            self._unfinished.add(chunk)
            return b""
        lines = self._unfinished.whole() + chunk[:end]
        self._unfinished.keep(chunk[end:])
        return self._rewritten(lines)

    def finish(self) -> bytes:
        """Return the last line, if no line end followed it."""
        last = self._unfinished.whole()
        self._unfinished.keep(b"")
        return self._rewritten(last)

    def _rewritten(self, lines: bytes) -> bytes:
        offset = self._offset
        self._offset += len(lines)
        return self._rewrite(lines, offset) if lines else b""
