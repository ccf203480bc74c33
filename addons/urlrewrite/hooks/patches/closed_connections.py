"""Lets no connection end without its layers being told.

mitmproxy cancels the task of a connection to which it cannot write, each time that it looks. One that was reset is
such, and its task may have seen that itself and be about to tell: it waits for its turn where other requests of its
client are busy. Then nobody is told, and the request waits for a response until its time is over.
"""

from __future__ import annotations

import asyncio

from mitmproxy.addonmanager import Loader
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.server import ConnectionHandler

_server_event = ConnectionHandler.server_event


class ClosedConnections:
    """Puts our way of telling in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        ConnectionHandler.server_event = server_event  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        ConnectionHandler.server_event = _server_event  # type: ignore[method-assign]


async def server_event(handler: ConnectionHandler, event: events.Event) -> None:
    """Hand an event to the layers; that a connection is closed even if whoever tells is cancelled meanwhile."""
    if not isinstance(event, events.ConnectionClosed):
        await _server_event(handler, event)
        return
    telling = asyncio.ensure_future(_server_event(handler, event))
    cancelled: asyncio.CancelledError | None = None
    while not telling.done():
        try:
            await asyncio.shield(telling)
        except asyncio.CancelledError as error:
            cancelled = error
    await telling
    task = asyncio.current_task()
    if cancelled is not None and task is not None and event.connection.state is ConnectionState.CAN_WRITE:
        # Its task goes on for what may still be written, until it is cancelled.
        task.cancel(*cancelled.args)
