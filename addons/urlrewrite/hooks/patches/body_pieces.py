"""Has the pieces of a streamed body rewritten off the loop, and goes on with each when that is done.

mitmproxy calls `flow.response.stream` for each piece where it stands, and every other request waits. Here the stream of
the response waits in its place, as it does for any hook, and only then is that called. What comes from the backend
meanwhile is kept by mitmproxy in the order in which it came; small pieces of it are put together, and the backend has
to wait where much is kept (`backpressure.py`).
"""

from __future__ import annotations

from dataclasses import replace

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import ResponseData, ResponseEndOfMessage

from urlrewrite.hooks.streamed_body import MOST_AT_ONCE, PieceCame, PieceCameHook, StreamedBody


def stream_class(base: type[HttpStream]) -> type[HttpStream]:
    """Return the `HttpStream` that waits while a piece is rewritten."""

    class BodyPieces(base):  # type: ignore[valid-type, misc]
        def state_stream_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            body = self.flow.response.stream if self.flow.response else None
            if not isinstance(body, StreamedBody):
                yield from super().state_stream_response_body(event)
                return
            if isinstance(event, ResponseEndOfMessage):
                yield PieceCameHook(PieceCame(body, b""))
            if not isinstance(event, ResponseData):
                yield from super().state_stream_response_body(event)
                return
            for piece in body.pieces(self._with_what_waits(event.data)):
                yield PieceCameHook(PieceCame(body, piece))
                yield from super().state_stream_response_body(replace(event, data=piece))
                if self.server_state != self.state_stream_response_body:
                    return

        def _with_what_waits(self, data: bytes) -> bytes:
            """Put the pieces behind a small one that have come by now; together they are rewritten in less time."""
            pieces, size = [data], len(data)
            waiting = self._paused_event_queue
            while size < MOST_AT_ONCE and waiting and isinstance(waiting[0], ResponseData):
                pieces.append(waiting.popleft().data)
                size += len(pieces[-1])
            return b"".join(pieces) if len(pieces) > 1 else data

    return BodyPieces
