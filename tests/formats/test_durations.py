"""Lengths of time in rule files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.durations import parse_duration, write_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("5", 5.0),
        ("0", 0.0),
        ("1.5 s", 1.5),
        ("500ms", 0.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("00:02:00", 120.0),
        ("1.00:00:00", 86400.0),
        ("00:00:00.25", 0.25),
    ],
)
def test_what_a_text_says(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 day", "1e3", "five", "1:2:3:4", "5 S"])
def test_what_says_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="expected a length of time such as 30s"):
        parse_duration(text)


@given(st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000))
def test_what_is_written_is_read_as_the_same(seconds: float) -> None:
    assert parse_duration(write_duration(seconds)) == seconds
