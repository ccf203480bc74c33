"""A farm at one moment, as plain values: what people and programs are shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.tally import Minute
from urlrewrite.model.farms import Farm, RetryCause, ServerState


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """Whether a server is well, and the last test of its URL.

    `seconds` is for how long it has been so. `verdict` is what the last test said, `tested` seconds ago (None: never),
    `failed` how many failed in a row, and `detail` what came instead of what the test expects.
    """

    healthy: bool
    reason: HealthReason
    seconds: float
    verdict: HealthReason
    detail: str
    tested: float | None
    failed: int


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """One server.

    `share` is the part of its weight that it gets, below 1 while it starts slowly. `bound` counts the clients (or host
    names) that an affinity led here within the last hour. Others are preferred for a while to one that is
    `avoided`, since it could not be connected to. `minutes` are numbered so that 0 is the current one.
    """

    name: str
    address: str
    http_port: int
    https_port: int
    weight: int
    share: float
    backup: bool
    max_connections: int
    state: ServerState
    health: HealthFigures
    live: int
    requests: int
    statuses: Mapping[int, int]
    failures: Mapping[RetryCause, int]
    responses: int
    seconds: float
    bound: int
    avoided: bool
    minutes: tuple[Minute, ...]

    @property
    def serves(self) -> bool:
        """Whether new clients are sent to it, as long as it is not full."""
        return self.state is ServerState.AVAILABLE and self.health.healthy and self.weight > 0


@dataclass(frozen=True, slots=True)
class FarmFigures:
    """One farm: as its rule file has it, with its servers, and how many requests wait for one."""

    farm: Farm
    servers: tuple[ServerFigures, ...]
    waiting: int = 0


def figures_of(farm: FarmAtWork, now: float) -> FarmFigures:
    """Return a farm at this moment, without changing anything about it."""
    return FarmFigures(farm.farm, tuple(_server(farm, load, now) for load in farm.loads), len(farm.queue))


def _server(farm: FarmAtWork, load: ServerLoad, now: float) -> ServerFigures:
    health, tally, server = load.health, load.tally, load.server
    over = health.is_ejection_over(now)
    minute = int(now // 60)
    return ServerFigures(
        name=load.name,
        address=server.address,
        http_port=server.http_port,
        https_port=server.https_port,
        weight=server.weight,
        share=health.share(now),
        backup=server.backup,
        max_connections=server.max_connections,
        state=farm.state_of(load),
        health=HealthFigures(
            healthy=health.healthy or over,
            reason=HealthReason.EJECTION_OVER if over else health.reason,
            seconds=now - health.since,
            verdict=health.verdict,
            detail=health.detail,
            tested=None if health.tested_at is None else now - health.tested_at,
            failed=health.tests_failed,
        ),
        live=load.live,
        requests=load.requests,
        statuses=dict(tally.statuses),
        failures=dict(tally.failures),
        responses=tally.responses,
        seconds=tally.seconds,
        bound=tally.bound.count(now),
        avoided=load.avoided_until > now,
        minutes=tuple(
            Minute(each.number - minute, each.requests, each.failures, each.responses, each.seconds)
            for each in [*tally.minutes]
        ),
    )
