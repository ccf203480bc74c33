"""Steps are counted as said, and what is quadratic is seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest

from counting import Reads, TooManySteps, assert_linear, counted_steps, steps


def loop(count: int) -> None:
    for _ in range(count):
        pass


def linear(count: int) -> Callable[[], None]:
    return lambda: loop(count)


def quadratic(count: int) -> Callable[[], None]:
    def action() -> None:
        for _ in range(count):
            loop(count)

    return action


def test_steps_are_the_same_each_time() -> None:
    assert steps(linear(1000)) == steps(linear(1000))
    assert 1000 <= steps(linear(1000)) - steps(linear(0)) <= 2010


@pytest.mark.parametrize("loop", [lambda of: [each for each in of if each], lambda of: any(each < 0 for each in of)])
def test_loops_within_a_line_count_where_that_is_asked_for(loop: Callable[[range], object]) -> None:
    assert steps(lambda: loop(range(1000))) < 10
    assert 1000 <= steps(lambda: loop(range(1000)), loops=True) <= 1010


def test_what_is_quadratic_is_seen() -> None:
    assert_linear(linear, 100)
    with pytest.raises(AssertionError, match="steps for 100"):
        assert_linear(quadratic, 100)


def test_what_never_ends_is_ended() -> None:
    with pytest.raises(TooManySteps, match=r"more than 5000 steps, at .*test_counting"), counted_steps(5000):
        loop(10**12)
    assert steps(linear(10)) < 100


def test_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("patterns")
    module.__dict__.update(one=re.compile("b"), more={"x": re.compile("a+"), "y": 1}, both=(re.compile("c"), 2))
    reads = Reads()
    reads.of_module(monkeypatch, module)
    assert module.one.search("aaab")
    assert reads.count == 1 + 4
    assert module.one.search("aaaa", 2) is None
    assert reads.count == 5 + 1 + 2
    assert [found.span() for found in module.more["x"].finditer("aabaa")] == [(0, 2), (3, 5)]
    assert reads.count == 8 + 2 + 5 + 1
    assert module.both[0].match("cc")
    assert reads.count == 16 + 2
    assert (module.more["y"], module.both[1]) == (1, 2)
