"""The proof of how badly a pattern can backtrack: known patterns, a count of steps on adverse texts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patterns.matching_steps import Steps, deep_recursion
from urlrewrite.patterns import linear
from urlrewrite.patterns.ecmascript import translate
from urlrewrite.patterns.pattern import STEPS, compile_pattern

# pattern, k of n^k (None: not proved)
BOUNDS = [
    ("", 1),
    ("abc", 1),
    ("(.*)", 1),
    ("^(.+)://", 1),
    ("(.*)/server.cjs", 1),
    ("[^]*x", 1),
    ("a[^]*x", 2),
    ("([^]*)/server.cjs", 1),
    ("(?:[^]*x|y)", 2),
    (r"([^]*)\1", 3),
    (r"^article/(\d+)/([^/]+)/?$", 1),
    ("^http(s)?://private:8080/(.*)", 1),
    (r"^https?://([^/:]+)(:\d+)?(/.*)?$", 1),
    ('href="([^"]*)"', 1),
    ("<a[^>]*>", 2),
    (r"foo\d+bar", 1),
    (r"\d+foo", 2),
    (r"\d+", 1),
    (r"\d{4}-\d\d-\d\d", 1),
    (r"\.(jpe?g|png|pdf|php|php5|phtml|css|js|json)$", 1),
    ("^(?:[^/]+/)*x", 1),
    ('^(?:"[^"]*"|[^"])*$', 1),
    ("^(a|ab)*$", 1),
    ("^(.*)x(.*)y", 2),
    ("^(?=.*x)(?=.*y)z", 1),
    ("(?=.*x)y", 2),
    ("^(.*)a(.*)b(.*)c", 3),
    (r"(.)x\1", 2),
    (r"(.*)\1", 3),
    ("^get$|^head$", 1),
    ("a*b|^c", 2),
    ("a|.*b", 2),
    ("(?:(?!a*b))x", 2),
    ("(.*b)", 1),
    ("(?:(?:(?:a{16}){16}){16})b", 2),
    (r"(?:(a)\1)*", None),
    (r"(?:a(?=.*b))*c", None),
    (r"(\s|.)*<b>", None),
    (r"^(\w+\s?)*$", None),
    ("(x+x+)+y", None),
    ("(a|b|ab)*c", None),
    ("(?:a*)+b", None),
    ("(?:a?){16}a{16}", None),
    ("^(a+)+$", None),
    ("^(a|a)*$", None),
    ("^(a|aa)+$", None),
    ("^(?:a?){40}a{40}c$", None),
]


@pytest.mark.parametrize(("source", "degree"), BOUNDS)
def test_bound(source: str, degree: int | None) -> None:
    bound = linear.bound(translate(source, ignore_case=True).tree)
    assert (None if bound is None else bound.degree) == degree


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "[^]", "ab", "^", "$", "(?:a|ab)", "(?:a|b)"])
RUNS = st.builds("(?:{}){}".format, ATOMS, st.sampled_from(["*", "+", "*?", "{2,}", "{1,2}", "?"]))
PARTS = st.one_of(ATOMS, RUNS, RUNS, st.sampled_from(["x", "(?=.*x)", "(?=[^]*x)", "(?!a*b)", r"(a*)\1", r"\n"]))
LOOPS = st.builds(
    "({}){}".format, st.lists(PARTS, min_size=1, max_size=2).map("".join), st.sampled_from(["*", "+", "+?"])
)
SEQUENCES = st.lists(st.one_of(PARTS, PARTS, LOOPS), min_size=1, max_size=4).map("".join)
PATTERNS = st.one_of(
    SEQUENCES, SEQUENCES, st.builds("{}|{}".format, SEQUENCES, SEQUENCES), SEQUENCES.map("^{}x".format)
)
UNITS = ["a", "b", "ab", "aab", "a\n", "x", "xa"]
LENGTHS = {1: 60, 2: 30, 3: 20}


@settings(max_examples=100, deadline=None)
@given(source=PATTERNS, tail=st.sampled_from(["", "", "c", "\n", "x"]))
def test_no_text_takes_more_steps_than_proved(source: str, tail: str) -> None:
    """A text of twice the length takes at most some 2**k times the steps."""
    tree = translate(source, ignore_case=False).tree
    bound = linear.bound(tree)
    assume(bound is not None and bound.degree <= 3)
    assert bound is not None
    slack = 20 * len(source)
    for unit in UNITS:
        length = LENGTHS[bound.degree]
        text = unit * (length // len(unit))
        with deep_recursion():
            steps = Steps(text + tail, slack * bound.factor * length**bound.degree).of_all_matches(tree)
            Steps(text * 2 + tail, 1.5 * 2**bound.degree * steps + slack).of_all_matches(tree)


# A text on which each pattern does its worst.
WORST = [
    ("[ab]*x", "ab"),
    ("(?:[^/]+/)*x", "a/"),
    ("^(.*)a(.*)b", "a"),
    ("^(.*)(?:a|a)(.*)(?:a|a)b", "a"),
    ("(?:[ab]c?)*?x", "ab"),
    ("^(.*)a(.*)a(.*)b", "a"),
    ("(.*)x", "a"),
    ('"[^"]*"x', '"a'),
]


@pytest.mark.parametrize(("source", "unit"), WORST)
def test_the_worst_takes_no_more_steps_than_proved(source: str, unit: str) -> None:
    """As long as texts go to the engine without a deadline, the worst is over within so many steps."""
    tree = translate(source, ignore_case=False).tree
    bound = linear.bound(tree)
    assert bound is not None
    length = bound.longest(STEPS)
    assert length >= 50
    assert compile_pattern(source, "ECMAScript", ignore_case=False).search((unit * length)[:length], 0.0) is None
    short = (unit * length)[: LENGTHS[bound.degree]]
    with deep_recursion():
        once, twice = (Steps(text).of_all_matches(tree) for text in (short, short * 2))
    assert once <= 20 * len(source) * bound.factor * len(short) ** bound.degree
    assert twice <= 1.25 * 2**bound.degree * once
