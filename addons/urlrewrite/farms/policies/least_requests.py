"""LeastRequests: the server with the fewest requests under way for its weight."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from random import Random

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.policy import Policy
from urlrewrite.model.farms import Farm

_TURN = attrgetter("turn")


class LeastRequests(Policy):
    """Equals are chosen in turn, by their weights, or by chance with `randomizeLBTies`."""

    def __init__(self, farm: Farm, random: Random) -> None:
        super().__init__(farm, random)
        self._now_turn = 0.0

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
        return self.random.choice(equals) if self.farm.random_ties else self._next_in_turn(equals)

    def _next_in_turn(self, equals: Sequence[ServerLoad]) -> ServerLoad:
        """Return the one whose turn comes first; its next one comes the sooner, the more it weighs.

        Looks at fewer numbers than the smooth round robin does, since equals are another choice of servers each time.
        (A. Demers, S. Keshav, S. Shenker, "Analysis and Simulation of a Fair Queueing Algorithm", 1989.) Who was away
        does not make up for the turns that it missed.
        """
        chosen = min(equals, key=_TURN)
        self._now_turn = max(self._now_turn, chosen.turn)
        chosen.turn = self._now_turn + 1 / chosen.weight
        return chosen
