"""Generated patterns and texts, against an independent ECMAScript engine: what matches, where, and every capture.

Where regress is not ECMAScript the strategies stay away: without regard to case it takes the long s and the Kelvin sign
for "s" and "k" (and so has both letters in a class with \\W); it allows a quantifier after \\b, and two groups of one
name; a back-reference inside of its own group, as in (c|\\1)c, sees what the group had before it was tried otherwise.
HYPOTHESIS_PROFILE=explore looks for new examples.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patterns.ecmascript_oracle import Oracle, OracleHungError
from urlrewrite.patterns.backtracking import Program
from urlrewrite.patterns.ecmascript import PatternError, translate
from urlrewrite.patterns.pattern import compile_pattern

PAIRS = 5000
"""At least so many patterns with texts are compared: the strategies must not dry up."""

LETTERS = "a b c A é É ß µ 0 1 - _".split()
ESCAPES = r"""
\x61 \x4 \u0062 \u00e9 \u12 \u \x \ud83d\ude00 \cJ \ca \c \c1 \0 \07 \012 \101 \141 \377 \400 \8 \9 \t \n \v \f \r
\- \/ \! \" \_ \é \. \[ \] \{ \$ \a \e \z \A \p{L} \k<n>
""".split()
CLASS_ESCAPES = r"\d \D \w \W \s \S".split()
PLAIN = ["{", "}", "]", "{,3}", "{a}", "x{", "{1", " ", "\n", "/", "\U0001f600"]
IN_CLASS = [
    "b",
    "B",
    "^",
    "-",
    "[",
    "(",
    ")",
    "$",
    ".",
    "|",
    r"\b",
    r"\B",
    r"\c_",
    r"\c1",
    r"\1",
    r"\8",
    *"abcAéÉ019_ ",
]
QUANTIFIERS = "* + ? {2} {1,2} {0,2} {2,} {0} {1} {0,1} {0,} {00,02} *? +? ?? {2}? {1,2}? {0,}?".split()

CLASS_ITEM = st.one_of(
    st.sampled_from(IN_CLASS),
    st.sampled_from([escape for escape in ESCAPES if not escape.startswith(r"\k")]),
    st.sampled_from(CLASS_ESCAPES),
    st.sampled_from(
        ["a-c", "A-Z", "0-9", "à-ý", "À-Ý", "--/", "Z-a", r"\w-", r"a-\d", r"\d-a", r"\x61-\u0063", r"\0-\10"]
    ),
)
CLASSES = st.builds("[{}{}]".format, st.sampled_from(["", "", "^"]), st.lists(CLASS_ITEM, max_size=4).map("".join))
ATOMS = st.one_of(
    st.sampled_from(LETTERS),
    st.sampled_from(LETTERS),
    st.sampled_from([".", *CLASS_ESCAPES, r"\1", r"\2", r"\3"]),
    st.sampled_from(ESCAPES),
    st.sampled_from(PLAIN),
    CLASSES,
)
ASSERTIONS = st.sampled_from(["^", "$", r"\b", r"\B"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantifiers = st.sampled_from(QUANTIFIERS)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.builds("({})".format, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, quantifiers),
        st.builds("({}){}".format, inner, quantifiers),
        st.builds("{}{}".format, ATOMS, quantifiers),
        st.builds("({}{}){}".format, st.sampled_from(["?=", "?!"]), inner, st.one_of(st.just(""), quantifiers)),
        st.builds("({}{})".format, st.sampled_from(["?<=", "?<!"]), inner),
        st.builds("(?<n>{})".format, inner),
        st.builds(r"({})\1".format, inner),
    )


PATTERNS = st.recursive(st.one_of(ATOMS, ATOMS, ASSERTIONS, st.just("")), grown, max_leaves=10)
TEXTS = st.lists(
    st.text("aaabbbcA01 -_/\n\u2028éÉßẞµΜxX{}]\0\x08\x11k<n>\U0001f600", max_size=9), min_size=5, max_size=8
)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as running:
        yield running


def is_ours(source: str, *, ignore_case: bool) -> bool:
    """Whether regress and ECMAScript agree about such patterns."""
    loses_letters = ignore_case and r"\W" in source and "[" in source
    return source.count("(?<n>") < 2 and not loses_letters and not refers_to_open_group(source)


TOKEN = re.compile(r"\\(?:k<n>|.)|\[(?:\\.|[^\]])*\]|\((?:\?(?:<n>|<?[=!]|:))?|\)", re.DOTALL)


def refers_to_open_group(source: str) -> bool:
    """Whether a back-reference stands inside of its own group."""
    names: list[str] = []
    groups = 0
    for token in TOKEN.findall(source):
        match token:
            case "(" | "(?<n>":
                groups += 1
                names.append("\\k<n>" if token == "(?<n>" else "")
                names[-1] += f" \\{groups}"
            case ")" if names:
                names.pop()
            case _ if token.startswith("("):
                names.append("")
            case _ if any(token in name.split() for name in names):
                return True
    return False


def test_matches_what_regress_matches(oracle: Oracle) -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=1500)
    @given(source=PATTERNS, ignore_case=st.booleans(), texts=TEXTS)
    def compare(source: str, ignore_case: bool, texts: list[str]) -> None:
        assume(len(source) < 80 and is_ours(source, ignore_case=ignore_case))
        try:
            pattern = compile_pattern(source, "ECMAScript", ignore_case=ignore_case)
        except PatternError as error:
            tally["refused"] += 1
            assume("not supported" not in error.message)
            assert 0 <= error.offset <= len(source)
            assert oracle.ask(source, "i" if ignore_case else "", [], 0) is None
            return
        try:
            expected = oracle.ask(source, "i" if ignore_case else "", texts, pattern.groups)
        except OracleHungError:
            tally["hung"] += 1
            return
        assert expected is not None, "regress does not take this pattern"
        translation = translate(source, ignore_case=ignore_case)
        program = Program(translation.tree, translation.groups, ignore_case=ignore_case)
        for text, spans in zip(texts, expected, strict=True):
            found = pattern.search(text, 5.0)
            assert (None if found is None else found.spans) == spans, text
            assert program.search(text, 0, 5.0) == spans, text
            tally["pairs"] += 1
            tally["matched"] += found is not None
        tally["by steps"] += not translation.exact

    compare()
    assert tally["pairs"] >= PAIRS
    assert tally["matched"] >= PAIRS / 3
    assert tally["by steps"] >= 30
    assert tally["hung"] <= 3


SIGNS = "()[]{}?*+\\|^$ab01-,<>k:=!dwscxun&~#"


def test_takes_what_regress_takes(oracle: Oracle) -> None:
    @settings(max_examples=2500)
    @given(source=st.text(SIGNS, max_size=9))
    def compare(source: str) -> None:
        assume(not any(rf"\{letter}{sign}" in source for letter in "bB" for sign in "*+?{"))
        try:
            groups = translate(source, ignore_case=False).groups
        except PatternError as error:
            assume("not supported" not in error.message)
            assert oracle.ask(source, "", [], 0) is None
            return
        assert oracle.ask(source, "", [""], groups) is not None

    compare()
