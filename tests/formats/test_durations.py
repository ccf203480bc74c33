"""Lengths of time in rule files."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from urlrewrite.formats.durations import MAX_DURATION, parse_duration, write_duration


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
        ("0:5", 300.0),
        ("00:59:59", 3599.0),
        ("1000.00:00:00", MAX_DURATION),
        ("0.6ms", 0.001),
    ],
)
def test_what_a_text_says(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 day", "1e3", "five", "1:2:3:4", "5 S", "00:60:00", "00:00:99"])
def test_what_says_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="expected a length of time such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1001.00:00:00", "at most 1000 days"),
        ("86400001", "at most 1000 days"),
        ("9" * 400, "at most 1000 days"),
        ("9" * 400 + ".00:00:00", "at most 1000 days"),
        ("0.4ms", "at least 1ms"),
        ("00:00:00.0001", "at least 1ms"),
    ],
)
def test_what_is_too_long_or_too_short(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_duration(text)


@given(
    st.integers(0, int(MAX_DURATION * 1000)).map(lambda milliseconds: milliseconds / 1000)
    | st.integers(0, int(MAX_DURATION // 60)).map(lambda minutes: minutes * 60.0)
    | st.integers(0, int(MAX_DURATION // 3600)).map(lambda hours: hours * 3600.0)
)
def test_what_is_written_is_read_as_the_same(seconds: float) -> None:
    assert parse_duration(write_duration(seconds)) == seconds


@given(
    st.from_regex(
        r"[0-9]{1,12}(\.[0-9]{1,6})? ?(ms|s|m|h)?|([0-9]{1,4}\.)?[0-9]{2}:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?",
        fullmatch=True,
    )
)
def test_whatever_is_read_is_written_so_that_it_is_read_as_the_same(text: str) -> None:
    try:
        read = parse_duration(text)
    except ValueError:
        assume(False)
    assert 0 <= read <= MAX_DURATION
    assert parse_duration(write_duration(read)) == read
