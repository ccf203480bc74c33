"""Hooks that are coroutines and seldom have to wait: they are begun where they are called, without a task of their own.

A coroutine that a task has not begun yet does not know its task. So this is for hooks that, up to where they wait for
the first time, ask for no task and set no time-out: those of this bundle that are marked.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

BEGINS_AT_ONCE = "begins_at_once"
"""The attribute that marks a hook."""


def begins_at_once[Hook: Callable[..., Coroutine[Any, Any, None]]](hook: Hook) -> Hook:
    """Mark a hook."""
    setattr(hook, BEGINS_AT_ONCE, True)
    return hook


def begun(coroutine: Any) -> Awaitable[None] | None:
    """Run a coroutine up to where it waits, and return the rest of it; None where that is all."""
    try:
        waited = coroutine.send(None)
    except StopIteration:
        return None
    return _rest(coroutine, waited)


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, None], waited: Any) -> Generator[Any, Any, None]:
    while True:
        failed: BaseException | None = None
        try:
            value = yield waited
        except BaseException as error:
            failed = error
        try:
            waited = coroutine.throw(failed) if failed else coroutine.send(value)
        except StopIteration:
            return
