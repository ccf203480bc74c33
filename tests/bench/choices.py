"""What the choice of a server costs: every balancing algorithm, and affinity, with a hundred servers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from statistics import median
from time import process_time

from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.choose import Choice, FarmAtWork, Wanted
from urlrewrite.model.farms import Affinity, Algorithm, Farm, Server

MAX_MICROSECONDS = 20.0
_SERVERS = 100
_CHOICES = 1000
_UNDER_WAY = 50
_TURNS = 9


def print_table() -> bool:
    """Print what was measured; whether every choice is as quick as it has to be."""
    print(f"the choice of one of {_SERVERS} servers: median of {_TURNS} turns, processor time")
    costs = {name: _microseconds(farm, wanted) for name, farm, wanted in _farms()}
    for name, cost in costs.items():
        print(f"{name:<22} {cost:>6.1f} µs")
    within = max(costs.values()) <= MAX_MICROSECONDS
    print(f"{'' if within else 'NOT '}at most {MAX_MICROSECONDS:g} µs each")
    return within


def _farms() -> Iterator[tuple[str, Farm, Wanted]]:
    servers = tuple(Server(address=f"10.0.0.{number}") for number in range(_SERVERS))
    for algorithm in Algorithm:
        yield str(algorithm), Farm(name="shop", servers=servers, algorithm=algorithm), Wanted(hash_input="a")
    sticky = Farm(name="shop", servers=servers, affinity=Affinity(cookie="c"))
    yield "affinity by cookie", sticky, Wanted(token=token_of("10.0.0.7"))
    yield (
        "affinity by host name",
        Farm(name="shop", servers=servers, affinity=Affinity(host_name=True)),
        Wanted(host="a"),
    )


def _microseconds(farm: Farm, wanted: Wanted) -> float:
    """Return what a choice costs while some requests are under way at the servers."""
    at_work = FarmAtWork(farm, 0.0, Random(1))
    for load in at_work.loads:
        load.responded(0.0, 0.01 * (load.index % 7))
    taken = []
    for _ in range(_TURNS):
        under_way = []
        began = process_time()
        for _ in range(_CHOICES):
            choice = at_work.choose(wanted, 1.0)
            assert isinstance(choice, Choice)
            choice.load.begin()
            under_way.append(choice.load)
            if len(under_way) > _UNDER_WAY:
                under_way.pop(0).end()
        taken.append((process_time() - began) / _CHOICES * 1e6)
        for load in under_way:
            load.end()
    return median(taken)
