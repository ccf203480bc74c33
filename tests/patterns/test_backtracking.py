"""The matcher that goes by steps: what Python's engines have no words for. See also the differential test."""

from __future__ import annotations

import itertools

import pytest

from counting import steps
from urlrewrite.patterns import backtracking
from urlrewrite.patterns.backtracking import MAX_STACK, Program
from urlrewrite.patterns.ecmascript import translate
from urlrewrite.patterns.pattern import PatternTimeout, compile_pattern

UNSET = (-1, -1)

# pattern, flags, text, spans of the match and its groups (None: no match); answers as V8 gives them
CASES = [
    ("(?:(a)|b)*", "", "ab", [(0, 2), UNSET]),
    ("(?:(a)|(b))*", "", "aba", [(0, 3), (2, 3), UNSET]),
    ("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", [(0, 10), (0, 1), (8, 10), (8, 9), UNSET, (9, 10)]),
    ("(?:(a)?b){2}", "", "abb", [(0, 3), UNSET]),
    (r"(?:(a)|b\1)*c", "", "abac", [(0, 4), (2, 3)]),
    (r"(?:(a)|b\1)*$", "", "aba", [(0, 3), (2, 3)]),
    ("(a*)*", "", "b", [(0, 0), UNSET]),
    ("(?:a*b*)*", "", "abba", [(0, 4)]),
    ("(?:(a*)(b*))*", "", "ab", [(0, 2), (0, 1), (1, 2)]),
    ("(?:(a*)(b*))*?c", "", "abc", [(0, 3), (0, 1), (1, 2)]),
    ("(a*)+b", "", "b", [(0, 1), (0, 0)]),
    ("(?:a?){3}b", "", "aab", [(0, 3)]),
    ("(?:a*?)+?b", "", "aab", [(0, 3)]),
    (r"(é)\1", "i", "éÉ", [(0, 2), (0, 1)]),
    (r"(ſ)\1", "i", "ſs", None),
    (r"(?<=(a)\1)b", "", "ab", [(1, 2), (0, 1)]),
    (r"(?<=\1(a))b", "", "aab", [(2, 3), (1, 2)]),
    (r"(?<=\1(a))b", "", "ab", None),
    (r"(?<!\1(a))b", "", "ab", [(1, 2), UNSET]),
    (r"(?<=(?:(a)|b)*)c", "", "abc", [(2, 3), (0, 1)]),
    (r"(?<=^(?:(a)|b)*)c", "", "abc", [(2, 3), (0, 1)]),
    (r"(?:(?=(a))a|(?!a)b)*", "", "ab", [(0, 2), UNSET]),
    (r"(?:\b(a)|\B(b))*$", "", "ab", [(0, 2), UNSET, (1, 2)]),
]


@pytest.mark.parametrize(("source", "flags", "text", "spans"), CASES)
def test_by_steps(source: str, flags: str, text: str, spans: list[tuple[int, int]] | None) -> None:
    pattern = compile_pattern(source, "ECMAScript", ignore_case="i" in flags)
    found = pattern.search(text, 5.0)
    assert (None if found is None else list(found.spans)) == spans
    if found:
        assert found.groups == tuple(text[start:end] if start >= 0 else "" for start, end in found.spans)
    assert not pattern.linear
    translation = translate(source, ignore_case="i" in flags)
    program = Program(translation.tree, translation.groups, ignore_case="i" in flags)
    assert program.search(text, 0, 5.0) == (None if spans is None else tuple(spans))


def test_all_matches_of_a_text() -> None:
    pattern = compile_pattern("(?:(a)|b)+", "ECMAScript", ignore_case=False)
    found = [(captures.spans[0], captures.groups[1]) for captures in pattern.finditer("ab-ba-b", 5.0)]
    assert found == [((0, 2), ""), ((3, 5), "a"), ((6, 7), "")]


def test_how_far_a_failed_match_got() -> None:
    assert compile_pattern(r"^(?:(a)|b)*c(?<=(b)\2c)", "ECMAScript", ignore_case=False).reach("abax", 5.0) == 3


def test_it_keeps_to_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at the clock again and again, and not for each step."""
    pattern = compile_pattern("(?:(a)|b|ab)*c", "ECMAScript", ignore_case=False)
    looks = itertools.count()
    monkeypatch.setattr(backtracking, "perf_counter", lambda: next(looks) / 100)

    def search() -> None:
        with pytest.raises(PatternTimeout):
            pattern.search("ab" * 1000, 0.1)

    assert 1_000 < steps(search) < 200_000
    assert next(looks) == 12


def test_it_keeps_no_more_than_so_much() -> None:
    program = Program(translate("(?:(a)|b)*", ignore_case=False).tree, 1, ignore_case=False)
    with pytest.raises(TimeoutError):
        program.search("a" * (2 * MAX_STACK), 0, 600.0)
