"""PowerOfTwoChoices: of two servers taken by chance the one that will respond first."""

from __future__ import annotations

from collections.abc import Sequence

from urlrewrite.farms.load import ServerLoad, expected_waits
from urlrewrite.farms.policies.policy import Policy


class PowerOfTwoChoices(Policy):
    """Costs the same for two servers and for a thousand, and never sends a burst to a single one.

    (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.)
    """

    def choose(self, candidates: Sequence[ServerLoad], hash_input: str, now: float) -> ServerLoad:
        """Return the better one of two."""
        if len(candidates) == 1:
            return candidates[0]
        one, other = two = self.random.sample(candidates, 2)
        wait, other_wait = expected_waits(two, now)
        return one if wait <= other_wait else other
