"""WeightedTotalTraffic: the server that has moved the fewest bytes for its weight."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies.least_requests import LeastRequests
from urlrewrite.model.farms import Farm

WINDOW = 60.0
"""Seconds in which half of what was counted is forgotten; a server that is new would get everything otherwise."""

_MAX_HALVINGS = 500


class WeightedTotalTraffic(LeastRequests):
    """Bytes count more the later they come, which orders servers as if older bytes counted less."""

    def __init__(self, farm: Farm, random: Random) -> None:
        super().__init__(farm, random)
        self._began: float | None = None
        self._bytes: dict[ServerLoad, float] = {}

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the server with the least traffic for its weight."""
        traffic = [self._bytes.get(load, 0.0) / load.weight for load in candidates]
        return self.one_of_the_lowest(candidates, traffic)

    def ended(self, load: ServerLoad, sent: int, now: float) -> None:
        """Count the bytes of a request and its response."""
        if self._began is None:
            self._began = now
        halvings = (now - self._began) / WINDOW
        if halvings > _MAX_HALVINGS:
            # Before the numbers grow out of a float, everything is brought down to what it is worth now.
            self._bytes = {known: number * 2.0**-halvings for known, number in self._bytes.items()}
            self._began, halvings = now, 0.0
        self._bytes[load] = self._bytes.get(load, 0.0) + sent * 2.0**halvings
