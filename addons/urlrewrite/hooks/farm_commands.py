"""What people do about farms: the commands `rewrite.farms` and `rewrite.server.*`, and the buttons of *Farms*."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from mitmproxy import exceptions
from mitmproxy.log import ALERT

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.load import ServerLoad
from urlrewrite.hooks.farms import Farms
from urlrewrite.hooks.state import State
from urlrewrite.hooks.typed_command import typed_command
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.pages.farms import ACTIONS
from urlrewrite.model.farms import ServerState
from urlrewrite.trace.text import shown, visible

logger = logging.getLogger("urlrewrite.commands")


class FarmCommands:
    """The addon with the commands. A server is named as `rewrite.farms` does: its address, with the port if need be."""

    def __init__(self, state: State, farms: Farms) -> None:
        self._state = state
        self._farms = farms
        self._under_way: set[asyncio.Task[None]] = set()

    @typed_command("rewrite.farms")
    def farms(self) -> Sequence[str]:
        """List the server farms: each server with its state, its health and why, requests under way and in all."""
        return [line for farm in self._state.farms for line in _lines(farm)]

    @typed_command("rewrite.server.start")
    def start(self, farm: str, server: str) -> str:
        """Make a server available: it takes every client."""
        return self._set(farm, server, ServerState.AVAILABLE)

    @typed_command("rewrite.server.drain")
    def drain(self, farm: str, server: str) -> str:
        """Disallow new connections to a server: it takes only clients that are bound to it."""
        return self._set(farm, server, ServerState.DRAINING)

    @typed_command("rewrite.server.stop")
    def stop(self, farm: str, server: str) -> str:
        """Make a server unavailable gracefully: it takes no request, and finishes those under way."""
        return self._set(farm, server, ServerState.STOPPING)

    @typed_command("rewrite.server.kill")
    def kill(self, farm: str, server: str) -> str:
        """Make a server unavailable immediately: it takes no request, and those under way are cut."""
        return self._set(farm, server, ServerState.OFFLINE)

    @typed_command("rewrite.server.healthy")
    def healthy(self, farm: str, server: str) -> str:
        """Hold a server to be healthy until a test or requests that fail say otherwise."""
        return self._set_health(farm, server, healthy=True)

    @typed_command("rewrite.server.unhealthy")
    def unhealthy(self, farm: str, server: str) -> str:
        """Hold a server to be unhealthy until a test of its URL succeeds, or for good where none is tested."""
        return self._set_health(farm, server, healthy=False)

    def _set_health(self, farm: str, server: str, *, healthy: bool) -> str:
        at_work, load = self._find(farm, server)
        self._farms.set_health(at_work, load, healthy=healthy)
        until = ", until a test says otherwise" if at_work.farm.health.url else ""
        return f"{load.name} of the farm {at_work.farm.name} is {'healthy' if healthy else 'unhealthy'}{until}"

    @typed_command("rewrite.server.test")
    def test(self, farm: str, server: str) -> str:
        """Ask a server for the URL of its farm's health test now; what came is in the log and in `rewrite.farms`."""
        at_work, load = self._find(farm, server)
        if not at_work.farm.health.url:
            raise exceptions.CommandError(f"the farm {at_work.farm.name} tests no URL (health: url)")
        # mitmproxy waits for no coroutine.
        task = asyncio.get_running_loop().create_task(self._test(at_work, load))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return f"{load.name} of the farm {at_work.farm.name} is asked for {at_work.farm.health.url}"

    async def _test(self, farm: FarmAtWork, load: ServerLoad) -> None:
        outcome = await self._farms.test(farm, load)
        what = "passed" if outcome.failure is None else f"{outcome.failure} ({outcome.detail})"
        logger.log(ALERT, "farm %s, server %s: health test: %s", farm.farm.name, load.name, what)

    async def act(self, asked: Mapping[str, Any]) -> None:
        """Do what the page Farms asks for: `{farm, server, do}`.

        Raises:
            PageError: it asks for something else, or it cannot be done.
        """
        farm, server, do = (str(asked.get(key) or "") for key in ("farm", "server", "do"))
        decisions = {"start": self.start, "drain": self.drain, "stop": self.stop, "kill": self.kill}
        try:
            if decide := decisions.get(do):
                decide(farm, server)
            elif do == "test":
                await self._farms.test(*self._find(farm, server))
            else:
                raise PageError(f"do: got {shown(do, 40)}, expected one of: {', '.join(ACTIONS)}")
        except (exceptions.CommandError, LookupError) as error:
            raise PageError(visible(str(error))) from None

    def _set(self, farm: str, server: str, state: ServerState) -> str:
        at_work, load = self._find(farm, server)
        try:
            self._farms.set_state(at_work, load, state)
        except OSError as error:
            raise exceptions.CommandError(
                f"{load.name} of the farm {at_work.farm.name} is {state}, but only until this process ends, and in no "
                f"other worker: {error}"
            ) from None
        return f"{load.name} of the farm {at_work.farm.name} is {state}"

    def _find(self, farm: str, server: str) -> tuple[FarmAtWork, ServerLoad]:
        at_work = self._state.farms.get(farm)
        if at_work is None:
            names = ", ".join(each.farm.name for each in self._state.farms) or "there is none"
            raise exceptions.CommandError(f"got the farm {farm!r}, expected one of: {names}")
        for load in at_work.loads:
            if load.name == server.lower():
                return at_work, load
        names = ", ".join(load.name for load in at_work.loads)
        raise exceptions.CommandError(f"got the server {server!r}, expected one of: {names}")


def _lines(farm: FarmAtWork) -> list[str]:
    """Return a farm and its servers, in columns."""
    row: Callable[..., str] = "  {:<24} {:<10} {:<28} {:>4} under way  {:>8} requests  {:>6} failed".format
    lines = [f"{farm.farm.name}  ({farm.farm.algorithm}{'' if farm.farm.enabled else ', offline'})"]
    for load in farm.loads:
        health = load.health
        well = "healthy" if health.look(monotonic()) else "unhealthy"
        about = f"{well} ({health.reason})"
        lines.append(row(load.name, str(farm.state_of(load)), about, load.live, load.requests, load.failures))
    return lines
