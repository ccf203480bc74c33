"""Has the pieces of a streamed body rewritten off the loop, and goes on with each when that is done.

mitmproxy calls `flow.response.stream`, and that of a request, for each piece where it stands, and everybody else waits.
Here the stream of the exchange waits in its place, as it does for any hook, and only then is that called. What comes
meanwhile is kept by mitmproxy in the order in which it came; small pieces of it are put together, and whoever sends
them has to wait where much is kept (`backpressure.py`, `upload_bounds.py`). Nobody can make a client of HTTP/3 wait:
what it sends is rewritten where it stands.
"""

from __future__ import annotations

from dataclasses import replace

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import RequestData, RequestEndOfMessage, ResponseData, ResponseEndOfMessage

from urlrewrite.hooks.streamed_body import MOST_AT_ONCE, PieceByPiece, PieceCame, PieceCameHook


def stream_class(base: type[HttpStream]) -> type[HttpStream]:
    """Return the `HttpStream` that waits while a piece is rewritten."""

    class BodyPieces(base):  # type: ignore[valid-type, misc]
        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, RequestData | ResponseData) and self._paused_event_queue:
                event = self._with_what_waits(event)
            handled: layer.CommandGenerator[None] = super()._handle_event(event)
            return handled

        def _with_what_waits(self, event: RequestData | ResponseData) -> RequestData | ResponseData:
            """Put a piece together with those behind it that have come by now: small ones take less time so."""
            pieces, size = [event.data], len(event.data)
            waiting = self._paused_event_queue
            while size < MOST_AT_ONCE and waiting and isinstance(waiting[0], type(event)):
                pieces.append(waiting.popleft().data)
                size += len(pieces[-1])
            return replace(event, data=b"".join(pieces)) if len(pieces) > 1 else event

        def state_stream_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            body = self.flow.request.stream
            if not isinstance(body, PieceByPiece) or self.flow.request.is_http3:
                yield from super().state_stream_request_body(event)
            elif isinstance(event, RequestData):
                for piece in body.pieces(event.data):
                    yield PieceCameHook(PieceCame(body, piece))
                    yield from super().state_stream_request_body(replace(event, data=piece))
                    if self.client_state != self.state_stream_request_body:
                        return
            else:
                if isinstance(event, RequestEndOfMessage):
                    yield PieceCameHook(PieceCame(body, b""))
                yield from super().state_stream_request_body(event)

        def state_stream_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            body = self.flow.response.stream if self.flow.response else None
            if not isinstance(body, PieceByPiece):
                yield from super().state_stream_response_body(event)
            elif isinstance(event, ResponseData):
                for piece in body.pieces(event.data):
                    yield PieceCameHook(PieceCame(body, piece))
                    yield from super().state_stream_response_body(replace(event, data=piece))
                    if self.server_state != self.state_stream_response_body:
                        return
            else:
                if isinstance(event, ResponseEndOfMessage):
                    yield PieceCameHook(PieceCame(body, b""))
                yield from super().state_stream_response_body(event)

    return BodyPieces
