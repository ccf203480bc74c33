"""Bounds what of a message of HTTP/1 is read before its head, or a line in its body, is complete.

mitmproxy keeps whatever comes until a head ends, and so does h11 with the line in front of a chunk and with trailers.
Here a head that is over a bound is read no further: what is there goes on as a request with `CutFields`, and is
refused like any other. In place of a response of a backend there is a `BackendError`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
)

from urlrewrite.hooks.bounds import SHOWN, Bounds, CutFields
from urlrewrite.hooks.in_place import InPlace
from urlrewrite.hooks.patches.discarding import Discarding
from urlrewrite.trace.backend_faults import BackendFault
from urlrewrite.trace.reasons import Reason, sentence

_BLANK_LINES = re.compile(rb"(?:\r?\n)+")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LONG_CHUNK_LINE = "the line in front of a chunk is longer than allowed"


class Http1Bounds:
    """Puts bounded layers in place, made of those that are there. To be registered behind `Http1`."""

    def __init__(self, bounds: Bounds) -> None:
        makers = {
            "Http1Server": partial(_bounded_server, bounds=bounds),
            "Http1Client": partial(_bounded_client, bounds=bounds),
        }
        self._layers = InPlace(http_layer, makers)

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        self._layers.put()

    def done(self) -> None:
        """Put back what was there."""
        self._layers.put_back()


def _bounded_server(base: Any, bounds: Bounds) -> Any:
    class BoundedServer(Discarding, base):  # type: ignore[misc]
        buf: ReceiveBuffer
        _refused = False
        """Whether nothing of what still comes is read."""
        _ending = False
        """Whether our side of the connection is closed."""
        _blank = 0
        """Bytes of blank lines that came in front of a request."""

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if self._ending and not isinstance(event, HttpEvent):
                yield from self.discard(event)
            elif self._refused and isinstance(event, events.DataReceived):
                self.discarded += len(event.data)
            else:
                for command in super()._handle_event(event):
                    if self._refused and isinstance(command, commands.CloseConnection):
                        self._ending = True
                        yield from self.end()
                    else:
                        yield command

        def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
            if isinstance(event, events.DataReceived):
                self._blank += _drop_blank_lines(self.buf)
                if self._blank > bounds.request_head:
                    yield from self._refuse_body("nothing but blank lines")
                    return
                if self.buf:
                    self._blank = 0
                if _is_head_over(self.buf, bounds.request_head):
                    yield from self._refuse_head()
                    return
            for command in super().read_headers(event):
                if isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders):
                    request = command.event.request
                    if over := bounds.over(request.headers.fields, bounds.request_head):
                        yield from self._refuse(request, over)
                        return
                yield command

        def _refuse_head(self) -> layer.CommandGenerator[None]:
            head = bytes(self.buf)[: bounds.request_head]
            line, ended, fields = head.partition(b"\n")
            lines = [line, *fields.split(b"\n")[:-1]] if ended else [_with_short_target(line)]
            try:
                request = http1.read_request_head([line.removesuffix(b"\r") for line in lines])
            except ValueError as error:
                yield from self._refuse_body(str(error))
            else:
                yield from self._refuse(request, Reason.HEAD_TOO_LONG if ended else Reason.TARGET_TOO_LONG)

        def _refuse(self, request: http.Request, over: Reason) -> layer.CommandGenerator[None]:
            """Have a request refused of which nothing more is read, as if there were nothing more."""
            request.headers = CutFields(request.headers.fields[: bounds.field_lines], over)
            self.request = request
            yield ReceiveHttp(RequestHeaders(self.stream_id, request, end_stream=True))
            yield from self._read_no_more()

        def _read_no_more(self) -> layer.CommandGenerator[None]:
            self._refused = True
            self.buf = ReceiveBuffer()
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)

        def _refuse_body(self, why: str) -> layer.CommandGenerator[None]:
            """Respond without an exchange, and end the one that there may be."""
            self._refused = True
            self.buf = ReceiveBuffer()
            if not self.response:
                yield commands.SendData(self.conn, _http1.make_error_response(400, why))
            self._ending = True
            yield from self.end()
            if self.request:
                error = RequestProtocolError(self.stream_id, why, ErrorCode.GENERIC_CLIENT_ERROR)
                yield ReceiveHttp(error)
            self.state = self.done

        def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            for command in super().read_body(event):
                if isinstance(command, ReceiveHttp) and isinstance(command.event, RequestTrailers):
                    fields = command.event.trailers.fields
                    if bounds.over(fields, bounds.request_head):
                        yield from self._refuse_trailers()
                        return
                yield command
            if self.state == self.read_body and len(self.buf) > bounds.request_head:
                if _reads_trailers(self.body_reader):
                    yield from self._refuse_trailers()
                else:
                    yield from self._refuse_body(_LONG_CHUNK_LINE)

        def _refuse_trailers(self) -> layer.CommandGenerator[None]:
            yield ReceiveHttp(RequestTrailers(self.stream_id, CutFields((), Reason.TRAILERS_TOO_LONG)))
            yield from self._read_no_more()

    BoundedServer.__name__ = base.__name__
    return BoundedServer


def _bounded_client(base: Any, bounds: Bounds) -> Any:
    class BoundedClient(base):  # type: ignore[misc]
        buf: ReceiveBuffer

        def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
            came = isinstance(event, events.DataReceived) and self.request
            if came and _is_head_over(self.buf, bounds.response_head):
                yield from self._refuse_oversized(Reason.HEAD_TOO_LONG)
                return
            for command in super().read_headers(event):
                if isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseHeaders):
                    fields = command.event.response.headers.fields
                    if over := bounds.over(fields, bounds.response_head):
                        yield from self._refuse_oversized(over)
                        return
                yield command

        def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            for command in super().read_body(event):
                if isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseTrailers):
                    fields = command.event.trailers.fields
                    if bounds.over(fields, bounds.response_head):
                        yield from self._refuse_oversized(Reason.TRAILERS_TOO_LONG)
                        return
                yield command
            if len(self.buf) <= bounds.response_head:
                return
            if self.response_done:
                # An upload goes on, and the backend sends what nobody has asked for.
                self.buf = ReceiveBuffer()
                yield commands.CloseConnection(self.conn)
            elif self.state == self.read_body:
                trailers = _reads_trailers(self.body_reader)
                why = sentence(Reason.TRAILERS_TOO_LONG, {}) if trailers else _LONG_CHUNK_LINE
                yield from self._refuse(why, BackendFault.OVERSIZED)

        def _refuse_oversized(self, over: Reason) -> layer.CommandGenerator[None]:
            yield from self._refuse(sentence(over, {}), BackendFault.OVERSIZED)

        def _refuse(self, why: str, fault: BackendFault) -> layer.CommandGenerator[None]:
            self.buf = ReceiveBuffer()
            yield from super()._refuse(why, fault)

    BoundedClient.__name__ = base.__name__
    return BoundedClient


def _drop_blank_lines(buffer: ReceiveBuffer) -> int:
    """Drop what some clients send in front of a request (RFC 9112, 2.2), and say how much: h11 would keep it."""
    found = _BLANK_LINES.match(buffer._data)
    if not found:
        return 0
    buffer.maybe_extract_at_most(found.end())
    return found.end()


def _is_head_over(buffer: ReceiveBuffer, most: int) -> bool:
    return len(buffer) > most and not _END_OF_HEAD.search(buffer._data, 0, most)


def _with_short_target(line: bytes) -> bytes:
    """Return a request line, of which the end is missing, with the beginning of its target."""
    method, _, rest = line.partition(b" ")
    return b"%b %b HTTP/1.1" % (method, rest.partition(b" ")[0][:SHOWN])


def _reads_trailers(reader: object) -> bool:
    return isinstance(reader, ChunkedReader) and reader._reading_trailer
