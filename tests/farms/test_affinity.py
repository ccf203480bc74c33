"""The cookie that binds a client to a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.farms.affinity import set_cookie, take_token, token_of
from urlrewrite.model.farms import Affinity

NAME = "ARRAffinity"
# Independent of the code: printf 'app1.lan' | iconv -t UTF-16LE | sha256sum
APP1 = "071c2a11dbfe7c09ea46d6e23d8055fc75ab25b651877edd27165096e19f028e"


def test_a_token_is_that_of_arr() -> None:
    assert token_of("app1.lan") == token_of("APP1.lan") == APP1


@pytest.mark.parametrize(
    ("sent", "token", "left"),
    [
        (["ARRAffinity=ab"], "ab", []),
        (["ARRAffinity=AB"], "ab", []),
        (["x=1; ARRAffinity=ab; y=2"], "ab", ["x=1; y=2"]),
        (["ARRAffinity=ab;y=2"], "ab", ["y=2"]),
        (["x=1", "ARRAffinity=ab", "z=3"], "ab", ["x=1", "z=3"]),
        (["ARRAffinity=ab; ARRAffinity=cd"], "ab", []),
        (["ARRAffinitySameSite=ab"], "", ["ARRAffinitySameSite=ab"]),
        (["arraffinity=ab"], "", ["arraffinity=ab"]),
        (["x=ARRAffinity=ab"], "", ["x=ARRAffinity=ab"]),
        (["ARRAffinity"], "", ["ARRAffinity"]),
        (['x="a b"; q'], "", ['x="a b"; q']),
    ],
)
def test_the_token_is_taken_and_other_cookies_stay(sent: list[str], token: str, left: list[str]) -> None:
    fields = (("Host", "x"), *(("Cookie", value) for value in sent), ("Accept", "*/*"))
    assert take_token(fields, NAME) == (
        token,
        (("Host", "x"), *(("Cookie", value) for value in left), ("Accept", "*/*")),
    )


@given(st.lists(st.text(st.characters(exclude_characters=";", codec="latin-1"), max_size=20), max_size=5))
def test_cookies_without_a_token_are_untouched(pairs: list[str]) -> None:
    fields = (("Cookie", ";".join(pair for pair in pairs if not pair.strip().startswith(NAME))),)
    assert take_token(fields, NAME) == ("", fields)


@pytest.mark.parametrize(
    ("affinity", "https", "arr_domain", "attributes"),
    [
        (Affinity(cookie=NAME), False, "", "; Path=/; HttpOnly"),
        (Affinity(cookie=NAME), True, "", "; Path=/; HttpOnly; Secure; SameSite=Lax"),
        (Affinity(cookie=NAME, same_site="None"), True, "", "; Path=/; HttpOnly; Secure; SameSite=None"),
        (Affinity(cookie=NAME, domain="example.com"), False, "", "; Path=/; HttpOnly; Domain=example.com"),
        (Affinity(cookie=NAME), True, "www.example.com", ";Path=/;Domain=www.example.com"),
    ],
)
def test_what_is_set(affinity: Affinity, https: bool, arr_domain: str, attributes: str) -> None:
    assert set_cookie(affinity, "app1.lan", https=https, arr_domain=arr_domain) == f"{NAME}={APP1}{attributes}"
