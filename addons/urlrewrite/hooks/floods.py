"""What a peer may do so many times, and so often."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

REFILL_SECONDS = 30.0


class Allowance:
    """So many at once; what is taken comes back within `REFILL_SECONDS`, or sooner if it is given back."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._left = float(most)
        self._clock = clock
        self._at = clock()

    def take(self, count: int = 1) -> bool:
        """Take so many; say whether they were left."""
        now = self._clock()
        self.give((now - self._at) * self._most / REFILL_SECONDS)
        self._at = now
        self._left -= count
        return self._left >= 0

    def give(self, count: float) -> None:
        """Give so many back."""
        self._left = min(self._most, self._left + count)
