"""Farms whose servers come and go while clients ask: who gets what is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hooks.clients import CLIENTS, Http1
from hooks.in_process import in_process
from hooks.test_farms import Server, farm, until, who
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.formats import rule_files
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.hooks import farm_requests, farms
from urlrewrite.hooks.patches import backend_stream

EXAMPLE = Path(__file__).parents[2] / "rules" / "examples" / "farm.config"


async def ask_often(proxy: Any, clients: int, requests: int) -> Counter[str]:
    """Ask so many times in all by clients that do so side by side, of HTTP/1.1 and 2; who served how many."""
    served = Counter[str]()

    async def client(number: int) -> None:
        connection = await [*CLIENTS.values()][number % len(CLIENTS)].connect(proxy.port)
        for _ in range(requests // clients):
            served[await who(connection)] += 1
        await connection.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return served


async def test_clients_side_by_side_get_servers_by_weight_exactly(tmp_path: Path) -> None:
    weights = "[{address: 127.0.0.1, httpPort: PORT}, {address: 127.0.0.2, httpPort: PORT, weight: 50},"
    weights += " {address: 127.0.0.3, httpPort: PORT, weight: 50}]"
    async with farm(tmp_path, servers=weights) as (proxy, _):
        served = await ask_often(proxy, 8, 400)
        assert served == {"127.0.0.1": 200, "127.0.0.2": 100, "127.0.0.3": 100}


async def test_with_least_requests_who_is_slow_gets_nothing_while_others_are_free(tmp_path: Path) -> None:
    async with farm(tmp_path, settings="    algorithm: LeastRequests\n") as (proxy, servers):
        servers[0].gate.clear()
        slow = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(slow.ask())
        await until(lambda: servers[0].requests)
        served = await ask_often(proxy, 1, 100)
        assert served == {"127.0.0.2": 50, "127.0.0.3": 50}
        servers[0].gate.set()
        assert (await asking).body == b"127.0.0.1"
        await slow.close()


STICKY = "    affinity: {cookie: ARRAffinity}\n    drainTimeout: 1h\n"


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_server_that_stops_ends_what_it_has_and_gets_no_more(client: str, tmp_path: Path) -> None:
    async with farm(tmp_path, 2, STICKY) as (proxy, servers):
        servers[0].gate.clear()
        connection, other = await CLIENTS[client].connect(proxy.port), await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask("POST", body=b"x=1"))
        await until(lambda: servers[0].requests)
        proxy.master.commands.call_strings("rewrite.server.stop", ["shop", "127.0.0.1"])
        assert {await who(other) for _ in range(6)} == {"127.0.0.2"}
        bound = await other.ask(fields=f"Cookie: ARRAffinity={token_of('127.0.0.1')}\r\n")
        assert bound.body == b"127.0.0.2"
        assert bound.fields["set-cookie"].startswith(f"ARRAffinity={token_of('127.0.0.2')};")
        servers[0].gate.set()
        got = await asking
        assert (got.status, got.body) == (200, b"127.0.0.1")
        (at_work,) = proxy.state.farms
        assert (at_work.loads[0].live, at_work.loads[0].requests, len(servers[0].requests)) == (0, 1, 1)
        for each in (connection, other):
            await each.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_server_that_is_taken_away_at_once_is_cut(client: str, tmp_path: Path) -> None:
    async with farm(tmp_path, 2, STICKY) as (proxy, servers):
        servers[0].gate.clear()
        connection = await CLIENTS[client].connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask("POST", body=b"x=1"))
        await until(lambda: servers[0].requests)
        proxy.master.commands.call_strings("rewrite.server.kill", ["shop", "127.0.0.1"])
        # It never responds: what it had must not be sent to another, and it is not waited for.
        assert (await asking).status == 502
        assert {await who(connection) for _ in range(6)} == {"127.0.0.2"}
        (at_work,) = proxy.state.farms
        assert [load.live for load in at_work.loads] == [0, 0]
        await connection.close()


async def test_so_many_failed_tests_take_a_server_out_and_one_that_passes_lets_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    tested = FarmAtWork.tested

    def noted(at_work: FarmAtWork, load: Any, failure: Any, *rest: Any) -> None:
        tested(at_work, load, failure, *rest)
        if load.index == 0:
            seen.append((failure is None, load.health.healthy))

    monkeypatch.setattr(FarmAtWork, "tested", noted)
    health = "    health: {url: /health, interval: 30ms, timeout: 1s, retries: 3}\n"
    async with farm(tmp_path, 2, health) as (proxy, servers):
        (at_work,) = proxy.state.farms
        await until(lambda: seen)
        await servers[0].stop()
        await until(lambda: not at_work.loads[0].health.healthy)
        await servers[0].start()
        await until(lambda: at_work.loads[0].health.healthy)
    first = seen.index((False, True))
    last = seen.index((True, True), first)
    assert all(seen[:first])
    assert seen[first : first + 3] == [(False, True), (False, True), (False, False)]
    assert set(seen[first + 3 : last]) <= {(False, False)}


async def test_servers_that_fail_their_tests_serve_where_too_few_are_left(tmp_path: Path) -> None:
    health = "    health: {url: /health, interval: 30ms, timeout: 1s, retries: 1, match: 127.0.0.2, minServers: MIN}\n"
    async with farm(tmp_path, 2, health.replace("MIN", "2")) as (proxy, _):
        (at_work,) = proxy.state.farms
        await until(lambda: not at_work.loads[0].health.healthy)
        assert await ask_often(proxy, 2, 8) == {"127.0.0.1": 4, "127.0.0.2": 4}
        file = tmp_path / "rules.yaml"
        file.write_text(file.read_text().replace("minServers: 2", "minServers: 1"))
        assert proxy.bundle._rules_file.reload()
        assert await ask_often(proxy, 2, 8) == {"127.0.0.2": 8}


async def test_who_fails_too_often_is_ejected_and_comes_back_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    for module in (farms, farm_requests, backend_stream):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    health = "    health: {live: {failures: 10, period: 10s, ejection: 30s}, slowStart: 30s}\n"
    async with farm(tmp_path, 2, health) as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        servers[0].answer = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
        for _ in range(9):
            now += 1.0
            assert {(await connection.ask()).status for _ in range(2)} == {200, 500}
        assert [(await connection.ask()).status for _ in range(2)] == [500, 200]
        now += 29.0
        assert await ask_often(proxy, 2, 10) == {"127.0.0.2": 10}
        servers[0].answer = b""
        # A share of 10 % at first, then 55 %, then all of it again.
        for seconds, mine, others in ((1.0, 10, 100), (15.0, 55, 100), (15.0, 50, 50)):
            now += seconds
            served = await ask_often(proxy, 1, mine + others)
            # Whose turn it is next is as it was before.
            assert abs(served["127.0.0.1"] - mine) <= 1
            assert served.total() == mine + others
        await connection.close()


async def test_no_request_fails_while_servers_are_added_and_removed(tmp_path: Path) -> None:
    async with farm(tmp_path) as (proxy, servers):
        file = tmp_path / "rules.yaml"
        text, third = file.read_text(), f", '127.0.0.3:{servers[2].port}'"
        assert third in text
        asked, done, served = 0, False, Counter[str]()

        async def client(kind: Any) -> None:
            nonlocal asked
            connection = await kind.connect(proxy.port)
            while not done:
                asked += 1
                served[await who(connection)] += 1
            await connection.close()

        asking = [asyncio.ensure_future(client(kind)) for kind in CLIENTS.values() for _ in range(2)]
        for turn in range(10):
            before = asked
            await until(lambda before=before: asked >= before + 20)  # type: ignore[misc]
            file.write_text(text.replace(third, "") if turn % 2 == 0 else text)
            assert proxy.bundle._rules_file.reload()
        done = True
        await asyncio.gather(*asking)
        assert served.total() == asked
        (at_work,) = proxy.state.farms
        for load, server in zip(at_work.loads[:2], servers[:2], strict=True):
            assert load.requests == len(server.requests) == served[server.address]
        assert [load.live for load in at_work.loads] == [0, 0, 0]
        assert served["127.0.0.3"]


@pytest.mark.parametrize("written", ["by the wizard", "by an export"])
async def test_the_file_that_arr_s_wizard_writes_serves(written: str, tmp_path: Path) -> None:
    servers = [Server(1, 0)]
    await servers[0].start()
    servers.append(Server(2, servers[0].port))
    await servers[1].start()
    text = EXAMPLE.read_text()
    if written == "by an export":
        text = to_application_host(rule_files.load([EXAMPLE])[0])[0]
    for old, new in (("10.0.0.1", "127.0.0.1"), ("10.0.0.2", "127.0.0.2"), ("8080", str(servers[0].port))):
        assert old in text
        text = text.replace(old, new)
    async with in_process(text, tmp_path, name="applicationHost.config") as proxy:
        connection = await Http1.connect(proxy.port)
        got = [await connection.ask(path="/a?b=c", host="shop.example.com") for _ in range(6)]
        assert Counter(each.body for each in got) == {b"127.0.0.1": 4, b"127.0.0.2": 2}
        token = token_of(got[0].body.decode())
        assert got[0].fields["set-cookie"].startswith(f"ARRAffinity={token};")
        for _ in range(3):
            again = await connection.ask(host="shop.example.com", fields=f"Cookie: ARRAffinity={token}\r\n")
            assert (again.body, "set-cookie" in again.fields) == (got[0].body, False)
        asked = next(request for request in servers[0].requests if b"/a?" in request)
        assert asked.startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert b"\r\nHost: shop.example.com\r\n" in asked
        await connection.close()
    for server in servers:
        await server.stop()
