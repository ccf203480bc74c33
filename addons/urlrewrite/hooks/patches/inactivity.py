"""Lets a client's connection on which nothing moves end truly where it is the backend that says nothing.

mitmproxy closes such a connection after `tcp_timeout` seconds without a word, and its log says that the client has
left. Here a request that waits for its response is answered 504 first, and a body that stops is cut off visibly, in
the name of the backend; the connection then goes on if it can.

Over UDP mitmproxy's time is 20 seconds and no option, after which it drops a connection without a word. QUIC has
promised the client a minute, and what is asked for on such a connection is never answered: a browser hangs for whoever
has read a page for half a minute. So the time-outs of the backend decide here, and QUIC's own for a connection at rest.
"""

from __future__ import annotations

import asyncio
import time

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.server import ConnectionHandler, TimeoutWatchdog

from urlrewrite.hooks.patches.goaway import http_of
from urlrewrite.hooks.patches.stream_timer import Alarm

_on_timeout = ConnectionHandler.on_timeout


class Inactivity:
    """Puts our end of silent connections in place."""

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        ConnectionHandler.on_timeout = on_timeout  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        ConnectionHandler.on_timeout = _on_timeout  # type: ignore[method-assign]


async def on_timeout(handler: ConnectionHandler) -> None:
    """End what waits for a backend, and watch the connection further; without any such thing, close it."""
    watchdog = handler.timeout_watchdog
    while _has_time_of_its_own(handler) or await _end_silent_backends(handler):
        watchdog.register_activity()
        await _silence(watchdog)
    await _on_timeout(handler)


def _has_time_of_its_own(handler: ConnectionHandler) -> bool:
    """Say whether a client speaks QUIC, which closes a connection at rest itself."""
    quic = next((each.quic for each in handler.layer.context.layers if isinstance(each, ClientQuicLayer)), None)
    return quic is not None and quic._handshake_complete and quic._close_at is not None


async def _end_silent_backends(handler: ConnectionHandler) -> bool:
    """End what waits for a backend; say whether there is any such thing."""
    http = http_of(handler)
    if http is None:
        return False
    waiting = [stream for stream in http.streams.values() if getattr(stream, "waits_for_backend", False)]
    for stream in waiting if handler.client.transport_protocol == "tcp" else ():
        # One that is paused waits for a connection or for its turn, and has a time-out for that.
        if stream._paused is None:
            alarm = Alarm(0, silent=handler.timeout_watchdog.timeout)
            http.command_sources[alarm] = stream
            await handler.server_event(events.Wakeup(alarm))
    return bool(waiting)


async def _silence(watchdog: TimeoutWatchdog) -> None:
    """Return when nothing has moved for the whole time.

    `watch` of the watchdog calls us when it is so, and would do it again from within, deeper each time.
    """
    while True:
        await watchdog.can_timeout.wait()
        await asyncio.sleep(watchdog.last_activity + watchdog.timeout - time.time())
        if watchdog.last_activity + watchdog.timeout < time.time():
            return
