"""RequestHash: requests that are equal in what is hashed go to the same server."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.policy import Policy
from urlrewrite.farms.policies.weighted_round_robin import next_in_turn
from urlrewrite.farms.ring import Ring
from urlrewrite.model.farms import Farm


class RequestHash(Policy):
    """By a ring over all servers of the farm, so that the keys of one that is away are all that moves."""

    def __init__(self, farm: Farm, random: Random) -> None:
        super().__init__(farm, random)
        self._ring = Ring(farm)

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the server that the hashed input belongs to."""
        by_index = {load.index: load for load in candidates}
        index = self._ring.find(hash_input, by_index)
        return by_index[index] if index is not None else next_in_turn(candidates)
