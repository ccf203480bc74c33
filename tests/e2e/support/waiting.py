"""Waiting for what another process does. How long it takes is no test's matter; that it comes at all is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds until what has not come is taken for what never comes, on a machine busy with other tests."""


def until(wanted: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Returns once something holds.

    Args:
        wanted: is asked again and again.
        what: says what did not come; called only then, if it is a function.

    Raises:
        AssertionError: it did not come for so long that it never will.
    """
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < deadline, f"never came: {what() if callable(what) else what}"
        time.sleep(0.05)
