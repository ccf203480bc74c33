"""Lets a body begin as a whole one and go on as a stream once it has been held long enough.

A short body is best held: it can still be answered with an error, and it is sent with its length. Of a body that comes
without a length nobody knows beforehand whether it is short, or how slowly it comes. mitmproxy can switch in the middle
of a body, but only by its option `stream_large_bodies`, which holds for requests, too, and there it is fatal: an upload
that a rule has answered already (a redirect, a 403) cannot be streamed, and mitmproxy ends it with an exception.

So mitmproxy gets an `HttpStream` of our own, which asks one more question after each piece of a response: is there a
`Hold` on it, and is it over? If so, what was held goes through the stream callable as its first chunk. A timer asks the
same where no further piece comes. It asks three more things that only this place can:

- An upload is held up to a bound (`upload_bounds.py`) and streamed then. That of a request which a rule has
  answered is thrown away, for otherwise anybody could fill the memory by sending to a redirect.
- mitmproxy looks whether a flow was killed between messages only. A stream that is killed (because its coding is
  damaged, or by hand in mitmweb) is broken off after its next piece: in HTTP/1.1 the last chunk is missing then, in
  HTTP/2 and 3 the stream is reset. A client of HTTP/1.0 cannot tell.
- An upload that is rewritten as it comes ends in its middle where its coding proves to be damaged.
"""

from __future__ import annotations

import logging

from mitmproxy.addonmanager import Loader
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestProtocolError,
    ResponseData,
)

from urlrewrite.hooks.patches import backend_stream, body_pieces, early_hints, request_length, upload_bounds
from urlrewrite.hooks.patches.backpressure import Backpressure
from urlrewrite.hooks.patches.server_connections import ServerConnections
from urlrewrite.hooks.patches.stream_timer import Alarm
from urlrewrite.hooks.patches.upload_bounds import Uploads
from urlrewrite.hooks.state import Hold, State
from urlrewrite.hooks.uploads import is_over_limit, refuse_upload, upload_stream

logger = logging.getLogger("urlrewrite.holding")


class Holding:
    """Brings mitmproxy to mind the holds on responses."""

    def __init__(
        self, state: State, backpressure: Backpressure, connections: ServerConnections, uploads: Uploads
    ) -> None:
        self._state = state
        self._backpressure = backpressure
        self._uploads = uploads
        self._connections = connections

    def load(self, loader: Loader) -> None:
        """Put our `HttpStream` in place."""
        del loader
        http_layer.HttpStream = stream_class(  # type: ignore[misc]
            self._state, self._backpressure, self._connections, self._uploads
        )

    def done(self) -> None:
        """Put mitmproxy's own back."""
        http_layer.HttpStream = HttpStream  # type: ignore[misc]


def stream_class(
    state: State, backpressure: Backpressure, connections: ServerConnections, uploads: Uploads
) -> type[HttpStream]:
    """Return the `HttpStream` that minds the holds of `state`, early hints, lengths of uploads, and failing backends.

    Of the latter three tell `early_hints.py`, `request_length.py` and `backend_stream.py`. What is held of uploads it
    tells `uploads`, and pieces of a body are rewritten as `body_pieces.py` says.
    """
    base = early_hints.stream_class(state, backend_stream.stream_class(state, connections))
    base = upload_bounds.stream_class(uploads, request_length.stream_class(base))

    class HoldingStream(base):  # type: ignore[valid-type, misc]
        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, events.Wakeup) and not isinstance(event.command, Alarm):
                return self._release_held()
            handled: layer.CommandGenerator[None] = super()._handle_event(event)
            return handled

        def _release_held(self) -> layer.CommandGenerator[None]:
            if hold := self._hold():
                yield from self._release(hold)

        def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
            if (yield from super().check_body_size(request)):
                return True
            if request:
                yield from self._check_upload()
                return False
            hold = self._hold()
            if hold and len(self.response_body_buf) > hold.size:
                yield from self._release(hold)
            elif hold and self.response_body_buf and not hold.timed:
                hold.timed = True
                yield commands.RequestWakeup(hold.seconds)
            return False

        def _hold(self) -> Hold | None:
            live = state.live.get(self.flow.id)
            return live.hold if live else None

        def _release(self, hold: Hold) -> layer.CommandGenerator[None]:
            state.live[self.flow.id].hold = None
            assert self.flow.response
            try:
                self.flow.response.stream = hold.release(len(self.response_body_buf))
            except Exception:
                logger.exception("flow %s: its body cannot be streamed and is held", self.flow.id)
                return
            held = bytes(self.response_body_buf)
            self.response_body_buf.clear()
            yield from self.start_response_stream()
            yield from self.handle_event(ResponseData(self.stream_id, held))

        def _check_upload(self) -> layer.CommandGenerator[None]:
            live = state.live.get(self.flow.id)
            if live is None or not self.holds_too_much:
                return
            held = bytes(self.request_body_buf)
            self.request_body_buf.clear()
            if not self.flow.response:
                refuse_upload(self.flow, live, len(held))
            if self.flow.response:
                live.upload_dropped = True
                return
            self.flow.request.stream = upload_stream(self.flow, live)
            yield from self.start_request_stream()
            # Not as an event: its bytes have been counted.
            yield from self.client_state(RequestData(self.stream_id, held))

        def start_request_stream(self) -> layer.CommandGenerator[None]:
            if self.flow.response:
                # Another addon has answered: mitmproxy would crash.
                self.flow.request.stream = False
                self.client_state = self.state_consume_request_body
            else:
                yield from super().start_request_stream()

        def state_stream_request_body(self, event: RequestData | RequestEndOfMessage) -> layer.CommandGenerator[None]:
            yield from super().state_stream_request_body(event)
            if self.client_state != self.state_stream_request_body:
                return
            live = state.live.get(self.flow.id)
            body = live.exchange.request_body if live else None
            if body and body.cut:
                yield from self.end_request("the coding of its body is damaged")
            elif live and isinstance(event, RequestData) and is_over_limit(live, len(event.data)):
                yield from self.end_request("its body is longer than maxAllowedContentLength of its site")

        def start_response_stream(self) -> layer.CommandGenerator[None]:
            backpressure.watch(self)
            yield from super().start_response_stream()

        def state_stream_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            yield from super().state_stream_response_body(event)
            if self.flow.error and self.flow.error.msg == Error.KILLED_MESSAGE:
                if self.server_state == self.state_stream_response_body:
                    yield from self.check_killed(True)
                    stopped = RequestProtocolError(self.stream_id, "killed", ErrorCode.KILL)
                    yield http_layer.SendHttp(stopped, self.context.server)
                yield http_layer.DropStream(self.stream_id)

    return body_pieces.stream_class(HoldingStream)
