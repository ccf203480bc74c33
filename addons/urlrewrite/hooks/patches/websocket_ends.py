"""Tells the other side of a WebSocket the truth when one side's connection ends without a close frame.

mitmproxy makes a close with the code 1000 of it, "normal closure", so that an application believes that all was said.
A client gets 1011 here, "internal error" (RFC 6455, 7.4.1), which lets its application connect anew. A backend gets no
close frame, since its client sent none: its connection ends, which is 1006.
"""

from __future__ import annotations

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.websocket import WebsocketLayer
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

_REASON = "the connection to the server was lost"


class WebSocketEnds:
    """Puts our layer in place."""

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        websocket.WebsocketLayer = TruthfulWebsocket  # type: ignore[misc]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        websocket.WebsocketLayer = WebsocketLayer  # type: ignore[misc]


class TruthfulWebsocket(WebsocketLayer):
    """Relays messages, and how the connections end."""

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Relay what has come."""
        if not isinstance(event, events.ConnectionClosed):
            yield from super().relay_messages(event)
            return
        if event.connection != self.context.client and self.client_ws.state is ConnectionState.OPEN:
            yield self.client_ws.send2(CloseConnection(CloseReason.INTERNAL_ERROR, _REASON))
        for command in super().relay_messages(event):
            # What it sends now is its close frame with the code 1000.
            if not isinstance(command, commands.SendData):
                yield command
