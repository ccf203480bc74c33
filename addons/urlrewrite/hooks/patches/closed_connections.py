"""Lets no connection be opened, say something or end without its layers being told.

The layers hear of one event after the other. Whoever has one waits for its turn, and where mitmproxy cancels its task
meanwhile, nobody is told:

- It cancels the task of a connection to which it cannot write, each time that it looks. One that was reset is such, and
  its task may have seen that itself: the request waits for a response until its time is over.
- It closes a connection by cancelling its task, which then does not even close the socket: a client that ended its own
  side right behind a request that was refused at once waits for the end of the response for ever.
- When a client has left, it cancels what is open for it. A request whose connection was opened just then is never over,
  and all that is kept for it stays.
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
    """Hand an event of a connection to the layers, even if whoever tells is cancelled meanwhile."""
    if not isinstance(event, (events.ConnectionEvent, events.OpenConnectionCompleted)):
        await _server_event(handler, event)
        return
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await _server_event(handler, event)
            break
        except asyncio.CancelledError as error:
            # Nothing but the wait can be cancelled: it was not told.
            cancelled = error
    ended = isinstance(event, events.ConnectionClosed) and event.connection.state is not ConnectionState.CAN_WRITE
    task = asyncio.current_task()
    if cancelled is not None and task is not None and not ended:
        # It goes on: to read, or for what may still be written.
        task.cancel(*cancelled.args)
