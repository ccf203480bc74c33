"""The figures as Prometheus scrapes them, read by the client library's own parser."""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons
from prometheus_client.parser import text_string_to_metric_families

from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import Wanted
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.hooks.metrics import Metrics, parse_address
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.state import State
from urlrewrite.model.farms import Affinity, Farm, HealthTest, RetryCause, Server, ServerState

HOSTILE = 'a"b\\c\nd}{\u202e\udc80'

type Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@contextlib.contextmanager
def serving(state: State) -> Iterator[tuple[Metrics, taddons.context]]:
    metrics = Metrics(state)
    with taddons.context(Options(), metrics) as context:
        context.configure(metrics, urlrewrite_metrics=":0")
        try:
            yield metrics, context
        finally:
            metrics.done()


def scrape(metrics: Metrics) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=10) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        text = response.read().decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            # A series that is there twice makes Prometheus refuse all of them.
            assert labels not in samples.setdefault(sample.name, {}), sample
            samples[sample.name][labels] = sample.value
    return samples


def trace(**data: Any) -> dict[str, Any]:
    return {"site": "demo", "status": 200, "action": "None", "events": [], **data}


def add(state: State, *, seconds: float = 0.02, **data: Any) -> None:
    told = trace(**data)
    state.statistics.add(told, began=1_000_000.0, seconds=seconds, site=told["site"])


def test_everything_is_scraped() -> None:
    state = State()
    state.statistics.reload(True, 0.1, fingerprint="abc")
    add(state, way="whole", links=3, inbound_rules=["to the app"], events=[{"event": "BODY_RELEASED", "held": 7}])
    add(state, status=404, way="pass", leaks=2, outbound_rules=["links"], seconds=3.0)
    add(state, site="other", status=502, events=[{"event": "ERROR", "message": "down"}], seconds=99.0)
    state.statistics.reload(False, 0.1, ["rules.yaml:3: bad"])
    with serving(state) as (metrics, _):
        found = scrape(metrics)
    values = {
        ("urlrewrite_requests_total", (("site", "demo"), ("status", "2xx"))): 1,
        ("urlrewrite_requests_total", (("site", "demo"), ("status", "4xx"))): 1,
        ("urlrewrite_requests_total", (("site", "other"), ("status", "5xx"))): 1,
        ("urlrewrite_errors_total", (("site", "demo"),)): 0,
        ("urlrewrite_errors_total", (("site", "other"),)): 1,
        ("urlrewrite_rule_hits_total", (("rule", "to the app"), ("side", "inbound"), ("site", "demo"))): 1,
        ("urlrewrite_rule_hits_total", (("rule", "links"), ("side", "outbound"), ("site", "demo"))): 1,
        ("urlrewrite_bodies_total", (("way", "whole"),)): 1,
        ("urlrewrite_bodies_total", (("way", "pass"),)): 1,
        ("urlrewrite_actions_total", (("action", "None"),)): 3,
        ("urlrewrite_body_held_bytes_total", ()): 7,
        ("urlrewrite_bodies_released_total", ()): 1,
        ("urlrewrite_links_mapped_total", ()): 3,
        ("urlrewrite_leaks_total", ()): 2,
        ("urlrewrite_reloads_total", (("result", "ok"),)): 1,
        ("urlrewrite_reloads_total", (("result", "failed"),)): 1,
        ("urlrewrite_rules_current", ()): 0,
        ("urlrewrite_duration_seconds_bucket", (("le", "0.025"),)): 1,
        ("urlrewrite_duration_seconds_bucket", (("le", "5.0"),)): 2,
        ("urlrewrite_duration_seconds_bucket", (("le", "+Inf"),)): 3,
        ("urlrewrite_duration_seconds_count", ()): 3,
        ("urlrewrite_duration_seconds_sum", ()): 102.02,
    }
    assert {key: found[key[0]].get(key[1]) for key in values} == values
    assert "process_resident_memory_bytes" in found


def test_every_series_of_a_worker_has_its_number() -> None:
    state = State()
    add(state)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    metrics = Metrics(state)
    with taddons.context(Options(), metrics) as context:
        context.options.update(urlrewrite_worker=2, urlrewrite_metrics=f":{port - 1}")
        try:
            # The first worker has the port that is named, the second the next one.
            assert metrics.port == port
            found = scrape(metrics)
        finally:
            metrics.done()
    assert "process_resident_memory_bytes" in found
    assert {dict(labels).get("worker") for series in found.values() for labels in series} == {"2"}
    assert found["urlrewrite_requests_total"][("site", "demo"), ("status", "2xx"), ("worker", "2")] == 1


def test_hostile_names_are_one_series_each() -> None:
    state = State()
    for name in (HOSTILE, HOSTILE, HOSTILE.replace("\udc80", "‹x80›")):
        add(state, site=name, inbound_rules=[name])
    with serving(state) as (metrics, _):
        found = scrape(metrics)
    assert list(found["urlrewrite_rule_hits_total"].values()) == [3]
    assert list(found["urlrewrite_requests_total"].values()) == [3]


