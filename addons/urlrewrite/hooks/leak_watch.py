"""A look at bodies that stream by, in a thread of its own: each piece is sent first, and looked at then.

What waits to be looked at is bounded: where a backend is faster for long, the rest of its body is not looked at.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from urlrewrite.content.kinds import Kind, content_kind
from urlrewrite.hooks.originals import Copy
from urlrewrite.inspector.leaks.excerpts import Excerpts
from urlrewrite.inspector.leaks.watch import Watch
from urlrewrite.model.field_lines import FieldLines, field_values

logger = logging.getLogger("urlrewrite.leaks")

MAX_WAITING = 4 * 2**20
"""Bytes of one body that may wait to be looked at."""

MAX_SECONDS = 2.0
"""Seconds of the processor that are spent on one body."""

_threads = ThreadPoolExecutor(1, thread_name_prefix="urlrewrite-leaks")


def in_turn(work: Callable[[], object]) -> None:
    """Have something done in the thread, after what waits there."""
    _threads.submit(work)


class LeakWatch:
    """A look at one body as it streams by. All methods are for the loop, and none of them raises or waits long."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        # Each is written by one thread only: nothing is lost between reading and writing it.
        self._came = self._looked_at = 0
        self._seconds = 0.0
        self.given_up = False
        """Whether the rest of the body is not looked at."""

    def add(self, piece: bytes) -> None:
        """Take the next piece, which has been sent."""
        if not piece or self.given_up or self._watch.over:
            return
        self._came += len(piece)
        if self._came - self._looked_at > MAX_WAITING or self._seconds > MAX_SECONDS:
            self.given_up = True
            return
        in_turn(lambda: self._look(piece))

    def _look(self, piece: bytes) -> None:
        began = time.thread_time()
        try:
            self._watch.feed(piece)
        except Exception:
            logger.exception("a body that streams by could not be looked at")
            self.given_up = True
        self._looked_at += len(piece)
        self._seconds += time.thread_time() - began

    async def end(self) -> Excerpts:
        """Look at what is left, and return what was found."""
        excerpts = await asyncio.get_running_loop().run_in_executor(_threads, self._watch.finish)
        excerpts.whole = excerpts.whole and not self.given_up
        return excerpts


class PassedBody:
    """The stream of a body that passes as it came: what mitmproxy calls for each piece.

    A short one that is text is copied, to be shown like one that was held.
    """

    def __init__(self, watch: LeakWatch, fields: FieldLines, kept: Callable[[bytes], None] | None) -> None:
        self._watch = watch
        content_type = next(iter(field_values(fields, "content-type")), "")
        self._kept = kept if content_kind(content_type) is not Kind.BINARY else None
        self._copy = Copy()

    def __call__(self, piece: bytes) -> list[bytes]:
        """Return a piece as it is; the end of the body comes as no bytes."""
        self._watch.add(piece)
        if self._kept:
            self._copy.add(piece)
            if not piece and (whole := self._copy.whole()) is not None:
                self._kept(whole)
        return [piece] if piece else []
