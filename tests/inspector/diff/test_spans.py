"""Spans lead from one text to the other, whatever these are; of what rewriting does they are the changes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import assert_linear, steps
from urlrewrite.inspector.diff.causes import ChangeCause
from urlrewrite.inspector.diff.spans import MAX_SPANS, applied, because, chained, spans_between

LINK = ("http://privateserver:8080", "https://www.example.com")
TEXTS = st.text("ab <>/", max_size=60)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", []),
        ("same", "same", []),
        ("", "new", [("", "new")]),
        ("old", "", [("old", "")]),
        ("a < b", "a > b", [("<", ">")]),
        ('<a href="http://privateserver:8080/x">', '<a href="https://www.example.com/x">', [LINK]),
        ("<p>one word here</p>", "<p>one world here</p>", [("word", "world")]),
        ("begin middle end", "begin end", [("middle ", "")]),
        ("begin end", "begin middle end", [("", "middle ")]),
    ],
)
def test_what_differs(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    spans = spans_between(before, after)
    assert [(span.before, span.after) for span in spans] == expected
    assert applied(before, spans) == after


def test_changes_that_are_known_are_told_apart_however_close_they_stand() -> None:
    before = '"http://privateserver:8080" "http://privateserver:8080"'
    spans = spans_between(before, before.replace(*LINK), [LINK])
    assert [(span.before, span.after) for span in spans] == [LINK, LINK]


def check(before: str, after: str) -> None:
    spans = spans_between(before, after)
    assert applied(before, spans) == after
    done = 0
    for span in spans:
        assert done <= span.start <= span.end
        assert before[span.start : span.end] == span.before != span.after
        done = span.end


@given(TEXTS, TEXTS)
def test_they_always_lead_from_one_to_the_other(before: str, after: str) -> None:
    check(before, after)


@given(st.text("ab<", max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 9), TEXTS), max_size=9))
def test_so_they_do_for_texts_with_some_edits(before: str, edits: list[tuple[int, int, str]]) -> None:
    after = before
    for start, length, text in edits:
        after = after[:start] + text + after[start + length :]
    check(before, after)


@given(TEXTS, TEXTS, TEXTS)
def test_chained_spans_lead_from_the_first_text_to_the_last_one(first: str, second: str, third: str) -> None:
    one = because(spans_between(first, second), ChangeCause("one"))
    two = because(spans_between(second, third), ChangeCause("two"))
    both = chained(first, one, two, third)
    assert applied(first, both) == third
    for span in both:
        assert span.by in ((ChangeCause("one"),), (ChangeCause("two"),), (ChangeCause("one"), ChangeCause("two")))
        assert span.before != span.after


def test_of_two_changes_in_one_place_both_are_named_and_elsewhere_only_the_one() -> None:
    texts = [
        f"see /{one}, and then some more /{two} here" for one, two in (("one", "two"), ("uno", "two"), ("un", "deux"))
    ]
    one = because(spans_between(texts[0], texts[1]), ChangeCause("one"))
    two = because(spans_between(texts[1], texts[2]), ChangeCause("two"))
    found = chained(texts[0], one, two, texts[2])
    assert [(span.before, span.after, [cause.name for cause in span.by]) for span in found] == [
        ("one", "un", ["one", "two"]),
        ("two", "deux", ["two"]),
    ]


def page(links: int) -> str:
    return "".join(
        f'<li class="x{n % 7}"><a href="{LINK[0]}/p/{n}?a=1">some text {n}</a> and more text to fill up this page</li>'
        for n in range(links)
    )


def test_thousands_of_changes_in_a_megabyte_are_found_at_once() -> None:
    before = page(8600)
    spans = spans_between(before, before.replace(*LINK))
    assert {(span.before, span.after) for span in spans} == {LINK}
    assert len(spans) == 8600


def test_many_changes_take_steps_by_their_number() -> None:
    def of(links: int) -> Callable[[], object]:
        before = page(links)
        after = before.replace(*LINK)
        return lambda: spans_between(before, after)

    assert_linear(of, 500)


NOISE = random.Random(7)
WILD = "".join(NOISE.choice("abcdef <>") for _ in range(300_000))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (WILD, WILD[::-1]),
        (WILD, ""),
        ("ab" * 150_000, "ba" * 120_000 + "c"),
        ("a" * 300_000, "a" * 300_000 + "b"),
        ("a" * 300_000, "b" * 300_000),
        (page(2000), page(2000)[:50_000] + page(2000)[90_000:]),
        ("x1 " * 60_000, "y2 " * 60_000),
    ],
    ids=["reversed", "gone", "shifted", "longer", "other", "cut out", "everywhere"],
)
def test_unlike_texts_take_no_longer(before: str, after: str) -> None:
    assert steps(lambda: spans_between(before, after)) < 15 * len(before)
    spans = spans_between(before, after)
    assert len(spans) <= MAX_SPANS
    assert applied(before, spans) == after
