"""Server farms in the live proxy: requests get a server, servers are asked whether they are well, clients are bound."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic

from mitmproxy import ctx, http
from mitmproxy.connection import Server

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.load import ServerLoad
from urlrewrite.hooks.backend_tls import ContextOfTests
from urlrewrite.hooks.health_tests import HealthTests, Outcome, no_tls
from urlrewrite.hooks.idle_connections import Address, IdleConnections
from urlrewrite.hooks.patches.connection_pool import SharedWriter
from urlrewrite.hooks.state import State
from urlrewrite.hooks.watching import repeat
from urlrewrite.loading.server_states import ServerStates
from urlrewrite.model.farms import Farm, ServerState

logger = logging.getLogger("urlrewrite.farms")

LOOK_SECONDS = 1.0
"""How often the file of server states is looked at."""


class Farms:
    """The addon that keeps the farms at what the rules in force say, and asks their servers whether they are well."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._random = Random()
        self._states: ServerStates | None = None
        self._tests: dict[str, tuple[Farm, HealthTests]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._carried_out: dict[tuple[str, str], ServerState] = {}
        self._draining: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def rules_changed(self) -> None:
        """Take the farms of the rules that came into force."""
        in_force = self._state.in_force
        if in_force is None:
            return
        rule_set = in_force.rules.rule_set
        before = self._addresses()
        self._state.farms.update(rule_set.farms.values(), monotonic())
        self._state.idle.drop(before - self._addresses())
        if rule_set.farms and rule_set.files:
            path = Path(f"{rule_set.files[0]}.servers.json")
            if self._states is None or self._states.path != path:
                self._states = ServerStates(path)
        self._look()
        if self._watcher is not None:
            self._test_again()

    def running(self) -> None:
        """Begin to look at the file of states, and to ask servers."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(repeat(self._look, LOOK_SECONDS, logger))
            self._test_again()

    def done(self) -> None:
        """Stop both."""
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        for _, tests in self._tests.values():
            tests.stop()
        self._tests = {}
        for timer in self._draining.values():
            timer.cancel()
        self._draining = {}

    def response(self, flow: http.HTTPFlow) -> None:
        """End a request, unless its connection goes on as a WebSocket."""
        if flow.websocket is None:
            self._end(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """End the request of a WebSocket."""
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """End a request that was broken off."""
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if attempts := self._state.attempts.pop(flow.id, None):
            sent = len(flow.request.raw_content or b"")
            if flow.response is not None:
                sent += len(flow.response.raw_content or b"")
            attempts.end(monotonic(), status=attempts.status, sent=sent)

    def _addresses(self) -> set[Address]:
        return {address for farm in self._state.farms for load in farm.loads for address in addresses_of(load)}

    def _look(self) -> None:
        if self._states is None:
            return
        before = self._states.fault
        self._state.farms.set_states(self._states.look(), monotonic())
        if self._states.fault and self._states.fault != before:
            logger.error("%s; the states that were known stay", self._states.fault)
        former, self._carried_out = self._carried_out, {}
        for farm in self._state.farms:
            for load in farm.loads:
                self._carry_out(farm, load, former.get((farm.farm.name, load.name)))
        for key in self._draining.keys() - self._carried_out.keys():
            self._draining.pop(key).cancel()

    def set_state(self, farm: FarmAtWork, load: ServerLoad, state: ServerState) -> None:
        """Keep what a person decided about a server, and do it.

        Raises:
            OSError: the file of states cannot be written. It is done nevertheless, in this process.
        """
        if self._states is not None:
            try:
                self._states.set(farm.farm.name, load.name, state)
            except OSError as error:
                logger.error("%s: %s; the state of %s is kept in memory only", self._states.path, error, load.name)
                raise
            finally:
                self._look()

    def set_health(self, farm: FarmAtWork, load: ServerLoad, *, healthy: bool) -> None:
        """Hold a server to be well or not, until a test says otherwise."""
        farm.set_health(load, healthy=healthy, now=monotonic())
        logger.warning(
            "farm %s, server %s: %s by hand", farm.farm.name, load.name, "healthy" if healthy else "unhealthy"
        )

    async def test(self, farm: FarmAtWork, load: ServerLoad) -> Outcome:
        """Ask a server at once whether it is well.

        Raises:
            LookupError: the rule file has no URL for it.
        """
        if not farm.farm.health.url:
            raise LookupError(f"the farm {farm.farm.name} tests no URL (health: url)")
        known = self._tests.get(farm.farm.name)
        tests = (
            known[1] if known and known[0] is farm.farm else HealthTests(farm, self._random, _tls_of_tests(farm.farm))
        )
        return await tests.ask_now(load)

    def _carry_out(self, farm: FarmAtWork, load: ServerLoad, before: ServerState | None) -> None:
        """End what is under way at a server that was taken offline, or that was given long enough to stop.

        `before` is its state when it was last looked at; None where it was not there, so that nothing is under way.
        """
        key, state = (farm.farm.name, load.name), farm.state_of(load)
        self._carried_out[key] = state
        if state is (before or load.server.state):
            return
        logger.warning("farm %s, server %s: %s", *key, state)
        if timer := self._draining.pop(key, None):
            timer.cancel()
        if state is ServerState.OFFLINE:
            close_connections(load, self._state.idle)
        elif state is ServerState.STOPPING and farm.farm.drain_timeout:

            def stop() -> None:
                del self._draining[key]
                close_connections(load, self._state.idle)

            self._draining[key] = asyncio.get_running_loop().call_later(farm.farm.drain_timeout, stop)

    def _test_again(self) -> None:
        """Ask the servers of the farms that there are now."""
        now = {farm.farm.name: farm for farm in self._state.farms}
        for name, (tested, tests) in [*self._tests.items()]:
            if name not in now or now[name].farm is not tested:
                tests.stop()
                del self._tests[name]
        for name, farm in now.items():
            if name not in self._tests:
                self._tests[name] = farm.farm, HealthTests(farm, self._random, _tls_of_tests(farm.farm))
                self._tests[name][1].start()


def _tls_of_tests(farm: Farm) -> Callable[[], ssl.SSLContext | None]:
    """Return what gives the context by which the servers of a farm are tested; None where that is not over TLS."""
    if not farm.health.url.lower().startswith("https:"):
        return no_tls
    context = ContextOfTests(farm)
    context()  # what is wrong with the files is told at once
    return context


def addresses_of(load: ServerLoad) -> set[Address]:
    """Return the addresses at which requests of either scheme are sent to a server."""
    server = load.server
    return {(server.address, server.http_port), (server.address, server.https_port)}


def close_connections(load: ServerLoad, idle: IdleConnections) -> None:
    """Close every connection to a server; requests that wait for it are sent elsewhere where they may be."""
    addresses = addresses_of(load)
    idle.drop(addresses)
    for handler in [*ctx.master.addons.get("proxyserver").connections.values()]:
        for connection, transport in [*handler.transports.items()]:
            if isinstance(connection, Server) and connection.address and connection.address[:2] in addresses:
                if isinstance(transport.writer, SharedWriter):
                    transport.writer.stir()
                handler.close_connection(connection)
