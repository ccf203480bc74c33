"""A short run of the comparison; `./run.sh measure fuzz_plain` runs it for longer and with other seeds."""

from __future__ import annotations

import random

import pytest

from fuzz_plain.target import check
from urlrewrite.content.html import plain_linear

CASES = 60


@pytest.mark.parametrize("batch", range(4))
def test_same_by_automaton(batch: int) -> None:
    """Where there is none, all pages are read by `re`, and compared with that."""
    for number in range(CASES):
        check(random.Random(f"suite {batch} {number}"), every_cut=number == 0)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_linear, "re2", None)
    assert plain_linear.automaton(frozenset({b"here only"}), are_links=False, never=frozenset()) is None
    check(random.Random("without"))
