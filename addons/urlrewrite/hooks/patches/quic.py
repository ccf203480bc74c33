"""Keeps connections of QUIC alive where packets are lost or come twice, and where a client leaves streams.

mitmproxy and the library below it take for impossible what happens in any network:

- The end of a stream is told once more for each of its frames that comes again, as its acknowledgement was lost.
  mitmproxy takes that for data behind the end, and closes the connection with all its other requests.
- A client that says twice that it wants no more of a stream, or says so of one that was broken off here, ends the
  connection's layer. So does what is still sent on a stream that is over for its client.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from aioquic._buffer import Buffer
from aioquic.quic.connection import QuicConnection, QuicReceiveContext, stream_is_client_initiated
from aioquic.quic.events import QuicEvent, StreamDataReceived, StreamReset
from aioquic.quic.stream import QuicStream
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.layers.quic import _stream_layers

from urlrewrite.hooks.patches.stateless_reset import token


class Quic:
    """Puts our connections of QUIC in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        _stream_layers.QuicConnection = ServedConnection  # type: ignore[attr-defined]

    def done(self) -> None:
        """Put the library's own back."""
        _stream_layers.QuicConnection = QuicConnection  # type: ignore[attr-defined]


class ServedConnection(QuicConnection):
    """A connection of QUIC."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._ends_told = WeakSet[QuicStream]()
        self._resets_told = WeakSet[QuicStream]()
        self._set_tokens()

    def _replenish_connection_ids(self) -> None:
        super()._replenish_connection_ids()
        self._set_tokens()

    def _set_tokens(self) -> None:
        """Give our IDs the tokens by which a client knows that a reset is ours (`stateless_reset.py`)."""
        if not self._is_client:
            for known in self._host_cids:
                known.stateless_reset_token = token(known.cid)

    def next_event(self) -> QuicEvent | None:
        """Return what came next, but for the end of a stream that was told already."""
        event = super().next_event()
        while event is not None and self._was_told(event):
            event = super().next_event()
        return event

    def _was_told(self, event: QuicEvent) -> bool:
        match event:
            case StreamReset():
                told = self._resets_told
            case StreamDataReceived(end_stream=True):
                told = self._ends_told
            case _:
                return False
        # The library takes nothing more for a stream that is over on both sides, and forgets it.
        stream = self._streams.get(event.stream_id)
        if stream is None or stream not in told:
            if stream is not None:
                told.add(stream)
            return False
        return True

    def _handle_stop_sending_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        stream = self._streams.get(buf.pull_uint_var())
        if stream is not None and stream.sender._reset_error_code is not None:
            buf.pull_uint_var()
        else:
            buf.seek(start)
            super()._handle_stop_sending_frame(context, frame_type, buf)

    def _get_or_create_stream_for_send(self, stream_id: int) -> QuicStream:
        stream = self._streams.get(stream_id)
        is_theirs = stream_is_client_initiated(stream_id) != self._is_client
        if (stream is None and is_theirs) or (stream is not None and stream.sender._reset_error_code is not None):
            # Whatever is put into it goes nowhere.
            return QuicStream(stream_id)
        return super()._get_or_create_stream_for_send(stream_id)
