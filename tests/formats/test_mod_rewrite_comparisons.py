"""Comparisons of RewriteCond as patterns: true of the same texts."""

from __future__ import annotations

import operator
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.apache.comparisons import Comparison, comparison
from urlrewrite.formats.apache.strings import ConditionPattern, Test, parse_condition_pattern
from urlrewrite.patterns.pattern import compile_pattern

DEADLINE = 1.0
COMPARE = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-gt": operator.gt,
    "-le": operator.le,
    "-ge": operator.ge,
}
STRINGS = [name for name in COMPARE if not name.startswith("-")]
INTEGERS = [name for name in COMPARE if name.startswith("-")]


def holds(found: Comparison, text: str) -> bool:
    pattern = compile_pattern(found.pattern, "ECMAScript", ignore_case=False)
    return (pattern.search(text, DEADLINE) is not None) is not found.negate


def atoi(text: str) -> int:
    found = re.match(r"[\t-\r ]*([+-]?[0-9]+)", text)
    return int(found[1]) if found else 0


@given(st.sampled_from(STRINGS), st.text("aB0~", max_size=3), st.text("aB0~", max_size=4), st.booleans())
def test_texts_are_compared_by_length_and_then_by_characters(sign: str, operand: str, text: str, negate: bool) -> None:
    found = comparison(ConditionPattern(Test.STRING, sign, operand, negate))
    expected = COMPARE[sign]((len(text), text), (len(operand), operand)) is not negate
    assert holds(found, text) is expected
    without = found.without_match()
    assert without.negate
    assert holds(without, text) is expected


NUMBERS = st.integers(-130, 130)
TEXTS = st.one_of(
    NUMBERS.map(str),
    NUMBERS.map("{:+05d}".format),
    st.sampled_from(["", "x", "-", "12px", " 7", "-0", "+0", "09", "999999999999", "- 5", "--5"]),
)


@given(st.sampled_from(INTEGERS), NUMBERS, TEXTS, st.booleans())
def test_integers_are_read_as_c_does(sign: str, number: int, text: str, negate: bool) -> None:
    found = comparison(ConditionPattern(Test.INTEGER, sign, str(number), negate))
    expected = COMPARE[sign](atoi(text), number) is not negate
    assert holds(found, text) is expected
    assert holds(found.without_match(), text) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("=GET", Comparison("^GET$")),
        ("!=a.b", Comparison(r"^a\.b$", True)),
        ('=""', Comparison("^$")),
        ("-eq 5", Comparison(r"^[\t-\r ]*\+?0*5(?![0-9])")),
    ],
)
def test_plain_ones_read_as_one_would_write_them(written: str, expected: Comparison) -> None:
    assert comparison(parse_condition_pattern(written)) == expected
