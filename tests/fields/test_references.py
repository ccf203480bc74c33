from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fields.portal import field_values, mounted, names
from urlrewrite.fields.names import NameMap
from urlrewrite.fields.references import (
    map_anything,
    map_authorities,
    map_challenge,
    map_json,
    map_link,
    map_quoted,
    map_refresh,
    map_url,
)

type ValueMap = Callable[[str, NameMap], str]

CASES = [
    # Location and its like
    (map_url, "http://privateserver:8080/x?q#frag", "https://www.example.com/x?q#frag"),
    (map_url, "HTTP://PRIVATESERVER:8080/x", "https://www.example.com/x"),
    (map_url, "//privateserver:8080/x", "//www.example.com/x"),
    (map_url, "http://privateserver:8080", "https://www.example.com"),
    (map_url, "http://privateserver:8080?q", "https://www.example.com?q"),
    (map_url, "/x", "/x"),
    (map_url, "../x", "../x"),
    (map_url, "", ""),
    (map_url, "http://privateserver:8080.evil.com/", "http://privateserver:8080.evil.com/"),
    (map_url, "http://privateserver:9090/", "http://privateserver:9090/"),
    (map_url, "http://other.example/x", "http://other.example/x"),
    (map_url, "http://privateserver:8080/\xe9\udce9", "https://www.example.com/\xe9\udce9"),
    (
        map_url,
        "https://login.example/?return=http%3A%2F%2Fprivateserver%3A8080%2Fhome",
        "https://login.example/?return=https%3A%2F%2Fwww.example.com%2Fhome",
    ),
    (
        map_url,
        "http://privateserver:8080/login?return=http%3A%2F%2Fprivateserver:8080%2Fhome",
        "https://www.example.com/login?return=https%3A%2F%2Fwww.example.com%2Fhome",
    ),
    # Refresh
    (map_refresh, "5;url=http://privateserver:8080/x", "5;url=https://www.example.com/x"),
    (map_refresh, "5, url=http://privateserver:8080/x", "5, url=https://www.example.com/x"),
    (map_refresh, "5; URL = http://privateserver:8080/x", "5; URL = https://www.example.com/x"),
    (map_refresh, '5; url="http://privateserver:8080/x"', '5; url="https://www.example.com/x"'),
    (map_refresh, "5; url='http://privateserver:8080/x'", "5; url='https://www.example.com/x'"),
    (map_refresh, "5; http://privateserver:8080/x", "5; https://www.example.com/x"),
    (map_refresh, "5", "5"),
    (map_refresh, "5; url=/x", "5; url=/x"),
    # Link
    (
        map_link,
        "<http://privateserver:8080/a,b>; rel=next, </c>; rel=preload, <//privateserver:8080>; rel=dns-prefetch",
        "<https://www.example.com/a,b>; rel=next, </c>; rel=preload, <//www.example.com>; rel=dns-prefetch",
    ),
    (
        map_link,
        '<#x>; anchor="http://privateserver:8080/y"; rel="http://privateserver:8080/rel"',
        '<#x>; anchor="https://www.example.com/y"; rel="https://www.example.com/rel"',
    ),
    (map_link, "<sometext>; rel=test", "<sometext>; rel=test"),
    (map_link, "<http://privateserver:8080/x; rel=broken", "<https://www.example.com/x; rel=broken"),
    # JSON
    (
        map_json,
        '{"group":"g","endpoints":[{"url":"http://privateserver:8080/r"}]}, {"group":"h"}',
        '{"group":"g","endpoints":[{"url":"https://www.example.com/r"}]}, {"group":"h"}',
    ),
    (map_json, r'{"path":"http:\/\/privateserver:8080\/x"}', r'{"path":"https:\/\/www.example.com\/x"}'),
    (map_json, r'{"path":"http:\u002F\u002fprivateserver:8080/x"}', '{"path":"https://www.example.com/x"}'),
    (map_json, r'{"a":"\u4e2d\"\\/ \/ \u0041"}', r'{"a":"\u4e2d\"\\/ \/ \u0041"}'),
    (
        map_json,
        r'{"a":"\u4e2d \u0022 \\u002f http://privateserver:8080/x"}',
        r'{"a":"\u4e2d \u0022 \\u002f https://www.example.com/x"}',
    ),
    (map_json, "http://privateserver:8080/x", "https://www.example.com/x"),
    # quoted strings
    (map_quoted, 'default="http://privateserver:8080/r", b="/r"', 'default="https://www.example.com/r", b="/r"'),
    # challenges
    (
        map_challenge,
        'Bearer realm="http://privateserver:8080/token",service="registry"',
        'Bearer realm="https://www.example.com/token",service="registry"',
    ),
    (
        map_challenge,
        'Digest realm="http://privateserver:8080/", domain="http://privateserver:8080/a /b", nonce="n"',
        'Digest realm="http://privateserver:8080/", domain="https://www.example.com/a /b", nonce="n"',
    ),
    (map_challenge, "Negotiate YIIabc==", "Negotiate YIIabc=="),
    # fields that name machines
    (map_authorities, "1.1 privateserver:8080 (Apache/2.4)", "1.1 www.example.com (Apache/2.4)"),
    (map_authorities, "privateserver", "www.example.com"),
    (map_authorities, "a-privateserver, privateserver-b, privateserver.evil.com", None),
    (map_authorities, "user@privateserver, privateserver:9090, x/privateserver", None),
    (map_authorities, "http://privateserver:8080/x", "https://www.example.com/x"),
    # anything
    (map_anything, "see http://privateserver:8080/x and /y", "see https://www.example.com/x and /y"),
    (map_anything, "privateserver", "privateserver"),
]


