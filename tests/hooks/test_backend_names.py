"""Names of backends that come to mean another machine, or cannot be looked up: real connections, our own resolver."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import connection

from hooks.clients import CLIENTS
from hooks.in_process import InProcess, in_process
from hooks.support import state_of
from hooks.test_farms import Server
from urlrewrite.hooks.backend_names import BackendNames

RULES = "public: [http://localhost, https://localhost]\nbackend: http://app.lan:PORT\n"


class Resolver:
    """Says what addresses app.lan has; with none it cannot be looked up."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses
        self.asked = 0
        self._real = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(self, host: str, port: int | None, **options: Any) -> list[Any]:
        if host != "app.lan":
            return await self._real(host, port, **options)
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in self.addresses]


@pytest.fixture
async def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver("127.0.0.1")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", made.getaddrinfo)
    return made


@contextlib.asynccontextmanager
async def proxied(folder: Path, more: str = "") -> AsyncIterator[tuple[InProcess, Sequence[Server]]]:
    """The proxy before app.lan, and two machines that it may be."""
    async with contextlib.AsyncExitStack() as stack:
        machines = [Server(1, 0)]
        await machines[0].start()
        machines.append(Server(2, machines[0].port))
        await machines[1].start()
        for machine in machines:
            stack.push_async_callback(machine.stop)
        rules = RULES.replace("PORT", str(machines[0].port)) + more
        yield await stack.enter_async_context(in_process(rules, folder)), machines


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("more", ["", "connections: {shared: false}\n"], ids=["shared", "not shared"])
async def test_a_name_that_means_another_machine_is_followed(
    client: str, more: str, resolver: Resolver, tmp_path: Path
) -> None:
    async with proxied(tmp_path, more) as (proxy, _):
        names = proxy.bundle._backend_names
        connection = await CLIENTS[client].connect(proxy.port)
        assert {(await connection.ask()).body for _ in range(3)} == {b"127.0.0.1"}
        await names.look_up()
        resolver.addresses = ["127.0.0.2"]
        for _ in range(3):
            await names.look_up()
        assert {(await connection.ask()).body for _ in range(3)} == {b"127.0.0.2"}
        assert [idle for idle in proxy.state.idle.addresses if idle[0] != "app.lan"] == []
        await connection.close()


async def test_a_name_that_cannot_be_looked_up_is_what_it_was(resolver: Resolver, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        names = proxy.bundle._backend_names
        for addresses in (["127.0.0.1"], []):
            resolver.addresses = addresses
            connection = await CLIENTS["HTTP/1.1"].connect(proxy.port)
            assert (await connection.ask()).status == 200
            await connection.close()
            await names.look_up()
            await names.look_up()
            proxy.state.idle.clear()
        told = [line for line in proxy.log if "cannot be looked up" in line]
        assert len(told) == 1, "it is told once"


async def test_name_servers_that_give_some_of_many_addresses_at_a_time_move_nobody(resolver: Resolver) -> None:
    names = BackendNames(state_of(""))
    with pytest.raises(OSError):
        await names.open(("app.lan", 1))
    seen = set()
    for turn in range(6):
        resolver.addresses = [f"10.0.0.{turn % 3}"]
        await names.look_up()
        seen.add(names.addresses("app.lan"))
    assert frozenset({"10.0.0.0", "10.0.0.1", "10.0.0.2"}) in seen
    assert len(seen) == 3, "grows twice, and stays"


async def test_a_name_that_nobody_dials_is_forgotten(resolver: Resolver) -> None:
    now = 0.0
    names = BackendNames(state_of(""), clock=lambda: now)
    with pytest.raises(OSError):
        await names.open(("app.lan", 1))
    await names.look_up()
    asked = resolver.asked
    now = 3600.0
    await names.look_up()
    await names.look_up()
    assert resolver.asked == asked
    assert names.addresses("app.lan") == frozenset()


async def test_a_name_is_remembered_as_long_as_a_connection_to_it_is_used(resolver: Resolver) -> None:
    now = 0.0
    names = BackendNames(state_of(""), clock=lambda: now)
    kept = connection.Server(address=("app.lan", 80))
    kept.peername = ("127.0.0.1", 80)
    with contextlib.suppress(OSError):
        await names.open(("app.lan", 1))
    for _ in range(5):
        now += 300.0
        assert names.is_current(kept)
        await names.look_up()
    resolver.addresses = ["10.0.0.1"]
    for _ in range(5):
        await names.look_up()
    assert not names.is_current(kept)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_not_looked_up(address: str) -> None:
    names = BackendNames(state_of(""))
    with contextlib.suppress(OSError):
        await names.open((address, 1))
    assert names.addresses(address) == frozenset()
