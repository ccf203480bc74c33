"""The balancing algorithms: who gets how much."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from random import Random
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farms.support import address, at_work, chosen, farm_of
from urlrewrite.farms.choose import FarmAtWork, Wanted
from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.policies import POLICIES
from urlrewrite.model.farms import Algorithm, Farm, Server

WEIGHTS = (Server(address="a", weight=100), Server(address="b", weight=50), Server(address="c", weight=50))


def test_every_algorithm_has_a_policy() -> None:
    assert POLICIES.keys() == set(Algorithm)


def test_weights_are_kept_exactly() -> None:
    farm = at_work(*WEIGHTS)
    assert Counter(address(farm) for _ in range(4000)) == {"a": 2000, "b": 1000, "c": 1000}


def test_turns_are_spread_and_not_bunched() -> None:
    farm = at_work(Server(address="a", weight=5), Server(address="b", weight=1), Server(address="c", weight=1))
    assert "".join(address(farm) for _ in range(7)) == "aabacaa"


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_after_a_full_round_everyone_had_its_weight(weights: list[int]) -> None:
    farm = at_work(*(Server(address=str(at), weight=weight) for at, weight in enumerate(weights)))
    turns = Counter(address(farm) for _ in range(sum(weights)))
    assert turns == {str(at): weight for at, weight in enumerate(weights)}


BY_TURNS_WHERE_IDLE = [Algorithm.LEAST_REQUESTS, Algorithm.LEAST_RESPONSE_TIME]


@pytest.mark.parametrize("algorithm", BY_TURNS_WHERE_IDLE)
def test_idle_servers_get_their_weights(algorithm: Algorithm) -> None:
    farm = at_work(*(Server(address=name) for name in "abc"), algorithm=algorithm)
    assert Counter(address(farm) for _ in range(300)) == {"a": 100, "b": 100, "c": 100}


def test_of_equals_who_weighs_twice_as_much_comes_twice_as_often() -> None:
    farm = at_work(*WEIGHTS, algorithm=Algorithm.LEAST_REQUESTS)
    assert Counter(address(farm) for _ in range(4000)) == {"a": 2000, "b": 1000, "c": 1000}


def test_equals_may_be_chosen_by_chance() -> None:
    farm = at_work("busy", "a", "b", "c", algorithm=Algorithm.LEAST_REQUESTS, random_ties=True)
    farm.loads[0].begin()
    turns = [address(farm) for _ in range(300)]
    assert all(60 < turns.count(name) < 140 for name in "abc")
    assert len({tuple(turns[at : at + 3]) for at in range(0, 300, 3)}) > 6


def test_a_server_that_is_chosen_without_an_equal_keeps_its_turn() -> None:
    farm = at_work("a", "b", algorithm=Algorithm.LEAST_REQUESTS)
    farm.loads[1].begin()
    assert [address(farm) for _ in range(5)] == ["a"] * 5
    farm.loads[1].end()
    assert [address(farm) for _ in range(4)] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("algorithm", BY_TURNS_WHERE_IDLE)
def test_who_was_away_does_not_make_up_for_it(algorithm: Algorithm) -> None:
    farm = at_work("a", "b", "c", algorithm=algorithm)
    for _ in range(1000):
        address(farm, tried=(farm.loads[2],))
    assert Counter(address(farm) for _ in range(30))["c"] <= 12


def test_a_server_that_a_reload_adds_does_not_make_up_for_what_it_missed() -> None:
    farm = at_work("a", "b", algorithm=Algorithm.LEAST_REQUESTS)
    for _ in range(1000):
        address(farm)
    farm.change(farm_of("a", "b", "c", algorithm=Algorithm.LEAST_REQUESTS), 0.0)
    assert Counter(address(farm) for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def run_for(farm: FarmAtWork, seconds: dict[str, float], requests: int, every: float) -> Counter[str]:
    """Serve requests, one each `every` seconds, by servers that take `seconds` each; how many each got."""
    served = Counter[str]()
    under_way: list[tuple[float, float, int]] = []
    for number in range(requests):
        now = number * every
        for done, began, index in sorted(entry for entry in under_way if entry[0] <= now):
            farm.loads[index].responded(done, done - began)
            farm.end(farm.loads[index], done, status=200, sent=1000)
        under_way = [entry for entry in under_way if entry[0] > now]
        load = chosen(farm, now=now).load
        load.begin()
        under_way.append((now + seconds[load.server.address], now, load.index))
        served[load.server.address] += 1
    return served


@pytest.mark.parametrize(
    "algorithm", [Algorithm.LEAST_REQUESTS, Algorithm.LEAST_RESPONSE_TIME, Algorithm.POWER_OF_TWO_CHOICES]
)
def test_a_slow_server_gets_little(algorithm: Algorithm) -> None:
    farm = at_work("slow", "quick", "quicker", algorithm=algorithm)
    served = run_for(farm, {"slow": 0.5, "quick": 0.002, "quicker": 0.001}, 4000, 0.001)
    assert served["slow"] < 0.05 * 4000
    assert served["quick"] and served["quicker"]


def test_a_server_that_was_slow_gets_another_chance_after_the_period() -> None:
    farm = at_work("a", "b", algorithm=Algorithm.LEAST_RESPONSE_TIME, response_period=5.0)
    farm.loads[0].responded(0.0, 9.0)
    farm.loads[1].responded(0.0, 0.1)
    assert [address(farm, now=4.0) for _ in range(3)] == ["b", "b", "b"]
    farm.loads[1].responded(5.5, 0.1)
    assert address(farm, now=6.0) == "a"


def test_times_of_one_instant_all_count() -> None:
    load = at_work("a").loads[0]
    for _ in range(50):
        load.responded(1.0, 2.0)
    assert load.response_time == pytest.approx(2.0, rel=0.01)


def test_traffic_is_weighed_and_forgotten() -> None:
    farm = at_work(
        Server(address="a", weight=100), Server(address="b", weight=50), algorithm=Algorithm.WEIGHTED_TOTAL_TRAFFIC
    )
    sent = Counter[str]()
    for _ in range(3000):
        load = chosen(farm).load
        load.begin()
        farm.end(load, 0.0, status=200, sent=10)
        sent[load.server.address] += 10
    assert sent["a"] / sent["b"] == pytest.approx(2.0, rel=0.01)


def test_of_old_traffic_little_is_left() -> None:
    farm = at_work("a", "b", algorithm=Algorithm.WEIGHTED_TOTAL_TRAFFIC)
    for index, now, sent in ((0, 0.0, 10**9), (1, 60.0 * 40, 1)):
        farm.loads[index].begin()
        farm.end(farm.loads[index], now, status=200, sent=sent)
    assert address(farm, now=60.0 * 40) == "a"


@pytest.mark.parametrize("years", [1, 30])
def test_traffic_of_years_stays_a_number(years: int) -> None:
    farm = at_work("a", "b", algorithm=Algorithm.WEIGHTED_TOTAL_TRAFFIC)
    for day in range(0, 365 * years, 20):
        now = day * 86400.0
        load = chosen(farm, now=now).load
        load.begin()
        farm.end(load, now, status=200, sent=10**9)
    assert {address(farm, now=now), load.server.address} == {"a", "b"}


KEYS = [f"tenant {number}" for number in range(10_000)]


def owners(farm: FarmAtWork, tried: tuple[ServerLoad, ...] = ()) -> list[str]:
    return [address(farm, Wanted(hash_input=key), tried=tried) for key in KEYS]


def test_hashed_requests_are_shared_evenly_and_only_those_of_a_server_that_is_gone_move() -> None:
    farm = at_work("a", "b", "c", "d", "e", algorithm=Algorithm.REQUEST_HASH)
    before = owners(farm)
    assert all(0.15 < count / len(KEYS) < 0.25 for count in Counter(before).values())
    assert owners(at_work("a", "b", "c", "d", "e", algorithm=Algorithm.REQUEST_HASH)) == before
    without = owners(farm, tried=(farm.loads[2],))
    assert [new for old, new in zip(before, without, strict=True) if old != "c" and new != old] == []
    assert "c" not in without
    removed = owners(at_work("a", "b", "d", "e", algorithm=Algorithm.REQUEST_HASH))
    assert removed == without


def counted_lines(call: Callable[[], object]) -> int:
    """The lines of Python that a call runs."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(old)
    return lines


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_choice_looks_at_each_server_a_few_times_at_most(algorithm: Algorithm) -> None:
    """Its cost must not grow faster than the farm: comparisons are counted, since seconds depend on the machine."""

    def steps(servers: int) -> int:
        made = tuple(Server(address=f"10.0.0.{number}") for number in range(servers))
        farm = FarmAtWork(Farm(name="shop", servers=made, algorithm=algorithm), 0.0, Random(1))
        farm.choose(Wanted(hash_input="x"), 0.0)
        return counted_lines(lambda: farm.choose(Wanted(hash_input="x"), 0.0))

    assert steps(200) <= 2.5 * steps(100)
