"""What one server of a farm has to do at this moment, as far as this process knows."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from urlrewrite.farms.health_state import Health
from urlrewrite.farms.tally import Tally
from urlrewrite.model.farms import Server

_KEPT = 0.8
"""How much of a mean stays when another time comes at once."""

_MIN_RESPONSE_TIME = 0.001
"""Seconds; what is quicker is as good."""


class ServerLoad:
    """The load of one server, and its health. Times are seconds of one monotonic clock, whichever the caller has.

    `name` is what its farm calls it, and `index` its place there. `live` counts requests under way, `requests` all of
    them, and `tally` what became of them.
    `weight` is the one that counts now, which is less than the server's own while it starts slowly.
    """

    __slots__ = (
        "_last",
        "_mean",
        "_period",
        "avoided_until",
        "health",
        "index",
        "known_until",
        "live",
        "name",
        "requests",
        "response_time",
        "server",
        "tally",
        "turn",
        "weight",
    )

    def __init__(self, server: Server, name: str, response_period: float, health: Health) -> None:
        self.server = server
        self.name = name
        self.index = 0
        self.health = health
        self.live = 0
        self.requests = 0
        self.avoided_until = float("-inf")
        """Others are preferred to it so long, since no connection to it came about."""
        self.tally = Tally()
        self.weight = float(server.weight)
        self.turn = 0.0
        """Where it stands among servers that are chosen in turn; how that is counted is up to the algorithm."""
        self.response_time = _MIN_RESPONSE_TIME
        """The mean of recent times to the head of a response; it says nothing after `known_until`."""
        self.known_until = float("-inf")
        self.judge_by(response_period)
        self._mean = 0.0
        self._last = float("-inf")

    def judge_by(self, response_period: float) -> None:
        """Take times of responses into account for so many seconds from now on."""
        self._period = max(response_period, 0.001)

    @property
    def failures(self) -> int:
        """How many requests it gave no response to."""
        return self.tally.failures.total()

    @property
    def is_full(self) -> bool:
        """Whether it has as many requests under way as it may have."""
        return 0 < self.server.max_connections <= self.live

    def begin(self) -> None:
        """Count a request that is sent to it."""
        self.live += 1
        self.requests += 1

    def end(self) -> None:
        """Count a request that is over, however it ended."""
        self.live -= 1

    def responded(self, now: float, seconds: float) -> None:
        """Take note of the time from a request to the head of its response."""
        kept = _KEPT * exp(-max(now - self._last, 0.0) / self._period)
        self._mean = seconds + (self._mean - seconds) * kept
        self._last = now
        self.response_time = max(self._mean, _MIN_RESPONSE_TIME)
        self.known_until = now + self._period
        self.tally.responded(now, seconds)


def expected_waits(loads: Sequence[ServerLoad], now: float) -> list[float]:
    """Return how long a request is to wait at each server, for comparison: recent times, by what is under way.

    Where the period went by without any response, the time is taken to be the least: a server that was slow gets
    another chance, and one that is not known yet no more requests at once than it responds to.
    """
    return [
        (load.response_time if now <= load.known_until else _MIN_RESPONSE_TIME) * (load.live + 1) / load.weight
        for load in loads
    ]
