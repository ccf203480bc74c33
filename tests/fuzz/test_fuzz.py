"""A short run of the fuzzer; `./run.sh measure fuzz` runs it for longer and with other seeds."""

from __future__ import annotations

import random

import pytest

from fuzz.mutations import seeds
from fuzz.target import chunks, exchange, rule_sets

CASES = 300


@pytest.mark.parametrize("batch", range(4))
def test_damaged_responses(batch: int) -> None:
    rules, made = rule_sets(), seeds()
    for number in range(CASES):
        rng = random.Random(f"suite {batch} {number}")
        exchange(rules, made, rng)
        chunks(made, rng)
