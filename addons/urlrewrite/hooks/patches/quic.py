"""Keeps connections of QUIC alive where packets are lost or come twice, and where a client leaves streams.

mitmproxy and the library below it take for impossible what happens in any network:

- The end of a stream is told once more for each of its frames that comes again, as its acknowledgement was lost.
  mitmproxy takes that for data behind the end, and closes the connection with all its other requests.
- A client that says twice that it wants no more of a stream, or says so of one that was broken off here, ends the
  connection's layer. So does what is still sent on a stream that is over for its client.
- How long it is waited for an acknowledgement depends on how much the time of a packet varies, which the library takes
  for how far it is from the shortest ever: where packets take longer for a while, a lost one is missed much too late.
  And one packet asks then whether anything arrives at all, which may itself be lost: the next one takes twice as long.
- Such a packet can arrive where the first one of a client was lost; the library then closes what has not begun.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from aioquic._buffer import Buffer
from aioquic.quic.connection import NetworkAddress, QuicConnection, QuicReceiveContext, stream_is_client_initiated
from aioquic.quic.events import QuicEvent, StreamDataReceived, StreamReset
from aioquic.quic.rangeset import RangeSet
from aioquic.quic.recovery import QuicPacketRecovery, QuicPacketSpace
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
        self._loss = Recovery(
            congestion_control_algorithm=self.configuration.congestion_control_algorithm,
            initial_rtt=self.configuration.initial_rtt,
            max_datagram_size=self._max_datagram_size,
            peer_completed_address_validation=not self._is_client,
            quic_logger=self._quic_logger,
            send_probe=self._send_probe,
            logger=self._logger,
        )

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, NetworkAddress]]:
        """Return what is to be sent; two packets and not one ask whether anything arrives (RFC 9002, 6.2.4)."""
        is_probing = self._probe_pending
        datagrams = super().datagrams_to_send(now)
        if is_probing and datagrams and not self._probe_pending:
            self._probe_pending = True
            datagrams += super().datagrams_to_send(now)
        return datagrams

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
        stream = self._streams.get(event.stream_id)
        if stream is None:
            # It is over on both sides and forgotten; nothing more comes of it.
            return False
        if stream in told:
            return True
        told.add(stream)
        return False

    def _payload_received(
        self, context: QuicReceiveContext, plain: bytes, crypto_frame_required: bool = False
    ) -> tuple[bool, bool]:
        del crypto_frame_required
        return super()._payload_received(context, plain)

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


class Recovery(QuicPacketRecovery):
    """What a connection knows of lost packets."""

    def on_ack_received(self, *, ack_rangeset: RangeSet, ack_delay: float, now: float, space: QuicPacketSpace) -> None:
        """Take an acknowledgement, and how much the time of packets varies (RFC 9002, 5.3)."""
        had_sample, smoothed, variance = self._rtt_initialized, self._rtt_smoothed, self._rtt_variance
        super().on_ack_received(ack_rangeset=ack_rangeset, ack_delay=ack_delay, now=now, space=space)
        if had_sample and self._rtt_variance != variance:
            self._rtt_variance = 3 / 4 * variance + 1 / 4 * abs(smoothed - self._rtt_latest)
