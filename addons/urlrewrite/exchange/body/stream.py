"""A body that is rewritten as it comes.

Whatever goes wrong in here concerns what is to come only: what was sent is sent. So each stage that fails is taken out,
gives back what it had taken and not yet answered for, and the rest of the body goes past it.
"""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.content.charset.view import Charset, detect
from urlrewrite.content.kinds import Kind, sniff_kind
from urlrewrite.content.stream import BodyRewriter, Chain

PRESCANNED = 1024
"""Bytes of a document in which browsers look for its encoding."""


class FailOpen:
    """Passes on what a stage is given once the stage has failed; `on_failure` is told of that."""

    def __init__(self, stage: BodyRewriter, on_failure: Callable[[Exception], None]) -> None:
        self._stage: BodyRewriter | None = stage
        self._on_failure = on_failure

    @property
    def held(self) -> bytes:
        """What was taken and not answered for."""
        return self._stage.held if self._stage else b""

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns what can be sent now."""
        if self._stage is None:
            return chunk
        held = self._stage.held
        try:
            return self._stage.feed(chunk)
        except Exception as error:
            return self._given_up(held + chunk, error)

    def finish(self) -> bytes:
        """The body is complete: returns all that was held back."""
        if self._stage is None:
            return b""
        held = self._stage.held
        try:
            return self._stage.finish()
        except Exception as error:
            return self._given_up(held, error)

    def _given_up(self, held: bytes, error: Exception) -> bytes:
        self._stage = None
        self._on_failure(error)
        return held


class StopOnError:
    """Ends a body in its middle when one of `errors` is raised, for lack of anything that could follow."""

    def __init__(
        self, inner: BodyRewriter, errors: tuple[type[Exception], ...], on_failure: Callable[[Exception], None]
    ) -> None:
        self._inner: BodyRewriter | None = inner
        self._errors = errors
        self._on_failure = on_failure

    @property
    def held(self) -> bytes:
        """Nothing that could be sent."""
        return b""

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns what can be sent now."""
        return self._until_failure(lambda inner: inner.feed(chunk))

    def finish(self) -> bytes:
        """The body is complete: returns all that was held back."""
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
    """Chooses the rewriter of a body when its first bytes have told kind and encoding.

    `choose` is given both; `content_type` is the field's value, None if there is none. A `patient` one waits until
    there are as many bytes as browsers look at; where a body comes slowly, they would be held for too long. If the
    choice fails, which `on_failure` is told, the body passes as it comes.
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
    def held(self) -> bytes:
        """What was taken and not answered for."""
        return self._chosen.held if self._chosen else self._first

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns what can be sent now."""
        if self._chosen:
            return self._chosen.feed(chunk)
        self._first += chunk
        return b"" if len(self._first) < self._least else self._opened()

    def finish(self) -> bytes:
        """The body is complete: returns all that was held back."""
        first = b"" if self._chosen else self._opened()
        assert self._chosen
        return first + self._chosen.finish()

    def _opened(self) -> bytes:
        first, self._first = self._first, b""
        kind = self._kind or sniff_kind(first)
        try:
            self._chosen = self._choose(kind, detect(first, self._content_type, kind=kind.charset_rules))
        except Exception as error:
            self._chosen = Chain([])
            self._on_failure(error)
        return self._chosen.feed(first)


class Windows:
    """Collects a body in windows of `size` bytes and rewrites one after the other; they end with a line if they can.

    `rewrite`, which must not fail, is given a window and whether it is the whole body. With `by_line` a window ends
    with the last line that has come, so that nothing but an unfinished line is held.
    """

    def __init__(self, size: int, rewrite: Callable[[bytes, bool], bytes], *, by_line: bool = False) -> None:
        self._size = size
        self._rewrite = rewrite
        self._by_line = by_line
        self._pieces: list[bytes] = []
        self._length = 0
        self._first = True

    @property
    def held(self) -> bytes:
        """What was taken and not answered for."""
        return b"".join(self._pieces)

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns the windows that are full."""
        self._pieces.append(chunk)
        self._length += len(chunk)
        if self._length <= self._size and not (self._by_line and b"\n" in chunk):
            return b""
        data, done, position = b"".join(self._pieces), [], 0
        while len(data) - position > self._size:
            last = data.rfind(b"\n", position + self._size - self._size // 8, position + self._size)
            end = last + 1 or position + self._size
            done.append(self._rewrite(data[position:end], False))
            position = end
        if self._by_line and (end := data.rfind(b"\n", position) + 1):
            done.append(self._rewrite(data[position:end], False))
            position = end
        rest = data[position:]
        self._pieces, self._length, self._first = [rest], len(rest), False
        return b"".join(done)

    def finish(self) -> bytes:
        """The last window."""
        data = b"".join(self._pieces)
        self._pieces, self._length = [], 0
        return self._rewrite(data, self._first) if data else b""
