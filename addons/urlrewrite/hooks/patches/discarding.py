"""Ends a connection so that its peer, which may still be sending, gets to read what was sent to it last.

A socket that is closed with something unread in it resets its connection, which takes from the peer what it has yet to
read. So our side alone is closed at first, and what comes is thrown away for a while.
"""

from __future__ import annotations

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http._events import HttpEvent

MAX_DISCARDED = 2**20
"""Bytes that are read and thrown away."""

_SECONDS = 2.0


class Discarding:
    """A layer of a connection; once `end` is done, what comes is for `discard`."""

    conn: Connection
    discarded = 0

    def end(self) -> layer.CommandGenerator[None]:
        """Close our side of the connection."""
        if self.conn.state is not ConnectionState.OPEN:
            yield commands.CloseConnection(self.conn)
            return
        yield commands.CloseTcpConnection(self.conn, half_close=True)
        yield commands.RequestWakeup(_SECONDS)

    def discard(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Throw away what comes, and close the connection after the last of it."""
        if isinstance(event, HttpEvent):
            return
        if isinstance(event, events.DataReceived):
            self.discarded += len(event.data)
            if self.discarded <= MAX_DISCARDED:
                return
        yield commands.CloseConnection(self.conn)
