"""The page Farms: the server farms, how each of their servers is, and what it does.

POST `{farm, server, do}` first does something about a server (`do` is one of `ACTIONS`; see `hooks/farm_commands.py`),
then returns what GET returns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from urlrewrite.farms.figures import FarmFigures, ServerFigures
from urlrewrite.farms.tally import MAX_CLIENTS, MINUTES, Minute
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.inspector.text import counted
from urlrewrite.inspector.traces.attempts import cause_text, health_text, state_text
from urlrewrite.model.farms import Farm, ServerState
from urlrewrite.trace.text import shown, visible

ACTIONS = ("start", "drain", "stop", "kill", "test")

_DONE_BY = {
    ServerState.AVAILABLE: "start",
    ServerState.DRAINING: "drain",
    ServerState.STOPPING: "stop",
    ServerState.OFFLINE: "kill",
}

type _Json = dict[str, Any]


def data(snapshot: Snapshot, query: Mapping[str, Any]) -> _Json:
    """Return all farms; `query` is ignored.

    `{"causes": [{"kind", "text"}], "farms": [farm]}`. A server of a farm has in `may` which of `ACTIONS` would change
    something, and in `series` its last hour by the minute.
    """
    now = time.time()
    return {
        "causes": [{"kind": kind, "text": text} for farm in snapshot.farms for kind, text in _causes(farm)],
        "farms": [_farm(farm, now) for farm in snapshot.farms],
        "most_clients": MAX_CLIENTS,
    }


def _causes(farm: FarmFigures) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a farm."""
    name = visible(farm.farm.name)
    if not farm.farm.enabled:
        yield "err", f"The farm {name} is offline: requests for it get 503."
        return
    if not any(server.serves for server in farm.servers):
        yield "err", f"No server of the farm {name} takes new clients."
    for server in farm.servers:
        if not server.health.healthy:
            why = health_text(server.health.reason, server.health.detail)
            yield "warn", f"The server {visible(server.name)} of the farm {name} is unhealthy: {shown(why, 300)}."


def _farm(figures: FarmFigures, now: float) -> _Json:
    farm = figures.farm
    return {
        "name": farm.name,
        "label": visible(farm.name),
        "enabled": farm.enabled,
        "algorithm": str(farm.algorithm),
        "hash": visible(farm.hash_variable or ", ".join(farm.hash_query)),
        "affinity": _affinity(farm),
        "test": _test(farm),
        "tests_url": bool(farm.health.url),
        "source": visible(str(farm.source)),
        "waiting": figures.waiting,
        "live": sum(server.live for server in figures.servers),
        "serving": sum(server.serves for server in figures.servers),
        "servers": [_server(server, farm, now) for server in figures.servers],
    }


def _affinity(farm: Farm) -> str:
    affinity = farm.affinity
    ways = []
    if affinity.cookie:
        ways.append(f"cookie {visible(affinity.cookie)}")
    if affinity.host_name:
        ways.append("host name")
    return " and ".join(ways)


def _test(farm: Farm) -> str:
    """Say how it is found out whether servers are well."""
    test, said = farm.health, []
    if test.url:
        failures = counted(max(test.retries, 1), "failure")
        said.append(f"{shown(test.url, 200)} every {test.interval:g} s, out after {failures}")
    if test.live:
        said.append(f"live traffic, out after {counted(test.live.failures, 'failure')} in {test.live.period:g} s")
    return "; ".join(said)


def _server(server: ServerFigures, farm: Farm, now: float) -> _Json:
    health = server.health
    return {
        "name": server.name,
        "label": visible(server.name),
        "address": visible(server.address),
        "ports": [server.http_port, server.https_port],
        "weight": server.weight,
        "share": server.share,
        "backup": server.backup,
        "most": server.max_connections,
        "serves": server.serves,
        "state": str(server.state),
        "state_text": state_text(server.state),
        "healthy": health.healthy,
        "reason": str(health.reason),
        "why": shown(health_text(health.reason, health.detail), 300),
        "since": now - health.seconds,
        "verdict": str(health.verdict),
        "verdict_text": shown(health_text(health.verdict, health.detail), 300),
        "tested": None if health.tested is None else now - health.tested,
        "failed_tests": health.failed,
        "live": server.live,
        "requests": server.requests,
        "statuses": {f"{first}xx": number for first, number in sorted(server.statuses.items())},
        "failures": {cause_text(cause): number for cause, number in sorted(server.failures.items())},
        "failed": sum(server.failures.values()),
        "average": server.seconds / server.responses if server.responses else None,
        "avoided": server.avoided,
        "bound": server.bound if farm.affinity.cookie or farm.affinity.host_name else None,
        "may": [each for each in ACTIONS if each != _DONE_BY[server.state] and (each != "test" or farm.health.url)],
        "series": _series(server.minutes, now),
    }


def _series(minutes: Sequence[Minute], now: float) -> _Json:
    """Return the last hour by the minute; `began` is when the first minute began, in seconds since the epoch."""
    requests, failures, average = [0] * MINUTES, [0] * MINUTES, [0.0] * MINUTES
    for minute in minutes:
        at = MINUTES - 1 + minute.number
        if 0 <= at < MINUTES:
            requests[at], failures[at] = minute.requests, minute.failures
            average[at] = minute.seconds / minute.responses if minute.responses else 0.0
    return {
        "began": now - 60 * MINUTES,
        "width": 60,
        "requests": requests,
        "failures": failures,
        "average": average,
    }
