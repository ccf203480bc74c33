from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.addresses import ascii_host, origin_of, parse_host_port, parse_origin
from urlrewrite.model import Origin

ORIGINS = [
    ("https://www.example.com", Origin("https", "www.example.com", 443)),
    ("http://privateserver:8080", Origin("http", "privateserver", 8080)),
    ("HTTPS://WWW.Example.COM:8443/", Origin("https", "www.example.com", 8443)),
    ("http://[::1]:81", Origin("http", "::1", 81)),
    ("http://[2001:DB8:0::1]", Origin("http", "2001:db8::1", 80)),
    ("http://127.0.0.1:8090", Origin("http", "127.0.0.1", 8090)),
    ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443)),
    ("https://BÜCHER.example", Origin("https", "xn--bcher-kva.example", 443)),
    ("https://straße.example", Origin("https", "xn--strae-oqa.example", 443)),
    ("https://例え。テスト", Origin("https", "xn--r8jz45g.xn--zckzah", 443)),
    ("http://web_01", Origin("http", "web_01", 80)),
    ("https://www.example.com.", Origin("https", "www.example.com", 443)),
]


@pytest.mark.parametrize(("text", "expected"), ORIGINS)
def test_origin(text: str, expected: Origin) -> None:
    assert parse_origin(text) == expected


NO_ORIGINS = [
    ("", "expected http:// or https:// and a host"),
    ("www.example.com", "expected http:// or https:// and a host"),
    ("www.example.com:443", "expected http:// or https:// and a host"),
    ("//www.example.com", "expected http:// or https:// and a host"),
    ("ftp://www.example.com", "expected http:// or https:// and a host"),
    ("wss://www.example.com", "expected http:// or https:// and a host"),
    ("https://", "expected http:// or https:// and a host"),
    ("https://:443", "expected http:// or https:// and a host"),
    ("https://www.example.com ", "expected http:// or https:// and a host"),
    ("https://www.exa\nmple.com", "expected http:// or https:// and a host"),
    ("https://www.example.com:https", "expected http:// or https:// and a host"),
    ("https://www.example.com:65536", "expected http:// or https:// and a host"),
    ("https://www.example.com:0", "got port 0"),
    ("https://[::1", "expected http:// or https:// and a host"),
    ("https://[v1.a]", "expected http:// or https:// and a host"),
    ("https://*.example.com", 'got the host "*.example.com"'),
    ("https://www..example.com", 'got the host "www..example.com"'),
    (f"https://{'a' * 64}.example", "got the host"),
    ("https://exa%6dple.com", "got the host"),
    ("https://a／b.example", "expected http:// or https:// and a host"),
    ("https://me@www.example.com", "expected no user name or password"),
    ("https://www.example.com/app", "expected https://www.example.com: an address without a path"),
    ("https://www.example.com/?a", "expected https://www.example.com with or without a path"),
    ("https://www.example.com/#a", "expected https://www.example.com with or without a path"),
]


@pytest.mark.parametrize(("text", "message"), NO_ORIGINS)
def test_no_origin(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^got .*, expected ") as caught:
        parse_origin(text)
    assert message in str(caught.value)


def test_origin_of_a_url() -> None:
    assert origin_of("https://www.example.com/a%2Fb?c=d#e") == Origin("https", "www.example.com", 443)


HOST_PORTS = [
    ("127.0.0.1:8090", ("127.0.0.1", 8090)),
    ("[::1]:8090", ("::1", 8090)),
    ("Bücher:80", ("xn--bcher-kva", 80)),
    ("privateserver", None),
    ("8090", None),
    (":8090", None),
    ("privateserver:0", None),
    ("privateserver:http", None),
    ("http://privateserver:8090", None),
    ("privateserver:8090/", None),
    ("me@privateserver:8090", None),
    ("::1:8090", None),
]


@pytest.mark.parametrize(("text", "expected"), HOST_PORTS)
def test_host_port(text: str, expected: tuple[str, int] | None) -> None:
    if expected:
        assert parse_host_port(text) == expected
    else:
        with pytest.raises(ValueError, match=r"^got .*, expected "):
            parse_host_port(text)


@given(st.text(max_size=30) | st.from_regex(r"https?://[^/]{0,20}(:\d{1,6})?/?", fullmatch=True))
def test_whatever_is_read_can_be_written_and_read_again(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValueError:
        return
    assert parse_origin(str(origin)) == origin
    assert str(origin).isascii()


@given(st.text(max_size=30))
def test_a_host_is_stable(text: str) -> None:
    try:
        host = ascii_host(text)
    except ValueError:
        return
    assert ascii_host(host) == host
