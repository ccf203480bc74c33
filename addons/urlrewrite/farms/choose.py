"""A farm at work: which server gets a request, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from random import Random

from urlrewrite.farms.affinity import of_host, token_of
from urlrewrite.farms.budget import RetryBudget
from urlrewrite.farms.health_state import Health, HealthReason
from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies import POLICIES
from urlrewrite.farms.queue import Queue
from urlrewrite.model.farms import Farm, RetryCause, ServerState, WhenUnavailable

AVOID_SECONDS = 10.0
"""How long others are preferred to a server that could not be connected to (`fail_timeout` of nginx). Then one request
tries it again."""

MAX_HOSTS_KNOWN = 10_000
"""Host names of which a farm remembers the server; it can be worked out again."""


class ChoiceReason(StrEnum):
    """Why a server was chosen."""

    CONNECTION = "connection"
    """The client has proved who it is by a connection to it (NTLM, Negotiate)."""
    BALANCED = "balanced"
    """By the farm's algorithm."""
    COOKIE = "cookie"
    """The client is bound to it."""
    HOST_NAME = "host-name"
    """The host name is bound to it."""
    REASSIGNED = "reassigned"
    """The server that the client was bound to is away."""
    BACKUP = "backup"
    """No other server can take requests."""


class NoServer(StrEnum):
    """Why no server can be chosen."""

    FARM_OFFLINE = "farm-offline"
    ALL_AWAY = "all-away"
    """Every server is offline, draining or not well."""
    ALL_TRIED = "all-tried"
    """Those that could take the request have failed it already."""
    ALL_FULL = "all-full"
    """Those that could take the request have as many as they may have."""
    BOUND_SERVER_AWAY = "bound-server-away"
    """The client's server is away, and the farm does not give it another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a choice depends on: the token of the client's cookie, the host that it asks for, what is hashed.

    `client` is the client's address, by which clients are counted; no choice depends on it.
    `connected` is the name of a server that knows the client by a connection.
    """

    token: str = ""
    host: str = ""
    hash_input: str = ""
    client: str = ""
    connected: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A server for a request. `binds` tells that the client is to be bound to it by a new cookie."""

    load: ServerLoad
    why: ChoiceReason
    binds: bool = False


class FarmAtWork:
    """What changes about a farm while the proxy runs. Times are seconds of one monotonic clock."""

    def __init__(self, farm: Farm, now: float, random: Random) -> None:
        self._random = random
        self.loads: tuple[ServerLoad, ...] = ()
        self.budget = RetryBudget(farm.retry.budget)
        self.queue = Queue()
        self._states: Mapping[str, ServerState] = {}
        self._avoided: set[ServerLoad] = set()
        self._open: list[ServerLoad] = []
        self._spare: list[ServerLoad] = []  # backups that are well, while others are open
        self._open_until = -inf  # what is open to new clients is worked out anew from then on
        self._by_host: dict[str, ServerLoad] = {}  # of `_open`
        self.change(farm, now)

    def change(self, farm: Farm, now: float) -> None:
        """Go on as the rule file says now. Servers that stay keep what is known of them, and requests wait on."""
        known = {load.name: load for load in self.loads}
        self.farm = farm
        self.loads = tuple(
            known.get(name) or ServerLoad(server, name, farm.response_period, Health(farm.health, now))
            for server, name in zip(farm.servers, farm.server_names, strict=True)
        )
        for index, (load, server) in enumerate(zip(self.loads, farm.servers, strict=True)):
            load.server, load.index, load.turn = server, index, 0.0
            load.judge_by(farm.response_period)
            load.health.judge_by(farm.health)
        self.policy = POLICIES[farm.algorithm](farm, self._random)
        self.budget.share = farm.retry.budget
        self._avoided.intersection_update(self.loads)
        self._by_token = {token_of(load.name): load for load in self.loads}
        self._limited = any(server.max_connections for server in farm.servers)
        self._open_until = -inf
        self.serve_queue(now)

    def set_states(self, states: Mapping[str, ServerState]) -> None:
        """Take what people decided, by the servers' names; without an entry the state of the rule file holds."""
        self._states = states
        self._open_until = -inf

    def bound_to(self, wanted: Wanted) -> ServerLoad | None:
        """Return the server that a client's cookie names, whether it can take requests or not."""
        return self._by_token.get(wanted.token) if wanted.token else None

    def state_of(self, load: ServerLoad) -> ServerState:
        """Return what was decided about a server."""
        return self._states.get(load.name, load.server.state)

    def tested(self, load: ServerLoad, failure: HealthReason | None, now: float, detail: str = "") -> None:
        """Take note of a test of the health URL: None if it passed; `detail` is what came instead."""
        load.health.tested(failure, now, detail)
        self._open_until = -inf
        self.serve_queue(now)

    def set_health(self, load: ServerLoad, *, healthy: bool, now: float) -> None:
        """Hold a server to be well or not until a test says otherwise."""
        load.health.set_by_hand(healthy=healthy, now=now)
        self._open_until = -inf
        self.serve_queue(now)

    def end(
        self,
        load: ServerLoad,
        now: float,
        *,
        status: int | None,
        sent: int = 0,
        cause: RetryCause = RetryCause.CLOSED,
    ) -> None:
        """Take note that a request is over.

        `status` is that of the response, 0 where the client gave up, None where the server failed to give any, by a
        `cause`; `sent` counts the bytes of both.
        """
        health = load.health
        load.end()
        if status is None:
            load.tally.failed(now, cause)
        else:
            load.tally.ended(status)
        self.policy.ended(load, sent, now)
        was_healthy = health.healthy
        health.served(now, status=status)
        if health.healthy is not was_healthy:
            self._open_until = -inf
        self.serve_queue(now)

    def not_connected(self, load: ServerLoad, now: float) -> None:
        """Take note that no connection to a server came about: requests had better go elsewhere for a while."""
        load.avoided_until = now + AVOID_SECONDS
        self._avoided.add(load)

    def connected(self, load: ServerLoad) -> None:
        """Take note that a server is there."""
        if load in self._avoided:
            load.avoided_until = -inf
            self._avoided.discard(load)

    def serve_queue(self, now: float) -> None:
        """Give servers that are free to requests that wait, as far as they reach."""
        if self.queue and not all(load.is_full for load in self.loads):
            self.queue.serve(now)

    def choose(self, wanted: Wanted, now: float, tried: Collection[ServerLoad] = ()) -> Choice | NoServer:
        """Return a server for a request that those in `tried` have failed already."""
        if not self.farm.enabled:
            return NoServer.FARM_OFFLINE
        known = next((load for load in self.loads if load.name == wanted.connected), None) if wanted.connected else None
        if known is not None and known not in tried and self._serves_bound(known, now):
            return NoServer.ALL_FULL if known.is_full else Choice(known, ChoiceReason.CONNECTION)
        bound = self.bound_to(wanted)
        if bound is not None and bound not in tried and self._serves_bound(bound, now):
            return NoServer.ALL_FULL if bound.is_full else Choice(bound, ChoiceReason.COOKIE)
        if bound is not None and self.farm.affinity.if_unavailable is WhenUnavailable.REFUSE:
            return NoServer.BOUND_SERVER_AWAY
        candidates = self._open_to_new_clients(now)
        if not candidates:
            return NoServer.ALL_AWAY
        if tried or self._limited or self._avoided:
            left = self._left(candidates, now, tried)
            if isinstance(left, NoServer):
                return left
            candidates = left
        if self.farm.affinity.host_name and wanted.host:
            choice = Choice(self._server_of_host(wanted.host, candidates), ChoiceReason.HOST_NAME)
        else:
            chosen = self.policy.choose(candidates, wanted.hash_input, now)
            otherwise = ChoiceReason.BACKUP if chosen.server.backup else ChoiceReason.BALANCED
            why = ChoiceReason.REASSIGNED if bound is not None else otherwise
            choice = Choice(chosen, why, binds=bool(self.farm.affinity.cookie))
        if choice.load in self._avoided:
            choice.load.avoided_until = now + AVOID_SECONDS
        return choice

    def _left(
        self, candidates: list[ServerLoad], now: float, tried: Collection[ServerLoad]
    ) -> list[ServerLoad] | NoServer:
        """Return those that can take a request: backups and those to be avoided only where nobody else can."""
        untried = [load for load in (*candidates, *self._spare) if load not in tried]
        free = [load for load in untried if not load.is_full]
        if not free:
            return NoServer.ALL_FULL if untried else NoServer.ALL_TRIED
        preferred = [load for load in free if load.avoided_until <= now] or free
        return [load for load in preferred if not load.server.backup] or preferred

    def _open_to_new_clients(self, now: float) -> list[ServerLoad]:
        """Return the servers that a client may be sent to that is bound to none: backups only where no other can."""
        if now >= self._open_until:
            self._work_out_open(now)
            self._open_until = min((load.health.changes_at(now) for load in self.loads), default=inf)
            for load in (*self._open, *self._spare):
                load.weight = load.server.weight * load.health.share(now)
            self._by_host.clear()
        return self._open

    def _work_out_open(self, now: float) -> None:
        available = [load for load in self.loads if load.server.weight and self.state_of(load) is ServerState.AVAILABLE]
        usual = [load for load in available if not load.server.backup]
        well = [load for load in usual if load.health.look(now)]
        self._spare = [load for load in available if load.server.backup and load.health.look(now)]
        if usual and len(well) < self.farm.health.min_servers:
            self._open = usual
        elif well:
            self._open = well
        else:
            self._open, self._spare = self._spare, []

    def _server_of_host(self, host: str, candidates: list[ServerLoad]) -> ServerLoad:
        if candidates is not self._open:
            return of_host(host, candidates)
        if (known := self._by_host.get(host)) is None:
            if len(self._by_host) >= MAX_HOSTS_KNOWN:
                self._by_host.clear()
            known = self._by_host[host] = of_host(host, candidates)
        return known

    def _serves_bound(self, load: ServerLoad, now: float) -> bool:
        in_service = self.state_of(load) in (ServerState.AVAILABLE, ServerState.DRAINING)
        return in_service and load.health.look(now)
