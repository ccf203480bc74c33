"""What is put into a module goes again, in whatever order, and leaves what was there."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace

import pytest

from urlrewrite.hooks.in_place import InPlace


def adding(letter: str) -> InPlace:
    return InPlace(PLACE, {"name": lambda before: [*before, letter]})


PLACE = SimpleNamespace()


@pytest.mark.parametrize("order", [*permutations("abc")])
def test_any_order(order: tuple[str, ...]) -> None:
    first = PLACE.name = ["first"]
    put = {letter: adding(letter) for letter in "abc"}
    for each in put.values():
        each.put()
    left = list("abc")
    for letter in order:
        assert PLACE.name == ["first", *left]
        put[letter].put_back()
        left.remove(letter)
    assert PLACE.name is first
    put["a"].put_back()
    assert PLACE.name is first


def test_what_somebody_else_has_put_there_stays() -> None:
    PLACE.name = ["first"]
    ours, later = adding("a"), adding("b")
    ours.put()
    theirs = PLACE.name = ["theirs"]
    ours.put_back()
    assert PLACE.name is theirs
    ours.put()
    later.put()
    assert PLACE.name == ["theirs", "a", "b"]
    later.put_back()
    ours.put_back()
    assert PLACE.name is theirs
