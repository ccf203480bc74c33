"""Which servers may be chosen at all, and what is said where none may."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from farms.support import address, at_work, chosen, farm_of
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import AVOID_SECONDS, Choice, ChoiceReason, NoServer, Wanted
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.farms.load import expected_waits
from urlrewrite.model.farms import (
    Affinity,
    Algorithm,
    HealthTest,
    Retry,
    RetryCause,
    Server,
    ServerState,
    WhenUnavailable,
)

ONE_FAILURE = HealthTest(retries=1)
STICKY = Affinity(cookie="ARRAffinity")
A, DRAINING, STOPPING, OFFLINE = ServerState.AVAILABLE, ServerState.DRAINING, ServerState.STOPPING, ServerState.OFFLINE


@dataclass(frozen=True)
class Case:
    """Servers with their states, those that are ill, and what a client gets."""

    expected: set[str] | NoServer
    states: dict[str, ServerState] = field(default_factory=dict)
    ill: str = ""
    full: str = ""
    tried: tuple[int, ...] = ()
    bound_to: str = ""
    affinity: Affinity = STICKY
    health: HealthTest = ONE_FAILURE
    enabled: bool = True
    why: ChoiceReason | None = None


CASES = {
    "all are open": Case({"a", "b"}, why=ChoiceReason.BALANCED),
    "a farm that is switched off": Case(NoServer.FARM_OFFLINE, enabled=False),
    "a draining server gets no new client": Case({"b"}, {"a": DRAINING}),
    "a draining server keeps its clients": Case({"a"}, {"a": DRAINING}, bound_to="a", why=ChoiceReason.COOKIE),
    "a stopping server loses its clients": Case({"b"}, {"a": STOPPING}, bound_to="a", why=ChoiceReason.REASSIGNED),
    "an offline server loses its clients": Case({"b"}, {"a": OFFLINE}, bound_to="a", why=ChoiceReason.REASSIGNED),
    "an ill server loses its clients": Case({"b"}, ill="a", bound_to="a", why=ChoiceReason.REASSIGNED),
    "a failed server is not tried again": Case({"b"}, tried=(0,), bound_to="a", why=ChoiceReason.REASSIGNED),
    "a client may be refused instead": Case(
        NoServer.BOUND_SERVER_AWAY,
        {"a": OFFLINE},
        bound_to="a",
        affinity=Affinity(cookie="x", if_unavailable=WhenUnavailable.REFUSE),
    ),
    "a token of nobody binds to nobody": Case({"a", "b"}, bound_to="nobody", why=ChoiceReason.BALANCED),
    "the backup comes last": Case({"spare"}, {"a": OFFLINE}, ill="b", why=ChoiceReason.BACKUP),
    "nobody is left": Case(NoServer.ALL_AWAY, {"a": OFFLINE, "spare": OFFLINE}, ill="b"),
    "a backup comes after all others": Case({"spare"}, tried=(0, 1), why=ChoiceReason.BACKUP),
    "everyone was tried": Case(NoServer.ALL_TRIED, tried=(0, 1, 2)),
    "a backup helps out where all others are full": Case({"spare"}, full="a b", why=ChoiceReason.BACKUP),
    "an ill backup does not": Case(NoServer.ALL_FULL, full="a b", ill="spare"),
    "everyone is full": Case(NoServer.ALL_FULL, full="a b spare"),
    "a full server is passed over": Case({"b"}, full="a"),
    "a client waits for its own server": Case(NoServer.ALL_FULL, full="a", bound_to="a"),
    "too few are well: the ill ones serve, too": Case({"a", "b"}, ill="a", health=HealthTest(retries=1, min_servers=2)),
    "enough are well": Case({"b"}, ill="a", health=HealthTest(retries=1, min_servers=1)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_who_may_serve(case: Case) -> None:
    farm = at_work(
        Server(address="a", max_connections=1),
        Server(address="b", max_connections=1),
        Server(address="spare", backup=True, max_connections=1),
        Server(address="never", weight=0),
        affinity=case.affinity,
        health=case.health,
        enabled=case.enabled,
    )
    farm.set_states(case.states)
    for load in farm.loads:
        if load.server.address in case.ill.split():
            farm.tested(load, HealthReason.TEST_CONNECT, 0.0)
        if load.server.address in case.full.split():
            load.begin()
    wanted = Wanted(token=token_of(case.bound_to) if case.bound_to else "")
    choices = [farm.choose(wanted, 0.0, [farm.loads[place] for place in case.tried]) for _ in range(8)]
    if isinstance(case.expected, NoServer):
        assert choices == [case.expected] * 8
        return
    assert {choice.load.server.address for choice in choices if isinstance(choice, Choice)} == case.expected
    if case.why:
        assert {choice.why for choice in choices if isinstance(choice, Choice)} == {case.why}
    assert {choice.binds for choice in choices if isinstance(choice, Choice)} == {case.why is not ChoiceReason.COOKIE}


def test_a_state_that_was_decided_wins_over_the_rule_file() -> None:
    farm = at_work(Server(address="a", state=OFFLINE), "b")
    assert {address(farm) for _ in range(4)} == {"b"}
    farm.set_states({"a": A, "b": OFFLINE})
    assert {address(farm) for _ in range(4)} == {"a"}


def test_a_thousand_clients_stay_where_they_are() -> None:
    farm = at_work("a", "b", "c", affinity=STICKY)
    clients = [chosen(farm) for _ in range(1000)]
    assert all(client.binds for client in clients)
    assert Counter(client.load.index for client in clients).most_common()[0][1] == 334
    for client in clients:
        again = [chosen(farm, Wanted(token=token_of(client.load.name))) for _ in range(4)]
        assert {(choice.load, choice.why, choice.binds) for choice in again} == {
            (client.load, ChoiceReason.COOKIE, False)
        }


def test_a_server_that_could_not_be_connected_to_is_avoided_for_a_while() -> None:
    farm = at_work("a", "b", Server(address="spare", backup=True))
    away = farm.loads[0]
    farm.not_connected(away, 0.0)
    assert {address(farm, now=AVOID_SECONDS - 0.1) for _ in range(9)} == {"b"}
    again = [address(farm, now=AVOID_SECONDS) for _ in range(9)]
    assert again.count("a") == 1, "one request tries it again"
    farm.connected(away)
    assert {address(farm, now=AVOID_SECONDS) for _ in range(9)} == {"a", "b"}


def test_who_is_to_be_avoided_serves_where_nobody_else_can() -> None:
    farm = at_work("a", Server(address="spare", backup=True))
    farm.not_connected(farm.loads[0], 0.0)
    assert address(farm) == "spare"
    farm.not_connected(farm.loads[1], 0.0)
    assert address(farm) == "a"
    assert address(farm, tried=(farm.loads[0],)) == "spare"


def test_a_bound_client_finds_out_itself_whether_its_server_is_back() -> None:
    farm = at_work("a", "b", affinity=STICKY)
    farm.not_connected(farm.loads[0], 0.0)
    assert address(farm, Wanted(token=token_of("a"))) == "a"


def test_a_host_name_moves_while_its_server_is_avoided() -> None:
    farm = at_work("a", "b", affinity=Affinity(host_name=True))
    names = [f"host{number}.example" for number in range(20)]
    before = {name: address(farm, Wanted(host=name)) for name in names}
    farm.not_connected(farm.loads[0], 0.0)
    assert {address(farm, Wanted(host=name)) for name in names} == {"b"}
    farm.connected(farm.loads[0])
    assert {name: address(farm, Wanted(host=name)) for name in names} == before


def test_who_is_avoided_is_so_after_a_reload() -> None:
    farm = at_work("a", "b")
    farm.not_connected(farm.loads[0], 0.0)
    farm.change(farm_of("a", "b", "c"), 0.0)
    assert {address(farm) for _ in range(9)} == {"b", "c"}


@pytest.mark.parametrize(
    ("cause", "was_kept", "avoided", "failures"),
    [
        (RetryCause.CONNECT, False, True, 1),
        (RetryCause.TLS, False, True, 1),
        (RetryCause.TIMEOUT, False, False, 1),
        (RetryCause.TIMEOUT, True, False, 1),
        (RetryCause.CLOSED, False, False, 1),
        (RetryCause.CLOSED, True, False, 0),
    ],
)
def test_what_a_failure_says_of_a_server(cause: RetryCause, was_kept: bool, avoided: bool, failures: int) -> None:
    farm = at_work("a", "b")
    attempts = Attempts(farm, Wanted())
    attempts.next(0.0)
    attempts.failed(0.0, cause, was_kept=was_kept)
    assert ({address(farm) for _ in range(9)} == {"b"}) is avoided
    assert (farm.loads[0].live, farm.loads[0].failures) == (0, failures)


def test_a_response_ends_the_avoiding() -> None:
    farm = at_work("a")
    farm.not_connected(farm.loads[0], 0.0)
    attempts = Attempts(farm, Wanted())
    attempts.next(0.0)
    attempts.responded(1.0, 200)
    assert farm.loads[0].avoided_until < 0


def test_a_host_name_has_one_server_and_only_those_of_a_lost_server_move() -> None:
    names = [f"host{number}.example" for number in range(600)]
    farm = at_work("a", "b", "c", affinity=Affinity(host_name=True))
    before = {name: address(farm, Wanted(host=name)) for name in names}
    assert {chosen(farm, Wanted(host=name)).why for name in names} == {ChoiceReason.HOST_NAME}
    assert {name: address(farm, Wanted(host=name.upper())) for name in names} == before
    assert all(150 < count < 250 for count in Counter(before.values()).values())
    farm.set_states({"b": OFFLINE})
    moved = {name for name in names if address(farm, Wanted(host=name)) != before[name]}
    assert moved == {name for name in names if before[name] == "b"}


def test_failures_of_requests_count() -> None:
    farm = at_work("a")
    load = farm.loads[0]
    for status in (200, None, 500):
        load.begin()
        farm.end(load, 0.0, status=status)
    assert (load.live, load.requests, load.failures) == (0, 3, 1)


def test_servers_of_one_address_are_told_apart_by_their_ports() -> None:
    farm = at_work(Server(address="Box", http_port=8081), Server(address="box", http_port=8082), "other")
    assert [load.name for load in farm.loads] == ["box:8081", "box:8082", "other"]
    assert chosen(farm, Wanted(token=token_of("box:8082"))).load.server.http_port == 8082


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_reload_keeps_what_is_under_way_though_servers_change_their_places(algorithm: Algorithm) -> None:
    farm = at_work("a", "b", algorithm=algorithm, retry=Retry(attempts=9))
    attempts = Attempts(farm, Wanted(hash_input="x"))
    first = attempts.next(0.0)
    assert isinstance(first, Choice)
    farm.change(farm_of("new", "a", "b", algorithm=algorithm, retry=Retry(attempts=9)), 0.0)
    attempts.failed(0.0, RetryCause.CLOSED)
    again = {attempts.next(0.0) for _ in range(2)}
    assert {choice.load.name for choice in again if isinstance(choice, Choice)} == {"new", "a", "b"} - {first.load.name}
    attempts.end(1.0, status=200, sent=10)
    assert (farm.budget.requests, [load.name for load in farm.loads]) == (0, ["new", "a", "b"])


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_request_at_a_server_that_a_reload_removes_is_counted_off(algorithm: Algorithm) -> None:
    farm = at_work("a", "b", algorithm=algorithm)
    attempts = Attempts(farm, Wanted())
    found = attempts.next(0.0)
    assert isinstance(found, Choice)
    farm.change(farm_of("c", algorithm=algorithm), 0.0)
    attempts.end(1.0, status=200, sent=10)
    assert (found.load.live, farm.budget.requests, address(farm)) == (0, 0, "c")


def test_what_a_reload_says_of_retries_and_response_times_holds_at_once() -> None:
    farm = at_work("a", "b", retry=Retry(budget=0.0), response_period=100.0)
    farm.change(farm_of("a", "b", retry=Retry(budget=1.0), response_period=1.0), 0.0)
    for _ in range(10):
        farm.budget.begin()
    assert sum(farm.budget.retry() for _ in range(20)) == 10
    (load, _) = farm.loads
    load.responded(0.0, 5.0)
    assert expected_waits([load], 0.5) == [5.0 / 100]
    assert expected_waits([load], 1.5) == [0.001 / 100]


def test_what_a_person_says_of_a_server_holds_at_once() -> None:
    farm = at_work("a", "b")
    assert {address(farm) for _ in range(4)} == {"a", "b"}
    farm.set_health(farm.loads[0], healthy=False, now=0.0)
    assert {address(farm) for _ in range(4)} == {"b"}
    farm.set_health(farm.loads[0], healthy=True, now=0.0)
    assert {address(farm) for _ in range(4)} == {"a", "b"}


def test_the_status_is_that_of_the_last_server() -> None:
    farm = at_work("a", "b")
    attempts = Attempts(farm, Wanted())
    assert attempts.status == 0
    attempts.next(0.0)
    attempts.responded(0.0, 503)
    assert attempts.status == 503
    attempts.failed(0.0, RetryCause.CLOSED)
    attempts.next(0.0)
    assert attempts.status == 0
