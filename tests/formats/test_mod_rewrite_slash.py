"""Patterns of the server level, which see the slash before every URL, as patterns that do not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.apache.slash import without_slash
from urlrewrite.patterns.pcre import PatternError, parse_pcre
from urlrewrite.patterns.spelling import ecmascript_source, written_numbers

SLASHES = [
    (r"^/(.*)$", "^(.*)$", {1: "{1}"}),
    (r"^(.*)$", "^(.*)$", {1: "/{1}"}),
    (r"^/?(.*)$", "^(.*)$", {1: "{1}"}),
    (r"(.+)", "(.*)", {1: "/{1}"}),
    (r"(.*)\.aspx", r"(.*)\.aspx", {1: "/{1}"}),
    (r"/hey/(.*)", "(?:^|/)hey/(.*)", {1: "{1}"}),
    (r"^", "^", {}),
    (r".", ".*", {}),
    (r"^(/a|/b)(.*)", "^((?:a|b))(.*)", {1: "/{1}", 2: "{2}"}),
    (r"^(?!/x)(.*)$", "^(?!x)(.*)$", {1: "/{1}"}),
    (r"\.php$", r"\.php$", {}),
    (r"^/+foo", "^/*foo", {}),
]


@pytest.mark.parametrize(("source", "expected", "groups"), SLASHES)
def test_the_slash_is_taken_off(source: str, expected: str, groups: dict[int, str]) -> None:
    found = without_slash(parse_pcre(source).tree, frozenset(groups))
    assert found is not None
    assert ecmascript_source(found.tree) == expected
    assert {n: f"{'/' * (n in found.groups)}{{{n}}}" for n in groups} == groups


@pytest.mark.parametrize("source", [r"(.*)/(.*)", "^(.*)/x$", "^(/.*)?$", r"(?<!/)x", "^x", r"^(/a)\1"])
def test_the_slash_stays_where_it_depends(source: str) -> None:
    assert without_slash(parse_pcre(source).tree, frozenset({1})) is None


PIECES = st.sampled_from(["/", "/?", "/+", ".", ".*", ".+", ".*?", "a", "b?", "[^/]", "[^/]*", "[a/]", r"\b", "$", "^"])


def _grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sequences = st.lists(inner, min_size=1, max_size=3).map("".join)
    return st.one_of(
        sequences.map("({})".format),
        sequences.map("(?!{})".format),
        st.tuples(sequences, sequences).map(lambda pair: "({}|{})".format(*pair)),
        sequences.map("(?:{})?".format),
    )


PATTERNS = st.lists(st.recursive(PIECES, _grouped, max_leaves=6), min_size=1, max_size=4).map("".join)
SEGMENTS = st.text("ab.", max_size=3)
PATHS = st.lists(SEGMENTS, max_size=3).map("/".join).filter(lambda text: "//" not in text and not text.startswith("/"))


@given(PATTERNS, PATHS)
def test_both_patterns_match_the_same_with_the_same_groups(source: str, path: str) -> None:
    try:
        tree = parse_pcre(source).tree
    except PatternError:
        return
    used = frozenset(written_numbers(tree))
    stripped = without_slash(tree, used)
    if stripped is None:
        return
    with_it, without_it = (
        re.search(ecmascript_source(tree), "/" + path),
        re.search(ecmascript_source(stripped.tree), path),
    )
    assert (with_it is None) is (without_it is None)
    if with_it and without_it:
        for number in used:
            assert (with_it[number] or "") == "/" * (number in stripped.groups) + (without_it[number] or "")


@given(PATTERNS, PATHS)
def test_without_references_both_patterns_match_the_same(source: str, path: str) -> None:
    try:
        tree = parse_pcre(source).tree
    except PatternError:
        return
    if stripped := without_slash(tree, frozenset()):
        assert bool(re.search(ecmascript_source(tree), "/" + path)) is bool(
            re.search(ecmascript_source(stripped.tree), path)
        )
