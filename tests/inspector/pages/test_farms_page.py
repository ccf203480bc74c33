"""The page Farms: what it says first, and how each server is shown."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from farms.support import at_work
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import FarmAtWork, Wanted
from urlrewrite.farms.figures import figures_of
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import farms as page
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.model.farms import Affinity, Algorithm, HealthTest, LiveTest, RetryCause, Server, ServerState

CLOCK = 1_000_000.0
HOSTILE = "</script>\u202e{detail}\udc80"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "time", SimpleNamespace(time=lambda: CLOCK))


def ask(*at: FarmAtWork, now: float = 0.0) -> dict[str, Any]:
    shown = Snapshot((), None, Statistics(), farms=tuple(figures_of(farm, now) for farm in at))
    told = page.data(shown, {})
    json.dumps(told, allow_nan=False)
    return told


def sick(*servers: Server | str, **settings: Any) -> FarmAtWork:
    """A farm whose first server failed its only test."""
    farm = at_work(*servers, health=HealthTest(url="/health", retries=1), **settings)
    farm.tested(farm.loads[0], HealthReason.TEST_STATUS, 0.0, "503")
    return farm


def test_no_farms() -> None:
    assert ask() == {"causes": [], "farms": [], "most_clients": 1000}


@pytest.mark.parametrize(
    ("farm", "causes"),
    [
        (at_work("a", "b"), []),
        (at_work("a", "b", enabled=False), [("err", "The farm shop is offline: requests for it get 503.")]),
        (
            at_work(Server(address="a", state=ServerState.OFFLINE)),
            [("err", "No server of the farm shop takes new clients.")],
        ),
        (
            sick("a", "b"),
            [("warn", "The server a of the farm shop is unhealthy: the health test gets the status 503.")],
        ),
        (
            sick("a"),
            [
                ("err", "No server of the farm shop takes new clients."),
                ("warn", "The server a of the farm shop is unhealthy: the health test gets the status 503."),
            ],
        ),
    ],
    ids=["well", "offline", "nobody", "one is sick", "all are sick"],
)
def test_what_is_wrong_comes_first(farm: FarmAtWork, causes: list[tuple[str, str]]) -> None:
    assert [(cause["kind"], cause["text"]) for cause in ask(farm)["causes"]] == causes


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"algorithm": "WeightedRoundRobin", "hash": "", "affinity": "", "test": "", "tests_url": False}),
        ({"algorithm": Algorithm.REQUEST_HASH, "hash_variable": "HTTP_X"}, {"hash": "HTTP_X"}),
        ({"hash_query": ("a", "b")}, {"hash": "a, b"}),
        ({"affinity": Affinity(cookie="ARRAffinity")}, {"affinity": "cookie ARRAffinity"}),
        ({"affinity": Affinity(host_name=True)}, {"affinity": "host name"}),
        (
            {"health": HealthTest(url="/h", interval=5.0, retries=3, live=LiveTest())},
            {"test": "/h every 5 s, out after 3 failures; live traffic, out after 10 failures in 10 s"},
        ),
    ],
)
def test_what_the_rule_file_says(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    told = ask(at_work("a", **settings))["farms"][0]
    assert {key: told[key] for key in expected} == expected


def test_the_figures_of_a_server() -> None:
    farm = at_work("a", affinity=Affinity(cookie="sticky"))
    for second, cause in enumerate((None, RetryCause.CONNECT, RetryCause.TIMEOUT)):
        attempts = Attempts(farm, Wanted(token="", client="10.0.0.1"))
        attempts.next(float(second))
        if cause:
            attempts.failed(second + 0.5, cause)
        else:
            attempts.responded(second + 0.5, 404)
        attempts.end(second + 1.0, status=404)
    Attempts(farm, Wanted()).next(4.0)
    (server,) = ask(farm, now=61.0)["farms"][0]["servers"]
    assert (server["live"], server["requests"], server["statuses"], server["failed"]) == (1, 4, {"4xx": 1}, 2)
    assert server["failures"] == {"no connection": 1, "no response in time": 1}
    assert (server["average"], server["bound"]) == (0.5, 0)
    series = server["series"]
    assert (series["requests"][-2:], series["failures"][-2:], series["average"][-2:]) == ([4, 0], [2, 0], [0.5, 0.0])
    assert len(series["requests"]) == 60
    assert series["began"] == CLOCK - 3600


def test_where_nobody_is_bound_nobody_is_counted() -> None:
    assert ask(at_work("a"))["farms"][0]["servers"][0]["bound"] is None


@pytest.mark.parametrize(
    ("state", "may", "serves"),
    [
        (ServerState.AVAILABLE, ["drain", "stop", "kill"], True),
        (ServerState.DRAINING, ["start", "stop", "kill"], False),
        (ServerState.STOPPING, ["start", "drain", "kill"], False),
        (ServerState.OFFLINE, ["start", "drain", "stop"], False),
    ],
)
def test_what_may_be_done_about_a_server(state: ServerState, may: list[str], serves: bool) -> None:
    server = Server(address="a", state=state)
    (told,) = ask(at_work(server))["farms"][0]["servers"]
    assert (told["may"], told["serves"], told["state"]) == (may, serves, state)
    (told,) = ask(at_work(server, health=HealthTest(url="/")))["farms"][0]["servers"]
    assert told["may"] == [*may, "test"]


def test_the_health_of_a_server() -> None:
    farm = sick("a", "b")
    a, b = ask(farm, now=9.0)["farms"][0]["servers"]
    assert (a["healthy"], a["reason"], a["why"]) == (False, "test-status", "the health test gets the status 503")
    assert (b["healthy"], b["reason"], b["tested"], b["failed_tests"]) == (True, "untested", None, 0)
    assert (a["tested"], a["since"]) == (CLOCK - 9.0, CLOCK - 9.0)


def test_requests_that_wait_and_servers_that_are_avoided() -> None:
    farm = at_work(Server(address="a", max_connections=1), "b")
    farm.not_connected(farm.loads[1], 0.0)
    Attempts(farm, Wanted()).next(0.0)
    assert Attempts(farm, Wanted()).wait(lambda: None)
    (told,) = ask(farm, now=1.0)["farms"]
    assert (told["waiting"], told["live"]) == (1, 1)
    assert [(server["avoided"], server["most"]) for server in told["servers"]] == [(False, 1), (True, 0)]
    assert [server["avoided"] for server in ask(farm, now=60.0)["farms"][0]["servers"]] == [False, False]


def test_hostile_texts_are_made_visible() -> None:
    farm = sick(HOSTILE)
    farm.tested(farm.loads[0], HealthReason.TEST_CONNECT, 0.0, HOSTILE)
    told = json.dumps(ask(farm), ensure_ascii=False)
    (server,) = ask(farm)["farms"][0]["servers"]
    assert "\u202e" not in server["label"] + server["why"] + server["address"]
    assert "{detail}" in told
