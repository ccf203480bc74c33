"""LeastResponseTime: the server that was the quickest to respond of late."""

from __future__ import annotations

from collections.abc import Sequence

from urlrewrite.farms.load import ServerLoad, expected_waits
from urlrewrite.farms.policies.least_requests import LeastRequests


class LeastResponseTime(LeastRequests):
    """By the mean time to the head of a response in the farm's period, times the requests that would wait for it.

    Without that factor every request of a burst would go to the one server that was the quickest before it.
    """

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the server from which a response is to be expected first."""
        return self.one_of_the_lowest(candidates, expected_waits(candidates, now))
