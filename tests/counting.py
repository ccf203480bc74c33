"""Steps in place of seconds: what an action costs, counted so that a busy machine counts the same as an idle one.

`steps` counts the lines of Python that run, in whatever module, and where that is asked for the turns of loops within a
line; `Reads` counts the characters that regular expressions read, which Python's lines do not show. A test says a
number of either, or that twice the input takes about twice as many (`assert_linear`).
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any

import pytest

TOOL = 4
"""Our number at `sys.monitoring`: neither a debugger's, nor that of coverage, a profiler or Hypothesis."""

LINEAR = 2.5
"""How many times the steps twice the input may take; what is quadratic takes four times as many."""


class TooManySteps(AssertionError):  # noqa: N818 - a failure of a test
    """Raised in the middle of what takes too many."""


@contextmanager
def counted_steps(most: int = sys.maxsize, *, loops: bool = False) -> Iterator[Callable[[], int]]:
    """Counts the lines of Python that run within, and gives a function that says how many there were up to now.

    With `loops` the turns of every loop count, too: one of a line's own, as in a comprehension, is a line but once.

    Raises:
        TooManySteps: at the first line beyond `most`, so that an endless loop ends.
    """
    count = 0

    def line(code: CodeType, number: int) -> None:
        nonlocal count
        count += 1
        if count > most:
            sys.monitoring.set_events(TOOL, 0)
            raise TooManySteps(f"more than {most} steps, at {code.co_filename}:{number}")

    def jump(code: CodeType, offset: int, destination: int) -> None:
        nonlocal count
        count += destination < offset

    events = sys.monitoring.events
    sys.monitoring.use_tool_id(TOOL, "counted steps")
    gc.disable()  # Hypothesis has a function of Python called at each collection
    try:
        sys.monitoring.register_callback(TOOL, events.LINE, line)
        sys.monitoring.register_callback(TOOL, events.JUMP, jump)
        sys.monitoring.set_events(TOOL, events.LINE | (events.JUMP if loops else 0))
        yield lambda: count
    finally:
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.register_callback(TOOL, events.LINE, None)
        sys.monitoring.register_callback(TOOL, events.JUMP, None)
        sys.monitoring.free_tool_id(TOOL)
        gc.enable()


def steps(action: Callable[[], object], *, loops: bool = False) -> int:
    """The number of lines of Python that an action runs, and of turns of loops if these count, too."""
    with counted_steps(loops=loops) as count:
        action()
        return count()


def assert_linear(run: Callable[[int], Callable[[], object]], size: int, most: float = LINEAR) -> int:
    """Has twice the input take at most `most` times the steps.

    Args:
        run: makes an input of a size, and returns the action on it that is counted.
        size: of the smaller input.
        most: times the steps that the larger one may take.

    Returns:
        The steps for the smaller input.
    """
    run(max(size // 16, 1))()  # what is made once and kept is no part of it
    once, twice = steps(run(size)), steps(run(2 * size))
    assert twice <= most * once, f"{once} steps for {size}, {twice} for twice as much"
    return once


class Reads:
    """The characters that regular expressions have read: `count` up to now."""

    def __init__(self) -> None:
        self.count = 0

    def of_module(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
        """Counts what the patterns read that a module holds by a name, in a tuple or in a dict."""
        for name, value in list(vars(module).items()):
            if (counted := self.counted(value)) is not value:
                monkeypatch.setattr(module, name, counted)

    def counted(self, value: Any) -> Any:
        """The same, with a counting pattern for each pattern in it."""
        if isinstance(value, re.Pattern):
            return _Counting(value, self)
        if isinstance(value, tuple) and any(isinstance(item, re.Pattern) for item in value):
            items = [self.counted(item) for item in value]
            return value._make(items) if hasattr(value, "_make") else tuple(items)
        if isinstance(value, dict) and any(isinstance(item, re.Pattern) for item in value.values()):
            return {key: self.counted(item) for key, item in value.items()}
        return value


class _Counting:
    """A pattern that counts. What matches was read up to its end, and what does not up to the end of the text."""

    def __init__(self, pattern: re.Pattern[Any], reads: Reads) -> None:
        self._pattern, self._reads = pattern, reads

    def match(self, text: Any, at: int = 0, end: int = sys.maxsize) -> re.Match[Any] | None:
        return self._count(self._pattern.match(text, at, end), text, at, end)

    def search(self, text: Any, at: int = 0, end: int = sys.maxsize) -> re.Match[Any] | None:
        return self._count(self._pattern.search(text, at, end), text, at, end)

    def finditer(self, text: Any, at: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[Any]]:
        for found in self._pattern.finditer(text, at, end):
            self._count(found, text, at, end)
            at = found.end()
            yield found
        self._count(None, text, at, end)

    def _count(self, found: re.Match[Any] | None, text: Any, at: int, end: int) -> re.Match[Any] | None:
        self._reads.count += 1 + (found.end() if found else min(len(text), end)) - at
        return found
