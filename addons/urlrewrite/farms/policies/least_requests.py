"""LeastRequests: the server with the fewest requests under way for its weight."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.policy import Policy
from urlrewrite.model.farms import Farm


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
        """Return a candidate with the lowest figure; of equals the one whose turn comes first.

        Its next one comes the sooner, the more it weighs. Equals are another choice of servers each time, so that the
        smooth round robin does not fit. (A. Demers, S. Keshav, S. Shenker, "Analysis and Simulation of a Fair Queueing
        Algorithm", 1989.) Who was away does not make up for the turns that it missed.
        """
        if self.farm.random_ties:
            lowest = min(figures)
            equals = [load for load, figure in zip(candidates, figures, strict=True) if figure == lowest]
            return self.random.choice(equals)
        # Once over all of them, since this is done for every request.
        chosen, lowest, is_alone = candidates[0], inf, True
        for load, figure in zip(candidates, figures, strict=True):
            if figure < lowest:
                chosen, lowest, is_alone = load, figure, True
            elif figure == lowest:
                is_alone = False
                if load.turn < chosen.turn:
                    chosen = load
        if not is_alone:
            self._now_turn = max(self._now_turn, chosen.turn)
            chosen.turn = self._now_turn + 1 / chosen.weight
        return chosen
