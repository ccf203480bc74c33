"""What is counted about servers, and how a farm looks at one moment."""

from __future__ import annotations

from farms.support import at_work
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import Wanted
from urlrewrite.farms.figures import ServerFigures, figures_of
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.farms.tally import MAX_CLIENTS, MINUTES, REMEMBERED, BoundClients, Minute, Tally
from urlrewrite.model.farms import Affinity, HealthTest, LiveTest, RetryCause, Server, ServerState


def test_a_request_is_counted_at_every_server_that_it_was_sent_to() -> None:
    farm = at_work("a", "b")
    attempts = Attempts(farm, Wanted())
    attempts.next(60.0)
    attempts.failed(61.0, RetryCause.TIMEOUT)
    attempts.next(61.0)
    attempts.responded(61.5, 204)
    a, b = figures_of(farm, 121.0).servers
    assert (a.live, a.requests, a.failures, a.responses) == (0, 1, {RetryCause.TIMEOUT: 1}, 0)
    assert (b.live, b.requests, b.failures, b.responses, b.seconds) == (1, 1, {}, 1, 0.5)
    attempts.end(62.0, status=204)
    attempts.end(63.0, status=500)
    a, b = figures_of(farm, 121.0).servers
    assert (a.statuses, b.statuses, b.live) == ({}, {2: 1}, 0)
    assert a.minutes == (Minute(-1, requests=1, failures=1),)
    assert b.minutes == (Minute(-1, requests=1, responses=1, seconds=0.5),)


def test_a_client_that_gives_up_is_held_against_nobody() -> None:
    farm = at_work("a")
    attempts = Attempts(farm, Wanted())
    attempts.next(0.0)
    attempts.abandon(1.0)
    (a,) = figures_of(farm, 1.0).servers
    assert (a.live, a.requests, a.statuses, a.failures) == (0, 1, {}, {})


def test_only_the_last_hour_is_kept_by_the_minute() -> None:
    tally = Tally()
    for minute in range(2 * MINUTES):
        tally.sent(60.0 * minute)
    assert [each.number for each in tally.minutes] == [*range(MINUTES, 2 * MINUTES)]


def bound(wanted: Wanted, affinity: Affinity) -> list[int]:
    farm = at_work("a", "b", affinity=affinity)
    for _ in range(3):
        Attempts(farm, wanted).next(0.0)
    return sorted(server.bound for server in figures_of(farm, 0.0).servers)


def test_clients_count_as_bound_where_an_affinity_led_them() -> None:
    cookie = Affinity(cookie="sticky")
    assert bound(Wanted(token=token_of("a"), client="10.0.0.1"), cookie) == [0, 1]
    assert bound(Wanted(client="10.0.0.1"), cookie) == [0, 0]
    assert bound(Wanted(token=token_of("gone"), client="10.0.0.1"), cookie) == [0, 0]
    assert bound(Wanted(host="www.example.com"), Affinity(host_name=True)) == [0, 1]


def test_clients_are_bounded_and_forgotten() -> None:
    clients = BoundClients()
    for number in range(2 * MAX_CLIENTS):
        clients.add(str(number), 0.0)
    clients.add("0", 1.0)
    clients.add("0", 10.0)
    assert clients.count(REMEMBERED) == MAX_CLIENTS
    assert clients.count(REMEMBERED + 10.0) == 1
    assert clients.count(REMEMBERED + 11.0) == 0


def one(farm_of: Server | str, now: float, **settings: object) -> ServerFigures:
    return figures_of(at_work(farm_of, **settings), now).servers[0]


def test_the_last_test_is_told_even_if_it_takes_nobody_out() -> None:
    farm = at_work("a", health=HealthTest(url="/", retries=2))
    (before,) = figures_of(farm, 1.0).servers
    assert (before.health.verdict, before.health.tested) == (HealthReason.UNTESTED, None)
    farm.tested(farm.loads[0], HealthReason.TEST_STATUS, 2.0, "503")
    health = figures_of(farm, 5.0).servers[0].health
    assert (health.healthy, health.reason) == (True, HealthReason.UNTESTED)
    assert (health.verdict, health.detail, health.tested, health.failed) == (HealthReason.TEST_STATUS, "503", 3.0, 1)
    farm.tested(farm.loads[0], None, 6.0)
    health = figures_of(farm, 6.0).servers[0].health
    assert (health.verdict, health.detail, health.failed) == (HealthReason.TEST_PASSED, "", 0)


def test_looking_at_figures_lets_nobody_in_again() -> None:
    farm = at_work("a", health=HealthTest(live=LiveTest(failures=1, ejection=30.0)))
    farm.loads[0].begin()
    farm.end(farm.loads[0], 0.0, status=None)
    for now, healthy, reason in ((29.0, False, HealthReason.LIVE_TRAFFIC), (30.0, True, HealthReason.EJECTION_OVER)):
        health = figures_of(farm, now).servers[0].health
        assert (health.healthy, health.reason) == (healthy, reason)
    assert not farm.loads[0].health.healthy


def test_who_serves_new_clients() -> None:
    assert one("a", 0.0).serves
    assert not one(Server(address="a", weight=0), 0.0).serves
    assert not one(Server(address="a", state=ServerState.DRAINING), 0.0).serves
    farm = at_work("a")
    farm.set_health(farm.loads[0], healthy=False, now=0.0)
    assert not figures_of(farm, 0.0).servers[0].serves
