"""The last element of Forwarded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.fields.forwarded import last_element


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("for=192.0.2.43", {"for": "192.0.2.43"}),
        ('For="[2001:db8::1]:80";Proto=HTTPS;host=a', {"for": "[2001:db8::1]:80", "proto": "HTTPS", "host": "a"}),
        ("for=6.6.6.6;proto=http, for=192.0.2.43;proto=https", {"for": "192.0.2.43", "proto": "https"}),
        ("proto=http,for=192.0.2.43", {"for": "192.0.2.43"}),
        ('for=x;host="a,b;proto=https\\""', {"for": "x", "host": 'a,b;proto=https"'}),
        ("host=www.example.com:8443", {"host": "www.example.com:8443"}),
        (" for=x ; proto=https ", {"for": "x", "proto": "https"}),
        (";;proto=https;", {"proto": "https"}),
        ("proto=", {"proto": ""}),
        ("", {}),
        (",", {}),
        # Quotes that a client left open hide what the proxy has added: then nothing is believed.
        ('for="x, for=192.0.2.43;proto=https', {}),
        ('for="x, for="192.0.2.43";proto=https', {}),
        ("for x;proto=https", {}),
        ("proto=https for=x", {}),
    ],
)
def test_last_element(value: str, pairs: dict[str, str]) -> None:
    assert last_element(value) == pairs


@given(st.text(max_size=60))
def test_whatever_comes_before_what_comes_last_counts(before: str) -> None:
    assert last_element(f"{before}, proto=https") in ({"proto": "https"}, {})


@given(st.lists(st.sampled_from([*'=;," \\', "a", "for", "proto=https"]), max_size=25).map("".join))
def test_every_text_is_read(value: str) -> None:
    assert all(isinstance(part, str) for pair in last_element(value).items() for part in pair)
