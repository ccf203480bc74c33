"""The end of a worker: it takes no more connections, finishes the requests under way, and only then ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading

from mitmproxy import ctx

from urlrewrite.hooks.state import State

logger = logging.getLogger("urlrewrite.workers")

STOP_SECONDS = 10.0
"""How long requests under way may take to end; those that take longer are cut, as event streams are."""

_LOOK_AGAIN = 0.05
"""Seconds after which it is looked again whether all has ended."""


class OrderlyStop:
    """The addon that carries out SIGTERM in a worker; a process of its own ends at once, as mitmproxy does."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ending: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Take over the signal."""
        if ctx.options.urlrewrite_worker and threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.begin)

    def begin(self) -> None:
        """Begin to end."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        ctx.options.update(server=False)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                quiet = 0
                # Between the end of an exchange and its last byte in the socket there are a few turns of the loop.
                while quiet < 2:
                    await asyncio.sleep(_LOOK_AGAIN)
                    quiet = 0 if self._is_busy() else quiet + 1
        except TimeoutError:
            logger.warning("%d requests had not ended within %g s, and are cut", len(self._state.live), STOP_SECONDS)
        ctx.master.shutdown()

    def _is_busy(self) -> bool:
        return bool(self._state.live) or any(
            map(_has_unsent, ctx.master.addons.get("proxyserver").connections.values())
        )


def _has_unsent(handler: object) -> bool:
    """Say whether bytes for a client have not left this process yet."""
    transports = getattr(handler, "transports", {})
    client = transports.get(getattr(handler, "client", None))
    # A connection of QUIC has no such buffer.
    socket = getattr(client.writer, "transport", None) if client else None
    return socket is not None and socket.get_write_buffer_size() > 0
