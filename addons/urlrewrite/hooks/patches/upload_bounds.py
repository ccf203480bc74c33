"""Bounds the memory that uploads take, of all clients together.

An upload of up to `UPLOAD_HELD` bytes is held until it is complete, and longer until its response is. Many of them
at a time have no bound in mitmproxy. Here they have one, beyond which the next pieces make streams of them
(`http_stream.py`): then nothing is held, since what a backend does not take its client is not asked for.

That goes by not reading from the client. mitmproxy does so where a socket is full. It does not where a stream waits
for its connection or for a hook, where a backend of HTTP/2 gives no window, or where a client of HTTP/1 sends its next
requests while it waits for a response: it keeps what comes. Here a client is not read from while there is more than
`MAX_WAITING` of that.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._events import RequestData, ResponseData, ResponseEndOfMessage, ResponseHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Client
from mitmproxy.proxy.server import ConnectionHandler

from urlrewrite.hooks.bounds import Bounds
from urlrewrite.hooks.in_place import InPlace
from urlrewrite.hooks.patches.goaway import http_of
from urlrewrite.hooks.state import UPLOAD_HELD

MAX_WAITING = 2**20
"""Bytes of one client that wait to be sent to backends before no more is read from it."""

_LOOK_AGAIN = 0.02
"""Seconds after which it is looked again whether a backend has taken some."""


class Uploads:
    """Knows how much is held, and makes clients wait. To be registered behind `Backpressure`."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._held: dict[int, int] = {}
        self.total = 0
        """The bytes that are held."""
        self._reading = InPlace(ConnectionHandler, {"drain_writers": _waiting})

    def load(self, loader: Loader) -> None:
        """Put our way of reading in place."""
        del loader
        self._reading.put()

    def done(self) -> None:
        """Put back what was there."""
        self._reading.put_back()

    def hold(self, stream: HttpStream, size: int) -> None:
        """Take note of how much is held of an upload."""
        key = id(stream)
        if size and key not in self._held:
            # Where a layer of the core crashes, nothing ends the stream.
            weakref.finalize(stream, self._forget, key).atexit = False
        self.total += size - self._held.get(key, 0)
        if size or key in self._held:
            self._held[key] = size

    def holds(self, stream: HttpStream) -> bool:
        """Say whether something is held of an upload."""
        return bool(self._held.get(id(stream)))

    def _forget(self, key: int) -> None:
        self.total -= self._held.pop(key, 0)

    def are_too_much(self, stream: HttpStream, size: int) -> bool:
        """Say whether too much is held if of this upload so much is."""
        return self.total - self._held.get(id(stream), 0) + size > self._bounds.uploads


def stream_class(uploads: Uploads, base: type[HttpStream]) -> type[HttpStream]:
    """Return a stream that counts what is held of its upload, and does with all else what `base` does."""

    class HeldStream(base):  # type: ignore[valid-type, misc]
        @property
        def holds_too_much(self) -> bool:
            """Whether this upload is to be held no longer."""
            size = len(self.request_body_buf)
            return size > UPLOAD_HELD or (size > 0 and uploads.are_too_much(self, size))

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            handled: layer.CommandGenerator[None] = super()._handle_event(event)
            of_response = isinstance(event, (ResponseHeaders, ResponseData, ResponseEndOfMessage))
            # By what comes of a response no more is held of the upload.
            return handled if of_response and not uploads.holds(self) else self._counted(handled)

        def _counted(self, handled: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
            yield from handled
            flow, size = getattr(self, "flow", None), 0
            if flow is not None and flow.live:
                size = len(self.request_body_buf) + len(flow.request.raw_content or b"")
            elif flow is not None:
                # Whatever keeps the stream, nobody asks for this any more.
                self.request_body_buf.clear()
            uploads.hold(self, size)

    return HeldStream


def waiting(http: HttpLayer) -> int:
    """Return how many bytes of a client wait to be sent to backends, or to be looked at."""
    size = sum(
        len(event.data)
        for stream in http.streams.values()
        if stream._paused_event_queue
        for event in stream._paused_event_queue
        if isinstance(event, RequestData)
    )
    for connection in http.connections.values():
        speaking = _innermost(connection)
        if isinstance(speaking, Http2Client):
            size += sum(len(piece.data) for buffer in speaking.h2_conn.stream_buffers.values() for piece in buffer)
        elif isinstance(speaking, Http1Server) and speaking.state == speaking.wait:
            size += len(speaking.buf)
    return size


def _innermost(found: layer.Layer) -> layer.Layer:
    while child := getattr(found, "child_layer", None):
        found = child
    return found


def _waiting(drain: Any) -> Any:
    async def drain_writers(handler: ConnectionHandler) -> None:
        await drain(handler)
        transport = handler.transports.get(handler.client)
        http = http_of(handler)
        if http is None or transport is None or transport.handler is not asyncio.current_task():
            return
        while waiting(http) > MAX_WAITING:  # noqa: ASYNC110 (nobody tells what a backend has taken)
            await asyncio.sleep(_LOOK_AGAIN)

    return drain_writers
