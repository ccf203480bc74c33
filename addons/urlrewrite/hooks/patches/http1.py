"""What mitmproxy's HTTP/1 lacks, and what makes a client wait for ever when a backend does it.

- An interim response (1xx, but for 101) is taken for the last one, and what follows for "unexpected data". Here 103 is
  told to the stream (`early_hints.py`), and the others are skipped, as mitmproxy itself does in HTTP/2.
- Fields behind a chunked body (trailers) end in an error, of requests and responses, on their way in and out. Here they
  are told, and written behind bodies that are sent in chunks; any others have no place for them, and they are dropped.
  Which of them may go on is decided by `Exchange.trailers` and `request_trailers`.
- Blank lines in front of a message are waited behind for more to come, though the message is there. They are dropped.
- A piece of a body without bytes, as of a frame of HTTP/2 without data, is written as a chunk: as the last one, behind
  which the rest of the body is the next request. Nothing is written for it.
- What cannot be read is told a second time when the connection ends, to whoever has its place by then: the page that
  is being sent for it, or the next request. Nobody is told twice.

How the messages are framed, which is what both stand on, is told in `framing.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import replace

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpLayer, _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

from urlrewrite.hooks.patches.framing import BackendError, FramingClient, FramingServer, nothing
from urlrewrite.trace.backend_faults import BackendFault

logger = logging.getLogger("urlrewrite.http1")

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d\b")
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d[ \t]+[1-5]\d\d(?:[ \t\r\n]|$)")
_LAST_CHUNK = b"0\r\n\r\n"


class Http1:
    """Puts our reading and writing of HTTP/1 in place."""

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        http_layer.Http1Client = InterimClient  # type: ignore[attr-defined]
        http_layer.Http1Server = InterimServer  # type: ignore[attr-defined]
        _http1.ChunkedReader = KeepsTrailers  # type: ignore[attr-defined]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        http_layer.Http1Client = Http1Client  # type: ignore[attr-defined]
        http_layer.Http1Server = Http1Server  # type: ignore[attr-defined]
        _http1.ChunkedReader = ChunkedReader  # type: ignore[attr-defined]


def is_interim(response: http.Response) -> bool:
    """Say whether the response itself is still to come."""
    return 100 <= response.status_code < 200 and response.status_code != 101


class InterimClient(FramingClient):
    """Speaks with a backend."""

    silent = False
    """Whether nobody listens any more: what still comes, and that the connection ends, would be taken for another's."""

    _trailers: http.Headers | None = None
    """What is to be written behind the body of the request."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.silent and isinstance(event, events.ConnectionEvent):
            return self._end_in_silence(event)
        return super()._handle_event(event)

    def _end_in_silence(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed) and self.conn.state & ConnectionState.CAN_WRITE:
            yield commands.CloseConnection(self.conn)

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a piece of a request."""
        match event:
            case RequestHeaders():
                request = _for_trailers(event.request)
                event = event if request is event.request else replace(event, request=request)
            case RequestData(data=b""):
                return nothing()
            case RequestTrailers():
                self._trailers = event.trailers
                return nothing()
            case RequestEndOfMessage() if self._trailers:
                trailers, self._trailers = self._trailers, None
                return _with_trailers(super().send(event), trailers)
        return super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read the head of a response, and those of interim ones in front of it."""
        if self.request:
            _drop_blank_lines(self.buf, event)
        while self.request and _INTERIM.match(bytes(self.buf)) and (head := self.buf.maybe_extract_lines()):
            logger.debug("%s: %s", self.conn.peername, bytes(head[0]))
            if bytes(head[0]).split()[1] == b"103" and self.stream_id is not None:
                yield from self._tell([bytes(line) for line in head], self.stream_id)
        has_status = isinstance(event, events.DataReceived) and bool(_STATUS_LINE.match(bytes(self.buf)))
        for command in super().read_headers(event):
            # In the same piece a body may have begun, and may be wrong.
            yield _about_fields(command) if has_status and self.state == self.read_headers else command

    def _tell(self, head: list[bytes], stream_id: int) -> layer.CommandGenerator[None]:
        try:
            response = http1.read_response_head(head)
        except ValueError as error:
            logger.debug("%s: skipped, as it cannot be read: %s", self.conn.peername, error)
        else:
            yield ReceiveHttp(ResponseHeaders(stream_id, response))

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the next pieces of a body, unless the head in front of it was refused, and its trailers."""
        if self.silent:
            return
        reader = self.body_reader
        for command in super().read_body(event):
            told = command.event if isinstance(command, ReceiveHttp) else None
            self.silent = self.silent or isinstance(told, ResponseProtocolError)
            ends = isinstance(told, ResponseEndOfMessage)
            if ends and self.stream_id is not None and (trailers := _take_trailers(reader)):
                yield ReceiveHttp(ResponseTrailers(self.stream_id, trailers))
            yield command


