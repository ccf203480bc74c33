"""A body that is rewritten as it comes: in a thread, piece by piece, so that other requests go on meanwhile.

A piece of a page made of links takes some milliseconds, and one that ends a long script or comes out of a coding many
more. On the loop every other request would wait for that, piece after piece, for as long as the body lasts.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy.commands import StartHook

from urlrewrite.exchange.response import ResponseHead
from urlrewrite.hooks.originals import Copy
from urlrewrite.hooks.state import Live

logger = logging.getLogger("urlrewrite.outbound")

MOST_AT_ONCE = 64 * 1024
"""Bytes of a body that are rewritten at once; then it is another body's turn."""

MOST_CODED_AT_ONCE = 8 * 1024
"""The same of a body under a content coding, out of which come many more."""

THREADS = 1
"""They cannot run at the same time as the loop, and each further one would make it wait longer for its turn."""


class PieceByPiece(ABC):
    """What mitmproxy gives the pieces of a body to, as a callable, which returns what is to be sent for each.

    It never raises, for mitmproxy would crash. It returns lists, because mitmproxy would frame an empty chunk as the
    end of the body.
    """

    def __init__(self, *, coded: bool) -> None:
        self._most = MOST_CODED_AT_ONCE if coded else MOST_AT_ONCE
        self._ready: tuple[bytes, bytes] | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what has come in pieces that may be rewritten at once."""
        yield data[: self._most]
        for start in range(self._most, len(data), self._most):
            yield data[start : start + self._most]

    def rewrite(self, piece: bytes) -> None:
        """Rewrite the next piece, in any thread; then this is to be called with that piece on the loop."""
        self._ready = piece, self._rewritten(piece)

    def __call__(self, piece: bytes) -> list[bytes]:
        """Return what is to be sent for a piece: what `rewrite` has made of it, or else what is made of it now."""
        ready, self._ready = self._ready, None
        return self._sent(piece, ready[1] if ready and ready[0] is piece else self._rewritten(piece))

    @abstractmethod
    def _rewritten(self, piece: bytes) -> bytes:
        """Return what a piece becomes, in any thread; the end of the body comes as no bytes."""

    @abstractmethod
    def _sent(self, piece: bytes, rewritten: bytes) -> list[bytes]:
        """Return what is to be sent, on the loop."""


class StreamedBody(PieceByPiece):
    """The body of a response.

    After a failure the rest passes as it comes; under a coding nothing can, so the exchange is cut off
    (`patches/http_stream.py`).
    """

    def __init__(self, flow: http.HTTPFlow, live: Live, head: ResponseHead) -> None:
        super().__init__(coded=bool(head.plan.codings))
        self._flow, self._live, self._head = flow, live, head
        self._rewriter = live.exchange.stream(head)
        self._failed = False
        self._came, self._went = Copy(), Copy()
        self._copied = live.original is not None

    def _rewritten(self, piece: bytes) -> bytes:
        if self._failed:
            return piece
        try:
            return self._rewriter.feed(piece) if piece else self._rewriter.finish()
        except Exception as error:
            logger.exception("response %s: the stream rewriter failed", self._live.exchange.trace.data["id"])
            self._live.exchange.stream_failed(self._head, error)
            self._failed = True
            return piece

    def _sent(self, piece: bytes, rewritten: bytes) -> list[bytes]:
        exchange = self._live.exchange
        if exchange.cut and self._flow.killable:
            self._flow.kill()
        if self._copied:
            self._copy(piece, rewritten)
        sent = [rewritten] if rewritten and not exchange.cut else []
        if self._live.watch:
            self._live.watch.add(b"".join(sent))
        return sent

    def _copy(self, came: bytes, went: bytes) -> None:
        self._came.add(came)
        if not self._live.exchange.cut:
            self._went.add(went)
            if not came and self._live.original is not None:
                self._live.original["body"], self._live.sent = self._came.whole(), self._went.whole()


@dataclass
class PieceCame:
    """The next piece of a body, and where it is to be rewritten."""

    body: PieceByPiece
    piece: bytes


@dataclass
class PieceCameHook(StartHook):
    """Go on when a piece is rewritten. The stream takes no events meanwhile; mitmproxy keeps those that come."""

    came: PieceCame
    name = "urlrewrite_piece_came"


class StreamedBodies:
    """The addon that has pieces rewritten in a thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="urlrewrite-stream")

    async def urlrewrite_piece_came(self, came: PieceCame) -> None:
        """Rewrite a piece."""
        await asyncio.get_running_loop().run_in_executor(self._threads, came.body.rewrite, came.piece)
