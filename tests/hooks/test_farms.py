"""Farms of real servers behind the whole bundle."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import trustme
from mitmproxy import exceptions
from mitmproxy.addons.intercept import Intercept
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from hooks.clients import CLIENTS, Http1, Http2
from hooks.in_process import InProcess, in_process
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.loading.server_states import ServerStates
from urlrewrite.model.farms import ServerState
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server of a farm on an address of its own (127.0.0.N), which says in each response who it is."""

    def __init__(self, number: int, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.address, self.port = f"127.0.0.{number}", port
        self.tls = tls
        self.requests: list[bytes] = []
        self.wait = 0.0
        self.gate = asyncio.Event()
        """No response before it is set."""
        self.gate.set()
        self.extra = b""
        self.closes = False
        self.closes_kept = False
        """Closes a connection at the second request on it."""
        self.answer = b""
        """In place of the usual one; the connection is closed after it."""
        self._tasks = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                for number in itertools.count():
                    self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                    if self.closes or (self.closes_kept and number):
                        break
                    await asyncio.sleep(self.wait)
                    await self.gate.wait()
                    if self.answer:
                        writer.write(self.answer)
                        break
                    name = self.address.encode()
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%bContent-Length: %d\r\n\r\n"
                    writer.write(head % (self.extra, len(name)) + name)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def farm(
    folder: Path, count: int = 3, settings: str = "", servers: str = "", response: str = "20s"
) -> AsyncIterator[tuple[InProcess, Sequence[Server]]]:
    """The proxy before a farm of running servers, all on the same port of addresses of their own."""
    running: list[Server] = []
    async with contextlib.AsyncExitStack() as stack:
        for number in range(1, count + 1):
            server = Server(number, running[0].port if running else 0)
            await server.start()
            stack.push_async_callback(server.stop)
            running.append(server)
        port = running[0].port
        listed = servers or "[" + ", ".join(f"'{server.address}:{port}'" for server in running) + "]"
        rules = (
            "public: [http://localhost, https://localhost]\nbackend: http://shop\n"
            f"farms:\n  shop:\n    servers: {listed.replace('PORT', str(port))}\n"
            f"    timeouts: {{connect: 2s, response: {response}}}\n{settings}"
        )
        yield await stack.enter_async_context(in_process(rules, folder)), running


@contextlib.asynccontextmanager
async def tls_server(folder: Path, *, wants_certificate: bool = False) -> AsyncIterator[tuple[Server, str]]:
    """A server of TLS that is app.lan, and the rules of a farm of it; SETTINGS stands for those of the farm.

    ca.pem is whom to trust, own.pem a certificate that the server takes from its clients.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("proxy.lan").private_key_and_cert_chain_pem.write_to_path(str(folder / "own.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("app.lan").configure_cert(context)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    server = Server(1, 0, context)
    await server.start()
    yield (
        server,
        (
            "public: http://localhost\nbackend: https://shop\n"
            f"farms: {{shop: {{servers: [{{address: 127.0.0.1, httpsPort: {server.port}}}], SETTINGS}}}}\n"
        ),
    )
    await server.stop()


async def who(connection: Http1, **asked: str) -> str:
    got = await connection.ask(**asked)  # type: ignore[arg-type]
    assert got.status == 200, got
    return got.body.decode()


@pytest.mark.parametrize("client", CLIENTS)
async def test_requests_are_spread_by_weight(client: str, tmp_path: Path) -> None:
    weights = "[{address: 127.0.0.1, httpPort: PORT}, {address: 127.0.0.2, httpPort: PORT, weight: 50}]"
    async with farm(tmp_path, 2, servers=weights) as (proxy, _):
        connection = await CLIENTS[client].connect(proxy.port)
        served = Counter([(await connection.ask()).body.decode() for _ in range(30)])
        assert served == {"127.0.0.1": 20, "127.0.0.2": 10}
        await connection.close()
        (loads,) = [at_work.loads for at_work in proxy.state.farms]
        assert [(load.live, load.requests, load.failures) for load in loads] == [(0, 20, 0), (0, 10, 0)]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", ["refuses", "closes", "is silent"])
async def test_a_server_that_fails_is_replaced_by_another(client: str, fault: str, tmp_path: Path) -> None:
    response = "400ms" if fault == "is silent" else "20s"
    async with farm(tmp_path, 2, response=response) as (proxy, servers):
        if fault == "refuses":
            await servers[0].stop()
        servers[0].closes = fault == "closes"
        servers[0].wait = 30.0 if fault == "is silent" else 0.0
        connection = await CLIENTS[client].connect(proxy.port)
        for _ in range(3):
            assert (await connection.ask()).body == b"127.0.0.2"
        await connection.close()
        (at_work,) = proxy.state.farms
        assert (at_work.budget.requests, at_work.budget.retries) == (0, 0)
        assert [load.live for load in at_work.loads] == [0, 0]
        failed = [event for flow in proxy.flows for event in flow.metadata["urlrewrite"]["events"]]
        assert {event["server"] for event in failed if event["event"] == Name.SERVER_FAILED} <= {
            f"127.0.0.1:{servers[0].port}"
        }


@pytest.mark.parametrize(("method", "status", "seen"), [("POST", 502, 1), ("PUT", 200, 2)])
async def test_what_a_server_may_have_seen_is_repeated_only_if_it_may_be(
    method: str, status: int, seen: int, tmp_path: Path
) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        servers[0].closes = True
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask(method)).status == status
        assert sum(len(server.requests) for server in servers) == seen
        await connection.close()


async def test_a_post_that_no_server_saw_goes_to_another(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        await servers[0].stop()
        connection = await Http1.connect(proxy.port)
        assert [(await connection.ask("POST")).status for _ in range(3)] == [200] * 3
        await connection.close()


async def test_with_all_servers_down_the_page_is_ours(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        for server in servers:
            await server.stop()
        connection = await Http1.connect(proxy.port)
        got = await connection.ask()
        assert got.status == 502
        assert "127.0.0" not in got.body.decode()
        states = ServerStates(tmp_path / "rules.yaml.servers.json")
        for server in servers:
            states.set("shop", server.address, ServerState.OFFLINE)
        async with asyncio.timeout(20):
            while (got := await connection.ask()).status != 503:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert got.fields["retry-after"] == "5"
        codes = [
            event["reason"]
            for event in proxy.flows[-1].metadata["urlrewrite"]["events"]
            if event["event"] == Name.ERROR
        ]
        assert codes == [Reason.NO_SERVER]
        await connection.close()


async def test_a_cookie_binds_a_client_to_its_server_until_that_is_gone(tmp_path: Path) -> None:
    async with farm(tmp_path, settings="    affinity: {cookie: ARRAffinity}\n") as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        first = await connection.ask()
        name = first.body.decode()
        cookie = f"ARRAffinity={token_of(name)}"
        assert first.fields["set-cookie"] == f"{cookie}; Path=/; HttpOnly"
        assert first.fields["cache-control"] == "private"
        for value in (cookie, cookie.replace(token_of(name), token_of(name).upper()), f"a=1; {cookie}; b=2"):
            for _ in range(3):
                again = await connection.ask(fields=f"Cookie: {value}\r\n")
                assert (again.body.decode(), "set-cookie" in again.fields) == (name, False)
        served = next(server for server in servers if server.address == name)
        assert b"ARRAffinity" not in b"".join(served.requests)
        assert b"Cookie: a=1; b=2\r\n" in served.requests[-1]
        await served.stop()
        moved = await connection.ask(fields=f"Cookie: {cookie}\r\n")
        assert moved.status == 200
        assert moved.body.decode() != name
        assert moved.fields["set-cookie"].startswith(f"ARRAffinity={token_of(moved.body.decode())};")
        await connection.close()


async def test_a_backend_may_ask_that_a_client_is_not_bound(tmp_path: Path) -> None:
    async with farm(tmp_path, 1, "    affinity: {cookie: ARRAffinity}\n") as (proxy, servers):
        servers[0].extra = b"Arr-Disable-Session-Affinity: true\r\n"
        connection = await Http1.connect(proxy.port)
        assert "set-cookie" not in (await connection.ask()).fields
        await connection.close()


async def test_a_draining_server_keeps_its_clients_only(tmp_path: Path) -> None:
    async with farm(tmp_path, 2, "    affinity: {cookie: ARRAffinity}\n") as (proxy, _):
        connection = await Http1.connect(proxy.port)
        states = ServerStates(tmp_path / "rules.yaml.servers.json")
        states.set("shop", "127.0.0.1", ServerState.DRAINING)
        proxy.bundle._farms._look()
        assert {(await connection.ask()).body for _ in range(6)} == {b"127.0.0.2"}
        bound = await connection.ask(fields=f"Cookie: ARRAffinity={token_of('127.0.0.1')}\r\n")
        assert bound.body == b"127.0.0.1"
        states.set("shop", "127.0.0.1", ServerState.OFFLINE)
        proxy.bundle._farms._look()
        bound = await connection.ask(fields=f"Cookie: ARRAffinity={token_of('127.0.0.1')}\r\n")
        assert bound.body == b"127.0.0.2"
        await connection.close()


async def test_health_takes_a_server_out_and_lets_it_in_again(tmp_path: Path) -> None:
    health = "    health: {url: http://shop/health, interval: 50ms, timeout: 1s, retries: 2}\n"
    async with farm(tmp_path, 2, health) as (proxy, servers):
        (at_work,) = proxy.state.farms
        await servers[0].stop()
        await until(lambda: not at_work.loads[0].health.healthy)
        connection = await Http1.connect(proxy.port)
        assert {(await connection.ask()).body for _ in range(6)} == {b"127.0.0.2"}
        assert at_work.loads[0].failures == 0
        await servers[0].start()
        await until(lambda: at_work.loads[0].health.healthy)
        assert {(await connection.ask()).body for _ in range(6)} == {b"127.0.0.1", b"127.0.0.2"}
        await connection.close()


async def test_servers_that_stay_keep_their_counters_when_the_rules_change(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        for _ in range(4):
            await connection.ask()
        file = tmp_path / "rules.yaml"
        text = file.read_text()
        file.write_text(text.replace(f"'127.0.0.1:{servers[0].port}', ", ""))
        assert proxy.bundle._rules_file.reload()
        (at_work,) = proxy.state.farms
        assert [(load.server.address, load.requests) for load in at_work.loads] == [("127.0.0.2", 2)]
        assert {(await connection.ask()).body for _ in range(3)} == {b"127.0.0.2"}
        file.write_text(text)
        assert proxy.bundle._rules_file.reload()
        (at_work,) = proxy.state.farms
        assert [load.requests for load in at_work.loads] == [0, 5]
        await connection.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens in the same event loop."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


ONE_AT_A_TIME = "[{address: 127.0.0.1, httpPort: PORT, maxConnections: 1}]"


@pytest.mark.parametrize("client", CLIENTS)
async def test_requests_wait_for_a_full_server(client: str, tmp_path: Path) -> None:
    async with farm(tmp_path, 1, servers=ONE_AT_A_TIME) as (proxy, servers):
        servers[0].wait = 0.05
        connections = [await CLIENTS[client].connect(proxy.port) for _ in range(4)]
        got = await asyncio.gather(*(connection.ask() for connection in connections))
        assert [response.status for response in got] == [200] * 4
        (at_work,) = proxy.state.farms
        assert (at_work.loads[0].requests, at_work.loads[0].live, len(at_work.queue)) == (4, 0, 0)
        events = [event for flow in proxy.flows for event in flow.metadata["urlrewrite"]["events"]]
        waited = [event for event in events if event["event"] == Name.REQUEST_QUEUED]
        assert sorted(event["ahead"] for event in waited) == [0, 1, 2]
        for connection in connections:
            await connection.close()


@pytest.mark.parametrize(
    "connections", ["{queue: 0}", "{queue: 9, queueTimeout: 50ms}"], ids=["no room", "too long a wait"]
)
async def test_who_cannot_wait_gets_503(connections: str, tmp_path: Path) -> None:
    settings = f"    connections: {connections}\n"
    async with farm(tmp_path, 1, settings, ONE_AT_A_TIME, response="20s") as (proxy, servers):
        servers[0].gate.clear()
        first, second = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(first.ask())
        (at_work,) = proxy.state.farms
        await until(lambda: at_work.loads[0].live)
        refused = await second.ask()
        assert (refused.status, refused.fields["retry-after"]) == (503, "5")
        servers[0].gate.set()
        assert (await asking).status == 200
        assert (await second.ask()).status == 200
        assert at_work.loads[0].failures == 0
        for connection in (first, second):
            await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_who_leaves_the_queue_is_not_waited_for(client: str, tmp_path: Path) -> None:
    settings = "    connections: {queueTimeout: 20s}\n"
    async with farm(tmp_path, 1, settings, ONE_AT_A_TIME, response="20s") as (proxy, servers):
        servers[0].gate.clear()
        first, last = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        leaves = await CLIENTS[client].connect(proxy.port)
        (at_work,) = proxy.state.farms
        asking = [asyncio.ensure_future(first.ask())]
        await until(lambda: at_work.loads[0].live)
        left = asyncio.ensure_future(leaves.ask())
        await until(lambda: len(at_work.queue) == 1)
        asking.append(asyncio.ensure_future(last.ask()))
        await until(lambda: len(at_work.queue) == 2)
        left.cancel()
        await leaves.close()
        servers[0].gate.set()
        assert [response.status for response in await asyncio.gather(*asking)] == [200, 200]
        await until(lambda: not (at_work.loads[0].live or at_work.budget.requests))
        assert (len(at_work.queue), at_work.loads[0].failures) == (0, 0)
        for connection in (first, last):
            await connection.close()


async def test_requests_that_were_taken_back_keep_no_room_in_the_queue(tmp_path: Path) -> None:
    settings = "    connections: {queue: 2, queueTimeout: 20s}\n"
    async with farm(tmp_path, 1, settings, ONE_AT_A_TIME, response="20s") as (proxy, servers):
        servers[0].gate.clear()
        first, last = await Http1.connect(proxy.port), await Http1.connect(proxy.port)
        (at_work,) = proxy.state.farms
        asking = [asyncio.ensure_future(first.ask())]
        await until(lambda: at_work.loads[0].live)
        client = await Http2.connect(proxy.port)
        streams = [client.begin(), client.begin()]
        client.writer.write(client.h2.data_to_send())
        await until(lambda: len(at_work.queue) == 2)
        for stream in streams:
            client.h2.reset_stream(stream)
        client.writer.write(client.h2.data_to_send())
        await asyncio.sleep(0.2)
        asking.append(asyncio.ensure_future(last.ask()))
        await until(lambda: len(at_work.queue) == 1)
        servers[0].gate.set()
        assert [response.status for response in await asyncio.gather(*asking)] == [200, 200]
        await until(lambda: not (at_work.loads[0].live or at_work.budget.requests))
        assert len(servers[0].requests) == 2
        for connection in (first, last, client):
            await connection.close()


async def test_hosts_reach_servers_as_the_farm_says(tmp_path: Path) -> None:
    listed = "[{address: 127.0.0.1, httpPort: PORT, hostName: app1.lan}]"
    async with farm(tmp_path, 1, "    preserveHostHeader: false\n", listed) as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        await connection.ask()
        assert f"\r\nHost: app1.lan:{servers[0].port}\r\n".encode() in servers[0].requests[0]
        await connection.close()


async def test_a_client_that_leaves_is_counted_off(tmp_path: Path) -> None:
    async with farm(tmp_path, 1) as (proxy, servers):
        servers[0].wait = 0.2
        for client in CLIENTS.values():
            connection = await client.connect(proxy.port)
            asking = asyncio.ensure_future(connection.ask())
            await asyncio.sleep(0.1)
            asking.cancel()
            await connection.close()
        (at_work,) = proxy.state.farms
        await until(lambda: not (at_work.loads[0].live))
        assert (at_work.loads[0].failures, at_work.budget.requests) == (0, 0)


async def test_a_person_takes_servers_off_and_on(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        call = proxy.master.commands.call_strings
        connection = await Http1.connect(proxy.port)
        port = servers[0].port
        assert call("rewrite.server.drain", ["shop", "127.0.0.1"]) == "127.0.0.1 of the farm shop is draining"
        assert {(await connection.ask()).body for _ in range(4)} == {b"127.0.0.2"}
        assert call("rewrite.server.start", ["SHOP", "127.0.0.1"]) == "127.0.0.1 of the farm shop is available"
        assert {(await connection.ask()).body for _ in range(4)} == {b"127.0.0.1", b"127.0.0.2"}
        lines = call("rewrite.farms", [])
        assert lines[0] == "shop  (WeightedRoundRobin)"
        assert [line.split()[:3] for line in lines[1:]] == [
            ["127.0.0.1", "available", "healthy"],
            ["127.0.0.2", "available", "healthy"],
        ]
        with pytest.raises(exceptions.CommandError, match=r"got the server 'x', expected one of: 127\.0\.0\.1, 127"):
            call("rewrite.server.stop", ["shop", "x"])
        with pytest.raises(exceptions.CommandError, match="got the farm 'x', expected one of: shop"):
            call("rewrite.server.stop", ["x", "127.0.0.1"])
        assert port == servers[1].port
        await connection.close()


async def test_a_person_says_how_a_server_is(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, _):
        call = proxy.master.commands.call_strings
        connection = await Http1.connect(proxy.port)
        assert call("rewrite.server.unhealthy", ["shop", "127.0.0.1"]) == "127.0.0.1 of the farm shop is unhealthy"
        assert {(await connection.ask()).body for _ in range(4)} == {b"127.0.0.2"}
        assert call("rewrite.farms", [])[1].split()[2:4] == ["unhealthy", "(set-by-hand)"]
        assert call("rewrite.server.healthy", ["shop", "127.0.0.1"]) == "127.0.0.1 of the farm shop is healthy"
        assert {(await connection.ask()).body for _ in range(4)} == {b"127.0.0.1", b"127.0.0.2"}
        await connection.close()


async def test_a_test_says_otherwise_than_a_person(tmp_path: Path) -> None:
    async with farm(tmp_path, 1, "    health: {url: /x, interval: 50ms, timeout: 40ms}\n") as (proxy, _):
        said = proxy.master.commands.call_strings("rewrite.server.unhealthy", ["shop", "127.0.0.1"])
        assert said == "127.0.0.1 of the farm shop is unhealthy, until a test says otherwise"
        (at_work,) = proxy.state.farms
        await until(lambda: at_work.loads[0].health.healthy)


async def test_what_is_under_way_at_a_server_that_the_file_takes_offline_goes_elsewhere(tmp_path: Path) -> None:
    listed = "[{address: 127.0.0.1, httpPort: PORT, state: available}, {address: 127.0.0.2, httpPort: PORT}]"
    async with farm(tmp_path, 2, servers=listed, response="20s") as (proxy, servers):
        servers[0].gate.clear()
        connection = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await until(lambda: servers[0].requests)
        file = tmp_path / "rules.yaml"
        file.write_text(file.read_text().replace("state: available", "state: offline"))
        assert proxy.bundle._rules_file.reload()
        assert (await asking).body == b"127.0.0.2"
        await connection.close()


async def test_only_a_server_that_is_stopping_still_is_cut_after_its_time(tmp_path: Path) -> None:
    async with farm(tmp_path, 2, "    drainTimeout: 1h\n") as (proxy, _):
        farms, call = proxy.bundle._farms, proxy.master.commands.call_strings
        call("rewrite.server.stop", ["shop", "127.0.0.1"])
        (first,) = farms._draining.values()
        call("rewrite.server.start", ["shop", "127.0.0.1"])
        assert first.cancelled()
        assert farms._draining == {}
        call("rewrite.server.stop", ["shop", "127.0.0.1"])
        (second,) = farms._draining.values()
        file = tmp_path / "rules.yaml"
        file.write_text(file.read_text().replace("'127.0.0.1:", "'127.0.0.3:"))
        assert proxy.bundle._rules_file.reload()
        assert second.cancelled()
        call("rewrite.server.stop", ["shop", "127.0.0.2"])
        (third,) = farms._draining.values()
    assert third.cancelled()
    assert farms._draining == {}


async def test_a_stopping_server_is_cut_after_its_time(tmp_path: Path) -> None:
    async with farm(tmp_path, 2, "    drainTimeout: 50ms\n", response="20s") as (proxy, servers):
        servers[0].gate.clear()
        connection = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await until(lambda: servers[0].requests)
        proxy.master.commands.call_strings("rewrite.server.stop", ["shop", "127.0.0.1"])
        assert (await asking).body == b"127.0.0.2"
        assert proxy.bundle._farms._draining == {}
        await connection.close()


async def test_a_connection_that_went_stale_is_not_held_against_its_server(tmp_path: Path) -> None:
    async with farm(tmp_path, 2, "    health: {live: {failures: 1}}\n    retry: {attempts: 1}\n") as (proxy, servers):
        connection = await Http1.connect(proxy.port)
        for server in servers:
            server.closes_kept = True
            assert (await connection.ask()).status == 200
        assert (await connection.ask()).status == 200
        assert sum(len(server.requests) for server in servers) == 4
        (at_work,) = proxy.state.farms
        assert [(load.failures, load.live, load.health.healthy) for load in at_work.loads] == [(0, 0, True)] * 2
        await connection.close()


async def test_an_error_of_the_proxy_is_not_held_against_the_server(tmp_path: Path) -> None:
    rewrites = (
        "mode: iis\noutboundRules:\n  - {name: a, match: {filterByTags: A, pattern: '.*'},"
        " action: {type: Rewrite, value: x}}\n"
    )
    async with farm(tmp_path, 1, f"    health: {{live: {{failures: 1}}}}\n{rewrites}") as (proxy, servers):
        # IIS refuses to rewrite what is encoded: 500.52.
        servers[0].extra = b"Content-Encoding: gzip\r\n"
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == 500
        (at_work,) = proxy.state.farms
        assert [(load.requests, load.health.healthy) for load in at_work.loads] == [(1, True)]
        await connection.close()


async def test_a_response_that_is_cut_is_held_against_the_server(tmp_path: Path) -> None:
    async with farm(tmp_path, 1) as (proxy, servers):
        (at_work,) = proxy.state.farms
        for failures, kept in ((1, False), (2, True)):
            connection = await Http1.connect(proxy.port)
            if kept:
                servers[0].answer = b""
                assert (await connection.ask()).status == 200
            servers[0].answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(2**20)
            assert (await connection.ask()).cut
            assert [(load.failures, load.live) for load in at_work.loads] == [(failures, 0)]
            await connection.close()


class _Kills:
    """Kills what is about to become a WebSocket."""

    def response(self, flow: HTTPFlow) -> None:
        if flow.websocket:
            flow.kill()


async def test_a_websocket_that_is_killed_before_it_begins_is_counted_off(tmp_path: Path) -> None:
    async with farm(tmp_path, 1) as (proxy, servers):
        proxy.master.addons.add(_Kills())
        servers[0].answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        connection = await Http1.connect(proxy.port)
        asked = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aa\r\n"
        await connection.ask(fields=asked)
        assert proxy.flows[0].websocket
        (at_work,) = proxy.state.farms
        assert [(load.live, load.failures) for load in at_work.loads] == [(0, 0)]
        assert (proxy.state.attempts, at_work.budget.requests) == ({}, 0)
        await connection.close()


async def test_nothing_stays_of_a_client_that_left_while_its_request_was_held(tmp_path: Path) -> None:
    async with farm(tmp_path, 1) as (proxy, servers):
        proxy.master.addons.add(Intercept())
        proxy.master.options.update(intercept="~q")
        connection = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await until(lambda: proxy.flows and proxy.flows[0].intercepted)
        asking.cancel()
        await connection.close()
        await until(lambda: not proxy.master.addons.get("proxyserver").connections)
        proxy.flows[0].resume()
        await until(lambda: not proxy.state.attempts)
        assert servers[0].requests == []


class _Frees:
    """Frees a server at the moment at which a client leaves."""

    def __init__(self, at_work: FarmAtWork) -> None:
        self._at_work = at_work

    def client_disconnected(self, client: Client) -> None:
        self._at_work.end(self._at_work.loads[0], 0.0, status=200)


async def test_nothing_stays_of_a_client_that_left_as_a_server_became_free(tmp_path: Path) -> None:
    listed = "[{address: 127.0.0.1, httpPort: PORT, maxConnections: 1}]"
    settings = "    connections: {queueTimeout: 10s}\n"
    async with farm(tmp_path, 1, settings, listed) as (proxy, servers):
        (at_work,) = proxy.state.farms
        at_work.loads[0].begin()
        proxy.master.addons.add(_Frees(at_work))
        connection = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await until(lambda: at_work.queue)
        asking.cancel()
        await connection.close()
        await until(lambda: not proxy.state.attempts)
        assert at_work.loads[0].requests == 2
        assert (at_work.loads[0].live, at_work.loads[0].failures) == (0, 0)
        assert servers[0].requests == []


async def test_a_file_that_is_no_more_opens_no_tls_to_anybody(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as (server, rules):
        rules = rules.replace("SETTINGS", "tls: {ca: ca.pem, name: app.lan}")
        async with in_process(rules, tmp_path, ssl_insecure=True) as proxy:
            (tmp_path / "ca.pem").unlink()
            connection = await Http1.connect(proxy.port)
            assert (await connection.ask()).status == 502
            assert server.requests == []
            assert any("app.lan: no TLS as the rule file says" in line for line in proxy.log)
            await connection.close()


async def test_what_is_under_way_at_a_killed_server_goes_elsewhere_at_once(tmp_path: Path) -> None:
    async with farm(tmp_path, 2) as (proxy, servers):
        for server in servers:
            server.wait = 0.25
        connection = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await until(lambda: servers[0].requests)
        proxy.master.commands.call_strings("rewrite.server.kill", ["shop", "127.0.0.1"])
        assert (await asking).body == b"127.0.0.2"
        await connection.close()


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ("tls: {ca: CA, name: app.lan}", 200),
        ("tls: {ca: CA, name: other.lan}", 502),
        ("tls: {ca: CA}", 502),
        ("tls: {name: app.lan}", 502),
        ("tls: {verify: false}", 200),
    ],
)
async def test_tls_is_as_the_farm_says(settings: str, status: int, tmp_path: Path) -> None:
    settings = settings.replace("CA", str(tmp_path / "ca.pem"))
    async with (
        tls_server(tmp_path) as (_, rules),
        in_process(rules.replace("SETTINGS", settings), tmp_path) as proxy,
    ):
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == status
        await connection.close()


@pytest.mark.parametrize(("tls", "healthy"), [("ca: ca.pem, name: app.lan", True), ("name: app.lan", False)])
async def test_health_is_tested_by_the_tls_of_the_farm(tls: str, healthy: bool, tmp_path: Path) -> None:
    # Where the farm names no authorities, those of the option count.
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    test = "health: {url: https://shop/health, interval: 20ms, timeout: 5s, retries: 1}"
    async with tls_server(tmp_path) as (server, rules):
        rules = rules.replace("SETTINGS", f"tls: {{{tls}}}, {test}")
        async with in_process(rules, tmp_path, ssl_verify_upstream_trusted_ca=str(broken)) as proxy:
            (at_work,) = proxy.state.farms
            await until(lambda: server.requests or not at_work.loads[0].health.healthy)
            assert at_work.loads[0].health.healthy is healthy
            assert any("farm shop, tls: got" in line for line in proxy.log) is not healthy


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    async with tls_server(tmp_path, wants_certificate=True) as (_, rules):
        for certificate, status in (("", 502), (", certificate: own.pem", 200)):
            tls = f"tls: {{ca: ca.pem, name: app.lan{certificate}}}"
            async with in_process(rules.replace("SETTINGS", tls), tmp_path) as proxy:
                connection = await Http1.connect(proxy.port)
                assert (await connection.ask()).status == status
                await connection.close()


async def test_flows_to_a_farm_are_saved_while_they_go_on_and_nothing_stays_of_them(tmp_path: Path) -> None:
    saved = tmp_path / "flows"
    async with farm(tmp_path, 2) as (proxy, _):
        proxy.master.options.update(save_stream_file=str(saved))
        connection = await Http1.connect(proxy.port)
        for _ in range(3):
            assert (await connection.ask()).status == 200
        await connection.close()
        proxy.master.options.update(save_stream_file=None)
        assert proxy.state.attempts == {}
        assert not any("Traceback" in line or "rror" in line for line in proxy.log), proxy.log
    with saved.open("rb") as file:
        assert len(list(FlowReader(file).stream())) == 3


@pytest.mark.parametrize(("mode", "status", "sub_status"), [("helpful", 503, 0), ("iis", 502, 4)])
async def test_a_farm_without_a_server_is_503_and_in_mode_iis_502_4(
    mode: str, status: int, sub_status: int, tmp_path: Path
) -> None:
    rules = (
        f"public: http://localhost\nbackend: http://shop\nmode: {mode}\n"
        "farms: {shop: {servers: [{address: 127.0.0.1, state: offline}]}}\n"
    )
    async with in_process(rules, tmp_path) as proxy:
        connection = await Http1.connect(proxy.port)
        got = await connection.ask()
        data = proxy.flows[0].metadata["urlrewrite"]
        assert (got.status, data["status"], data["sub_status"]) == (status, status, sub_status)
        assert ("retry-after" in got.fields) == (status == 503)
        assert ("HTTP Error 502.4 - Bad Gateway" in got.body.decode()) == (status == 502)
        await connection.close()
