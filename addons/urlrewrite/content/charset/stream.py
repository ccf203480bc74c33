"""Text in chunks, viewed as `charset.View` views a whole body: where its encoding hides ASCII bytes, as UTF-8."""

from __future__ import annotations

import codecs

from urlrewrite.content.charset.view import (
    ASCII_SECOND_BYTES,
    STATEFUL,
    WIDE,
    CannotEncode,
    Charset,
    View,
    decoded,
    encoded,
)
from urlrewrite.content.held import Held
from urlrewrite.content.stream import BodyRewriter


def stream_view(charset: Charset, *, escapes: bool) -> View | None:
    """Return how values are read and written in a body that comes in chunks; None where it must pass as it came.

    `escapes` is that of `View.of`. There is no looking ahead whether a stateful encoding comes back as it was.
    """
    if charset.codec in STATEFUL:
        return None
    return View(b"", charset, transcoded=charset.codec in WIDE or (escapes and charset.codec in ASCII_SECOND_BYTES))


class Transcoded:
    """A rewriter for a body in some encoding, which another rewriter sees as UTF-8.

    `feed` and `finish` raise CannotEncode where the bytes would not come back as they were.
    """

    def __init__(self, charset: Charset, inner: BodyRewriter) -> None:
        self._charset = charset
        self._inner = inner
        self._decoder = codecs.getincrementaldecoder(charset.codec)(_errors(charset))
        self._back = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self._held = b""
        self._bom = charset.bom

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        begun, within, pending = self._back.getstate()[0], self._inner.held, self._held

        def held() -> bytes:
            return encoded((begun + within()).decode("utf-8", "surrogatepass"), self._charset.codec) + pending

        return held

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now."""
        return self._rewritten(chunk, final=False)

    def finish(self) -> bytes:
        """End the body; return all that was held back."""
        return self._rewritten(b"", final=True)

    def _rewritten(self, chunk: bytes, *, final: bool) -> bytes:
        data = self._held + chunk
        start = b""
        if self._bom:
            if len(data) < len(self._bom) and not final:
                self._held = data
                return b""
            start, data, self._bom = data[: len(self._bom)], data[len(self._bom) :], b""
        try:
            self._decoder.reset()
            text = self._decoder.decode(data, final)
            pending = self._decoder.getstate()[0]
            taken = data[: len(data) - len(pending)] if pending else data
            self._held = pending
            if self._charset.codec in ASCII_SECOND_BYTES:
                text = decoded(taken, self._charset.codec)
            if encoded(text, self._charset.codec) != taken:
                raise CannotEncode(f"the body is not proper {self._charset.label}")
            utf8 = self._inner.feed(text.encode("utf-8", "surrogatepass"))
            if final:
                utf8 += self._inner.finish()
            return start + encoded(self._back.decode(utf8, final), self._charset.codec)
        except UnicodeError as error:
            raise CannotEncode(f"the body is not proper {self._charset.label}: {error}") from error


def _errors(charset: Charset) -> str:
    return "surrogatepass" if charset.codec in WIDE else "surrogateescape"
