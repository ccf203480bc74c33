"""A body that is rewritten as it comes.

What was sent is sent, so a failure can only concern the rest of the body. A stage that fails is taken out: the bytes
that it had consumed and not yet emitted are sent as they came, and the rest of the body goes past it.
"""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.content.charset.view import Charset, detect
from urlrewrite.content.counted import BEGINNING
from urlrewrite.content.held import Held, Pieces, held
from urlrewrite.content.kinds import Kind, sniff_kind
from urlrewrite.content.stream import BodyRewriter, Chain

_TOLD_BY = 11
"""Bytes after which it is known whether a body begins as a text in parts does."""

PRESCANNED = 1024
"""Bytes of a document in which browsers look for its encoding."""


class FailOpen:
    """Runs a stage until it raises any exception, then passes all further bytes through unchanged.

    `on_failure` is called once, with the exception. What the stage held when it failed is emitted as it came.
    """

    def __init__(self, stage: BodyRewriter, on_failure: Callable[[Exception], None]) -> None:
        self._stage: BodyRewriter | None = stage
        self._on_failure = on_failure

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._stage.held if self._stage else held()

    def feed(self, chunk: bytes) -> bytes:
        """Consume the next bytes; return what can be sent now."""
        if self._stage is None:
            return chunk
        before = self._stage.held
        try:
            return self._stage.feed(chunk)
        except Exception as error:
            return self._given_up(before() + chunk, error)

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        if self._stage is None:
            return b""
        before = self._stage.held
        try:
            return self._stage.finish()
        except Exception as error:
            return self._given_up(before(), error)

    def _given_up(self, rest: bytes, error: Exception) -> bytes:
        self._stage = None
        self._on_failure(error)
        return rest


class StopOnError:
    """Runs a rewriter until it raises one of `errors`, then emits nothing more: the body ends in its middle.

    For bytes under a content coding, after which nothing of the rest could be decoded. `on_failure` is called once.
    """

    def __init__(
        self, inner: BodyRewriter, errors: tuple[type[Exception], ...], on_failure: Callable[[Exception], None]
    ) -> None:
        self._inner: BodyRewriter | None = inner
        self._errors = errors
        self._on_failure = on_failure

    @property
    def held(self) -> Held:
        """Nothing: what the rewriter holds is under a coding, and cannot be sent as it is."""
        return held()

    def feed(self, chunk: bytes) -> bytes:
        """Consume the next bytes; return what can be sent now."""
        return self._until_failure(lambda inner: inner.feed(chunk))

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        return self._until_failure(lambda inner: inner.finish())

    def _until_failure(self, step: Callable[[BodyRewriter], bytes]) -> bytes:
        if self._inner is None:
            return b""
        try:
            return step(self._inner)
        except self._errors as error:
            self._inner = None
            self._on_failure(error)
            return b""


class DetectThenRewrite:
    """Holds the first bytes of a body until they tell its kind and encoding, then rewrites it.

    `choose(kind, charset)` gives the rewriter. `kind` is None if the Content-Type does not tell it; `content_type` is
    that field's value, None if there is none. A `patient` one waits for as many bytes as browsers look at (PRESCANNED);
    a body that comes slowly would be held too long by that. If `choose` raises, `on_failure` is called and the body
    passes as it comes.
    """

    def __init__(
        self,
        kind: Kind | None,
        content_type: str | None,
        choose: Callable[[Kind, Charset], BodyRewriter],
        on_failure: Callable[[Exception], None],
        *,
        patient: bool,
    ) -> None:
        self._content_type = content_type
        self._kind = kind
        self._choose = choose
        self._on_failure = on_failure
        self._least = PRESCANNED if patient else 1
        self._first = b""
        self._chosen: BodyRewriter | None = None

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._chosen.held if self._chosen else held(self._first)

    def feed(self, chunk: bytes) -> bytes:
        """Consume the next bytes; return what can be sent now."""
        if self._chosen:
            return self._chosen.feed(chunk)
        self._first += chunk
        if len(self._first) < self._least:
            return b""
        chosen, first = self._open()
        return chosen.feed(first)

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        if self._chosen:
            return self._chosen.finish()
        chosen, first = self._open()
        return chosen.feed(first) + chosen.finish()

    def _open(self) -> tuple[BodyRewriter, bytes]:
        """Choose the rewriter; return it with the bytes that were held for the choice."""
        first, self._first = self._first, b""
        kind = self._kind or sniff_kind(first)
        try:
            chosen = self._choose(kind, detect(first, self._content_type, kind=kind.charset_rules))
        except Exception as error:
            chosen = Chain([])
            self._on_failure(error)
        self._chosen = chosen
        return chosen, first


class Collected:
    """Collects a body of at most `limit` bytes that may be a text in parts, and rewrites it when it is complete.

    `rewrite` returns None for what is no such text. What `other` gives then rewrites it, and longer bodies, too.
    """

    def __init__(self, limit: int, rewrite: Callable[[bytes], bytes | None], other: Callable[[], BodyRewriter]) -> None:
        self._limit = limit
        self._rewrite = rewrite
        self._other = other
        self._inner: BodyRewriter | None = None
        self._pieces = Pieces()
        self._first = b""

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._inner.held if self._inner else self._pieces.held

    def feed(self, chunk: bytes) -> bytes:
        """Consume the next bytes; return what can be sent now."""
        if self._inner:
            return self._inner.feed(chunk)
        self._pieces.add(chunk)
        if len(self._first) < _TOLD_BY:
            self._first += chunk[:_TOLD_BY]
        is_one = len(self._first) < _TOLD_BY or BEGINNING.match(self._first)
        if self._pieces.size <= self._limit and is_one:
            return b""
        self._inner = self._other()
        return self._inner.feed(self._pieces.whole())

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        if self._inner is None:
            data = self._pieces.whole()
            rewritten = self._rewrite(data)
            if rewritten is not None:
                self._pieces.keep(b"")
                return rewritten
            self._inner = self._other()
            return self._inner.feed(data) + self._inner.finish()
        return self._inner.finish()


class Windows:
    """Collects a body in windows of at most `size` bytes, each ending with a line if it can, and rewrites each.

    `rewrite(window, whole)` must not raise; `whole` says that the window is the whole body. With `by_line` a window
    ends with the last line that has come, so that nothing but an unfinished line is held.
    """

    def __init__(self, size: int, rewrite: Callable[[bytes, bool], bytes], *, by_line: bool = False) -> None:
        self._size = size
        self._rewrite = rewrite
        self._by_line = by_line
        self._pieces = Pieces()
        self._first = True

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._pieces.held

    def feed(self, chunk: bytes) -> bytes:
        """Consume the next bytes; return the windows that are full, rewritten."""
        self._pieces.add(chunk)
        if self._pieces.size <= self._size and not (self._by_line and b"\n" in chunk):
            return b""
        data, done, position = self._pieces.whole(), [], 0
        while len(data) - position > self._size:
            last = data.rfind(b"\n", position + self._size - self._size // 8, position + self._size)
            end = last + 1 or position + self._size
            done.append(self._rewrite(data[position:end], False))
            position = end
        if self._by_line and (end := data.rfind(b"\n", position) + 1):
            done.append(self._rewrite(data[position:end], False))
            position = end
        self._pieces.keep(data[position:])
        self._first = False
        return b"".join(done)

    def finish(self) -> bytes:
        """End the body; return the last window, rewritten."""
        data = self._pieces.whole()
        self._pieces.keep(b"")
        return self._rewrite(data, self._first) if data else b""
