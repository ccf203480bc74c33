"""How many retries a farm may have under way."""

from __future__ import annotations

MIN_RETRIES = 3
"""Retries that may be under way in any case: a farm with little to do may retry, too."""


class RetryBudget:
    """A share of the requests under way may be retries, so that they never multiply the load of a farm that fails."""

    __slots__ = ("_share", "requests", "retries")

    def __init__(self, share: float) -> None:
        self._share = share
        self.requests = 0
        self.retries = 0

    def begin(self) -> None:
        """Count a request."""
        self.requests += 1

    def retry(self) -> bool:
        """Take a retry of a request under way out of the budget; whether there was one left."""
        if self.retries >= max(MIN_RETRIES, self._share * self.requests):
            return False
        self.retries += 1
        return True

    def end(self, retries: int) -> None:
        """Give back a request and its retries, however it ended."""
        self.requests -= 1
        self.retries -= retries
