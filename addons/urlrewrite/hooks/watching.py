"""Steps that are taken again and again while the proxy runs. One that fails is told, and those after it are taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable


async def repeat(step: Callable[[], Awaitable[None] | None], seconds: float, logger: logging.Logger) -> None:
    """Take a step, wait so many seconds, and so on until the task is cancelled.

    One that fails in the same way again and again is told once.
    """
    told = ""
    while True:
        try:
            if (rest := step()) is not None:
                await rest
            told = ""
        except Exception as error:
            if told != (told := repr(error)):
                logger.exception("%s failed; it is done again and again", step.__qualname__)
        await asyncio.sleep(seconds)


def take_all(steps: tuple[Callable[[], None], ...], logger: logging.Logger) -> None:
    """Take steps that do not depend on each other: one that fails is told, and the next ones are taken."""
    for step in steps:
        try:
            step()
        except Exception:
            logger.exception("%s failed", step.__qualname__)
