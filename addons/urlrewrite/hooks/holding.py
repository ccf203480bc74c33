"""Lets a body begin as a whole one and go on as a stream once it has been held long enough.

A short body is best held: it can still be answered with an error, and it is sent with its length. Of a body that comes
without a length nobody knows beforehand whether it is short, or how slowly it comes. mitmproxy can switch in the middle
of a body, but only by its option `stream_large_bodies`, which holds for requests, too, and there it is fatal: an upload
that a rule has answered already (a redirect, a 403) cannot be streamed, and mitmproxy ends it with an exception.

So mitmproxy gets an `HttpStream` of our own, which asks one more question after each piece of an answer: is there a
`Hold` on it, and is it over? If so, what was held goes through the stream callable as its first chunk. A timer asks the
same where no further piece comes.
"""

from __future__ import annotations

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._events import ResponseData

from urlrewrite.hooks.state import Hold, State


class Holding:
    """Brings mitmproxy to mind the holds on answers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def load(self, loader: Loader) -> None:
        """Puts our `HttpStream` in place."""
        del loader
        http_layer.HttpStream = _stream_class(self._state)  # type: ignore[misc]

    def done(self) -> None:
        """Puts mitmproxy's own back."""
        http_layer.HttpStream = HttpStream  # type: ignore[misc]


def _stream_class(state: State) -> type[HttpStream]:
    class HoldingStream(HttpStream):
        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if not isinstance(event, events.Wakeup):
                yield from super()._handle_event(event)
            elif hold := self._hold():
                yield from self._release(hold)

        def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
            if (yield from super().check_body_size(request)):
                return True
            hold = None if request else self._hold()
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
            held = bytes(self.response_body_buf)
            self.response_body_buf.clear()
            assert self.flow.response
            state.live[self.flow.id].hold = None
            self.flow.response.stream = hold.release(len(held))
            yield from self.start_response_stream()
            yield from self.handle_event(ResponseData(self.stream_id, held))

    return HoldingStream
