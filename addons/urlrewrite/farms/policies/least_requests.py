"""LeastRequests: the server with the fewest requests under way for its weight."""

from __future__ import annotations

from collections.abc import Sequence

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.policy import Policy
from urlrewrite.farms.policies.weighted_round_robin import next_in_turn


class LeastRequests(Policy):
    """Equals are chosen in turn, or by chance with `randomizeLBTies`."""

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the server with the fewest requests under way for its weight."""
        busy = [load.live / load.weight for load in candidates]
        return self.one_of_the_lowest(candidates, busy)

    def one_of_the_lowest(self, candidates: Sequence[ServerLoad], figures: Sequence[float]) -> ServerLoad:
        """Return a candidate with the lowest figure."""
        lowest = min(figures)
        if figures.count(lowest) == 1:
            return candidates[figures.index(lowest)]
        equals = [load for load, figure in zip(candidates, figures, strict=True) if figure == lowest]
        return self.random.choice(equals) if self.farm.random_ties else next_in_turn(equals)
