"""A coroutine that is begun at once goes on as it would in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from urlrewrite.hooks.at_once import begun


async def nothing(told: list[Any]) -> None:
    told.append("done")


async def turns(told: list[Any]) -> None:
    for number in range(3):
        await asyncio.sleep(0)
        told.append(number)


async def in_a_thread(told: list[Any]) -> None:
    told.append(await asyncio.to_thread(lambda: "from a thread"))


async def catches(told: list[Any]) -> None:
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(ValueError("broken"))
    await asyncio.sleep(0)
    try:
        await failed
    except ValueError as error:
        told.append(str(error))
    await asyncio.sleep(0)


async def fails_late(told: list[Any]) -> None:
    await asyncio.sleep(0)
    raise ValueError(told.append("begun"))


CASES = [(nothing, ["done"]), (turns, [0, 1, 2]), (in_a_thread, ["from a thread"]), (catches, ["broken"])]


@pytest.mark.parametrize(("make", "expected"), CASES)
async def test_the_rest(make: Any, expected: list[Any]) -> None:
    for begin in (begun, asyncio.create_task):
        told: list[Any] = []
        rest = begin(make(told))
        if rest is not None:
            await rest
        assert told == expected


async def test_nothing_is_left_of_what_does_not_wait() -> None:
    assert begun(nothing([])) is None


async def test_what_is_raised_is_raised() -> None:
    async def fails(told: list[Any]) -> None:
        raise ValueError(told)

    with pytest.raises(ValueError, match="begun"):
        begun(fails(["begun"]))
    rest = begun(fails_late([]))
    assert rest
    with pytest.raises(ValueError, match="None"):
        await rest


async def test_a_task_that_is_cancelled_cancels_the_rest() -> None:
    told: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("cancelled")

    async def whole(rest: Any) -> None:
        await rest

    task = asyncio.create_task(whole(begun(waits())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled"]


def test_a_coroutine_is_what_is_begun() -> None:
    coroutine: Coroutine[Any, Any, None] = nothing([])
    assert begun(coroutine) is None
