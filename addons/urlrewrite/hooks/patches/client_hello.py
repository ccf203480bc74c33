"""Bounds the first message of TLS, by which a client says what it can.

mitmproxy keeps it until it is complete, however long it says that it will be, and looks at all of it again with each
piece: 16 MB of it took the proxy for ten seconds. What still comes behind one that was refused crashes its layer.
"""

from __future__ import annotations

from typing import Any

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import tls

from urlrewrite.hooks.in_place import InPlace

MAX_CLIENT_HELLO = 2**16
"""Bytes of which a ClientHello has a few thousand, even with keys that quantum computers are to be safe from."""

_LOGGED = 100


class ClientHello:
    """Puts our reading of it in place."""

    def __init__(self) -> None:
        self._reading = InPlace(tls, {"parse_client_hello": _bounded})
        self._taking = InPlace(tls.TLSLayer, {"receive_data": _refused})

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        self._reading.put()
        self._taking.put()

    def done(self) -> None:
        """Put back what was there."""
        self._reading.put_back()
        self._taking.put_back()


def _bounded(parse: Any) -> Any:
    def parse_client_hello(data: bytearray) -> Any:
        if len(data) > MAX_CLIENT_HELLO:
            # Of what is wrong, mitmproxy logs the whole.
            del data[_LOGGED:]
            raise ValueError("a ClientHello that is too long")
        return parse(data)

    return parse_client_hello


def _refused(receive: Any) -> Any:
    def receive_data(stack: tls.TLSLayer, data: bytes) -> layer.CommandGenerator[None]:
        if stack.tls is not None:
            yield from receive(stack, data)

    return receive_data