def test_it_stops_and_comes_back_at_another_address() -> None:
    with serving(State()) as (metrics, context):
        first = metrics.port
        context.configure(metrics, urlrewrite_metrics="localhost:0")
        assert metrics.port is not None
        assert scrape(metrics)
        context.configure(metrics, urlrewrite_metrics="")
        assert metrics.port is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", first), 5)


def test_a_worker_for_whom_no_port_is_left_is_told() -> None:
    metrics = Metrics(State())
    with taddons.context(Options(), metrics) as context, pytest.raises(exceptions.OptionsError, match="cannot listen"):
        context.options.update(urlrewrite_worker=2, urlrewrite_metrics=":65535")


def test_a_taken_address_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, serving(State()) as (metrics, context):
        port = taken.getsockname()[1]
        with pytest.raises(exceptions.OptionsError, match=f"cannot listen at 127.0.0.1:{port}"):
            context.configure(metrics, urlrewrite_metrics=f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (":9145", ("127.0.0.1", 9145)),
        ("0.0.0.0:9145", ("0.0.0.0", 9145)),
        ("[::1]:9145", ("::1", 9145)),
        ("metrics.example:80", ("metrics.example", 80)),
    ],
)
def test_addresses(text: str, place: tuple[str, int]) -> None:
    assert parse_address(text) == place


@pytest.mark.parametrize("text", ["9145", "localhost", "localhost:x", ":99999", "http://localhost:1", ":1/x", "a@b:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(exceptions.OptionsError, match="expected HOST:PORT"):
        parse_address(text)


def shop(name: str = "shop", servers: tuple[str, ...] = ("app1", "app2")) -> Farm:
    return Farm(
        name=name,
        servers=tuple(Server(address=address, weight=50) for address in servers),
        affinity=Affinity(cookie="sticky"),
        health=HealthTest(url="/", retries=1),
    )


def test_servers_of_farms_are_scraped() -> None:
    state = State()
    state.farms.update([shop()], 0.0)
    (farm,) = state.farms
    for cause in (None, RetryCause.CONNECT, None):
        attempts = Attempts(farm, Wanted(token=token_of("app1"), client="10.0.0.1"))
        attempts.next(1.0)
        if cause:
            attempts.failed(2.0, cause)
        else:
            attempts.responded(1.5, 404)
        attempts.end(2.0, status=404)
    Attempts(farm, Wanted(token=token_of("app1"), client="10.0.0.2")).next(3.0)
    farm.tested(farm.loads[1], HealthReason.TEST_STATUS, 3.0, "500")
    farm.set_states({"app1": ServerState.DRAINING})
    with serving(state) as (metrics, _):
        found = scrape(metrics)
    app1, app2 = (("farm", "shop"), ("server", "app1")), (("farm", "shop"), ("server", "app2"))
    values = {
        ("urlrewrite_server_requests_total", (*app1, ("status", "4xx"))): 2,
        ("urlrewrite_server_failures_total", (("cause", "connect"), *app1)): 1,
        ("urlrewrite_server_response_seconds_count", app1): 2,
        ("urlrewrite_server_response_seconds_sum", app1): 1.0,
        ("urlrewrite_server_response_seconds_count", app2): 0,
        ("urlrewrite_server_live_requests", app1): 1,
        ("urlrewrite_server_live_requests", app2): 0,
        ("urlrewrite_server_weight", app1): 50,
        ("urlrewrite_server_healthy", app1): 1,
        ("urlrewrite_server_healthy", app2): 0,
        ("urlrewrite_server_serving", app1): 0,
        ("urlrewrite_server_serving", app2): 0,
        ("urlrewrite_server_state", (*app1, ("state", "draining"))): 1,
        ("urlrewrite_server_state", (*app1, ("state", "available"))): 0,
        ("urlrewrite_server_state", (*app2, ("state", "available"))): 1,
    }
    assert {key: found[key[0]].get(key[1]) for key in values} == values
    assert found["urlrewrite_server_bound_clients"].keys() == {app1, app2}


def test_servers_that_go_with_the_rules_are_no_longer_scraped() -> None:
    state = State()
    state.farms.update([shop(), shop("other", ("a", "b"))], 0.0)
    with serving(state) as (metrics, _):
        assert len(scrape(metrics)["urlrewrite_server_healthy"]) == 4
        state.farms.update([shop(servers=("app1",))], 0.0)
        assert len(scrape(metrics)["urlrewrite_server_healthy"]) == 1
        state.farms.update([], 0.0)
        assert "urlrewrite_server_healthy" not in scrape(metrics)


def test_hostile_names_of_farms_are_one_series_each() -> None:
    state = State()
    alike = HOSTILE.replace("\udc80", "‹x80›")
    state.farms.update([shop(HOSTILE, (HOSTILE, alike)), shop(alike, (alike,))], 0.0)
    with serving(state) as (metrics, _):
        assert len(scrape(metrics)["urlrewrite_server_live_requests"]) == 1
