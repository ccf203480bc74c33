"""Bounds what is taken over HTTP/2, of clients and of backends.

- A head or trailers that are over a bound go on as `CutFields`, so that the exchange refuses them and the connection
  stays. Of a backend's response there is a `BackendError`. A field block that is `FAR_OVER` ends the connection, and so
  does one that comes in too many pieces.
- Frames that carry nothing cost their sender next to nothing. They are counted against what carries something, and a
  flood of them ends the connection: mitmproxy itself counts nothing. Streams that are begun and reset at once count by
  themselves, since each of them makes work, and so do those that a client makes us reset.

A connection is ended by a GOAWAY with ENHANCE_YOUR_CALM (RFC 9113, 10.5).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import h2.errors
import h2.events
import h2.exceptions
from h2.config import H2Configuration
from h2.frame_buffer import CONTINUATION_BACKLOG, FrameBuffer
from hyperframe.frame import (
    DataFrame,
    Frame,
    HeadersFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestHeaders, RequestTrailers

from urlrewrite.hooks.bounds import FAR_OVER, Bounds, CutFields
from urlrewrite.hooks.floods import Allowance
from urlrewrite.hooks.in_place import InPlace
from urlrewrite.hooks.patches.discarding import Discarding
from urlrewrite.hooks.patches.framing import BackendError
from urlrewrite.hooks.patches.hpack_bounds import BoundedDecoder, BoundedEncoder
from urlrewrite.trace.backend_faults import BackendFault
from urlrewrite.trace.reasons import Reason, sentence

_HEADS = (
    h2.events.RequestReceived,
    h2.events.ResponseReceived,
    h2.events.InformationalResponseReceived,
    h2.events.TrailersReceived,
)

_GIVEN = 2
"""How many frames without content a frame with content makes good: a WINDOW_UPDATE of its stream, and one of all."""


class Http2Bounds:
    """Puts bounded layers in place, made of those that are there. To be registered behind `Http2`."""

    def __init__(self, bounds: Bounds) -> None:
        self._connections = InPlace(_http2, {"BufferedH2Connection": partial(_bounded_connection, bounds=bounds)})
        self._layers = InPlace(http_layer, {"Http2Server": _bounded_server, "Http2Client": _bounded_client})

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        self._connections.put()
        self._layers.put()

    def done(self) -> None:
        """Put back what was there."""
        self._connections.put_back()
        self._layers.put_back()


class _BoundedFrames(FrameBuffer):
    """Joins the pieces of a field block of up to `most` bytes."""

    def __init__(self, most: int, *, server: bool) -> None:
        super().__init__(server)
        self._most = most

    def _update_header_buffer(self, f: Frame | None) -> Frame | None:
        whole = super()._update_header_buffer(f)
        pieces = [whole] if isinstance(whole, HeadersFrame | PushPromiseFrame) else self._headers_buffer
        if len(pieces) >= CONTINUATION_BACKLOG or sum(len(piece.data) for piece in pieces) > self._most:
            raise h2.exceptions.DenialOfServiceError("a field block that is far too long, or in too many pieces")
        return whole


def _bounded_connection(base: Any, bounds: Bounds) -> Any:
    class BoundedConnection(base):  # type: ignore[misc]
        def __init__(self, config: H2Configuration) -> None:
            super().__init__(config)
            most = bounds.response_head if config.client_side else bounds.request_head
            self.decoder = BoundedDecoder(most, bounds.field_lines)
            self.encoder = BoundedEncoder()
            self.incoming_buffer = _BoundedFrames(FAR_OVER * most, server=not config.client_side)
            self.local_settings.max_header_list_size = most
            # As if the peer had agreed: otherwise the first SETTINGS frame would not have it.
            self.local_settings.acknowledge()
            self._resets = Allowance(bounds.empty_frames)
            self._empty = Allowance(bounds.empty_frames)

        def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[h2.events.Event]]:
            received: tuple[list[Frame], list[h2.events.Event]] = super()._receive_headers_frame(frame)
            for event in received[1]:
                if isinstance(event, _HEADS):
                    event.over = self.decoder.over  # type: ignore[union-attr]
            return received

        def _receive_frame(self, frame: Frame) -> list[h2.events.Event]:
            match frame:
                case DataFrame() if frame.data:
                    self._empty.give(_GIVEN)
                case RstStreamFrame():
                    self._take(self._resets)
                case SettingsFrame():
                    self._take(self._empty, len(frame.settings) or 1)
                case HeadersFrame() | PushPromiseFrame():
                    pass
                case DataFrame() if "END_STREAM" in frame.flags:
                    pass
                case _:
                    self._take(self._empty)
            events: list[h2.events.Event] = super()._receive_frame(frame)
            for event in events:
                if isinstance(event, h2.events.StreamReset) and not event.remote_reset:
                    # An error by which the peer had us reset it.
                    self._take(self._resets)
            return events

        def _take(self, allowance: Allowance, count: int = 1) -> None:
            if not allowance.take(count):
                raise h2.exceptions.DenialOfServiceError("a flood of frames that carry nothing")

        def _prepare_for_sending(self, frames: list[Frame]) -> None:
            self._empty.give(_GIVEN * sum(isinstance(frame, DataFrame) and bool(frame.data) for frame in frames))
            super()._prepare_for_sending(frames)

    return BoundedConnection


def _bounded_server(base: Any) -> Any:
    class BoundedServer(Discarding, base):  # type: ignore[misc]
        def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
            if isinstance(event, h2.exceptions.DenialOfServiceError):
                yield from _say_why(self, event)
                for command in self.close_connection(str(event)):
                    if isinstance(command, commands.CloseConnection):
                        yield from self.end()
                    else:
                        yield command
                self._handle_event = self.discard
                return True
            stop: bool = yield from _cut(super().handle_h2_event(event), _over(event))
            return stop

    BoundedServer.__name__ = base.__name__
    return BoundedServer


def _bounded_client(base: Any) -> Any:
    class BoundedClient(base):  # type: ignore[misc]
        def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
            if isinstance(event, h2.exceptions.DenialOfServiceError):
                yield from _say_why(self, event)
                for stream_id in [*self.streams]:
                    yield from self._give_up(stream_id, str(event))
                yield from self.close_connection(str(event))
                return True
            if over := _over(event):
                trailers = isinstance(event, h2.events.TrailersReceived)
                why = sentence(Reason.TRAILERS_TOO_LONG if trailers else over, {})
                stream_id = getattr(event, "stream_id", 0)
                if not self.is_closed(stream_id):
                    self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
                    yield commands.SendData(self.conn, self.h2_conn.data_to_send())
                yield from self._give_up(stream_id, why)
                return False
            stop: bool = yield from super().handle_h2_event(event)
            return stop

        def _give_up(self, stream_id: int, why: str) -> layer.CommandGenerator[None]:
            if self.streams.pop(stream_id, None):
                error = BackendError(stream_id, why, ErrorCode.GENERIC_SERVER_ERROR, BackendFault.OVERSIZED)
                yield ReceiveHttp(error)

    BoundedClient.__name__ = base.__name__
    return BoundedClient


def _over(event: h2.events.Event) -> Reason | None:
    """Say which bound what came is over."""
    over: Reason | None = getattr(event, "over", None)
    return over


def _cut(handled: layer.CommandGenerator[bool], over: Reason | None) -> layer.CommandGenerator[bool]:
    """Mark what is told of a head, or of trailers, that are over a bound."""
    while True:
        try:
            command = next(handled)
        except StopIteration as stopped:
            return bool(stopped.value)
        if over and isinstance(command, ReceiveHttp):
            match command.event:
                case RequestHeaders(request=request):
                    request.headers = CutFields(request.headers.fields, over)
                case RequestTrailers():
                    command.event.trailers = CutFields((), Reason.TRAILERS_TOO_LONG)
        yield command


def _say_why(connection: Any, error: h2.exceptions.DenialOfServiceError) -> layer.CommandGenerator[None]:
    """Send the GOAWAY that h2 has made."""
    yield commands.Log(f"{connection.conn.peername}: the connection is ended: {error}")
    yield commands.SendData(connection.conn, connection.h2_conn.data_to_send())
