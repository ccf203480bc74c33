"""Patterns that go astray on a short text, and patterns that do not; the same on every machine."""

from __future__ import annotations

import pytest

from urlrewrite.lint.backtracking import Budget, bad_text
from urlrewrite.patterns.pattern import compile_pattern

ASTRAY = [
    "^(a+)+$",
    "^(a*)*$",
    "^([a-z]+/?)*x$",
    "(\\s|.)*</b>",
    "^(?:\\w+\\s?)*$",
    "^(\\d+|[0-9a-f]+)*-$",
    "^x(?:a|a?b?)*c$",
    "^((?:a|b)+)+c",
]
QUICK = ["^([^/]+/)*x$", "(.*)/([^.]+$)", "(.*)-(.*)-(.*)", "^(?:a|b)*c$", "([\\s\\S]*)x", "^(?:ab?)+$", "(a|b|c)+", ""]


@pytest.mark.parametrize("source", ASTRAY)
def test_goes_astray(source: str) -> None:
    found = bad_text(compile_pattern(source, "ECMAScript", ignore_case=True).tree, Budget())
    assert found
    assert found[1]


def test_the_text_leads_to_the_loop() -> None:
    pattern = compile_pattern("^/shop/(?:x|y)=((?:\\w+ ?)*);$", "ECMAScript", ignore_case=False)
    assert bad_text(pattern.tree, Budget()) == ("/shop/x=", "a", "!")


@pytest.mark.parametrize("source", QUICK)
def test_is_quick(source: str) -> None:
    assert bad_text(compile_pattern(source, "ECMAScript", ignore_case=True).tree, Budget()) is None


def test_what_is_left_limits_the_search() -> None:
    budget = Budget(100_000)
    trees = [compile_pattern(f"^{n}(a+)+$", "ECMAScript", ignore_case=True).tree for n in range(10)]
    found = [bad_text(tree, budget) is not None for tree in trees]
    assert budget.steps < 0
    assert found == sorted(found, reverse=True)  # what comes when nothing is left is not looked at
    assert (found[0], found[-1]) == (True, False)
    assert all(bad_text(tree, Budget()) for tree in trees)
