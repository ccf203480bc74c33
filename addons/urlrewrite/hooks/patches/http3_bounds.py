"""Bounds what is taken over HTTP/3 of clients.

A head or trailers that are over a bound go on as `CutFields`, so that the exchange refuses them and the connection
stays. What is far over a bound ends the connection, and so does a flood of frames that carry nothing, or of streams
that are begun and reset, by H3_EXCESSIVE_LOAD (RFC 9114, 10.5). The library below mitmproxy holds any frame but those
of a body until it is whole, however long that says it will be. Backends are not asked over HTTP/3.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aioquic.h3.connection import (
    ErrorCode,
    FrameType,
    H3Stream,
    HeadersState,
    ProtocolError,
    Setting,
)
from aioquic.h3.events import H3Event, Headers
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import _http3
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders, RequestTrailers
from mitmproxy.proxy.layers.quic import QuicStreamEvent, QuicStreamReset, QuicStreamStopSending

from urlrewrite.hooks.bounds import FAR_OVER, Bounds, CutFields, Measure
from urlrewrite.hooks.floods import Allowance
from urlrewrite.hooks.in_place import InPlace
from urlrewrite.hooks.patches.qpack_bounds import FarOverError, within
from urlrewrite.trace.reasons import Reason

MAX_BLOCKED = 2**20
"""Bytes that are kept of a request whose head waits for what other packets bring."""


class Http3Bounds:
    """Puts bounded layers in place, made of those that are there. To be registered behind `Qpack` and `Http3`."""

    def __init__(self, bounds: Bounds) -> None:
        self._connections = InPlace(_http3, {"LayeredH3Connection": partial(_bounded_connection, bounds=bounds)})
        self._layers = InPlace(http_layer, {"Http3Server": _bounded_server})

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        self._connections.put()
        self._layers.put()

    def done(self) -> None:
        """Put back what was there."""
        self._connections.put_back()
        self._layers.put_back()


class ExcessiveLoadError(ProtocolError):
    """What ends the connection."""

    error_code = ErrorCode.H3_EXCESSIVE_LOAD


def _bounded_connection(base: Any, bounds: Bounds) -> Any:
    class BoundedConnection(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **named: Any) -> None:
            self._resets = Allowance(bounds.empty_frames)
            self._empty = Allowance(bounds.empty_frames)
            self._cut: dict[int, Reason] = {}
            """Which bounds heads are over that were read in part, by stream, as long as they wait for more packets."""
            self._over: Reason | None = None
            self.cut_heads: dict[int, Reason] = {}
            """Which bounds heads are over that the layer has yet to hear of, by stream."""
            self.cut_trailers = set[int]()
            super().__init__(*args, **named)

        def _get_local_settings(self) -> dict[int, int]:
            return {**super()._get_local_settings(), Setting.MAX_FIELD_SECTION_SIZE: bounds.request_head}

        def handle_stream_event(self, event: QuicStreamEvent) -> list[H3Event]:
            if (
                isinstance(event, QuicStreamReset | QuicStreamStopSending)
                and event.stream_id not in self._closed_streams
            ):
                try:
                    self._take(self._resets)
                except ExcessiveLoadError as error:
                    self.close_connection(error.error_code, None, error.reason_phrase)
                    return []
            handled: list[H3Event] = super().handle_stream_event(event)
            return handled

        def _take(self, allowance: Allowance) -> None:
            if not allowance.take():
                raise ExcessiveLoadError("a flood of frames that carry nothing")

        def _receive_request_or_push_data(self, stream: H3Stream, data: bytes, stream_ended: bool) -> list[H3Event]:
            received: list[H3Event] = super()._receive_request_or_push_data(stream, data, stream_ended)
            waits = stream.frame_size if stream.frame_type not in (None, FrameType.DATA) else 0
            self._check_kept(waits or 0, FAR_OVER * bounds.request_head)
            self._check_kept(len(stream.buffer) if stream.blocked else 0, MAX_BLOCKED)
            return received

        def _receive_stream_data_uni(self, stream: H3Stream, data: bytes, stream_ended: bool) -> list[H3Event]:
            received: list[H3Event] = super()._receive_stream_data_uni(stream, data, stream_ended)
            self._check_kept(len(stream.buffer), FAR_OVER * bounds.request_head)
            return received

        def _check_kept(self, size: int, most: int) -> None:
            if size > most:
                raise ExcessiveLoadError("a frame that is far too long")

        def _handle_control_frame(self, frame_type: int, frame_data: bytes) -> None:
            self._take(self._empty)
            super()._handle_control_frame(frame_type, frame_data)

        def _handle_request_or_push_frame(
            self, frame_type: int, frame_data: bytes | None, stream: H3Stream, stream_ended: bool
        ) -> list[H3Event]:
            if frame_type == FrameType.DATA and frame_data:
                self._empty.give(2)
            elif frame_type != FrameType.HEADERS and not (frame_type == FrameType.DATA and stream_ended):
                self._take(self._empty)
            is_head = stream.headers_recv_state is HeadersState.INITIAL
            self._over = None
            handled: list[H3Event] = super()._handle_request_or_push_frame(frame_type, frame_data, stream, stream_ended)
            if over := self._last_over():
                if is_head:
                    self.cut_heads[stream.stream_id] = over
                else:
                    self.cut_trailers.add(stream.stream_id)
            return handled

        def _last_over(self) -> Reason | None:
            return self._over

        def _decode_headers(self, stream_id: int, frame_data: bytes | None) -> Headers:
            most, lines = bounds.request_head, bounds.field_lines
            if frame_data is not None:
                try:
                    frame_data, over = within(frame_data, most, lines)
                except FarOverError as error:
                    raise ExcessiveLoadError(str(error)) from error
                if over:
                    self._cut[stream_id] = over
            decoded = super()._decode_headers(stream_id, frame_data) if frame_data != b"" else []
            measure = Measure(most, lines)
            measure.over = self._cut.pop(stream_id, None)
            kept = [line for name, value in decoded if (line := measure.take(name, value))]
            self._over = measure.over
            return kept

    return BoundedConnection


def _bounded_server(base: Any) -> Any:
    class BoundedServer(base):  # type: ignore[misc]
        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            for command in super()._handle_event(event):
                if isinstance(command, ReceiveHttp):
                    self._mark(command)
                yield command

        def _mark(self, command: ReceiveHttp) -> None:
            connection, stream_id = self.h3_conn, command.event.stream_id
            match command.event:
                case RequestHeaders(request=request) if stream_id in connection.cut_heads:
                    over = connection.cut_heads.pop(stream_id)
                    request.headers = CutFields(request.headers.fields, over)
                case RequestTrailers() if stream_id in connection.cut_trailers:
                    connection.cut_trailers.discard(stream_id)
                    command.event.trailers = CutFields((), Reason.TRAILERS_TOO_LONG)

    BoundedServer.__name__ = base.__name__
    return BoundedServer
