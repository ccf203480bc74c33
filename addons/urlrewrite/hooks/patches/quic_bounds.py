"""Bounds how many frames of QUIC that carry nothing a peer may send, as `http2_bounds.py` does those of HTTP/2.

The library answers each of them, or makes an event of it, and counts none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aioquic._buffer import Buffer
from aioquic.h3.connection import ErrorCode
from aioquic.quic.connection import QuicConnectionError, QuicReceiveContext
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.layers.quic import _stream_layers

from urlrewrite.hooks.bounds import Bounds
from urlrewrite.hooks.floods import Allowance
from urlrewrite.hooks.in_place import InPlace

COUNTED = tuple(
    """
    ping max_data max_stream_data max_streams_bidi max_streams_uni data_blocked stream_data_blocked streams_blocked
    new_connection_id retire_connection_id path_challenge path_response
    """.split()
)
"""The frames that are counted, as the library names them."""

_GIVEN = 2
"""How many of them a frame with content makes good, in either direction."""

type _Handle = Callable[[Any, QuicReceiveContext, int, Buffer], None]


class QuicBounds:
    """Puts bounded connections in place, made of those that are there. To be registered behind `Quic`."""

    def __init__(self, bounds: Bounds) -> None:
        self._connections = InPlace(_stream_layers, {"QuicConnection": partial(_bounded, bounds=bounds)})

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        self._connections.put()

    def done(self) -> None:
        """Put back what was there."""
        self._connections.put_back()


def _bounded(base: Any, bounds: Bounds) -> Any:
    class BoundedConnection(base):  # type: ignore[misc]
        def __init__(self, **named: Any) -> None:
            self._empty = Allowance(bounds.empty_frames)
            super().__init__(**named)

        def _handle_stream_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
            self._empty.give(_GIVEN)
            super()._handle_stream_frame(context, frame_type, buf)

        def _write_stream_frame(
            self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream, max_offset: int
        ) -> int:
            written: int = super()._write_stream_frame(builder, space, stream, max_offset)
            self._empty.give(_GIVEN if written else 0)
            return written

    for name in COUNTED:
        handler = f"_handle_{name}_frame"
        setattr(BoundedConnection, handler, _counted(getattr(base, handler)))
    return BoundedConnection


def _counted(handle: _Handle) -> _Handle:
    def count(connection: Any, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        if not connection._empty.take():
            # Without a frame type it is an error of HTTP/3's, and no error of QUIC's.
            raise QuicConnectionError(ErrorCode.H3_EXCESSIVE_LOAD, None, "a flood of frames that carry nothing")  # type: ignore[arg-type]
        handle(connection, context, frame_type, buf)

    return count
