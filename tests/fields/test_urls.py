from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fields.portal import BACKEND, PUBLIC, bare, field_values, mounted, swap
from urlrewrite.fields.names import Change
from urlrewrite.fields.urls import KINDS, FieldKind, kind_of, rewrite_response_fields
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.origin import Origin

PLAIN = Origin("http", "www.example.com", 80)
URL = "http://privateserver:8080/x"
MAPPED = "https://www.example.com/x"


def rewrite(fields: FieldLines, public: Origin = PUBLIC) -> tuple[FieldLines, list[Change]]:
    return rewrite_response_fields(
        fields, map_text=swap(BACKEND, public), map_bare=bare(BACKEND, public), public=public, backend=BACKEND
    )


LINES = [
    ("Location", URL, MAPPED),
    ("location", "//privateserver:8080/x#f", "//www.example.com/x#f"),
    ("LOCATION", "/x", "/x"),
    ("Content-Location", URL, MAPPED),
    ("URI", f"<{URL}>", f"<{MAPPED}>"),
    ("Destination", URL, MAPPED),
    ("Refresh", f"5; url={URL}", f"5; url={MAPPED}"),
    ("Link", f"<{URL}>; rel=next", f"<{MAPPED}>; rel=next"),
    ("SourceMap", URL, MAPPED),
    ("Report-To", f'{{"endpoints":[{{"url":"{URL}"}}]}}', f'{{"endpoints":[{{"url":"{MAPPED}"}}]}}'),
    ("HX-Location", r'{"path":"http:\/\/privateserver:8080\/x"}', r'{"path":"https:\/\/www.example.com\/x"}'),
    ("Reporting-Endpoints", f'default="{URL}"', f'default="{MAPPED}"'),
    ("Access-Control-Allow-Origin", "http://privateserver:8080", "https://www.example.com"),
    ("Access-Control-Allow-Origin", "null", "null"),
    ("Timing-Allow-Origin", "*, http://privateserver:8080", "*, https://www.example.com"),
    ("X-Frame-Options", "ALLOW-FROM http://privateserver:8080", "ALLOW-FROM https://www.example.com"),
    ("Content-Security-Policy", "img-src privateserver:8080", "img-src www.example.com"),
    ("Content-Security-Policy-Report-Only", f"report-uri {URL}", f"report-uri {MAPPED}"),
    ("X-WebKit-CSP", "img-src http://privateserver:8080", "img-src https://www.example.com"),
    ("Feature-Policy", "camera http://privateserver:8080", "camera https://www.example.com"),
    ("Permissions-Policy", 'camera=("http://privateserver:8080")', 'camera=("https://www.example.com")'),
    ("WWW-Authenticate", f'Bearer realm="{URL}"', f'Bearer realm="{MAPPED}"'),
    ("Via", "1.1 privateserver:8080", "1.1 www.example.com"),
    ("X-Backend-Server", "privateserver", "www.example.com"),
    ("Set-Cookie", "a=1; Domain=privateserver", "a=1; Domain=www.example.com; Secure"),
    ("Strict-Transport-Security", "max-age=1", "max-age=1"),
    ("P3P", f'policyref="{URL}"', f'policyref="{MAPPED}"'),
    ("X-Anything", f"a,{URL};b", f"a,{MAPPED};b"),
    ("X-Anything", "privateserver", "privateserver"),
    ("grpc-message", "see http%3A%2F%2Fprivateserver%3A8080%2Fx", "see https%3A%2F%2Fwww.example.com%2Fx"),
    # gone
    ("Alt-Svc", 'h3=":8443"', None),
    ("Public-Key-Pins", 'pin-sha256="x"; report-uri="http://privateserver:8080/"', None),
    ("Public-Key-Pins-Report-Only", 'pin-sha256="x"', None),
    # never touched
    ("ETag", f'"{URL}"', f'"{URL}"'),
    ("Digest", f"x={URL}", f"x={URL}"),
    ("x-amz-checksum-sha256", URL, URL),
    ("Sec-WebSocket-Protocol", URL, URL),
    ("Content-Disposition", f'attachment; filename="{URL}"', f'attachment; filename="{URL}"'),
    ("Content-Type", f'application/json; profile="{URL}"', f'application/json; profile="{URL}"'),
    ("Clear-Site-Data", '"cookies"', '"cookies"'),
    ("DAV", f"1, <{URL}>", f"1, <{URL}>"),
    ("Signature", f"sig1=:{URL}:", f"sig1=:{URL}:"),
]


