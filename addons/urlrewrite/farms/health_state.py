"""Whether a server is well: what tests of a URL and real requests say of it.

A test of a URL takes a server out and lets it in again. Real requests only take it out, since none come to a server
that is out: without a URL it is let in again after a while, each time a longer one (ARR leaves it out until a person
comes). A server that is let in again may start slowly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from math import inf

from urlrewrite.model.farms import HealthTest, StatusRange

MAX_EJECTIONS = 10
"""The time for which a server is out grows no more after so many times."""

_FIRST_SHARE = 0.1


class HealthReason(StrEnum):
    """Why a server is held to be well or not."""

    UNTESTED = "untested"
    TEST_PASSED = "test-passed"
    TEST_STATUS = "test-status"
    """The tested URL was answered by a status that does not match."""
    TEST_BODY = "test-body"
    """The text that the body must contain is not in it."""
    TEST_TIMEOUT = "test-timeout"
    TEST_CONNECT = "test-connect"
    """No connection."""
    TEST_TLS = "test-tls"
    """The TLS handshake failed: mostly the certificate cannot be verified."""
    TEST_CLOSED = "test-closed"
    """What came was not a whole response of HTTP."""
    LIVE_TRAFFIC = "live-traffic"
    """Too many real requests failed."""
    EJECTION_OVER = "ejection-over"
    SET_BY_HAND = "set-by-hand"


_NOT_BY_TESTS = (HealthReason.LIVE_TRAFFIC, HealthReason.SET_BY_HAND)
"""Why a server may be out without any test of a URL."""


class Health:
    """The health of one server. Times are seconds of one monotonic clock, whichever the caller has."""

    __slots__ = (
        "_ejections",
        "_failed_at",
        "_test",
        "_until",
        "detail",
        "healthy",
        "reason",
        "since",
        "tested_at",
        "tests_failed",
        "verdict",
    )

    def __init__(self, test: HealthTest, now: float) -> None:
        self._test = test
        self.healthy = True
        self.reason = HealthReason.UNTESTED
        self.since = now
        self.verdict = HealthReason.UNTESTED
        """What the last test of the URL said, and `detail` what came instead of what it expects."""
        self.detail = ""
        self.tested_at: float | None = None
        self.tests_failed = 0
        """Failed tests in a row."""
        self._failed_at = deque[float](maxlen=test.live.failures if test.live else 1)
        self._ejections = 0
        self._until = 0.0

    def judge_by(self, test: HealthTest) -> None:
        """Go on by another test: the rule file was changed. Who was out by a URL that is tested no more is let in."""
        self._test = test
        if not test.url and not self.healthy and self.reason not in _NOT_BY_TESTS:
            self.healthy, self.reason = True, HealthReason.UNTESTED
        self._failed_at = deque(self._failed_at, maxlen=test.live.failures if test.live else 1)

    def tested(self, failure: HealthReason | None, now: float, detail: str = "") -> None:
        """Take note of a test of the URL: None if it passed."""
        self.verdict, self.detail, self.tested_at = failure or HealthReason.TEST_PASSED, detail, now
        if failure is None:
            self.tests_failed = 0
            self._turn(True, HealthReason.TEST_PASSED, now)
            return
        self.tests_failed += 1
        if self.tests_failed >= max(self._test.retries, 1):
            self._turn(False, failure, now)

    def served(self, now: float, *, status: int | None) -> None:
        """Take note of a real request: the status of its response, None where the server failed to give any."""
        live = self._test.live
        if live is None or not self.healthy or not (status is None or in_ranges(status, live.codes)):
            return
        self._failed_at.append(now)
        if len(self._failed_at) == live.failures and now - self._failed_at[0] <= live.period:
            self._failed_at.clear()
            if now - self.since > live.ejection * max(self._ejections, 1):
                # It had been well for longer than it was out: the past is forgotten.
                self._ejections = 0
            self._ejections = min(self._ejections + 1, MAX_EJECTIONS)
            self._until = now + live.ejection * self._ejections
            self._turn(False, HealthReason.LIVE_TRAFFIC, now)

    def set_by_hand(self, *, healthy: bool, now: float) -> None:
        """Hold the server to be well or not until a test says otherwise."""
        self.tests_failed = 0
        self._turn(healthy, HealthReason.SET_BY_HAND, now)

    def look(self, now: float) -> bool:
        """Say whether the server is well; one that real requests took out is let in again when its time is over."""
        if self.is_ejection_over(now):
            self._turn(True, HealthReason.EJECTION_OVER, now)
        return self.healthy

    def is_ejection_over(self, now: float) -> bool:
        """Say whether the next look will let a server in again that real requests took out."""
        ejected = not self.healthy and self.reason is HealthReason.LIVE_TRAFFIC
        return ejected and not self._test.url and now >= self._until

    def changes_at(self, now: float) -> float:
        """Return the time from which `look` or `share` may say something else, without anything being taken note of."""
        if self.share(now) < 1.0:
            return now
        ejected = not self.healthy and self.reason is HealthReason.LIVE_TRAFFIC
        return self._until if ejected and not self._test.url else inf

    def share(self, now: float) -> float:
        """Return the part of its weight that a server gets: below 1 while it starts slowly."""
        slow = self._test.slow_start
        if not slow or self.reason is HealthReason.UNTESTED:
            return 1.0
        return min(1.0, _FIRST_SHARE + (1.0 - _FIRST_SHARE) * (now - self.since) / slow)

    def _turn(self, healthy: bool, reason: HealthReason, now: float) -> None:
        if healthy is not self.healthy:
            self.since = now
        elif healthy:
            # What it was let in for stays: a test that passes again starts nothing anew.
            return
        self.healthy, self.reason = healthy, reason


def in_ranges(status: int, ranges: Sequence[StatusRange]) -> bool:
    """Say whether a status code is in one of the ranges."""
    return any(first <= status <= last for first, last in ranges)
