"""What people do about farms, with the whole bundle running: by command, and by the buttons of the page Farms."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.log import ALERT

from hooks.clients import Http1
from hooks.test_farms import farm
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.hooks.farm_commands import FarmCommands
from urlrewrite.hooks.flows import seen_of
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.model.farms import ServerState
from urlrewrite.trace.events import Name

TESTED = "    health: {url: /health, interval: 1h, retries: 1, timeout: 5s, match: 127}\n"


def commands_of(proxy: Any) -> FarmCommands:
    (found,) = (addon for addon in proxy.master.addons.chain if isinstance(addon, FarmCommands))
    return found


@pytest.mark.parametrize(
    ("do", "state"),
    [
        ("start", ServerState.AVAILABLE),
        ("drain", ServerState.DRAINING),
        ("stop", ServerState.STOPPING),
        ("kill", ServerState.OFFLINE),
    ],
)
async def test_commands_and_buttons_do_the_same(do: str, state: ServerState, tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, _):
        (at_work,) = proxy.state.farms
        said = proxy.master.commands.call_strings(f"rewrite.server.{do}", ["shop", "127.0.0.1"])
        assert said == f"127.0.0.1 of the farm shop is {state}"
        await commands_of(proxy).act({"farm": "shop", "server": "127.0.0.2", "do": do})
        assert [at_work.state_of(load) for load in at_work.loads] == [state, state]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "do: got (empty), expected one of: start, drain, stop, kill, test"),
        ({"farm": "shop", "server": "127.0.0.1", "do": "__init__"}, "do: got __init__, expected"),
        ({"farm": "x", "server": "127.0.0.1", "do": "stop"}, "got the farm 'x', expected one of: shop"),
        ({"farm": "shop", "server": "x", "do": "test"}, "got the server 'x', expected one of: 127.0.0.1"),
        ({"farm": "shop", "server": "127.0.0.1", "do": "test"}, "the farm shop tests no URL"),
        ({"farm": ["shop"], "server": {"a": 1}, "do": "stop"}, "got the farm"),
    ],
)
async def test_what_cannot_be_done_is_said(asked: dict[str, Any], message: str, tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, _):
        with pytest.raises(PageError) as raised:
            await commands_of(proxy).act(asked)
        assert str(raised.value).startswith(message)
        (at_work,) = proxy.state.farms
        assert {at_work.state_of(load) for load in at_work.loads} == {ServerState.AVAILABLE}


async def test_a_state_that_cannot_be_written_is_told_and_holds(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, _):
        # A folder in its place: nothing can be written there, even by root.
        (tmp_path / "rules.yaml.servers.json").mkdir()
        with pytest.raises(PageError, match=r"127\.0\.0\.1 .* is offline, but only until this process ends"):
            await commands_of(proxy).act({"farm": "shop", "server": "127.0.0.1", "do": "kill"})
        assert any("the state of 127.0.0.1 is kept in memory only" in line for line in proxy.log)
        (at_work,) = proxy.state.farms
        assert [at_work.state_of(load) for load in at_work.loads] == [ServerState.OFFLINE, ServerState.AVAILABLE]
        connection = await Http1.connect(proxy.port)
        assert {(await connection.ask()).body for _ in range(4)} == {b"127.0.0.2"}
        await connection.close()


async def test_a_server_is_tested_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(ALERT)
    async with farm(tmp_path, 2, settings=TESTED) as (proxy, servers):
        (at_work,) = proxy.state.farms
        call = proxy.master.commands.call_strings
        await commands_of(proxy).act({"farm": "shop", "server": "127.0.0.1", "do": "test"})
        assert at_work.loads[0].health.verdict is HealthReason.TEST_PASSED
        assert servers[0].requests[-1].startswith(b"GET /health ")
        await servers[1].stop()
        assert call("rewrite.server.test", ["shop", "127.0.0.2"]) == "127.0.0.2 of the farm shop is asked for /health"
        async with asyncio.timeout(20):
            while at_work.loads[1].health.healthy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "unhealthy (test-connect)" in call("rewrite.farms", [])[2]
        assert any("health test: test-connect" in line for line in proxy.log)


async def test_without_a_url_nothing_is_tested(tmp_path: Path) -> None:
    async with farm(tmp_path, 1) as (proxy, _):
        with pytest.raises(exceptions.CommandError, match="tests no URL"):
            proxy.master.commands.call_strings("rewrite.server.test", ["shop", "127.0.0.1"])


def told(proxy: Any, *names: Name) -> list[dict[str, Any]]:
    """The events of these names in the trace of the last flow."""
    return [event for event in proxy.flows[-1].metadata["urlrewrite"]["events"] if event["event"] in names]


def kinds(proxy: Any) -> list[str]:
    """What the inspector finds to be wrong with the last flow."""
    seen = seen_of(proxy.flows[-1])
    assert seen
    assert seen.own is (seen.original is None)
    return [each.kind for each in find_breakages(PageLoad(seen), proxy.state.in_force)]


async def test_a_trace_tells_why_there_is_no_server(tmp_path: Path) -> None:
    async with farm(tmp_path, 2, settings=TESTED) as (proxy, servers):
        proxy.master.commands.call_strings("rewrite.server.kill", ["shop", "127.0.0.1"])
        await servers[1].stop()
        await commands_of(proxy).act({"farm": "shop", "server": "127.0.0.2", "do": "test"})
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == 503
        await connection.close()
        none, first, second = told(proxy, Name.NO_SERVER, Name.SERVER_STATE)
        assert none == {"event": "NO_SERVER", "farm": "shop", "why": "all-away"}
        assert (first["server"], first["state"], first["healthy"]) == ("127.0.0.1", "offline", True)
        assert (second["server"], second["state"], second["healthy"]) == ("127.0.0.2", "available", False)
        assert second["reason"] == "test-connect"
        assert second["detail"]
        assert kinds(proxy) == ["farm-down", "health-test"]


@pytest.mark.parametrize(("when", "status"), [("reassign", 200), ("'503'", 503)])
async def test_a_trace_tells_how_a_clients_own_server_is(when: str, status: int, tmp_path: Path) -> None:
    settings = f"    affinity: {{cookie: sticky, ifUnavailable: {when}}}\n"
    async with farm(tmp_path, 2, settings=settings) as (proxy, _):
        connection = await Http1.connect(proxy.port)
        cookie = f"Cookie: sticky={token_of('127.0.0.2')}\r\n"
        assert (await connection.ask(fields=cookie)).body == b"127.0.0.2"
        assert told(proxy, Name.SERVER_STATE) == []
        proxy.master.commands.call_strings("rewrite.server.stop", ["shop", "127.0.0.2"])
        assert (await connection.ask(fields=cookie)).status == status
        await connection.close()
        states = told(proxy, Name.SERVER_STATE)
        assert [event["server"] for event in states if event["bound"]] == ["127.0.0.2"]
        assert states[-1]["state"] == "stopping"
        refusals = [event["why"] for event in told(proxy, Name.NO_SERVER)]
        assert refusals == ([] if status == 200 else ["bound-server-away"])
        assert kinds(proxy) == ["sticky-server-gone"]


async def test_a_page_of_which_every_attempt_failed_is_explained_by_them(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == 200
        assert kinds(proxy) == []
        await servers[0].stop()
        servers[1].closes = True
        assert (await connection.ask()).status == 502
        await connection.close()
        assert kinds(proxy) == ["attempts-failed"]