@pytest.mark.parametrize(("name", "value", "expected"), LINES)
def test_line(name: str, value: str, expected: str | None) -> None:
    fields, changes = rewrite(((name, value),))
    assert fields == (() if expected is None else ((name, expected),))
    told = [(change.field.lower(), change.before, change.after) for change in changes]
    assert told == ([] if expected == value else [(name.lower(), value, expected)])


def test_transport_security_of_an_http_name_is_taken_away() -> None:
    fields, [change] = rewrite((("Strict-Transport-Security", "max-age=1"),), PLAIN)
    assert fields == ()
    assert "http" in change.why


def test_transport_security_that_binds_more_than_this_name_is_warned_of() -> None:
    line = ("Strict-Transport-Security", "max-age=1; includeSubDomains")
    fields, [change] = rewrite((line,))
    assert fields == (line,)
    assert change.warning


def test_order_case_and_repeated_lines_are_kept() -> None:
    fields = (
        ("set-cookie", "a=1; Secure"),
        ("LOCATION", URL),
        ("Alt-Svc", "clear"),
        ("set-cookie", "b=2; Secure; Domain=privateserver"),
        ("Location", URL),
        ("X-\xe9", "\udce9"),
    )
    assert rewrite(fields)[0] == (
        ("set-cookie", "a=1; Secure"),
        ("LOCATION", MAPPED),
        ("set-cookie", "b=2; Secure; Domain=www.example.com"),
        ("Location", MAPPED),
        ("X-\xe9", "\udce9"),
    )


def test_the_mount_point_reaches_every_kind() -> None:
    fields = (("Location", "/x"), ("Link", "</x>; rel=next"), ("Set-Cookie", "a=1; Path=/; Secure"))
    moved, _ = rewrite_response_fields(
        fields, map_text=str, map_bare=lambda _: None, public=PUBLIC, backend=BACKEND, map_path=mounted
    )
    assert [value for _, value in moved] == ["/app/x", "</app/x>; rel=next", "a=1; Path=/app/; Secure"]


@pytest.mark.parametrize(
    ("covered", "warned"),
    [('sig1=("@status" "location");created=1', True), ('sig1=("@status" "content-digest");created=1', False)],
)
def test_a_signature_over_a_changed_field_is_warned_of(covered: str, warned: bool) -> None:
    fields, changes = rewrite((("Location", URL), ("Signature-Input", covered)))
    assert fields[1] == ("Signature-Input", covered)
    assert [change.field for change in changes if change.warning] == (["Signature-Input"] if warned else [])


def test_names_are_found_in_any_case() -> None:
    assert kind_of("LOCATION") is kind_of("location") is FieldKind.URL
    assert kind_of("Sec-WebSocket-Accept") is FieldKind.UNTOUCHED
    assert kind_of("Sec-WebSocket-Location") is FieldKind.URL
    assert kind_of("X-Whatever") is FieldKind.GENERIC


removed = {
    name for name, kind in KINDS.items() if kind in (FieldKind.ALTERNATIVE, FieldKind.KEY_PINS, FieldKind.COOKIE)
}
field_names = st.sampled_from([*sorted(set(KINDS) - removed - {"strict-transport-security"}), "x-anything"])


@given(st.lists(st.tuples(field_names, field_values)).map(tuple))
def test_without_the_backend_in_them_lines_are_identical(fields: FieldLines) -> None:
    assert rewrite(fields) == (fields, [])
