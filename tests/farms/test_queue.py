"""Requests that wait for a full farm: in their order, each counted once, and none for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farms.support import at_work
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import Choice, FarmAtWork, NoServer, Wanted
from urlrewrite.model.farms import Affinity, Connections, Server, ServerState


def full_farm(queue: int = 9, limit: int = 1) -> tuple[FarmAtWork, list[Attempts]]:
    """Two servers with as many requests as they may have, and these requests."""
    servers = [Server(address=name, max_connections=limit) for name in "ab"]
    farm = at_work(*servers, affinity=Affinity(cookie="c"), connections=Connections(queue=queue))
    under_way = [Attempts(farm, Wanted()) for _ in range(2 * limit)]
    assert all(isinstance(attempts.next(0.0), Choice) for attempts in under_way)
    return farm, under_way


def waits(farm: FarmAtWork, woken: list[Attempts], token: str = "") -> Attempts:
    attempts = Attempts(farm, Wanted(token=token))
    assert attempts.next(0.0) is NoServer.ALL_FULL
    assert attempts.wait(lambda: woken.append(attempts))
    return attempts


def test_who_came_first_is_served_first_and_no_newcomer_gets_ahead() -> None:
    farm, (one, other) = full_farm()
    woken: list[Attempts] = []
    first, second = waits(farm, woken), waits(farm, woken)
    one.end(1.0, status=200)
    assert woken == [first]
    assert Attempts(farm, Wanted()).next(1.0) is NoServer.ALL_FULL
    other.end(1.0, status=200)
    assert woken == [first, second]
    for attempts, server in ((first, "a"), (second, "b")):
        found = attempts.waited()
        assert isinstance(found, Choice)
        assert (found.load.name, found.load.live) == (server, 1)
    assert len(farm.queue) == 0


def test_the_queue_is_bounded() -> None:
    farm, _ = full_farm(queue=1)
    waits(farm, [])
    late = Attempts(farm, Wanted())
    assert late.next(0.0) is NoServer.ALL_FULL
    assert not late.wait(lambda: None)
    assert (late.waited(), len(farm.queue)) == (NoServer.ALL_FULL, 1)


def test_who_has_gone_leaves_room_for_others() -> None:
    farm, _ = full_farm(queue=2)
    woken: list[str] = []
    waiting = {name: Attempts(farm, Wanted()) for name in ("gone", "stays", "late", "too late")}
    assert waiting["gone"].wait(lambda: woken.append("gone"), lambda: True)
    assert waiting["stays"].wait(lambda: woken.append("stays"), lambda: False)
    assert woken == [], "nobody needs the room yet"
    assert waiting["late"].wait(lambda: woken.append("late"))
    assert not waiting["too late"].wait(lambda: woken.append("too late"))
    assert (woken, len(farm.queue)) == (["gone"], 2)
    assert waiting["gone"].waited() is NoServer.ALL_FULL


def test_who_is_bound_waits_for_its_server_and_holds_up_nobody() -> None:
    farm, (_, at_b) = full_farm()
    woken: list[Attempts] = []
    bound, free = waits(farm, woken, token_of("a")), waits(farm, woken)
    at_b.end(1.0, status=200)
    assert woken == [free]
    assert bound.waited() is NoServer.ALL_FULL


def test_who_leaves_is_not_served() -> None:
    farm, (one, _) = full_farm()
    woken: list[Attempts] = []
    leaves, stays = waits(farm, woken), waits(farm, woken)
    assert leaves.waited() is NoServer.ALL_FULL
    leaves.abandon(1.0)
    one.end(1.0, status=200)
    assert woken == [stays]


def test_who_ends_while_it_waits_leaves() -> None:
    farm, _ = full_farm()
    waits(farm, []).abandon(1.0)
    assert len(farm.queue) == 0


def test_waiting_ends_where_no_server_is_left_to_wait_for() -> None:
    farm, _ = full_farm()
    woken: list[Attempts] = []
    waiting = waits(farm, woken)
    farm.set_states({"a": ServerState.OFFLINE, "b": ServerState.OFFLINE})
    farm.loads[0].live = 0  # its requests were cut
    farm.serve_queue(1.0)
    assert woken == [waiting]
    assert waiting.waited() is NoServer.ALL_AWAY


def test_who_waits_goes_on_waiting_when_the_rules_change() -> None:
    farm, (one, _) = full_farm()
    woken: list[Attempts] = []
    waiting = waits(farm, woken)
    farm.change(replace(farm.farm, drain_timeout=1.0), 0.0)
    assert (len(farm.queue), woken) == (1, [])
    one.end(1.0, status=200)
    assert woken == [waiting]


@pytest.mark.parametrize("brings", ["a server", "room", "health"])
def test_who_waits_is_served_as_soon_as_somebody_can(brings: str) -> None:
    farm, _ = full_farm()
    woken: list[Attempts] = []
    if brings == "health":
        farm.change(replace(farm.farm, servers=(*farm.farm.servers, Server(address="c"))), 0.0)
        farm.set_health(farm.loads[2], healthy=False, now=0.0)
    waiting = waits(farm, woken)
    if brings == "a server":
        farm.change(replace(farm.farm, servers=(*farm.farm.servers, Server(address="c"))), 0.0)
    elif brings == "room":
        farm.change(replace(farm.farm, servers=tuple(replace(s, max_connections=2) for s in farm.farm.servers)), 0.0)
    else:
        farm.tested(farm.loads[2], None, 1.0)
    assert woken == [waiting]
    assert isinstance(waiting.waited(), Choice)


@given(st.lists(st.sampled_from(["arrive", "end", "leave"]), max_size=60), st.integers(1, 3), st.integers(0, 5))
def test_no_server_gets_more_than_it_may_have_and_none_idles_while_somebody_waits(
    steps: list[str], limit: int, room: int
) -> None:
    farm, under_way = full_farm(room, limit)
    woken: list[Attempts] = []
    waiting: list[Attempts] = []
    for step in steps:
        if step == "arrive":
            attempts = Attempts(farm, Wanted())
            if isinstance(attempts.next(0.0), Choice):
                under_way.append(attempts)
            elif attempts.wait(lambda attempts=attempts: woken.append(attempts)):  # type: ignore[misc]
                waiting.append(attempts)
            else:
                assert attempts.waited() is NoServer.ALL_FULL
                attempts.abandon(0.0)
        elif step == "end" and under_way:
            under_way.pop(0).end(0.0, status=200)
        elif step == "leave" and waiting:
            left = waiting.pop()
            assert left.waited() is NoServer.ALL_FULL
            left.abandon(0.0)
        for attempts in woken:
            assert isinstance(attempts.waited(), Choice)
            waiting.remove(attempts)
            under_way.append(attempts)
        woken.clear()
        assert sum(load.live for load in farm.loads) == len(under_way)
        assert all(load.live <= limit for load in farm.loads)
        assert len(farm.queue) == len(waiting) <= room
        assert not waiting or all(load.is_full for load in farm.loads)
    for attempts in [*under_way, *waiting]:
        attempts.abandon(0.0)
    assert (farm.budget.requests, sum(load.live for load in farm.loads)) == (0, 0)
