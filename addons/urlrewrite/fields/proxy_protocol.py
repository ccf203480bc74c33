"""The header of the PROXY protocol, by which a balancer says before the first byte of a connection whose it is.

Version 1 is a line of text, version 2 is binary; which one it is shows in the first byte. Source: "The PROXY protocol,
versions 1 & 2" of HAProxy, sections 2.1 and 2.2.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

type Endpoint = tuple[str, int]
"""An IP address and a port."""

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_LINE = 107
"""Bytes of the longest line of version 1, with its end."""

_PROXY = b"PROXY "
_SHORTEST_LINE = len(b"PROXY UNKNOWN\r\n")
_FIXED = len(SIGNATURE) + 4
"""Bytes of version 2 before what its length counts."""

_LOCAL, _PROXIED = 0x20, 0x21
_FAMILIES = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16, 0x31: 108, 0x32: 108, 0x00: 0}
"""Family and transport, and the bytes of an address; two of them, and for IP two ports, must be there."""
_TCP = {0x11, 0x21}


class ProxyHeaderError(ValueError):
    """Raised for what is no header of the PROXY protocol; the message says what was got."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """Who connected to the balancer, and where to."""

    client: Endpoint
    local: Endpoint


def missing(data: bytes) -> int:
    """Return how many bytes of the header are surely still to come after these; 0 if it is complete.

    Whoever reads no more than that takes nothing of what follows the header.

    Raises:
        ProxyHeaderError: this is not how a header begins.
    """
    if not data:
        return _SHORTEST_LINE
    if data[:1] == _PROXY[:1]:
        return _missing_of_line(data)
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise ProxyHeaderError(f"got {data[:16]!r}, expected the header of the PROXY protocol")
    if len(data) < _FIXED:
        return _FIXED - len(data)
    return max(0, _FIXED + int.from_bytes(data[14:16]) - len(data))


def _missing_of_line(data: bytes) -> int:
    end = data.find(b"\r\n")
    if data[: len(_PROXY)] != _PROXY[: len(data)] or (end < 0 and len(data) >= MAX_LINE):
        raise ProxyHeaderError(f"got {data[:24]!r}, expected a line of the PROXY protocol")
    return 0 if end >= 0 else max(1, _SHORTEST_LINE - len(data))


def parse_header(data: bytes) -> Proxied | None:
    """Parse a complete header; None if it says nothing of a client.

    So do LOCAL, with which a balancer tests whether this proxy is well, UNKNOWN, and every transport but TCP: then the
    connection's own addresses hold.

    Raises:
        ProxyHeaderError: it is malformed, or more than a header.
    """
    if data[:1] == _PROXY[:1]:
        return _parse_line(data)
    if data[: len(SIGNATURE)] != SIGNATURE or len(data) < _FIXED or missing(data):
        raise ProxyHeaderError(f"got {data[:16]!r}, expected a whole header of the PROXY protocol")
    command, family = data[12], data[13]
    addresses = data[_FIXED:]
    if len(addresses) != int.from_bytes(data[14:16]):
        raise ProxyHeaderError("got more than a header of the PROXY protocol")
    if command not in (_LOCAL, _PROXIED):
        raise ProxyHeaderError(f"got version and command {command:#04x}, expected {_LOCAL:#04x} or {_PROXIED:#04x}")
    if command == _LOCAL:
        return None
    size = _FAMILIES.get(family)
    if size is None or len(addresses) < 2 * size + (4 if size in (4, 16) else 0):
        raise ProxyHeaderError(f"got family {family:#04x} with {len(addresses)} bytes, expected its addresses")
    if family not in _TCP:
        return None
    ports = addresses[2 * size : 2 * size + 4]
    return Proxied(
        (_address(addresses[:size]), int.from_bytes(ports[:2])),
        (_address(addresses[size : 2 * size]), int.from_bytes(ports[2:])),
    )


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def _parse_line(data: bytes) -> Proxied | None:
    line = data.removesuffix(b"\r\n")
    words = line.split(b" ")
    if len(data) > MAX_LINE or line == data or b"\r\n" in line or words[0] != b"PROXY":
        raise ProxyHeaderError(f"got {data[:MAX_LINE]!r}, expected one line of the PROXY protocol")
    match words[1:]:
        case [b"UNKNOWN", *_]:
            return None
        case [b"TCP4" | b"TCP6" as family, client, local, client_port, local_port]:
            version = 4 if family == b"TCP4" else 6
            return Proxied(
                (_written_address(client, version), _port(client_port)),
                (_written_address(local, version), _port(local_port)),
            )
    raise ProxyHeaderError(f"got {data!r}, expected TCP4, TCP6 or UNKNOWN, two addresses and two ports")


def _written_address(word: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(word.decode("ascii"))
    except ValueError:
        address = None
    if address is None or address.version != version or b"%" in word:
        raise ProxyHeaderError(f"got {word!r}, expected an IPv{version} address")
    return str(address)


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > 65535 or (word[:1] == b"0" and word != b"0"):
        raise ProxyHeaderError(f"got {word!r}, expected a port")
    return int(word)
