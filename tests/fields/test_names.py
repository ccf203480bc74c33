from __future__ import annotations

import pytest

from urlrewrite.fields.names import host_of, ip_address, is_loopback
from urlrewrite.model.origin import Origin

ORIGINS = [
    ("https://www.example.com", Origin("https", "www.example.com", 443), "https://www.example.com"),
    ("HTTPS://WWW.Example.COM:443", Origin("https", "www.example.com", 443), "https://www.example.com"),
    ("http://privateserver:8080", Origin("http", "privateserver", 8080), "http://privateserver:8080"),
    ("http://privateserver.:80", Origin("http", "privateserver", 80), "http://privateserver"),
    ("http://[2001:DB8::1]:8080", Origin("http", "2001:db8::1", 8080), "http://[2001:db8::1]:8080"),
    ("wss://host", Origin("https", "host", 443), "https://host"),
    ("null", None, None),
    ("", None, None),
    ("https://www.example.com/", None, None),
    ("https://user@www.example.com", None, None),
    ("https://www.example.com evil", None, None),
    ("ftp://host", None, None),
]


@pytest.mark.parametrize(("text", "origin", "serialized"), ORIGINS)
def test_origin(text: str, origin: Origin | None, serialized: str | None) -> None:
    assert Origin.parse(text) == origin
    assert (str(origin) if origin else None) == serialized


HOSTS = [
    ("host", "host"),
    ("Host.:80", "host"),
    ("host:", "host"),
    ("[::1]:8080", "::1"),
    ("a:b:c", "a:b:c"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "host"), HOSTS)
def test_host_of(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost.example.com", False),
        ("192.0.2.1", False),
        ("privateserver", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_mapped_address_is_its_ipv4_address_and_a_zone_is_no_part_of_it() -> None:
    assert str(ip_address("::ffff:192.0.2.1")) == "192.0.2.1"
    assert str(ip_address("fe80::1%eth0")) == "fe80::1"
    assert ip_address("privateserver") is None
