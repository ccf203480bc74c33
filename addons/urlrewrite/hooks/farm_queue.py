"""A request waits for a server of a full farm, as a hook that the stream of the request waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy.connection import Client
from mitmproxy.proxy.commands import StartHook

from urlrewrite.farms.attempts import Attempts


@dataclass(eq=False)
class Wait:
    """A request that waits, and how many stood before it; `had_room` tells that there was room for it, too.

    `is_gone` says whether its client has taken it back.
    """

    attempts: Attempts
    client: Client
    is_gone: Callable[[], bool]
    ahead: int
    had_room: bool = False


@dataclass
class ServerWantedHook(StartHook):
    """Go on when a server is free, when the farm's `queueTimeout` is over, or when the client has left.

    The stream takes no events meanwhile; mitmproxy keeps those that come.
    """

    wait: Wait
    name = "urlrewrite_server_wanted"


class FarmQueue:
    """The addon that lets requests wait."""

    def __init__(self) -> None:
        self._woken: dict[str, set[asyncio.Event]] = {}

    async def urlrewrite_server_wanted(self, wait: Wait) -> None:
        """Let a request wait, if there is room for it."""
        woken = asyncio.Event()
        wait.had_room = wait.attempts.wait(woken.set, wait.is_gone)
        if not wait.had_room:
            return
        of_client = self._woken.setdefault(wait.client.id, set())
        of_client.add(woken)
        try:
            async with asyncio.timeout(wait.attempts.farm.farm.connections.queue_timeout):
                await woken.wait()
        except TimeoutError:
            pass
        finally:
            of_client.discard(woken)
            if not of_client:
                self._woken.pop(wait.client.id, None)

    def client_disconnected(self, client: Client) -> None:
        """Nobody waits any more on a connection that is gone."""
        for woken in self._woken.get(client.id, ()):
            woken.set()
