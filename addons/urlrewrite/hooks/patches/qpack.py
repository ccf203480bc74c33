"""Sends heads over HTTP/3 of any length.

The library that codes fields for HTTP/3 takes no line, and no head, of more than 4 KiB, and its error ends the
connection's layer without a word to the client. A policy or some cookies are longer. Such a head is coded here: as it
is, without any table (RFC 9204, 4.5.6), which the other side reads like every other.
"""

from __future__ import annotations

from aioquic.h3.events import Headers
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.layers.http import _http3
from mitmproxy.proxy.layers.http._http_h3 import LayeredH3Connection

MAX_CODED = 4000
"""Bytes of a head up to which the library is asked: less than its buffer, as a prefix goes in front of the fields."""

_PER_LINE = 10
"""Bytes that a line takes besides its name and value, at most."""

_NO_TABLE = b"\0\0"
"""The prefix of a head that refers to no entry of the dynamic table."""

_LITERAL = 0x20
"""The first byte of a line whose name is not in a table, before the length of the name."""


class Qpack:
    """Puts our coding of long heads in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        _http3.LayeredH3Connection = QpackConnection  # type: ignore[attr-defined]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        _http3.LayeredH3Connection = LayeredH3Connection  # type: ignore[attr-defined]


class QpackConnection(LayeredH3Connection):
    """A connection of HTTP/3 that codes long heads itself."""

    def _encode_headers(self, stream_id: int, headers: Headers) -> bytes:
        # To try first would not do: what the library has noted of a head before it gives up, the client never hears.
        if sum(len(name) + len(value) + _PER_LINE for name, value in headers) <= MAX_CODED:
            return super()._encode_headers(stream_id, headers)
        return coded(headers)


def coded(headers: Headers) -> bytes:
    """Return a head as a field section without references to tables."""
    return _NO_TABLE + b"".join(
        _integer(len(name), 3, _LITERAL) + name + _integer(len(value), 7) + value for name, value in headers
    )


def _integer(number: int, bits: int, first: int = 0) -> bytes:
    """Return a number with a prefix of so many bits, the rest of its byte being that of `first` (RFC 7541, 5.1)."""
    most = 2**bits - 1
    if number < most:
        return bytes([first | number])
    octets = [first | most]
    number -= most
    while number >= 128:
        octets.append(number % 128 | 128)
        number //= 128
    return bytes([*octets, number])
