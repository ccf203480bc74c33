"""Two things that mitmproxy lacks for backends of HTTP/2: they are made to wait for slow clients, and their hints told.

mitmproxy tells backends that they may send two gigabytes at once, and asks for more as soon as a piece has come. What a
slow client has not taken is kept in memory, however much it is. And the connection cannot be left unread, as that of a
backend of HTTP/1 is (`backpressure.py`): other requests are on it.

So a backend may send `WINDOW` bytes of a stream. It may send more of it once its client has taken most of what came
(RFC 9113, 5.2). The window of the whole connection, which all streams share, is given back at once.

Early hints (103), which mitmproxy drops, are told to the stream (`early_hints.py`).
"""

from __future__ import annotations

import time
from collections import Counter

import h2.events
from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestProtocolError, ResponseHeaders
from mitmproxy.proxy.layers.http._http2 import Http2Client

from urlrewrite.hooks.patches.backpressure import kept

WINDOW = 2**20
"""Bytes of one stream that a backend may send before it has to wait for the client."""

_STEP = WINDOW // 4
"""Bytes that are given back at once, rather than with each piece that comes."""

_LOOK_AGAIN = 0.02
"""Seconds after which it is looked again whether clients have taken some."""

_CONNECTION = 0
"""The stream that stands for the connection (RFC 9113, 5.1.1)."""


class Http2:
    """Puts our client of HTTP/2 in place."""

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        http_layer.Http2Client = WaitingClient  # type: ignore[attr-defined]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        http_layer.Http2Client = Http2Client  # type: ignore[attr-defined]


class LookAgain(commands.RequestWakeup):
    """Asks to be woken to look whether clients have taken some."""


class WaitingClient(Http2Client):
    """Speaks HTTP/2 with a backend, and gives the window of a stream back as the client takes what came."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn.local_settings.initial_window_size = WINDOW
        # As if the backend had agreed: otherwise the first SETTINGS frame would not have it.
        self.h2_conn.local_settings.acknowledge()
        self.h2_conn.acknowledge_received_data = self._came  # type: ignore[method-assign, assignment]
        self._owed: Counter[int] = Counter()
        """Bytes that came and were not given back, by stream."""
        self._will_look = False

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        """Take what a backend says."""
        if isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
            self._owed.pop(event.stream_id, None)
        if isinstance(event, h2.events.InformationalResponseReceived) and event.stream_id in self.streams:
            fields = http.Headers(event.headers)
            if fields.pop(":status", "") == "103":
                hints = http.Response(b"HTTP/2.0", 103, b"", fields, None, None, time.time(), None)
                yield ReceiveHttp(ResponseHeaders(event.stream_id, hints))
            return False
        return (yield from super().handle_h2_event(event))

    def _handle_event2(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Wakeup) and isinstance(event.command, LookAgain):
            self._will_look = False
            for stream_id in [*self._owed]:
                self._give_back(stream_id)
            if data := self.h2_conn.data_to_send():
                yield commands.SendData(self.conn, data)
        else:
            yield from super()._handle_event2(event)
            if isinstance(event, RequestProtocolError):
                # It was reset by us, and nothing comes of it any more.
                self._owed.pop(event.stream_id, None)
        if not self._will_look and any(owed >= _STEP for owed in self._owed.values()):
            self._will_look = True
            yield LookAgain(_LOOK_AGAIN)

    def _came(self, size: int, stream_id: int) -> None:
        """Take note that so many bytes have come, padding included."""
        for one in (_CONNECTION, stream_id):
            self._owed[one] += size
            self._give_back(one)

    def _give_back(self, stream_id: int) -> None:
        owed = self._owed[stream_id]
        if stream_id == _CONNECTION:
            if owed >= _STEP:
                del self._owed[stream_id]
                self.h2_conn.increment_flow_control_window(owed)
        elif self.is_closed(stream_id):
            del self._owed[stream_id]
        elif owed >= _STEP and self._kept_of(stream_id) < WINDOW // 2:
            del self._owed[stream_id]
            self.h2_conn.increment_flow_control_window(owed, stream_id)

    def _kept_of(self, stream_id: int) -> int:
        http = next(parent for parent in self.context.layers if isinstance(parent, HttpLayer))
        stream = http.streams.get(self.their_stream_id[stream_id])
        return kept(stream) if stream else 0
