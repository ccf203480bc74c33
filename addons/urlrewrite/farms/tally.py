"""What was counted about one server: since the start, and minute by minute over the last hour."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from urlrewrite.model.farms import RetryCause

MINUTES = 60
"""Minutes that are kept apart."""

MAX_CLIENTS = 1000
"""Clients that are told apart."""

REMEMBERED = 3600.0
"""Seconds for which a client counts after it was last seen."""


@dataclass(slots=True)
class Minute:
    """One minute, by its number on the clock; `seconds` is the sum of the times to the head of `responses`."""

    number: int
    requests: int = 0
    failures: int = 0
    responses: int = 0
    seconds: float = 0.0


class BoundClients:
    """The clients that an affinity led to a server, as far as they can be told apart; never more than `MAX_CLIENTS`."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def add(self, client: str, now: float) -> None:
        """Note that a client was led here."""
        self._seen.pop(client, None)
        self._seen[client] = now
        if len(self._seen) > MAX_CLIENTS:
            del self._seen[next(iter(self._seen))]

    def count(self, now: float) -> int:
        """Return how many of them were seen within the last hour."""
        return sum(now - at <= REMEMBERED for at in [*self._seen.values()])


class Tally:
    """The counts of one server. Times are seconds of one monotonic clock, whichever the caller has.

    `statuses` counts responses by the first digit of their status, `failures` what ended without any response.
    `responses` are those whose head came, after `seconds` in all.
    """

    __slots__ = ("bound", "failures", "minutes", "responses", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses = Counter[int]()
        self.failures = Counter[RetryCause]()
        self.responses = 0
        self.seconds = 0.0
        self.minutes = deque[Minute](maxlen=MINUTES)
        self.bound = BoundClients()

    def sent(self, now: float) -> None:
        """Count a request that is sent to the server."""
        self._minute(now).requests += 1

    def responded(self, now: float, seconds: float) -> None:
        """Count the head of a response, which came after so many seconds."""
        self.responses += 1
        self.seconds += seconds
        minute = self._minute(now)
        minute.responses += 1
        minute.seconds += seconds

    def ended(self, status: int) -> None:
        """Count a response by its status; 0 for a request that the client gave up."""
        if status:
            self.statuses[status // 100] += 1

    def failed(self, now: float, cause: RetryCause) -> None:
        """Count a request to which the server gave no response."""
        self.failures[cause] += 1
        self._minute(now).failures += 1

    def _minute(self, now: float) -> Minute:
        number = int(now // 60)
        if not self.minutes or self.minutes[-1].number != number:
            self.minutes.append(Minute(number))
        return self.minutes[-1]
