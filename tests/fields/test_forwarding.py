from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fields.portal import BACKEND, PUBLIC, field_values, names, paths
from urlrewrite.fields.forwarding import (
    SPOOFABLE,
    UNKNOWN_TLS_INFO,
    drop_hop_by_hop,
    forwarding_fields,
    map_back_request_fields,
)
from urlrewrite.fields.names import Change
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin

PLAIN = Origin("http", "www.example.com", 8080)


def forward(fields: FieldLines, **overrides: object) -> tuple[FieldLines, list[Change]]:
    facts = {"client_ip": "192.0.2.1", "requested": PUBLIC, "target": "/a?b=c", "trace_id": "t-1"}
    return forwarding_fields(fields, **(facts | overrides))  # type: ignore[arg-type]


def test_what_the_backend_is_told() -> None:
    fields, changes = forward((("Host", "www.example.com"), ("Accept", "*/*")))
    assert fields == (
        ("Host", "www.example.com"),
        ("Accept", "*/*"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Host", "www.example.com"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("Forwarded", "for=192.0.2.1;host=www.example.com;proto=https"),
        ("X-Original-URL", "/a?b=c"),
        ("X-ARR-LOG-ID", "t-1"),
        ("X-ARR-SSL", UNKNOWN_TLS_INFO),
    )
    assert [(change.field, change.before, change.after) for change in changes] == [
        (name, None, value) for name, value in fields[2:]
    ]


def test_plain_http_on_another_port() -> None:
    fields = dict(forward((), requested=PLAIN)[0])
    assert "X-ARR-SSL" not in fields
    assert fields["X-Forwarded-Host"] == "www.example.com:8080"
    assert fields["Forwarded"] == 'for=192.0.2.1;host="www.example.com:8080";proto=http'


def test_what_is_known_of_tls_is_told() -> None:
    info = "2048|256|CN=ca|CN=www.example.com"
    assert dict(forward((), tls_info=info)[0])["X-ARR-SSL"] == info


@pytest.mark.parametrize(
    ("client_ip", "client_port", "plain", "forwarded"),
    [
        ("192.0.2.1", None, "192.0.2.1", "for=192.0.2.1"),
        ("192.0.2.1", 4711, "192.0.2.1:4711", 'for="192.0.2.1:4711"'),
        ("2001:db8::1", None, "2001:db8::1", 'for="[2001:db8::1]"'),
        ("2001:db8::1", 4711, "[2001:db8::1]:4711", 'for="[2001:db8::1]:4711"'),
        ("fe80::1%eth0", None, "fe80::1", 'for="[fe80::1]"'),
        ("::ffff:192.0.2.1", None, "192.0.2.1", "for=192.0.2.1"),
        ("", None, "", "for=unknown"),
    ],
)
def test_client_address(client_ip: str, client_port: int | None, plain: str, forwarded: str) -> None:
    fields = dict(forward((), client_ip=client_ip, client_port=client_port)[0])
    assert fields["X-Forwarded-For"] == plain
    assert fields["Forwarded"].split(";")[0] == forwarded


@pytest.mark.parametrize("name", sorted(SPOOFABLE))
def test_a_clients_own_word_is_not_passed_on(name: str) -> None:
    for spelling in (name, name.upper(), name.replace("-", "_"), name.title()):
        fields, changes = forward(((spelling, "forged"), (spelling, "twice")))
        assert "forged" not in str(fields)
        assert "forged" in str(changes)


def test_a_copy_that_is_replaced_is_told_as_one_change() -> None:
    _, changes = forward((("x-forwarded-for", "forged"), ("X-Forwarded-For", "twice"), ("X-Forwarded-Proto", "https")))
    assert (changes[0].before, changes[0].after) == ("forged, twice", "192.0.2.1")
    assert "X-Forwarded-Proto" not in [change.field for change in changes]


def test_a_trusted_proxy_is_added_to() -> None:
    front = (
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("Forwarded", "for=198.51.100.7;proto=https"),
        ("X-Forwarded-Host", "front.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/app"),
        ("X-Original-URL", "/forged"),
    )
    fields, _ = forward(front, requested=PLAIN, append=True)
    assert fields == (
        ("X-Forwarded-Host", "front.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/app"),
        ("X-Forwarded-For", "198.51.100.7, 203.0.113.9, 192.0.2.1"),
        ("X-Forwarded-Port", "8080"),
        (
            "Forwarded",
            'for=198.51.100.7;proto=https, for=192.0.2.1;host="www.example.com:8080";proto=http',
        ),
        ("X-Original-URL", "/a?b=c"),
        ("X-ARR-LOG-ID", "t-1"),
    )


def test_an_empty_list_of_a_trusted_proxy_is_no_entry() -> None:
    assert dict(forward((("X-Forwarded-For", ""),), append=True)[0])["X-Forwarded-For"] == "192.0.2.1"


HOPS = [
    ((("Connection", "keep-alive"),), (("Connection", "keep-alive"),)),
    ((("connection", "Close"),), (("connection", "Close"),)),
    ((("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("X-Yours", "2")),
     (("Connection", "keep-alive"), ("X-Yours", "2"))),
    ((("Connection", "x-mine"), ("x-mine", "1")), ()),
    ((("Connection", "Host, Content-Length, Transfer-Encoding"), ("Host", "h"), ("Content-Length", "1")),
     (("Host", "h"), ("Content-Length", "1"))),
    ((("TE", "gzip"), ("Keep-Alive", "1"), ("Proxy-Authorization", "x"), ("Proxy-Connection", "close")), ()),
    ((("TE", "trailers"),), (("TE", "trailers"),)),
    ((("Connection", "TE, close"), ("TE", "gzip;q=0.5, Trailers ;q=1")), (("Connection", "close"), ("TE", "trailers"))),
    ((("Connection", "Upgrade"), ("Upgrade", "websocket"), ("TE", "trailers")),
     (("Connection", "Upgrade"), ("Upgrade", "websocket"))),
    ((("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")), ()),
    ((("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")),
     (("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"))),
    ((("Upgrade", "websocket"),), ()),
    ((("Transfer-Encoding", "chunked"), ("Trailer", "X"), ("Expect", "100-continue")),
     (("Transfer-Encoding", "chunked"), ("Trailer", "X"), ("Expect", "100-continue"))),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), HOPS)
def test_fields_of_the_connection_end_here(before: FieldLines, after: FieldLines) -> None:
    fields, changes = drop_hop_by_hop(before)
    assert fields == after
    assert bool(changes) == (before != after)


def map_back(fields: FieldLines) -> tuple[FieldLines, list[Change]]:
    return map_back_request_fields(fields, names=names(BACKEND, PUBLIC, unmounted), origins={PUBLIC: BACKEND})


def unmounted(path: str) -> str:
    return path.removeprefix("/app") if path.startswith("/app/") else f"https://other.example{path}"


BACK = [
    ("Origin", "https://www.example.com", "http://privateserver:8080"),
    ("origin", "HTTPS://www.example.com:443", "http://privateserver:8080"),
    ("Origin", "null", "null"),
    ("Origin", "https://www.example.com.evil.com", "https://www.example.com.evil.com"),
    ("Origin", "https://evil.com/https://www.example.com", "https://evil.com/https://www.example.com"),
    ("Origin", "http://www.example.com", "http://www.example.com"),
    ("Origin", "https://www.example.com:8443", "https://www.example.com:8443"),
    ("Referer", "https://www.example.com/x?y", "http://privateserver:8080/x?y"),
    ("Referer", "https://other.example/x", "https://other.example/x"),
    ("Destination", "https://www.example.com/b", "http://privateserver:8080/b"),
    ("If", "<https://www.example.com/b> (<urn:uuid:1>)", "<http://privateserver:8080/b> (<urn:uuid:1>)"),
    # A client may have read it in a body, in which links are mapped.
    ("Lock-Token", "<https://www.example.com/b>", "<http://privateserver:8080/b>"),
    ("Lock-Token", "<urn:uuid:1>", "<urn:uuid:1>"),
    ("Destination", "/app/b", "/b"),
    ("Destination", "/other/b", "https://other.example/other/b"),
    ("Content-Location", "/app/b?x=/app/", "/b?x=/app/"),
    ("Content-Location", "https://www.example.com/b", "http://privateserver:8080/b"),
    ("Upload-Concat", "final;/app/a /app/b", "final;/a /b"),
    ("Upload-Concat", "final;https://www.example.com/a", "final;http://privateserver:8080/a"),
    (
        "If",
        '</app/a> (<urn:uuid:1> ["e,</app/x>"])(["</app/y>"]) </app/b,c;d?e> (Not <DAV:no-lock>)',
        '</a> (<urn:uuid:1> ["e,</app/x>"])(["</app/y>"]) </b,c;d?e> (Not <DAV:no-lock>)',
    ),
    ("Referer", "/app/b", "/app/b"),
    ("Ping-From", "https://www.example.com/b", "http://privateserver:8080/b"),
    ("Ping-To", "https://www.example.com/b", "http://privateserver:8080/b"),
    ("HX-Current-URL", "https://www.example.com/b", "http://privateserver:8080/b"),
    ("Sec-WebSocket-Origin", "https://www.example.com", "http://privateserver:8080"),
    ("X-Other", "https://www.example.com/b", "https://www.example.com/b"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BACK)
def test_public_names_mapped_back(name: str, value: str, expected: str) -> None:
    fields, changes = map_back(((name, value),))
    assert fields == ((name, expected),)
    assert [(change.before, change.after) for change in changes] == ([(value, expected)] if value != expected else [])


hosts = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)
origins = st.builds(Origin, st.sampled_from(["http", "https"]), hosts, st.integers(1, 65535))


@given(origins, origins, paths)
def test_mapped_back_and_forth_is_the_identity(public: Origin, backend: Origin, path: str) -> None:
    sent = (("Origin", str(public)), ("Referer", str(public) + path))
    back = map_back_request_fields(sent, names=names(backend, public), origins={public: backend})[0]
    assert back == (("Origin", str(backend)), ("Referer", str(backend) + path))
    forth = map_back_request_fields(back, names=names(public, backend), origins={backend: public})[0]
    assert forth == sent


request_names = st.sampled_from(["Accept", "Cookie", "Referer", "Origin", "Destination", "X-Any", "Host", "Range"])


@given(st.lists(st.tuples(request_names, field_values)).map(tuple))
def test_without_a_public_name_lines_are_identical(fields: FieldLines) -> None:
    assert map_back(fields) == (fields, [])
    assert drop_hop_by_hop(fields) == (fields, [])
    assert forward(fields)[0][: len(fields)] == fields
