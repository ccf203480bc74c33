"""PCRE as ECMAScript: what stays, what is translated, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.patterns.pattern import compile_pattern
from urlrewrite.patterns.pcre import PatternError, parse_pcre
from urlrewrite.patterns.spelling import ecmascript_source

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
    (r"[[:^upper:]]", "[^A-Z]"),
    (r"(?i:[[:^upper:]])[[:upper:]]", "[^A-Za-z][A-Z]"),
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


# pattern that ignores case, a text that it matches, one that it does not; the classes are written the other way round
COMPLEMENTS = [(r"^[\Wk]$", "K", "l"), (r"^[^\Wk]$", "l", "K"), (r"^[^k]$", "l", "K"), ("^[[:^upper:]]$", "1", "a")]


@pytest.mark.parametrize(("source", "matched", "other"), COMPLEMENTS)
def test_complements_in_a_pattern_that_ignores_case(source: str, matched: str, other: str) -> None:
    expression = parse_pcre(source, ignore_case=True)
    pattern = compile_pattern(ecmascript_source(expression.tree), "ECMAScript", ignore_case=True)
    assert pattern.search(matched, 5.0)
    assert not pattern.search(other, 5.0)


ANY_TEXT = st.text(alphabet="()[]{}?*+|^$.\\/ab1-:<>=!PQEkgixnzA,#'", max_size=30)


@given(ANY_TEXT)
def test_any_text_is_a_pattern_for_the_engine_or_refused(source: str) -> None:
    try:
        expression = parse_pcre(source)
    except PatternError as error:
        assert 0 <= error.offset <= len(source)
        return
    compile_pattern(ecmascript_source(expression.tree), "ECMAScript", ignore_case=expression.ignore_case)


@given(ANY_TEXT)
def test_what_is_written_says_the_same_when_it_is_read_again(source: str) -> None:
    try:
        written = ecmascript_source(parse_pcre(source).tree)
    except PatternError:
        return
    assert ecmascript_source(parse_pcre(written).tree) == written
