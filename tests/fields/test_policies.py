from __future__ import annotations

import pytest
from hypothesis import given

from fields.portal import BACKEND, PUBLIC, bare, field_values, mounted, names, swap
from urlrewrite.fields.names import NameMap
from urlrewrite.fields.policies import (
    has_hashes,
    map_csp,
    map_frame_options,
    map_origins,
    map_source,
    strict_transport_security,
)
from urlrewrite.model.origin import Origin

SOURCES = [
    ("http://privateserver:8080", "https://www.example.com"),
    ("HTTP://PrivateServer:8080", "https://www.example.com"),
    ("http://privateserver:8080/js/", "https://www.example.com/js/"),
    ("ws://privateserver:8080", "wss://www.example.com"),
    ("privateserver:8080", "www.example.com"),
    ("privateserver:8080/js/a.js", "www.example.com/js/a.js"),
    ("http://privateserver:*", "https://www.example.com:*"),
    ("privateserver:*", "www.example.com:*"),
    ("ws://privateserver:*/s", "wss://www.example.com:*/s"),
    ("*.privateserver:8080", "*.www.example.com"),
    ("http://*.privateserver:8080", "https://*.www.example.com"),
    ("http://user@privateserver:8080", None),
    ("privateserver:9090", None),
    ("https://cdn.example.com", None),
    ("*.example.net", None),
    ("http://privateserver:8080.evil.com", None),
    *(
        (word, None)
        for word in ("'self'", "'none'", "'unsafe-inline'", "'nonce-cHJpdmF0ZXNlcnZlcg=='", "'strict-dynamic'")
    ),
    *((word, None) for word in ("'sha256-abc='", "*", "https:", "http:", "data:", "blob:", "http://*", "*:8080")),
]


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_source(source: str, expected: str | None) -> None:
    assert map_source(source, names()) == (expected or source)


POLICIES = [
    (
        "default-src 'self' http://privateserver:8080; script-src 'nonce-x' privateserver:8080 https:;report-uri /csp",
        "default-src 'self' https://www.example.com; script-src 'nonce-x' www.example.com https:;report-uri /csp",
    ),
    (
        "frame-ancestors http://privateserver:8080,form-action  privateserver:8080 ;  base-uri 'none'",
        "frame-ancestors https://www.example.com,form-action  www.example.com ;  base-uri 'none'",
    ),
    (
        "report-uri http://privateserver:8080/a /b; report-to privateserver:8080",
        "report-uri https://www.example.com/a /b; report-to privateserver:8080",
    ),
    ("sandbox allow-scripts; plugin-types privateserver/x; upgrade-insecure-requests", None),
    ("", None),
    (" ; ,, ;", None),
    # Feature-Policy
    ("geolocation 'self' http://privateserver:8080; camera *", "geolocation 'self' https://www.example.com; camera *"),
]


@pytest.mark.parametrize(("value", "expected"), POLICIES)
def test_policy(value: str, expected: str | None) -> None:
    assert map_csp(value, names()) == (value if expected is None else expected)


@given(field_values)
def test_policy_without_the_backend_is_identical(value: str) -> None:
    assert map_csp(value, names()) == value
    assert map_origins(value, names()) == value
    assert map_frame_options(value, names()) == value


INTRANET = Origin("http", "app.corp.example", 8080)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("*.corp.example:8080", "*.corp.example:8080 www.example.com"),
        ("http://*.corp.example:*", "http://*.corp.example:* https://www.example.com"),
        ("*.corp.example", "*.corp.example"),  # the default port: it did not allow port 8080
        ("*.other.example:8080", "*.other.example:8080"),
        ("*.rp.example:8080", "*.rp.example:8080"),
    ],
)
def test_a_wildcard_that_covers_the_backend_keeps_and_the_public_name_is_added(source: str, expected: str) -> None:
    assert map_source(source, names(backend=INTRANET)) == expected


def test_a_wildcard_mapping_of_the_caller_is_used() -> None:
    known = {"corp.example": "example.com"}
    mapping = NameMap(PUBLIC, INTRANET, swap(INTRANET, PUBLIC), known.get)
    assert map_source("http://*.corp.example", mapping) == "https://*.example.com"


def test_an_address_has_no_wildcard_before_it() -> None:
    public = Origin("https", "192.0.2.1", 8443)
    assert map_source("*.privateserver:8080", names(public)) == "192.0.2.1:8443"
    assert map_source("privateserver:*", names(Origin("http", "::1", 80))) == "[::1]:*"


def test_paths_of_a_policy_move_with_the_mount_point() -> None:
    mapping = names(map_path=mounted)
    assert map_csp("script-src privateserver:8080/js/; report-uri /r", mapping) == (
        "script-src www.example.com/app/js/; report-uri /app/r"
    )


ORIGIN_LISTS = [
    ("http://privateserver:8080", "https://www.example.com"),
    ("*", "*"),
    ("null", "null"),
    ("http://a.example, http://privateserver:8080", "http://a.example, https://www.example.com"),
    ('geolocation=(self "http://privateserver:8080")', 'geolocation=(self "https://www.example.com")'),
]


@pytest.mark.parametrize(("value", "expected"), ORIGIN_LISTS)
def test_origins(value: str, expected: str) -> None:
    assert map_origins(value, names()) == expected


def test_an_origin_has_no_path_even_where_the_site_is_mounted_under_one() -> None:
    mapping = NameMap(
        PUBLIC, BACKEND, lambda text: swap(BACKEND, PUBLIC)(text).replace(".com", ".com/app"), bare(BACKEND, PUBLIC)
    )
    assert map_origins("http://privateserver:8080", mapping) == "https://www.example.com"
    assert map_source("http://privateserver:8080", mapping) == "https://www.example.com"
    assert map_source("http://privateserver:8080/js/", mapping) == "https://www.example.com/app/js/"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ALLOW-FROM http://privateserver:8080", "ALLOW-FROM https://www.example.com"),
        ("allow-from  http://privateserver:8080/", "allow-from  https://www.example.com/"),
        ("SAMEORIGIN", "SAMEORIGIN"),
        ("DENY", "DENY"),
    ],
)
def test_frame_options(value: str, expected: str) -> None:
    assert map_frame_options(value, names()) == expected


@pytest.mark.parametrize(
    ("value", "public", "keep", "warnings"),
    [
        ("max-age=1", PUBLIC, True, 0),
        ("max-age=1; includeSubDomains", PUBLIC, True, 1),
        ("max-age=1; INCLUDESUBDOMAINS", Origin("https", "localhost", 8443), True, 2),
        ("max-age=1", Origin("http", "www.example.com", 80), False, 0),
    ],
)
def test_transport_security(value: str, public: Origin, keep: bool, warnings: int) -> None:
    kept, said = strict_transport_security(value, public)
    assert (kept, len(said)) == (keep, warnings)


def test_hashes() -> None:
    assert has_hashes("script-src 'SHA256-abc='")
    assert not has_hashes("script-src 'nonce-sha256-abc' sha256.example")