class InterimServer(FramingServer):
    """Speaks with a client."""

    _trailers: http.Headers | None = None
    """What is to be written behind the body of the response."""

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a piece of a response."""
        match event:
            case ResponseHeaders() if is_interim(event.response):
                # Not by mitmproxy's own, which would take it for the response and send no error any more.
                return self._send_head(event.response)
            case ResponseData(data=b""):
                return nothing()
            case ResponseTrailers():
                self._trailers = event.trailers
                return nothing()
            case ResponseEndOfMessage() if self._trailers:
                trailers, self._trailers = self._trailers, None
                return _with_trailers(super().send(event), trailers)
        return super().send(event)

    def _send_head(self, response: http.Response) -> layer.CommandGenerator[None]:
        yield commands.SendData(self.conn, http1.assemble_response_head(response))

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read the head of a request; blank lines in front of it are none (RFC 9112, 2.2)."""
        _drop_blank_lines(self.buf, event)
        return super().read_headers(event)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the next pieces of a body, and its trailers."""
        reader = self.body_reader
        for command in super().read_body(event):
            ends = isinstance(command, ReceiveHttp) and isinstance(command.event, RequestEndOfMessage)
            if ends and self.stream_id is not None and (trailers := _take_trailers(reader)):
                yield ReceiveHttp(RequestTrailers(self.stream_id, trailers))
            yield command


class KeepsTrailers(ChunkedReader):
    """Reads a chunked body, and keeps what stands behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.trailers: http.Headers | None = None

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """Return the next piece."""
        event = super().__call__(buf)
        if not isinstance(event, h11.EndOfMessage):
            return event
        if event.headers:
            # At the last chunk it calls itself: what the inner call has kept must not be overwritten.
            self.trailers = http.Headers(event.headers.raw_items())
        return h11.EndOfMessage()


def _drop_blank_lines(buffer: ReceiveBuffer, event: events.ConnectionEvent) -> None:
    """Drop what stands in front of a message, unless some of it came before: nothing is looked at twice."""
    if isinstance(event, events.DataReceived) and len(event.data) in (0, len(buffer)):
        head = bytes(buffer)
        if blank := len(head) - len(head.lstrip(b"\r\n")):
            buffer.maybe_extract_at_most(blank)


def _about_fields(command: commands.Command) -> commands.Command:
    """Return the error of a head that begins as one of HTTP as what it is: one of its fields."""
    error = command.event if isinstance(command, ReceiveHttp) else None
    if not isinstance(error, ResponseProtocolError) or isinstance(error, BackendError):
        return command
    return ReceiveHttp(BackendError(error.stream_id, error.message, error.code, BackendFault.FIELDS))


def _take_trailers(reader: object) -> http.Headers | None:
    """Return what a reader has kept, once: in a body's last piece the next message may begin."""
    if not isinstance(reader, KeepsTrailers):
        return None
    trailers, reader.trailers = reader.trailers, None
    return trailers


def _with_trailers(sent: Iterable[commands.Command], trailers: http.Headers) -> layer.CommandGenerator[None]:
    """Write trailers into the last chunk, where there is one."""
    for command in sent:
        if isinstance(command, commands.SendData) and command.data == _LAST_CHUNK:
            command = commands.SendData(command.connection, b"0\r\n" + bytes(trailers) + b"\r\n")
        yield command


def _for_trailers(request: http.Request) -> http.Request:
    """Return a request as HTTP/1 has it that takes trailers, or has some itself."""
    takes, has = "te" in request.headers, bool(request.trailers)
    if not (takes or has):
        return request
    request = request.copy()
    if takes:
        # TE is for the next hop only, and Connection has to say so (RFC 9110, 10.1.4).
        request.headers["connection"] = ", ".join([*request.headers.get_all("connection"), "TE"])
    if has:
        request.headers.pop("content-length", None)
        request.headers["transfer-encoding"] = "chunked"
    return request


def http1_client(layer_of: HttpLayer, server: Server) -> InterimClient | None:
    """Return the layer that speaks HTTP/1 with a backend; None where none does."""
    found: object = layer_of.connections.get(server)
    while found is not None and not isinstance(found, InterimClient):
        found = getattr(found, "child_layer", None)
    return found
