"""Tells a client of QUIC at once that its connection is not known here (any more).

A client whose address has changed, whose connection has ended without its hearing of it, or which has outlived the
proxy's process, sends on. mitmproxy says nothing to that and logs each packet, and the client waits for half a minute
or longer before it tries anew. It is answered here as RFC 9000, 10.3 has it: by a packet that nobody else could have
sent, as its end is a token that the client was told with the connection ID.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.tunnel import TunnelState

_LONG_HEADER = 0x80
_FIXED_BIT = 0x40
_ID_LENGTH = 8
"""Bytes of a connection ID that is ours: what aioquic makes by default."""
_TOKEN_LENGTH = 16
_SHORTEST, _LONGEST = 21, 43
"""Bytes of a reset: as many as a packet of a connection may have, so that it looks like one."""

_receive_handshake_data = ClientQuicLayer.receive_handshake_data


class StatelessReset:
    """Puts our answer to packets of unknown connections in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        ClientQuicLayer.receive_handshake_data = receive_handshake_data  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        ClientQuicLayer.receive_handshake_data = _receive_handshake_data  # type: ignore[method-assign]


def receive_handshake_data(quic: ClientQuicLayer, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
    """Take what comes from an address before there is a connection with it."""
    if quic.tls or not data or data[0] & _LONG_HEADER or not quic.context.options.http3:
        return (yield from _receive_handshake_data(quic, data))
    if packet := reset(data):
        yield commands.SendData(quic.tunnel_connection, packet)
    # There is no handshake that could have failed.
    quic.tunnel_state = TunnelState.CLOSED
    yield commands.CloseConnection(quic.tunnel_connection)
    return False, None


def reset(packet: bytes) -> bytes:
    """Return the reset for a packet of an unknown connection; nothing if it would not be shorter than that."""
    length = min(len(packet) - 1, _LONGEST)
    if length < _SHORTEST:
        return b""
    noise = os.urandom(length - _TOKEN_LENGTH)
    first = noise[0] & ~_LONG_HEADER | _FIXED_BIT
    return bytes([first]) + noise[1:] + token(packet[1 : 1 + _ID_LENGTH])


def token(connection_id: bytes) -> bytes:
    """Return the token of a connection ID, which nobody can know but who has our key."""
    return hmac.digest(_key(), connection_id, "sha256")[:_TOKEN_LENGTH]


@functools.cache
def _key() -> bytes:
    """Return a secret that is the same after a restart, as that of the certificate authority is."""
    master = getattr(ctx, "master", None)
    store = getattr(master.addons.get("tlsconfig"), "certstore", None) if master else None
    if store is None:
        return os.urandom(32)
    secret = store.default_privatekey.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return hashlib.sha256(b"stateless reset " + secret).digest()
