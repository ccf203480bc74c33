"""How many retries a farm may make."""

from __future__ import annotations

MIN_RETRIES = 3
"""Retries that may be under way in any case: a farm with little to do may retry, too."""

MAX_SAVED = 100.0
"""Retries that quiet times may save up. As many requests may be under way at a server that dies."""


class RetryBudget:
    """A share of the requests may be retried, so that retries never multiply the load of a farm that fails.

    Each request saves up its share of a retry. What counts is not how many are under way: where a server dies, all
    requests that are under way there want to be retried at once.
    """

    __slots__ = ("_saved", "requests", "retries", "share")

    def __init__(self, share: float) -> None:
        self.share = share
        self.requests = 0
        """Requests under way."""
        self.retries = 0
        """Retries of these."""
        self._saved = 0.0

    def begin(self) -> None:
        """Count a request."""
        self.requests += 1
        self._saved = min(self._saved + self.share, MAX_SAVED)

    def retry(self) -> bool:
        """Take a retry of a request under way out of the budget; whether there was one left."""
        if self._saved >= 1.0:
            self._saved -= 1.0
        elif self.retries >= MIN_RETRIES:
            return False
        self.retries += 1
        return True

    def end(self, retries: int) -> None:
        """Give back a request and its retries, however it ended."""
        self.requests -= 1
        self.retries -= retries
