"""Whether time grows faster than the input: what four times the input takes, compared with what it took before.

What is compared are times of the processor by the same thread, the best of some turns, and never a time with a number
of seconds: linear work takes four times as long, quadratic work sixteen times. So between them there is room for a
busy machine, and what seems to be worse is measured again, longer and oftener, before that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

FACTOR = 4
MOST = 8.0
"""At most so many times as long for `FACTOR` times the input."""

_TURNS = (1, 4, 6)
"""Turns of which the best counts, for the first measurement and for each that is to confirm it, with twice the text."""


def growth(run: Callable[[int], Callable[[], object]], size: int) -> float:
    """Returns how many times as long `FACTOR` times the input takes; what is beyond `MOST` is confirmed.

    Args:
        run: makes an input of a size, and returns the action on it that is timed.
        size: of the smaller input.
    """
    ratio = 0.0
    for power, turns in enumerate(_TURNS):
        few, many = run(size << power), run(FACTOR * size << power)
        once = min(taken(few) for _ in range(turns + 1))
        ratio = min(taken(many) for _ in range(turns)) / max(once, 1e-9)
        if ratio <= MOST:
            break
    return ratio


def taken(action: Callable[[], object]) -> float:
    """Returns the seconds of the processor that an action takes in this thread."""
    began = thread_time()
    action()
    return thread_time() - began
