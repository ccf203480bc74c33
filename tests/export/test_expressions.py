"""Patterns written for njs and for maps: as people would write them, and with the same matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.export.expressions import map_can_say, map_expression, njs_expression
from urlrewrite.export.samples import sample
from urlrewrite.patterns.pattern import Pattern, compile_pattern

CASES = [
    # pattern, syntax, ignoring case, for njs, for a map
    (r"^article/(\d+)$", "ECMAScript", True, r"^article/(\d+)(?![\s\S])", r"^:article/(?:\d+)\z"),
    ("(.*)", "ECMAScript", True, r"([\s\S]*)", r"(?!^)(?:.*)"),
    ("^a|b$", "ECMAScript", False, r"^a|b(?![\s\S])", r"(?!^)(?:(?<=^:)a|b\z)"),
    ("[a-c]x", "ECMAScript", False, "[a-c]x", "(?!^)[a-c]x"),
    ("[^/?]+", "ECMAScript", False, "[^/?]+", "(?!^)[^/?]+"),
    (r"a\.b|c", "ECMAScript", False, r"a\.b|c", r"(?!^)(?:a\.b|c)"),
    ("a.b?", "ExactMatch", False, r"^a\.b\?(?![\s\S])", r"^:a\.b\?\z"),
    ("old/*", "Wildcard", True, r"^old/([\s\S]*?)(?![\s\S])", r"^:old/(?:.*?)\z"),
    ("é", "ECMAScript", False, "é", "(?!^)(?!)"),
    (r"a{2,}b{3}c{1,2}?\b\B", "ECMAScript", False, r"a{2,}b{3}c{1,2}?\b\B", r"(?!^)a{2,}b{3}c{1,2}?\b\B"),
]


def compiled(source: str, syntax: str, ignore_case: bool) -> Pattern:
    return compile_pattern(source, syntax, ignore_case=ignore_case, dot_all=True)


@pytest.mark.parametrize("source, syntax, ignore_case, njs, in_map", CASES)
def test_patterns_are_written(source: str, syntax: str, ignore_case: bool, njs: str, in_map: str) -> None:
    tree = compiled(source, syntax, ignore_case).tree
    assert njs_expression(tree, ignore_case=ignore_case) == njs
    assert map_expression(tree, ignore_case=ignore_case, mark=":") == in_map


@pytest.mark.parametrize("source, says", [("(?<=a)b", False), (r"(a)\1", False), ("(?=a)(a)", True)])
def test_maps_do_not_look_back(source: str, says: bool) -> None:
    assert map_can_say(compiled(source, "ECMAScript", False).tree) is says


def python(expression: str) -> str:
    """An expression of a map for Python, which spells the end and names otherwise."""
    return expression.replace(r"\z", r"\Z").replace("(?<=", "\0").replace("(?<", "(?P<").replace("\0", "(?<=")


PATTERNS = ["^a(b*)c?$", "(a|b)+c", "b", "^$", "", "^a|b$", "[^b](c)", "a*?(b)$", r"\ba", "(?=b)b(c)"]


@pytest.mark.parametrize("source", PATTERNS)
@given(text=st.text("abc/A", max_size=8))
def test_a_map_finds_what_the_pattern_finds(source: str, text: str) -> None:
    pattern = compiled(source, "ECMAScript", True)
    expected = pattern.search(text, 1.0)
    for group in range(pattern.groups + 1):
        expression = map_expression(pattern.tree, ignore_case=True, mark=":", group=group, name="g")
        found = re.search(python(expression), f":{text}", re.IGNORECASE | re.ASCII)
        assert (found is None) is (expected is None)
        if found and expected:
            assert (found["g"] or "") == expected.groups[group]


@pytest.mark.parametrize("source", [*PATTERNS, r"^(\w+)/(\d{2,4})\.html$", "^(?:x|y(z))*$", r"[\s/]a", r"(a)\1"])
@given(random=st.randoms(use_true_random=False))
def test_samples_are_matched(source: str, random) -> None:
    pattern = compiled(source, "ECMAScript", False)
    if "(?=" not in source and r"\b" not in source:
        assert pattern.search(sample(pattern.tree, random), 1.0) is not None
