"""What the choice of a farm's server depends on, out of a request; and which servers would be tried, for `explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import parse_qsl

from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.responses import Forward
from urlrewrite.farms.affinity import take_token
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import Choice, FarmAtWork, NoServer, Wanted
from urlrewrite.farms.load import ServerLoad
from urlrewrite.model import Mode
from urlrewrite.model.farms import Farm
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import parse_authority
from urlrewrite.trace.request_events import ARR_SERVER_ROUTED, NO_SERVER, SERVER_STATE
from urlrewrite.trace.trace import Trace

MAX_TOLD = 20
"""Servers of which a trace tells how they are."""


def wanted_of(exchange: Exchange, forward: Forward) -> tuple[Wanted, Forward]:
    """Return what a choice depends on, and the request as a server gets it: without the cookie that binds its client.

    The exchange was routed to a farm.
    """
    farm = forward.farm
    if farm is None:
        return Wanted(), forward
    token = ""
    if farm.affinity.cookie:
        token, fields = take_token(forward.fields, farm.affinity.cookie)
        forward = replace(forward, fields=fields)
    authority = parse_authority(exchange.request.host)
    host = authority[0] if authority else ""
    # Behind trusted proxies it is the first of those that they name.
    forwarded = [*field_values(forward.fields, "x-forwarded-for"), exchange.request.client[0]]
    client = forwarded[0].partition(",")[0].strip()
    return Wanted(token, host, _hash_input(farm, exchange), client), forward


def _hash_input(farm: Farm, exchange: Exchange) -> str:
    if farm.hash_variable:
        return exchange.server_variable(farm.hash_variable)
    if not farm.hash_query:
        return ""
    query = exchange.request.target.partition("?")[2]
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        values.setdefault(name.casefold(), value)
    return "\0".join(values.get(name.casefold(), "") for name in farm.hash_query)


def tell_choice(trace: Trace, attempts: Attempts, found: Choice | NoServer) -> None:
    """Tell in a trace which server was chosen; or that there is none, and how those are that could have been.

    A server that the client is bound to, and does not get, is told, too.
    """
    farm = attempts.farm
    bound = farm.bound_to(attempts.wanted)
    if isinstance(found, NoServer):
        trace.decided(NO_SERVER, farm=farm.farm.name, why=str(found))
        _tell_states(trace, farm, farm.loads[:MAX_TOLD], bound)
        return
    if bound is not None and found.load is not bound and len(attempts.tried) == 1:
        _tell_states(trace, farm, [bound], bound)
    trace.decided(
        ARR_SERVER_ROUTED,
        farm=farm.farm.name,
        server=found.load.name,
        why=str(found.why),
        attempt=len(attempts.tried),
    )


def _tell_states(trace: Trace, farm: FarmAtWork, loads: Iterable[ServerLoad], bound: ServerLoad | None) -> None:
    for load in loads:
        health = load.health
        trace.decided(
            SERVER_STATE,
            farm=farm.farm.name,
            server=load.name,
            state=str(farm.state_of(load)),
            healthy=health.healthy,
            reason=str(health.reason),
            detail=health.detail,
            live=load.live,
            bound=load is bound,
        )


@dataclass(frozen=True, slots=True)
class ServerOrder:
    """The servers that a request would be sent to, one after the other, if each of them failed.

    `attempts` is after how many of them the client gets an error; `end` is why no server comes after the last one.
    """

    choices: tuple[Choice, ...]
    attempts: int
    end: NoServer


def server_order(exchange: Exchange, forward: Forward) -> ServerOrder | None:
    """Return the order for a farm that has just begun to work, with every server well; None without a farm."""
    if forward.farm is None:
        return None
    wanted, _ = wanted_of(exchange, forward)
    at_work = FarmAtWork(forward.farm, 0.0, Random(0))
    choices: list[Choice] = []
    while isinstance(found := at_work.choose(wanted, 0.0, [choice.load for choice in choices]), Choice):
        choices.append(found)
    retries = exchange.site is not None and exchange.site.mode is not Mode.IIS
    return ServerOrder(tuple(choices), forward.farm.retry.attempts if retries else 1, found)
