"""Farms made for tests."""

from __future__ import annotations

from random import Random
from typing import Any

from urlrewrite.farms.choose import Choice, FarmAtWork, Wanted
from urlrewrite.farms.load import ServerLoad
from urlrewrite.model.farms import Farm, Server

ANYBODY = Wanted()


def farm_of(*servers: Server | str, **settings: Any) -> Farm:
    made = (server if isinstance(server, Server) else Server(address=server) for server in servers)
    return Farm(name="shop", servers=tuple(made), **settings)


def at_work(*servers: Server | str, **settings: Any) -> FarmAtWork:
    return FarmAtWork(farm_of(*servers, **settings), 0.0, Random(7))


def chosen(farm: FarmAtWork, wanted: Wanted = ANYBODY, now: float = 0.0, tried: tuple[ServerLoad, ...] = ()) -> Choice:
    choice = farm.choose(wanted, now, tried)
    assert isinstance(choice, Choice), choice
    return choice


def address(farm: FarmAtWork, wanted: Wanted = ANYBODY, now: float = 0.0, tried: tuple[ServerLoad, ...] = ()) -> str:
    return chosen(farm, wanted, now, tried).load.server.address
