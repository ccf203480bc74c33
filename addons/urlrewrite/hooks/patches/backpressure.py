"""Lets nobody send faster than what comes is rewritten, and a backend of HTTP/1 than a client of HTTP/2 or 3 takes.

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
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Connection
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._events import RequestData, ResponseData
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.server import ConnectionHandler

MAX_KEPT = 4 * 2**20
"""Bytes of one stream that are kept for its client before the backend has to wait."""

_LOOK_AGAIN = 0.02
"""Seconds after which it is looked again whether the client has taken some."""

_drain_writers = ConnectionHandler.drain_writers


class Backpressure:
    """Makes connections wait. It is to be told of each response that is streamed, and each upload that is rewritten."""

    def __init__(self) -> None:
        self._streams: WeakValueDictionary[str, HttpStream] = WeakValueDictionary()
        self._uploads: WeakKeyDictionary[Connection, WeakSet[HttpStream]] = WeakKeyDictionary()

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

    def watch_upload(self, stream: HttpStream) -> None:
        """Take note of the connection from which an upload comes; on one of HTTP/2 others may come as well."""
        self._uploads.setdefault(stream.context.client, WeakSet()).add(stream)

    async def wait(self, handler: ConnectionHandler) -> None:
        """Wait until enough was taken of what comes by the connection that the task that asks reads from."""
        if not self._streams and not self._uploads:
            return
        task = asyncio.current_task()
        reading = next((peer for peer, transport in handler.transports.items() if transport.handler is task), None)
        if reading is None or self._kept_of(reading) <= MAX_KEPT:
            return
        while self._kept_of(reading) > MAX_KEPT // 2:  # noqa: ASYNC110 (nobody tells what was taken)
            await asyncio.sleep(_LOOK_AGAIN)

    def _kept_of(self, connection: Connection) -> int:
        """Return the number of bytes that are kept of what came by a connection, for clients or to be rewritten."""
        if stream := self._streams.get(connection.id):
            return kept(stream)
        uploads = self._uploads.get(connection, ())
        return sum(_waiting(stream, RequestData) for stream in uploads)


def kept(stream: HttpStream) -> int:
    """Return the number of bytes that are kept for the client of a stream, or until a hook of its flow is done."""
    waiting = _waiting(stream, ResponseData)
    http = next(layer for layer in stream.context.layers if isinstance(layer, HttpLayer))
    connection = http.connections[stream.context.client]
    if isinstance(connection, Http2Server):
        buffer = connection.h2_conn.stream_buffers.get(stream.stream_id, ())
        return waiting + sum(len(piece.data) for piece in buffer)
    quic = next((layer.quic for layer in stream.context.layers if isinstance(layer, ClientQuicLayer)), None)
    sending = quic._streams.get(stream.stream_id) if quic else None
    return waiting + (len(sending.sender._buffer) if sending else 0)


def _waiting(stream: HttpStream, of: type[RequestData] | type[ResponseData]) -> int:
    """Return the number of bytes that wait until a hook of a stream's flow is done."""
    return sum(len(event.data) for event in stream._paused_event_queue if isinstance(event, of))
