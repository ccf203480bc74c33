"""Lets connections of clients end in good order, which mitmproxy cannot: it cuts them.

A client is told at first that it should make no further request on its connection: in HTTP/2 and 3 by a GOAWAY that
takes back nothing which is on its way (RFC 9113, 6.8; RFC 9114, 5.2), in HTTP/1 by `Connection: close` in the next
response. Once nothing is under way, a second GOAWAY says which request was the last, and the connection is closed.

It goes by a Wakeup, as that is what passes TLS and QUIC on its way from outside to the layer of a client.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import ErrorCode, FrameType, encode_frame
from hyperframe.frame import GoAwayFrame
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._events import ResponseHeaders
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.server import ConnectionHandler

from urlrewrite.hooks.in_place import InPlace

_EVERY_HTTP2_STREAM = 2**31 - 1
_EVERY_HTTP3_STREAM = 2**62 - 4

_FRAME_SECONDS = 0.1
"""How long the last frame has to leave before its connection is closed."""


class Goaway:
    """Puts layers of clients in place that can be told. To be registered behind what puts others there."""

    def __init__(self) -> None:
        makers = {name: partial(_leaving, leave=leave) for name, leave in _LEAVE.items()}
        self._layers = InPlace(http_layer, makers)

    def load(self, loader: Loader) -> None:
        """Put ours in place, each made of the one that is there."""
        del loader
        self._layers.put()

    def done(self) -> None:
        """Put back what was there."""
        self._layers.put_back()


class Leave(commands.RequestWakeup):
    """The wake-up by which a layer is told; `last` says that nothing is under way, and the connection to be closed."""

    def __init__(self, *, last: bool, delay: float = 0.0) -> None:
        super().__init__(delay)
        self.last = last


async def tell(handler: ConnectionHandler, *, last: bool) -> bool:
    """Tell the layer of a client; say whether there is one that can be told."""
    http = http_of(handler)
    client = http.connections.get(handler.client) if http else None
    # A connection that has ended has another handler of events.
    if http is None or client is None or not hasattr(client, "leaving") or "_handle_event" in vars(client):
        return False
    command = Leave(last=last)
    http.command_sources[command] = client
    await handler.server_event(events.Wakeup(command))
    return True


def http_of(handler: ConnectionHandler) -> HttpLayer | None:
    """Return the layer that has the requests of a client; None before it has spoken."""
    return next((found for found in handler.layer.context.layers if isinstance(found, HttpLayer)), None)


def is_kept_back(handler: ConnectionHandler) -> bool:
    """Say whether something is kept for a client that it has not taken yet: it is not in the socket's buffer."""
    http = http_of(handler)
    client: Any = http.connections.get(handler.client) if http else None
    if any(getattr(getattr(client, "h2_conn", None), "stream_buffers", {}).values()):
        return True
    quic = next((found.quic for found in handler.layer.context.layers if isinstance(found, ClientQuicLayer)), None)
    return quic is not None and any(len(stream.sender._buffer) for stream in quic._streams.values())


def _leaving(
    base: Any,  # whatever is in place
    leave: Callable[[Any, bool], layer.CommandGenerator[None]],
) -> Any:
    class Leaving(base):  # type: ignore[misc]
        leaving = False
        """Whether the client was told."""
        said_last = False
        """Whether the client was told which request is the last."""

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, events.Wakeup) and isinstance(event.command, Leave):
                self.leaving = True
                return leave(self, event.command.last)
            if self.leaving and leave is _leave_http1 and isinstance(event, ResponseHeaders):
                event = _closing(event)
            handled: layer.CommandGenerator[None] = super()._handle_event(event)
            return handled

    Leaving.__name__ = base.__name__
    return Leaving


def _closing(event: ResponseHeaders) -> ResponseHeaders:
    if event.response.status_code < 200:
        return event
    response = event.response.copy()
    response.headers["connection"] = "close"
    return replace(event, response=response)


def _leave_http1(client: Any, last: bool) -> layer.CommandGenerator[None]:
    if last:
        yield commands.CloseConnection(client.conn)


def _leave_http2(client: Any, last: bool) -> layer.CommandGenerator[None]:
    # By hand: h2 takes a connection on which it has sent one for closed.
    stream_id = client.h2_conn.highest_inbound_stream_id if last else _EVERY_HTTP2_STREAM
    yield commands.SendData(client.conn, GoAwayFrame(0, last_stream_id=stream_id).serialize())
    if last:
        yield from client.close_connection("the proxy stops")


def _leave_http3(client: Any, last: bool) -> layer.CommandGenerator[None]:
    h3 = client.h3_conn
    if client.said_last:
        h3.close_connection(error_code=ErrorCode.H3_NO_ERROR)
    else:
        # What follows the last request of a client, whose numbers are those that 4 divides.
        following = max((number + 4 for number in h3._stream if number % 4 == 0), default=0)
        frame = encode_frame(FrameType.GOAWAY, encode_uint_var(following if last else _EVERY_HTTP3_STREAM))
        h3._quic.send_stream_data(h3._local_control_stream_id, frame)
        client.said_last = last
    yield from h3.transmit()
    if last and client.said_last and not h3._is_done:
        # A connection of QUIC that is closed sends nothing that it still has.
        yield Leave(last=True, delay=_FRAME_SECONDS)


_LEAVE = {"Http1Server": _leave_http1, "Http2Server": _leave_http2, "Http3Server": _leave_http3}
