"""Lets a backend of HTTP/1 send no faster than what it sends is rewritten, and than a client of HTTP/2 or 3 takes it.

mitmproxy reads from a backend as fast as it can and is slowed down by the sockets that it writes to. What waits to be
rewritten (`body_pieces.py`) is not written yet; and a client of HTTP/2 or 3 says besides, for each stream, how many
bytes it is ready to take. What goes beyond that mitmproxy keeps in memory, however much it is: the whole of a long
body, if the client is slower than the backend.

So where a piece has come from a backend, the next one is not read before the client has taken most of what is kept for
it. That can be done where a connection serves one request at a time; how a backend of HTTP/2 is made to wait is told in
`http2.py`.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._events import ResponseData
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.server import ConnectionHandler

MAX_KEPT = 4 * 2**20
"""Bytes of one stream that are kept for its client before the backend has to wait."""

_LOOK_AGAIN = 0.02
"""Seconds after which it is looked again whether the client has taken some."""

_drain_writers = ConnectionHandler.drain_writers


class Backpressure:
    """Makes connections to backends wait. `watch` is to be told of each response that is streamed."""

    def __init__(self) -> None:
        self._streams: WeakValueDictionary[str, HttpStream] = WeakValueDictionary()

    def load(self, loader: Loader) -> None:
        """Put our way of reading in place."""
        del loader
        backpressure = self

        async def drain_writers(handler: ConnectionHandler) -> None:
            await _drain_writers(handler)  # type: ignore[no-untyped-call]
            await backpressure.wait(handler)

        ConnectionHandler.drain_writers = drain_writers  # type: ignore[method-assign]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        ConnectionHandler.drain_writers = _drain_writers  # type: ignore[method-assign]

    def watch(self, stream: HttpStream) -> None:
        """Take note of the connection from which a response comes."""
        if stream.context.server.alpn != b"h2":
            self._streams[stream.context.server.id] = stream

    async def wait(self, handler: ConnectionHandler) -> None:
        """Wait, if the task that asks reads from a backend, until its client has taken enough."""
        if not self._streams:
            return
        task = asyncio.current_task()
        reading = next((peer for peer, transport in handler.transports.items() if transport.handler is task), None)
        stream = self._streams.get(reading.id) if reading else None
        if stream is None or kept(stream) <= MAX_KEPT:
            return
        while kept(stream) > MAX_KEPT // 2:  # noqa: ASYNC110 (nobody tells what a client has taken)
            await asyncio.sleep(_LOOK_AGAIN)


def kept(stream: HttpStream) -> int:
    """Return the number of bytes that are kept for the client of a stream, or until a hook of its flow is done."""
    waiting = sum(len(event.data) for event in stream._paused_event_queue if isinstance(event, ResponseData))
    http = next(layer for layer in stream.context.layers if isinstance(layer, HttpLayer))
    connection = http.connections[stream.context.client]
    if isinstance(connection, Http2Server):
        buffer = connection.h2_conn.stream_buffers.get(stream.stream_id, ())
        return waiting + sum(len(piece.data) for piece in buffer)
    quic = next((layer.quic for layer in stream.context.layers if isinstance(layer, ClientQuicLayer)), None)
    sending = quic._streams.get(stream.stream_id) if quic else None
    return waiting + (len(sending.sender._buffer) if sending else 0)
