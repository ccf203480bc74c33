"""The header of the PROXY protocol: what it says, where it ends, and what is none."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.fields.proxy_protocol import MAX_LINE, SIGNATURE, Proxied, ProxyHeaderError, missing, parse_header

FOUR = struct.pack("!4s4sHH", bytes([203, 0, 113, 9]), bytes([10, 0, 0, 1]), 50000, 443)
SIX = struct.pack(
    "!16s16sHH", ipaddress.ip_address("2001:db8::9").packed, ipaddress.ip_address("::1").packed, 50000, 443
)
TOLD = Proxied(("203.0.113.9", 50000), ("10.0.0.1", 443))
TOLD_SIX = Proxied(("2001:db8::9", 50000), ("::1", 443))


def v2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses)) + addresses


HEADERS: list[tuple[bytes, Proxied | None]] = [
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\r\n", TOLD),
    (b"PROXY TCP6 2001:db8::9 ::1 50000 443\r\n", TOLD_SIX),
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 0 65535\r\n", Proxied(("203.0.113.9", 0), ("10.0.0.1", 65535))),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    (v2(0x21, 0x11, FOUR), TOLD),
    (v2(0x21, 0x21, SIX), TOLD_SIX),
    # What follows the addresses are fields that may be skipped: the name for TLS, an id, a checksum, padding.
    (v2(0x21, 0x11, FOUR + b"\x02\x00\x0bexample.com"), TOLD),
    (v2(0x20, 0x00, b""), None),
    (v2(0x20, 0x11, FOUR), None),
    (v2(0x21, 0x00, b""), None),
    (v2(0x21, 0x12, FOUR), None),
    (v2(0x21, 0x22, SIX), None),
    (v2(0x21, 0x31, bytes(216)), None),
    (v2(0x21, 0x32, bytes(216)), None),
]


@pytest.mark.parametrize(("header", "told"), HEADERS)
def test_what_a_header_says(header: bytes, told: Proxied | None) -> None:
    assert parse_header(header) == told


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 203.0.113.9 10.0.0.1 50000\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 50000 443 1\r\n",
        b"PROXY TCP4 203.0.113.9  10.0.0.1 50000 443\r\n",
        b"PROXY TCP4 2001:db8::9 ::1 50000 443\r\n",
        b"PROXY TCP6 203.0.113.9 10.0.0.1 50000 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 50000 443\r\n",
        b"PROXY TCP4 203.0.113.09 10.0.0.1 50000 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 050 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 -1 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\n",
        b"PROXY TCP5 203.0.113.9 10.0.0.1 50000 443\r\n",
        b"PROXY tcp4 203.0.113.9 10.0.0.1 50000 443\r\n",
        b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n",
        b"PROXY UNKNOWN" + bytes(MAX_LINE) + b"\r\n",
        b"PROXYTCP4 203.0.113.9 10.0.0.1 50000 443\r\n",
        b"PROXY TCP4 \xff 10.0.0.1 50000 443\r\n",
        b"",
        SIGNATURE,
        v2(0x21, 0x11, FOUR)[:-1],
        v2(0x21, 0x11, FOUR) + b"GET",
        v2(0x21, 0x11, FOUR[:-1]),
        v2(0x21, 0x21, SIX[:-1]),
        v2(0x21, 0x31, bytes(215)),
        v2(0x21, 0x13, FOUR),
        v2(0x21, 0x41, SIX),
        v2(0x22, 0x11, FOUR),
        v2(0x11, 0x11, FOUR),
        v2(0x31, 0x11, FOUR),
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse_header(data)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1", b"\x16\x03\x01", b"\r\n\r\n\0\r\nQUIT\r", b"PRI * HTTP/2.0", b"PROXY " + bytes(101)]
)
def test_what_does_not_begin_like_one_is_known_at_once(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        missing(data)


def read(data: bytes) -> tuple[bytes, bytes]:
    """Reads a header as a connection does, and gives it and what it left."""
    header = b""
    while more := missing(header):
        assert len(header) + more <= len(data), "more was asked for than there will ever be"
        header += data[len(header) : len(header) + more]
    return header, data[len(header) :]


@given(st.sampled_from([header for header, _ in HEADERS]), st.binary(max_size=40))
def test_no_byte_of_what_follows_is_taken(header: bytes, following: bytes) -> None:
    assert read(header + following) == (header, following)


ports = st.integers(0, 65535)
pairs = st.one_of(
    *(st.tuples(st.ip_addresses(v=version), st.ip_addresses(v=version), ports, ports) for version in (4, 6))
)


@given(pairs)
def test_both_versions_say_what_was_written(
    pair: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address, int, int],
) -> None:
    client, local, client_port, local_port = pair
    wanted = Proxied((str(client), client_port), (str(local), local_port))
    line = f"PROXY TCP{client.version} {client} {local} {client_port} {local_port}\r\n".encode()
    assert parse_header(line) == wanted
    family = 0x11 if client.version == 4 else 0x21
    assert (
        parse_header(v2(0x21, family, client.packed + local.packed + struct.pack("!HH", client_port, local_port)))
        == wanted
    )


@given(
    st.one_of(
        st.binary(max_size=150),
        st.binary(max_size=60).map(SIGNATURE.__add__),
        st.binary(max_size=120).map(b"PROXY ".__add__),
    )
)
def test_whatever_comes_is_a_header_or_is_refused(data: bytes) -> None:
    for ask in (missing, parse_header):
        try:
            ask(data)
        except ProxyHeaderError as refused:
            assert len(str(refused)) < 600
