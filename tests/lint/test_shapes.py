"""What is read off a pattern's tree holds for every text that the pattern matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.lint import shapes
from urlrewrite.patterns import characters
from urlrewrite.patterns.pattern import Pattern, PatternTimeout, compile_pattern

PIECES = [
    "a",
    "b",
    "/",
    ".",
    "[^/]",
    "\\d",
    "(a|b)",
    "(?:/|x)",
    "(.*)",
    ".*",
    "a*",
    "b+",
    "/?",
    "(a)?",
    "x{2}",
    "$",
    "^",
]
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
TEXTS = st.text("ab/x1.\n", max_size=6)
DEADLINE = 1.0


def pattern_of(source: str) -> Pattern:
    return compile_pattern(source, "ECMAScript", ignore_case=True)


@given(PATTERNS, TEXTS)
def test_claims_hold(source: str, text: str) -> None:
    pattern = pattern_of(source)
    try:
        found = pattern.search(text, DEADLINE)
    except PatternTimeout:
        return
    if shapes.matches_everything(pattern) and "\n" not in text:
        assert found
    enough = shapes.takes_all_after(pattern)
    if enough is not None and "\n" not in text and len(text) >= len(enough):
        begins = all(characters.contains(ranges, ord(char)) for ranges, char in zip(enough, text, strict=False))
        assert not begins or found
    if found is None:
        return
    assert found.text.startswith("/") or not shapes.begins_with(pattern, "/")
    assert not found.text.startswith("/") or not shapes.cannot_begin_with(pattern, "/")
    assert "/x" in text.lower() or not shapes.needs(pattern, "/x")
    first = shapes.first_characters(pattern)
    if first is not None:
        assert all(characters.contains(ranges, ord(char)) for ranges, char in zip(first, text, strict=False))
        assert len(text) >= len(first)


@given(PATTERNS)
def test_samples_fit(source: str) -> None:
    pattern = pattern_of(source)
    assert all(pattern.search(text, DEADLINE) for text in shapes.samples(pattern))


@pytest.mark.parametrize("source", ["^a(.*)", "^a$", "a(.*)?", "^(a.*|b$)", "a(?=b)", "^a[^<]*"])
def test_covers_end(source: str) -> None:
    assert shapes.covers_end(pattern_of(source))


@pytest.mark.parametrize("source", ["^a", "", "a(.*)b", "^a[^?]*", "a(.*|b)"])
def test_does_not_cover_end(source: str) -> None:
    assert not shapes.covers_end(pattern_of(source))


def test_nothing_is_said_of_a_giant() -> None:
    giant = pattern_of("((?:a{60}){60}){6}")
    assert shapes.samples(giant) == []
    assert shapes.first_characters(giant) is None
