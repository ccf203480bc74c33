"""What is told when the process is out of file descriptors: once, and once more when there are some again.

The event loop then accepts no connection for a second, and tells its handler of exceptions each time, for each place in
its queue: mitmproxy would print thousands of tracebacks.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import Any

from mitmproxy.log import ALERT

logger = logging.getLogger("urlrewrite.service")

QUIET_SECONDS = 3.0
"""How long the event loop, which tries once a second, must have said nothing before there are some again."""

OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Descriptors:
    """The addon that stands before mitmproxy's handler of exceptions."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[None] | None = None
        self._said_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    def running(self) -> None:
        """Take the place before mitmproxy's handler, which goes on with all that is not for this one."""
        self._loop = asyncio.get_running_loop()
        self._before = self._loop.get_exception_handler()
        self._loop.set_exception_handler(self._handle)

    def done(self) -> None:
        """Look no more, and give the place back unless somebody has come before this one."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._loop is not None and self._loop.get_exception_handler() == self._handle:
            self._loop.set_exception_handler(self._before)

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES:
            self._tell(loop, error)
        elif self._before is not None:
            self._before(loop, context)
        else:
            loop.default_exception_handler(context)

    def _tell(self, loop: asyncio.AbstractEventLoop, error: OSError) -> None:
        self._said_at = loop.time()
        if self._waiting is None:
            logger.error("no connection can be accepted: %s; those that wait are accepted once it can", error.strerror)
            self._waiting = loop.create_task(self._await_some())

    async def _await_some(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._said_at + QUIET_SECONDS - loop.time()) > 0:  # noqa: ASYNC110 (it is told again meanwhile)
            await asyncio.sleep(left)
        self._waiting = None
        logger.log(ALERT, "connections are accepted again")