@pytest.mark.parametrize(("function", "value", "expected"), CASES)
def test_value(function: ValueMap, value: str, expected: str | None) -> None:
    assert function(value, names()) == (value if expected is None else expected)


MOUNTED = [
    (map_url, "/x?u=/y#/z", "/app/x?u=/y#/z"),
    (map_url, " /x", " /app/x"),
    (map_url, "x/y", "x/y"),
    (map_url, "//cdn.example/x", "//cdn.example/x"),
    (map_url, "/\\cdn.example/x", "/\\cdn.example/x"),
    (
        map_url,
        "/x?u=http%3A%2F%2Fprivateserver%3A8080%2Fy",
        "/app/x?u=https%3A%2F%2Fwww.example.com%2Fy",
    ),
    (map_refresh, "5; url='/x'", "5; url='/app/x'"),
    (map_refresh, "0;/x", "0;/app/x"),
    (map_refresh, "5", "5"),
    (map_link, '</x>; rel=next, <y>; anchor="/z"', '</app/x>; rel=next, <y>; anchor="/app/z"'),
    (map_json, r'{"path":"\/x","target":"#t"}', r'{"path":"\/app\/x","target":"#t"}'),
    (map_json, "/x", "/app/x"),
    (map_quoted, 'a="/x", b="https://other.example/y"', 'a="/app/x", b="https://other.example/y"'),
    (map_challenge, 'Digest domain="/x /y", realm="/z"', 'Digest domain="/app/x /app/y", realm="/z"'),
]


@pytest.mark.parametrize(("function", "value", "expected"), MOUNTED)
def test_path_only_references_move_with_the_mount_point(function: ValueMap, value: str, expected: str) -> None:
    assert function(value, names(map_path=mounted)) == expected


@given(st.sampled_from(sorted({case[0] for case in CASES}, key=lambda function: function.__name__)), field_values)
def test_without_a_backend_in_it_a_value_is_identical(function: ValueMap, value: str) -> None:
    assert function(value, names()) == value


@given(st.text(), st.text())
def test_json_strings_keep_what_they_mean(before: str, after: str) -> None:
    text = json.dumps({"url": before + " http://privateserver:8080/x " + after}).replace("/", r"\/")
    mapped = json.loads(map_json(text, names()))
    assert mapped == {"url": before + " https://www.example.com/x " + after}
