"""WeightedRoundRobin: every server gets its share, as evenly as shares allow."""

from __future__ import annotations

from collections.abc import Sequence

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.policy import Policy


class WeightedRoundRobin(Policy):
    """Smooth weighted round robin, as nginx has it: weights of 5, 1, 1 give a a b a c a a and not a a a a a b c."""

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the server whose turn it is."""
        return next_in_turn(candidates)


def next_in_turn(candidates: Sequence[ServerLoad]) -> ServerLoad:
    """Return the server whose turn it is: each moves on by its weight, and the first one goes back by their sum."""
    total = 0.0
    best = candidates[0]
    for load in candidates:
        weight = load.weight
        load.turn += weight
        total += weight
        if load.turn > best.turn:
            best = load
    best.turn -= total
    return best
