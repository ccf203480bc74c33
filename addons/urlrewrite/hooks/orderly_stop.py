"""The end of the proxy: it takes no more connections, finishes the requests under way, and only then ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from time import monotonic
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.log import ALERT
from mitmproxy.proxy.server import ConnectionHandler

from urlrewrite.hooks.patches.goaway import http_of, is_kept_back, tell

logger = logging.getLogger("urlrewrite.stop")

QUIET_SECONDS = 0.5
"""How long nothing must be under way on a connection before it is closed: a request may be on its way."""

FAREWELL_SECONDS = 2.0
"""How long a connection may then take to be gone."""

_LOOK_AGAIN = 0.05
"""Seconds after which it is looked again whether all has ended."""


class OrderlyStop:
    """The addon that carries out SIGTERM and SIGINT. A second signal stops at once."""

    def __init__(self) -> None:
        self._ending: asyncio.Task[None] | None = None
        self._told: WeakSet[ConnectionHandler] = WeakSet()
        self._quiet_since: WeakKeyDictionary[ConnectionHandler, float] = WeakKeyDictionary()
        self._closed: WeakSet[ConnectionHandler] = WeakSet()
        self._sockets: set[asyncio.WriteTransport] = set()

    def running(self) -> None:
        """Take over the signals, where mitmproxy has them."""
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, None):
            return
        # In the console, Ctrl-C asks a person.
        asks = hasattr(ctx.master, "prompt_for_exit")
        with contextlib.suppress(NotImplementedError):
            for taken in (signal.SIGTERM,) if asks else (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(taken, self.signalled)

    def signalled(self) -> None:
        """Begin to end, or end at once what has begun to."""
        if self._ending is None:
            self.begin()
        elif not ctx.options.urlrewrite_worker:
            # The one that looks after workers kills them on its second signal. Whoever stops a whole group of processes
            # reaches each worker, and has it told again by that one.
            logger.log(ALERT, "stopped at once")
            ctx.master.shutdown()

    def begin(self) -> None:
        """Begin to end."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())

    def client_connected(self, client: Client) -> None:
        """Turn away who comes now: listeners of QUIC stay open for the connections that are there."""
        if self._ending is not None:
            client.error = "the proxy stops"

    async def _end(self) -> None:
        seconds = ctx.options.urlrewrite_drain
        try:
            _stop_listening()
            if self._under_way():
                logger.log(ALERT, "stopping: %d requests under way have %g s to end", self._under_way(), seconds)
            async with asyncio.timeout(seconds):
                rest = 0
                # Between the end of an exchange and its last byte in the socket there are a few turns of the loop.
                while rest < 2:
                    for handler in self._handlers():
                        await self._let_go(handler)
                    rest = 0 if self._handlers() or self._has_unsent() else rest + 1
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            logger.warning("%d requests had not ended within %g s, and are cut", self._under_way(), seconds)
        except Exception:
            logger.exception("the end was not as orderly as it should be")
        ctx.master.shutdown()

    def _handlers(self) -> list[ConnectionHandler]:
        return [*ctx.master.addons.get("proxyserver").connections.values()]

    def _under_way(self) -> int:
        return sum(len(http.streams) for handler in self._handlers() if (http := http_of(handler)))

    async def _let_go(self, handler: ConnectionHandler) -> None:
        """Tell a client that its connection ends, and close it once nothing is under way there."""
        # Once it is closed, what its buffer has is still on its way.
        transport = handler.transports.get(handler.client)
        socket = getattr(transport.writer, "transport", None) if transport else None
        if isinstance(socket, asyncio.WriteTransport):
            self._sockets.add(socket)
        if handler not in self._told and await tell(handler, last=False):
            self._told.add(handler)
        http, now = http_of(handler), monotonic()
        if (http and http.streams) or is_kept_back(handler):
            self._quiet_since.pop(handler, None)
            return
        quiet = now - self._quiet_since.setdefault(handler, now)
        if quiet < QUIET_SECONDS:
            return
        first = handler not in self._closed
        self._closed.add(handler)
        told = first and await tell(handler, last=True)
        if (first and not told) or quiet >= QUIET_SECONDS + FAREWELL_SECONDS:
            transport = handler.transports.get(handler.client)
            if transport is not None and transport.handler is not None:
                transport.handler.cancel("the proxy stops")

    def _has_unsent(self) -> bool:
        """Say whether bytes for a client have not left this process yet."""
        self._sockets = {socket for socket in self._sockets if socket.get_write_buffer_size() > 0}
        return bool(self._sockets)


def _stop_listening() -> None:
    """Close the listeners of TCP. Those of UDP bring what the clients of HTTP/3 send on their connections."""
    for instance in ctx.master.addons.get("proxyserver").servers:
        for server in getattr(instance, "_servers", ()):
            if isinstance(server, asyncio.Server):
                server.close()
