"""Out of file descriptors: what the event loop says again and again is told once."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import Any

import pytest

from urlrewrite.hooks import descriptors
from urlrewrite.hooks.descriptors import OUT_OF_RESOURCES, Descriptors


@pytest.mark.parametrize("number", sorted(OUT_OF_RESOURCES))
async def test_it_is_told_once_until_there_are_some_again(
    number: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "QUIET_SECONDS", 0.3)
    caplog.set_level(logging.INFO, "urlrewrite.service")
    passed: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: passed.append(context))
    addon = Descriptors()
    addon.running()
    for turn in (1, 2):
        for _ in range(100):
            loop.call_exception_handler({"message": "x", "exception": OSError(number, os.strerror(number))})
        await asyncio.sleep(0)
        assert len(caplog.records) == 2 * turn - 1
        async with asyncio.timeout(20):
            while len(caplog.records) < 2 * turn:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert caplog.messages[0].startswith("no connection can be accepted: ")
    assert caplog.messages[1] == "connections are accepted again"
    for other in ({"message": "y"}, {"message": "y", "exception": OSError(errno.EPIPE, "z")}):
        loop.call_exception_handler(other)
        assert passed.pop() is other
    addon.done()
    loop.set_exception_handler(None)


async def test_the_handler_of_the_loop_is_as_it_was_afterwards() -> None:
    loop = asyncio.get_running_loop()
    handlers = [lambda loop, context: None for _ in range(2)]
    for before in (None, handlers[0]):
        loop.set_exception_handler(before)
        addon = Descriptors()
        addon.running()
        assert loop.get_exception_handler() != before
        addon.done()
        assert loop.get_exception_handler() is before
    addon.running()
    loop.set_exception_handler(handlers[1])  # of somebody who came later
    addon.done()
    assert loop.get_exception_handler() is handlers[1]
    loop.set_exception_handler(None)
