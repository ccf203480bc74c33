"""What is secret is masked, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.matching_steps import Steps, deep_recursion
from urlrewrite.inspector import masking
from urlrewrite.inspector.masking import Mask
from urlrewrite.patterns.ecmascript import translate

FIELDS = [
    ("Authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
    ("authorization", "Bearer abc.def.ghi", "Bearer ***"),
    ("Authorization", "abc", "***"),
    ("Authorization", "Digest username=u, response=abc", "Digest ***"),
    ("Proxy-Authorization", "Basic QQ==", "Basic ***"),
    ("Cookie", "sid=abc; theme=dark", "sid=***; theme=***"),
    ("Cookie", 'a="b; c"; d=e=f', "a=***; ***; d=***"),
    ("Cookie", "flag", "***"),
    ("Set-Cookie", "sid=abc; Domain=a.example; Path=/; HttpOnly", "sid=***; Domain=a.example; Path=/; HttpOnly"),
    ("Set-Cookie", "sid=; Max-Age=0", "sid=; Max-Age=0"),
    ("X-Api-Key", "abc", "***"),
    ("X-CSRF-Token", "abc", "***"),
    ("X-Amz-Security-Token", "abc", "***"),
    ("X-Auth-User", "abc", "***"),
    ("Location", "https://a.example/cb?code=abc&state=x#access_token=def&y", "https://a.example/cb?code=***&state=x#access_token=***&y"),
    ("Referer", "https://user:secret@a.example/", "https://***@a.example/"),
    ("Link", "<https://a.example/?sig=abc>; rel=next", "<https://a.example/?sig=***>; rel=next"),
    ("Accept", "text/html;q=0.9, */*", "text/html;q=0.9, */*"),
    ("Content-Type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
    ("Access-Control-Allow-Headers", "Authorization, X-Token", "Authorization, X-Token"),
    ("WWW-Authenticate", 'Basic realm="a"', 'Basic realm="a"'),
    ("Host", "www.example.com", "www.example.com"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "masked"), FIELDS)
def test_fields(name: str, value: str, masked: str) -> None:
    assert Mask().fields(((name, value),)) == ((name, masked),)
    assert Mask().fields(((name, masked),)) == ((name, masked),)


URLS = [
    ("https://a.example/?token=abc&page=2", "https://a.example/?token=***&page=2"),
    ("https://a.example/?page=2&PASSWORD=a+b%20c", "https://a.example/?page=2&PASSWORD=***"),
    ("https://a.example/?X-Amz-Signature=abc&x-amz-credential=d", "https://a.example/?X-Amz-Signature=***&x-amz-credential=***"),
    ("https://a.example/?client_secret=a;api_key=b", "https://a.example/?client_secret=***;api_key=***"),
    ("https://a.example/;jsessionid=ABC?x=y", "https://a.example/;jsessionid=***?x=y"),
    ("https://a.example/?next=https%3A%2F%2Fb%2F%3Ftoken%3Dabc%26x%3Dy", "https://a.example/?next=https%3A%2F%2Fb%2F%3Ftoken%3D***%26x%3Dy"),
    ("ftp://u:p@a.example/", "ftp://***@a.example/"),
    ("https://a.example/a@b?tokens=3&codec=h264&significant=1", "https://a.example/a@b?tokens=3&codec=h264&significant=1"),
    ("https://a.example/?token=&x", "https://a.example/?token=&x"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "masked"), URLS)
def test_urls(url: str, masked: str) -> None:
    assert Mask().url(url) == masked


def test_a_secret_is_masked_wherever_it_stands() -> None:
    mask = Mask()
    mask.fields((("Cookie", "sid=0123456789; a=b"), ("Authorization", "Bearer abcdefghij")))
    text = "<input value='0123456789'> b abcdefghij"
    assert mask.text(text) == "<input value='***'> b ***"


@given(st.text(st.characters(codec="utf-8", exclude_characters=";= \t\r\n\"',"), min_size=8))
def test_no_cookie_gets_through(value: str) -> None:
    mask = Mask()
    assert value not in mask.field("Cookie", f"sid={value}; b={value}")
    assert value not in mask.field("Set-Cookie", f"sid={value}; Path=/")


HOSTILE = ["?a", "&" * 9, "?token" * 9, ";x=", "://", "a=b;", "?aaaaaaaaa", "%3Ftoken%3D"]
SEARCHED = [masking._SECRET_FIELD, masking._PARAMETER, masking._PATH_PARAMETER, masking._USER]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_fields(part: str) -> None:
    value = part * (60_000 // len(part))
    for name in ("Cookie", "Set-Cookie", "Authorization", "Location"):
        Mask().fields(((name, value),))


@pytest.mark.parametrize("pattern", SEARCHED, ids=lambda pattern: pattern.pattern[:20])
@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_fields_take_steps_by_their_length(part: str, pattern: re.Pattern[str]) -> None:
    tree = translate(pattern.pattern, ignore_case=True).tree
    with deep_recursion():
        once, twice = (Steps(part * (length // len(part))).of_all_matches(tree) for length in (400, 800))
    assert twice <= 2.5 * once
