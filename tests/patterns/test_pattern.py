"""Patterns: the three syntaxes, captures, deadlines, the choice of the engine, and the place of failure."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
import regress
from hypothesis import assume, given
from hypothesis import strategies as st

import urlrewrite
from urlrewrite.model import PatternSyntax
from urlrewrite.patterns.pattern import (
    Captures,
    Pattern,
    PatternError,
    PatternTimeout,
    compile_pattern,
)

DEADLINE = 5.0
EVIL = [r"^(a+)+$", r"^(a|a)*$", r"^(a|aa)+$", r"^(?:a?){40}a{40}c$", r"^(([a-z])+.)+[A-Z]([a-z])+$"]


def ecmascript(source: str, *, ignore_case: bool = False) -> Pattern:
    return compile_pattern(source, "ECMAScript", ignore_case=ignore_case)


def groups(pattern: Pattern, text: str) -> list[str] | None:
    found = pattern.search(text, DEADLINE)
    return None if found is None else list(found.groups)


# -- syntaxes ----------------------------------------------------------------------------------------------------------

# pattern, without regard to case, text, whole match and groups
WILDCARD = [
    ("*", False, "", ["", ""]),
    ("*", False, "a\nb", ["a\nb", "a\nb"]),
    ("*/*.html", False, "contoso/test.html", ["contoso/test.html", "contoso", "test"]),
    ("*/*.html", False, "a/b/c.html.html", ["a/b/c.html.html", "a", "b/c.html"]),
    ("*a*a", False, "xaaya", ["xaaya", "x", "ay"]),
    ("*ab*", False, "aab", ["aab", "a", ""]),
    ("**", False, "ab", ["ab", "", "ab"]),
    ("a*", False, "ba", None),
    ("*a", False, "ab", None),
    ("localhost", False, "localhost", ["localhost"]),
    ("localhost", False, "xlocalhost", None),
    ("Local*", True, "lOCALhost", ["lOCALhost", "host"]),
    ("Local*", False, "localhost", None),
    ("?*", False, "", None),
    ("?*", False, "ab", ["ab", "b"]),
    ("a?c", False, "a\nc", ["a\nc"]),
    ("a?c", False, "ac", None),
    ("*?.??", False, "ab.cd", ["ab.cd", "a"]),
    ("É*", True, "éa", ["éa", "a"]),
    (r"(.+)[^$|\d]*{2}", False, r"(.+)[^$|\d]!{2}", [r"(.+)[^$|\d]!{2}", "!"]),
    ("", False, "", [""]),
    ("", False, "a", None),
]


@pytest.mark.parametrize(("source", "ignore_case", "text", "expected"), WILDCARD)
def test_wildcard(source: str, ignore_case: bool, text: str, expected: list[str] | None) -> None:
    pattern = compile_pattern(source, PatternSyntax.WILDCARD, ignore_case=ignore_case)
    assert groups(pattern, text) == expected
    assert pattern.groups == source.count("*")
    assert pattern.linear


@given(source=st.text("ab*?", max_size=7), text=st.text("ab", max_size=9))
def test_wildcard_splits_as_the_plain_expression_does(source: str, text: str) -> None:
    """Settling each `*` at once finds what backtracking would find: lazy stars, the last one greedy."""
    parts = source.split("*")
    plain = "([^]*?)".join(part.replace("?", "[^]") for part in parts)
    head, star, tail = plain.rpartition("([^]*?)")
    expression = f"^{head}([^]*){tail}$" if star else f"^{plain}$"
    wildcard = compile_pattern(source, "Wildcard", ignore_case=False)
    assert wildcard.search(text, DEADLINE) == ecmascript(expression).search(text, DEADLINE)


# pattern, without regard to case, substring, text, span
EXACT = [
    ("a.c", False, False, "a.c", (0, 3)),
    ("a.c", False, False, "abc", None),
    ("a.c", False, False, "a.c\n", None),
    ("a.c", False, False, "xa.c", None),
    ("A(b)*", True, False, "a(B)*", (0, 5)),
    ("straße", True, False, "STRASSE", None),
    ("résumé", True, False, "RÉSUMÉ", (0, 6)),
    ("s", True, False, "ſ", None),
    ("", False, False, "", (0, 0)),
    ("", False, False, "a", None),
    ("a.c", False, True, "xa.cx", (1, 4)),
    ("A.C", True, True, "xa.cx", (1, 4)),
    ("a.c", False, True, "abc", None),
]


@pytest.mark.parametrize(("source", "ignore_case", "substring", "text", "span"), EXACT)
def test_exact_match(source: str, ignore_case: bool, substring: bool, text: str, span: tuple[int, int] | None) -> None:
    pattern = compile_pattern(source, PatternSyntax.EXACT_MATCH, ignore_case=ignore_case, substring=substring)
    found = pattern.search(text, DEADLINE)
    assert found == (None if span is None else Captures(text, *span, (text[slice(*span)],), (span,)))
    assert pattern.groups == 0
    assert pattern.linear


def test_captures_of_an_optional_group() -> None:
    found = ecmascript("h(t)?(x)?p", ignore_case=True).search("aHTP", DEADLINE)
    assert found == Captures("aHTP", 1, 4, ("HTP", "T", ""), ((1, 4), (2, 3), (-1, -1)))


DOTS = st.lists(st.sampled_from([".", ".*", ".+?", "(.*)", "a", "$", r"\n", "[^.]", r"\."]), min_size=1, max_size=5)


@given(DOTS, st.text("a.\n\u2028", max_size=12))
def test_with_dot_all_a_dot_is_any_character(parts: list[str], text: str) -> None:
    written = "".join(part if part in ("[^.]", r"\.") else part.replace(".", "[^]") for part in parts)
    dotted = compile_pattern("".join(parts), "ECMAScript", ignore_case=False, dot_all=True)
    assert list(dotted.finditer(text, DEADLINE)) == list(ecmascript(written).finditer(text, DEADLINE))


def test_attributes() -> None:
    pattern = compile_pattern(r"(a)|(b)\A", PatternSyntax.ECMASCRIPT, ignore_case=True)
    assert (pattern.source, pattern.syntax, pattern.ignore_case, pattern.groups) == (
        r"(a)|(b)\A",
        "ECMAScript",
        True,
        2,
    )
    assert [offset for _, offset in pattern.warnings] == [7]


def test_refuses() -> None:
    with pytest.raises(PatternError):
        ecmascript("*.html")
    with pytest.raises(ValueError, match="Regexp"):
        compile_pattern("a", "Regexp", ignore_case=False)


# -- all matches -------------------------------------------------------------------------------------------------------

# pattern, text, spans: String.prototype.matchAll
ALL = [
    ("a", "banana", [(1, 2), (3, 4), (5, 6)]),
    ("a*", "baab", [(0, 0), (1, 3), (3, 3), (4, 4)]),
    ("|a", "aa", [(0, 0), (1, 1), (2, 2)]),
    ("a??", "aa", [(0, 0), (1, 1), (2, 2)]),
    ("^a", "aa", [(0, 1)]),
    ("a$", "aa", [(1, 2)]),
    ("(?<=a)b", "abb", [(1, 2)]),
    (".*?,", "a,b,\nc,", [(0, 2), (2, 4), (5, 7)]),
    (".*b", "a\nab\u2028c\r\nxb", [(2, 4), (8, 10)]),
    (".*", "a\n\nb", [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4)]),
    ("", "", [(0, 0)]),
    ("x", "", []),
]


@pytest.mark.parametrize(("source", "text", "spans"), ALL)
def test_finditer(source: str, text: str, spans: list[tuple[int, int]]) -> None:
    pattern = ecmascript(source)
    assert [(found.start, found.end) for found in pattern.finditer(text, DEADLINE)] == spans


PIECES = st.sampled_from(["a", "b", ".", "[^a]", "(a)", "(b|ab)", r"\n", "[^]", "$", "(?<=a)", "(?!b)", ""])
REPEATED = st.builds(
    "{}{}".format, PIECES.filter(lambda piece: piece not in ("", "$", "(?<=a)")), st.sampled_from("*+?")
)
SOURCES = st.lists(st.one_of(PIECES, REPEATED), min_size=1, max_size=5).map("".join)


@given(
    source=st.one_of(SOURCES, st.builds("{}|{}".format, SOURCES, SOURCES), st.builds("(.*){}".format, SOURCES)),
    text=st.text("aab\n", max_size=12),
)
def test_finditer_finds_what_regress_finds_on_either_engine(source: str, text: str) -> None:
    pattern = ecmascript(source)
    expected = [(found.group(0).start, found.group(0).stop) for found in regress.Regex(source).find_iter(text)]
    assert [(found.start, found.end) for found in pattern.finditer(text, DEADLINE)] == expected
    pattern._longest = -1  # as if nothing were proved: the other engine
    assert [(found.start, found.end) for found in pattern.finditer(text, DEADLINE)] == expected


# -- deadlines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", EVIL)
def test_a_deadline_is_kept(source: str) -> None:
    """Without it none of these would end before the test is ended from outside."""
    pattern = ecmascript(source)
    assert not pattern.linear
    text = "a" * 40 + "b" if "Z" not in source else "a" * 5000
    for ask in (lambda: pattern.search(text, 0.1), lambda: next(pattern.finditer(text, 0.1), None)):
        try:
            assert ask() is None
        except PatternTimeout as error:
            assert (error.pattern, error.seconds) == (source, 0.1)
            assert source in str(error)


def test_a_deadline_is_for_all_matches_together() -> None:
    pattern = ecmascript("(?:a|a)+b|c")
    with pytest.raises(PatternTimeout):
        list(pattern.finditer("c" + "a" * 60, 0.05))
    with pytest.raises(PatternTimeout):
        list(pattern.finditer("caaab" * 200_000, 0.05))


def test_no_time_at_all_is_a_timeout() -> None:
    with pytest.raises(PatternTimeout):
        ecmascript("(a+)+$").search("aaab", -1.0)


def test_a_quadratic_pattern_meets_its_deadline_on_a_long_text() -> None:
    pattern = ecmascript("(.*)x(.*)y")
    assert groups(pattern, "axby") == ["axby", "a", "b"]
    with contextlib.suppress(PatternTimeout):
        assert pattern.search("x" * 1_000_000, 0.1) is None


def test_other_threads_run_meanwhile() -> None:
    """The engine with a deadline lets go of the interpreter: the main thread counts on while another is matching."""
    pattern = ecmascript(r"^(([a-z])+.)+[A-Z]([a-z])+$")
    done = threading.Event()

    def match() -> None:
        try:
            with pytest.raises(PatternTimeout):
                pattern.search("a" * 1000, 0.8)
        finally:
            done.set()

    thread = threading.Thread(target=match)
    thread.start()
    turns = 0
    while not done.wait(0.001):
        turns += 1
    thread.join()
    assert turns > 10


# -- the choice of the engine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "linear"), [("(.*)x", True), ("(.*)x(.*)y", False), ("(a+)+b", False)])
def test_linear(source: str, linear: bool) -> None:
    assert ecmascript(source).linear == linear


def test_lookbehinds_that_need_the_other_engine_are_never_linear() -> None:
    assert ecmascript("(?<=a)b").linear
    assert not ecmascript("(?<=a|bc)d").linear
    assert groups(ecmascript("(?<=a|bc)d"), "bcd") == ["d"]


# Prints whether the package regex is loaded after each step; in a process of its own, for tests load it too.
WHICH_ENGINE = """
import sys
from urlrewrite.patterns.pattern import compile_pattern
pattern = compile_pattern("(.*)x(.*)y", "ECMAScript", ignore_case=False)
print("regex" in sys.modules)
assert pattern.search("xy", 60.0)
print("regex" in sys.modules)
assert pattern.search("xy" * 5000, 60.0)
print("regex" in sys.modules)
"""


def test_the_engine_with_a_clock_is_loaded_for_the_first_text_that_needs_it() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WHICH_ENGINE],
        env={"PYTHONPATH": str(Path(urlrewrite.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["False", "False", "True"]


# -- where it stopped --------------------------------------------------------------------------------------------------

# pattern, syntax, text, reach
REACH = [
    (r"^article/(\d+)$", "ECMAScript", "article/7x", 9),
    (r"^article/(\d+)$", "ECMAScript", "article/x", 8),
    (r"^article/(\d+)$", "ECMAScript", "art", 3),
    (r"article/(\d+)", "ECMAScript", "news/article/x/article", 13),
    ("foo", "ECMAScript", "xfyfoxx", 5),
    ("foo", "ECMAScript", "", 0),
    ("foo", "ECMAScript", "xyz", 0),
    ("abc$", "ECMAScript", "abcd", 3),
    ("^(?!admin)(.*)", "ECMAScript", "admin/x", 4),
    (r"(['\"])x\1", "ECMAScript", "-'x\"", 3),
    ("(a)b|(a)c", "ECMAScript", "xad", 2),
    ("a.*b", "ECMAScript", "xxa...", 6),
    ("^(a+)+$", "ECMAScript", "aaaab", 4),
    ("b", "ECMAScript", "abc", 2),
    ("", "ECMAScript", "abc", 0),
    ("Foo", "ExactMatch", "FOA", 2),
    ("foo", "ExactMatch", "foobar", 3),
    ("foo*bar", "Wildcard", "fobar", 2),
    ("*.html", "Wildcard", "test.htm", 8),
]


@pytest.mark.parametrize(("source", "syntax", "text", "reach"), REACH)
def test_reach(source: str, syntax: str, text: str, reach: int) -> None:
    assert compile_pattern(source, syntax, ignore_case=True).reach(text, DEADLINE) == reach


@pytest.mark.parametrize("source", [*EVIL, "(x+x+)+y", r"(\s|.)*<b>", "[ab]*c"])
@pytest.mark.parametrize("deadline", [0.1, 0.0, -1.0])
def test_reach_keeps_its_deadline_and_never_raises(source: str, deadline: float) -> None:
    for text in ("a" * 40 + "b", "a" * 100_000, "x" * 1999):
        assert 0 <= ecmascript(source).reach(text, deadline) <= 2000


@given(source=st.text("ab", min_size=1, max_size=6), text=st.text("ab", max_size=12), ignore_case=st.booleans())
def test_reach_of_plain_text_is_the_longest_beginning_of_it(source: str, text: str, ignore_case: bool) -> None:
    assume(source not in text)
    best = max((n for n in range(len(source)) if source[:n] in text), default=0)
    assert ecmascript(source, ignore_case=ignore_case).reach(text, DEADLINE) == (text.index(source[:best]) + best)


def test_equal_patterns_are_one_as_long_as_it_is_in_use() -> None:
    first = compile_pattern("^a/(.*)$", "ECMAScript", ignore_case=True)
    assert compile_pattern("^a/(.*)$", "ECMAScript", ignore_case=True) is first
    others = [
        compile_pattern("^a/(.*)$", "ECMAScript", ignore_case=False),
        compile_pattern("^a/(.*)$", "ECMAScript", ignore_case=True, dot_all=True),
        compile_pattern("^a/(.*)$", "ExactMatch", ignore_case=True),
        compile_pattern("^a/(.*)$", "ExactMatch", ignore_case=True, substring=True),
        compile_pattern("^a/(.*)$", "Wildcard", ignore_case=True),
    ]
    assert len({id(pattern) for pattern in (first, *others)}) == 6
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
