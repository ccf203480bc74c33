"""Wakes a stream after a time, unless something happens before.

mitmproxy's own wake-ups are a task each and stay for their whole time. Nearly every request is over long before its
time-out, so these are timers that are cancelled.
"""

from __future__ import annotations

import asyncio

from mitmproxy import ctx
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.server import ConnectionHandler

from urlrewrite.hooks.patches.backpressure import kept


class Alarm(commands.RequestWakeup):
    """The command that a wake-up of a `StreamTimer` seems to come from.

    `silent` are the seconds for which nothing moved on the client's connection, where it is that which is over.
    """

    def __init__(self, delay: float, silent: float = 0.0) -> None:
        super().__init__(delay)
        self.silent = silent


class StreamTimer:
    """The one timer of a stream: an `events.Wakeup` with an `Alarm` comes to the stream when it is over."""

    def __init__(self, stream: HttpStream) -> None:
        self._stream = stream
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Begin anew; with 0 the timer only stops."""
        self.clear()
        if seconds:
            self._handle = asyncio.get_running_loop().call_later(seconds, self._fire)

    def clear(self) -> None:
        """Stop the timer, if it runs."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        http, handler = http_layer_of(self._stream), _handler_of(self._stream)
        if handler is None or http.streams.get(self._stream.stream_id) is not self._stream:
            return
        alarm = Alarm(0)
        http.command_sources[alarm] = self._stream
        task = asyncio.ensure_future(handler.server_event(events.Wakeup(alarm)))
        _alarms.add(task)
        task.add_done_callback(_alarms.discard)


_alarms = set[asyncio.Future[None]]()
"""A loop keeps tasks by weak references only."""


def http_layer_of(stream: HttpStream) -> HttpLayer:
    """Return the layer that a stream is of."""
    return next(parent for parent in stream.context.layers if isinstance(parent, HttpLayer))


def is_client_slow(stream: HttpStream) -> bool:
    """Say whether the backend is not read from, because the client has yet to take what came."""
    handler = _handler_of(stream)
    transport = handler.transports.get(stream.context.client) if handler else None
    socket = getattr(transport.writer, "transport", None) if transport else None
    return kept(stream) > 0 or (socket is not None and socket.get_write_buffer_size() > 0)


def _handler_of(stream: HttpStream) -> ConnectionHandler | None:
    """Return what reads and writes the client's connection; None where that is over."""
    handler: ConnectionHandler | None = ctx.master.addons.get("proxyserver").connections.get(stream.context.client.id)
    return handler
