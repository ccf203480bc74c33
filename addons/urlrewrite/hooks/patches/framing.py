"""Where a message of HTTP/1 ends is counted and remembered here, never taken from fields that others may change.

mitmproxy writes to a backend whatever comes for it: bytes beyond Content-Length would be read there as a further
request, one that no rule has seen (RFC 9112, 11.2). And it asks the fields of a response, which rules and framing for
the client have changed by then, whether the connection to the backend is over.

- A request goes out with a framing that is ours. A body that is held has its true length; one that is streamed has the
  length that the client told, or chunks. More or fewer bytes end the connection, and the exchange with it.
- What the head of a response said is kept as it came, so that a connection that ends with its response is closed.
- A backend that begins with a frame of HTTP/2 is known as what it is: it may wait for more for ever.
- A connection that a backend resets ends no body: mitmproxy is told of a reset as of a proper end.
- A first line whose status is no number from 100 to 599 (RFC 9110, 15) is refused.
- What still comes after an early response, while the upload goes on, is no second end of it.
- A client that knows the end of a body by the end of the connection only gets a reset where the body is cut off.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, replace

from h11._readers import Http10Reader
from mitmproxy import ctx, http
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO

from urlrewrite.trace.backend_faults import BackendFault

_FIRST_LINE = re.compile(rb"HTTP/\d\.\d[ \t]++(?!(?:[1-5]\d\d)(?:[ \t\r\n]|$))([^\r\n]*)\r?\n")
"""A line that is one of HTTP but for its status; what is no HTTP at all mitmproxy itself refuses."""

_SETTINGS = re.compile(rb"\0..\x04\0\0\0\0\0", re.DOTALL)
"""The frame that HTTP/2 begins with on the side of a server (RFC 9113, 3.4)."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""For SO_LINGER: on, for no time."""

LONGER = "the body of the request is longer than its Content-Length"
SHORTER = "the body of the request is shorter than its Content-Length"


@dataclass
class BackendError(ResponseProtocolError):
    """An error of a backend, with what it did wrong."""

    fault: BackendFault = BackendFault.CUT


class FramingClient(Http1Client):
    """Speaks with a backend."""

    _left: int | None = None
    """Bytes of the request's body that are to come; None where it goes out in chunks."""

    _broken = ""
    """Why the connection is being closed by us, for whoever waits for a response."""

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a piece of a request, unless it does not belong to that request's body."""
        if self._broken:
            return nothing()
        match event:
            case RequestHeaders():
                request = _own(event.request)
                self._left = _frame(request, ended=event.end_stream)
                event = replace(event, request=request)
            case RequestData() if self._left is not None:
                self._left -= len(event.data)
                if self._left < 0:
                    return self._break(LONGER)
            case RequestEndOfMessage() if self._left:
                return self._break(SHORTER)
        return super().send(event)

    def _break(self, why: str) -> layer.CommandGenerator[None]:
        # The stream hears of it when the connection is closed: it is in the middle of sending.
        self._broken = why
        yield commands.CloseConnection(self.conn)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read the head of a response, and keep it as it came."""
        if isinstance(event, events.ConnectionClosed):
            yield from self._end_without_head()
            return
        if self.request and _SETTINGS.match(bytes(self.buf)):
            yield from self._refuse("a frame of HTTP/2 in place of a response", BackendFault.H2C)
            return
        if self.request and (line := _FIRST_LINE.match(bytes(self.buf))):
            status = line[1][:40].decode("ascii", "backslashreplace")
            yield from self._refuse(f"a status that is none: {status!r}", BackendFault.STATUS)
            return
        for command in super().read_headers(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseHeaders):
                self.response = _own(command.event.response)
                if self.response.status_code == 101:
                    # What the client sends from now on is of another protocol, and of no length.
                    self._left = None
            yield command

    def _end_without_head(self) -> layer.CommandGenerator[None]:
        """Tell the stream that the connection is over. mitmproxy itself has nothing to say to stream 0, of HTTP/3."""
        if self.conn.state & ConnectionState.CAN_WRITE:
            yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            what = f"unexpected server response: {bytes(self.buf)!r}" if self.buf else "server closed connection"
            why = self._broken or what
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, why, ErrorCode.GENERIC_SERVER_ERROR))

    def _refuse(self, why: str, fault: BackendFault) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(BackendError(self.stream_id, why, ErrorCode.GENERIC_SERVER_ERROR, fault))

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the next pieces of a body."""
        closed = isinstance(event, events.ConnectionClosed)
        if self.response_done:
            # The upload goes on. Nothing that comes now belongs to this response.
            if closed and self.conn.state & ConnectionState.CAN_WRITE:
                yield commands.CloseConnection(self.conn)
        elif closed and isinstance(self.body_reader, Http10Reader) and self._is_cut():
            yield from self._refuse(self._broken or "the connection was reset within the body", BackendFault.RESET)
        else:
            yield from super().read_body(event)

    def _is_cut(self) -> bool:
        """Say whether a connection ended by an error, such as a reset, and not by an end that the backend sent."""
        transport = _transport(self.context, self.conn)
        reader = transport.reader if transport else None
        return bool(self._broken) or (isinstance(reader, asyncio.StreamReader) and reader.exception() is not None)


class FramingServer(Http1Server):
    """Speaks with a client."""

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a piece of a response."""
        if isinstance(event, ResponseProtocolError) and self.response and _ends_by_close(self.request, self.response):
            _reset_on_close(self.context)
        return super().send(event)


def nothing() -> layer.CommandGenerator[None]:
    """Give no command."""
    yield from ()


def _ends_by_close(request: http.Request | None, response: http.Response) -> bool:
    try:
        return request is not None and http1.expected_http_body_size(request, response) == -1
    except ValueError:
        return False


def _frame(request: http.Request, *, ended: bool) -> int | None:
    """Frame a request that goes out; return the length of its body, None for chunks."""
    if "transfer-encoding" in request.headers:
        request.headers.pop("content-length", None)
        return None
    told = request.headers.get("content-length")
    if request.raw_content is not None or ended:
        length = 0 if ended else len(request.raw_content or b"")
        if length or told is not None:
            request.headers["content-length"] = str(length)
        return length
    if told is not None and told.isascii() and told.isdigit():
        return int(told)
    request.headers.pop("content-length", None)
    request.headers["transfer-encoding"] = "chunked"
    return None


def _own[M: (http.Request, http.Response)](message: M) -> M:
    """Return a message whose head nobody else changes."""
    own = _twin(message)
    own.data = _twin(message.data)
    own.data.headers = message.headers.copy()
    return own


def _twin[Kept](kept: Kept) -> Kept:
    """Return a copy of an object, with the same parts."""
    twin = object.__new__(type(kept))
    vars(twin).update(vars(kept))
    return twin


def _transport(context: Context, connection: Connection) -> ConnectionIO | None:
    master = getattr(ctx, "master", None)
    proxyserver = master.addons.get("proxyserver") if master else None
    handler: ConnectionHandler | None = proxyserver.connections.get(context.client.id) if proxyserver else None
    return handler.transports.get(connection) if handler else None


def _reset_on_close(context: Context) -> None:
    """Make the end of the client's connection, which is next, a reset."""
    transport = _transport(context, context.client)
    if transport and transport.writer and context.client.transport_protocol == "tcp":
        transport.writer.get_extra_info("socket", None).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
