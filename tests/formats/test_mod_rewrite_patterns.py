"""Apache's regular expressions as ECMAScript patterns, with the slash before every URL and without it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.formats.apache.slash import without_slash
from urlrewrite.patterns.pattern import compile_pattern
from urlrewrite.patterns.pcre import PatternError, parse_pcre
from urlrewrite.patterns.spelling import ecmascript_source, written_numbers

DEADLINE = 1.0

SAME = r"""^(.*)$ (?:a|b)+?c{2,3} ^(?!/x)(?=y)(?<=z)(?<!w) \d\D\w\W\s\S \b\B [^/]+ [0-9a-z\-._]+
    a|b \.php$ (a)\1 ^""".split()

TRANSLATED = [
    (r"\Aa\z", "^a$"),
    (r"a\Z", r"a(?=\n?$)"),
    (r"\Qa.b*\Ec", r"a\.b\*c"),
    (r"\x{2f}\x41\057\o{60}\cA", r"/A/0\x01"),
    (r"\a\e\h", r"\x07\x1b[\t \xa0]"),
    (r"a{2}{3}", "(?:a{2}){3}"),
    (r"a++b", r"(?=(a+))\1b"),
    (r"a*+{2}", r"(?:(?=(a*))\1){2}"),
    (r"(?>a|ab)(c)\1", r"(?=(a|ab))\1(c)\2"),
    (r"(?P<n>a)(?P=n)0", r"(a)\1(?:0)"),
    (r"(?:(a)\1)0?", r"(a)\1(?:0)?"),
    (r"(?<n>a)\k<n>\k{n}\k'n'\g{n}", r"(a)\1\1\1\1"),
    (r"(a)(b)\g1\g{2}\g{-1}", r"(a)(b)\1\2\2"),
    (r"a(?#text)b", "ab"),
    (r"a(?i)b[c-e]", "a[Bb][C-Ec-e]"),
    (r"(?i:a)b", "[Aa]b"),
    (r"(a(?i)b)c", "(a[Bb])c"),
    (r"[[:alpha:][:digit:]_]", r"\w"),
    (r"[[:^digit:]]", r"\D"),
    (r"[^[:^digit:]5]", "[0-46-9]"),
    (r"[]a]", r"[a\]]"),
    (r"[^]a]", r"[^a\]]"),
    (r"[]-_]", r"[\]-_]"),
    (r"[a-zA-Z0-9-_]", r"[\w\-]"),
    (r"[^\s/?]", r"[^\s/?]"),
    (r"[\w-.]", r"[\w\-.]"),
    (r"\/\ \-\"", '/ -"'),
    ("x{,3}{", r"x\{,3\}\{"),
    (r"\Qa.b\E+^*", r"a\.b+(?:^)*"),
]

REFUSED = [
    (r"a(?R)", 1),
    (r"(?(1)a|b)", 0),
    (r"ab\Kc", 2),
    (r"(?|a|b)", 0),
    (r"(*UTF8)a", 0),
    (r"(?m)a", 0),
    (r"\p{Lu}", 0),
    (r"\R", 0),
    ("a)", 1),
    ("(a", 0),
    ("[a", 0),
    ("a**", 2),
    ("*a", 0),
    (r"(a)\2", 3),
    ("a{3,2}", 1),
    ("[z-a]", 1),
    ("a\\", 1),
    ("(?<n>a)(?<n>b)", 7),
    ("a{60000}{60000}", 0),
    ("(" * 60, 50),
]


@pytest.mark.parametrize("source", SAME)
def test_what_both_know_stays(source: str) -> None:
    assert ecmascript_source(parse_pcre(source).tree) == source


@pytest.mark.parametrize(("source", "expected"), TRANSLATED)
def test_translated(source: str, expected: str) -> None:
    written = ecmascript_source(parse_pcre(source).tree)
    assert written == expected
    compile_pattern(written, "ECMAScript", ignore_case=False)


@pytest.mark.parametrize(("source", "offset"), REFUSED)
def test_refused_with_the_offset(source: str, offset: int) -> None:
    with pytest.raises(PatternError) as error:
        parse_pcre(source)
    assert error.value.offset == offset


def test_ignoring_case_at_the_start_is_that_of_the_whole() -> None:
    assert parse_pcre("(?i)a").ignore_case
    assert not parse_pcre("a(?i)").ignore_case


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


@given(st.text(alphabet="()[]{}?*+|^$.\\/ab1-:<>=!PQEkgixnzA,#'", max_size=30))
def test_any_text_is_a_pattern_for_the_engine_or_refused(source: str) -> None:
    try:
        expression = parse_pcre(source)
    except PatternError as error:
        assert 0 <= error.offset <= len(source)
        return
    compile_pattern(ecmascript_source(expression.tree), "ECMAScript", ignore_case=expression.ignore_case)
    if stripped := without_slash(expression.tree, frozenset()):
        compile_pattern(ecmascript_source(stripped.tree), "ECMAScript", ignore_case=expression.ignore_case)
