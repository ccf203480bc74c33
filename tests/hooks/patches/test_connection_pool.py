"""Connections to backends that serve several clients, on the whole bundle and real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import h2.errors
import pytest
import trustme

from hooks.clients import CLIENTS, STREAMING, Http1, Http2
from hooks.echo_backend import EchoBackend, echo
from hooks.in_process import InProcess, in_process
from hooks.leaving_clients import LeavingClients
from urlrewrite.farms.choose import ChoiceReason
from urlrewrite.trace.events import Name

SCHEMES = ("http", "https")


@contextlib.asynccontextmanager
async def proxied(
    folder: Path, scheme: str = "http", *, connections: str = "", http3: bool = False
) -> AsyncIterator[tuple[InProcess, EchoBackend]]:
    """The proxy before a farm of one server."""
    ca = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    async with EchoBackend(tls if scheme == "https" else None) as backend:
        server = f"{{address: 127.0.0.1, httpPort: {backend.port}, httpsPort: {backend.port}}}"
        rules = (
            f"public: [http://localhost, https://localhost]\nbackend: {scheme}://shop\n"
            f"farms:\n  shop:\n    servers: [{server}]\n"
            f"    tls: {{ca: {folder}/ca.pem}}\n    connections: {{{connections}}}\n"
        )
        async with in_process(rules, folder, http3=http3) as proxy:
            yield proxy, backend


async def asked(port: int, client: str, *paths: str, method: str = "GET") -> None:
    """A client that comes, asks for paths and goes; each has to get its own."""
    connection = await CLIENTS[client].connect(port)
    for path in paths:
        got = await connection.ask(method, path)
        assert got.status == 200, got
        assert got.body.rstrip(b".") == path.encode()
    await connection.close()


async def until_idle(proxy: InProcess, count: int) -> None:
    """Wait until so many connections are at rest."""
    async with asyncio.timeout(20):
        while len(proxy.state.idle) != count:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


async def until_open(backend: EchoBackend, count: int) -> None:
    """Wait until so many connections to the backend are open."""
    async with asyncio.timeout(20):
        while backend.open != count:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


def healthy(proxy: InProcess) -> bool:
    return not any("crashed" in line or "Traceback" in line or "failed" in line for line in proxy.log)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("client", CLIENTS)
async def test_one_connection_serves_clients_one_after_the_other(client: str, scheme: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, scheme) as (proxy, backend):
        for number in range(4):
            await asked(proxy.port, client, f"/{number}/a", f"/{number}/b")
            await until_idle(proxy, 1)
        assert (backend.connections, backend.requests) == (1, 8)
        flows = proxy.flows
        assert len({flow.server_conn.id for flow in flows}) == 4
        assert {flow.server_conn.tls_established for flow in flows} == {scheme == "https"}
        assert all(flow.server_conn.certificate_list for flow in flows) is (scheme == "https")
        assert healthy(proxy), proxy.log


async def test_clients_of_both_protocols_share_plain_connections(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        for client in ("HTTP/2", "HTTP/1.1", "HTTP/2"):
            await asked(proxy.port, client, "/x")
            await until_idle(proxy, 1)
        assert backend.connections == 1


@pytest.mark.parametrize("client", CLIENTS)
async def test_connections_are_not_shared_where_the_rule_file_says_so(client: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, connections="shared: false") as (proxy, backend):
        await asked(proxy.port, client, "/a")
        await asked(proxy.port, client, "/b")
        assert backend.connections == 2
        assert len(proxy.state.idle) == 0


async def test_a_client_that_is_idle_gives_its_connection_back(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        first = await Http1.connect(proxy.port)
        assert (await first.ask(path="/first")).status == 200
        await until_idle(proxy, 1)
        await asked(proxy.port, "HTTP/1.1", "/second")
        await until_idle(proxy, 1)
        assert (await first.ask(path="/again")).body == b"/again"
        await first.close()
        assert backend.connections == 1
        assert healthy(proxy), proxy.log


@pytest.mark.parametrize("limit", [0, 2])
async def test_no_more_are_kept_than_the_limit(limit: int, tmp_path: Path) -> None:
    async with proxied(tmp_path, connections=f"idle: {limit}") as (proxy, backend):
        clients = [await Http1.connect(proxy.port) for _ in range(4)]
        await asyncio.gather(*(client.ask(path="/x") for client in clients))
        assert backend.open == 4
        for client in clients:
            await client.close()
        await until_open(backend, limit)
        assert len(proxy.state.idle) == limit


async def test_a_connection_at_rest_is_closed_after_its_time(tmp_path: Path) -> None:
    async with proxied(tmp_path, connections="keepAlive: 500ms") as (proxy, backend):
        await asked(proxy.port, "HTTP/2", "/x")
        await until_idle(proxy, 0)
        await until_open(backend, 0)


NEVER_SHARED = {
    "asked to be closed": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"),
    "HTTP/1.0": ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    "read until its end": ("GET", b"HTTP/1.1 200 OK\r\n\r\nhi"),
    "upgraded": (
        "GET",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
    "more than the response": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n"),
    "a body behind the response to HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
}


@pytest.mark.parametrize("case", NEVER_SHARED)
@pytest.mark.parametrize("client", CLIENTS)
async def test_what_may_not_be_at_rest_serves_nobody_else(client: str, case: str, tmp_path: Path) -> None:
    method, answer = NEVER_SHARED[case]
    async with proxied(tmp_path) as (proxy, backend):
        backend.answer = lambda number, path, head: answer if path == "/odd" else None
        connection = await CLIENTS[client].connect(proxy.port)
        if case == "upgraded" and client == "HTTP/1.1":
            connection.writer.write(
                b"GET /odd HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert (await connection.reader.readline()).startswith(b"HTTP/1.1 101")
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0 if case == "upgraded" else 20.0):
                    await connection.ask(method, "/odd")
        await connection.close()
        await asked(proxy.port, client, "/next")
        assert backend.connections == 2
        await until_idle(proxy, 1)


async def test_a_rule_that_changes_the_response_does_not_make_it_fit(tmp_path: Path) -> None:
    """What the backend sent counts: here a rule hides that the connection ends."""
    async with proxied(tmp_path) as (proxy, backend):
        answer = NEVER_SHARED["asked to be closed"][1]
        backend.answer = lambda number, path, head: answer if path == "/odd" else None

        class Hides:
            def responseheaders(self, flow: object) -> None:
                del flow.response.headers["connection"]  # type: ignore[attr-defined]

        proxy.master.addons.add(Hides())
        connection = await Http2.connect(proxy.port)
        assert (await connection.ask(path="/odd")).body == b"hi"
        assert len(proxy.state.idle) == 0
        await connection.close()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_connection_that_the_backend_closed_is_not_used(scheme: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, scheme) as (proxy, backend):
        await asked(proxy.port, "HTTP/2", "/a")
        await until_idle(proxy, 1)
        backend.writers[0].close()
        await asyncio.sleep(0.05)
        await asked(proxy.port, "HTTP/2", "/b", method="POST")
        assert (backend.connections, backend.requests) == (2, 2)
        assert healthy(proxy), proxy.log


async def test_a_connection_by_which_something_came_unasked_is_not_used(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        await asked(proxy.port, "HTTP/2", "/a")
        await until_idle(proxy, 1)
        backend.writers[0].write(echo(1, "/stale"))
        await asyncio.sleep(0.05)
        await asked(proxy.port, "HTTP/2", "/b", method="POST")
        assert backend.connections == 2


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 502)])
async def test_a_connection_that_is_closed_when_it_is_used_is_no_failure_of_what_may_be_repeated(
    method: str, status: int, tmp_path: Path
) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        await asked(proxy.port, "HTTP/2", "/a")
        await until_idle(proxy, 1)
        backend.answer = lambda number, path, head: b"" if number == 1 else None
        writer = backend.writers[0]
        original = writer.write

        def close(data: bytes) -> None:
            writer.write = original  # type: ignore[method-assign]
            writer.close()

        writer.write = close  # type: ignore[method-assign, assignment]
        connection = await Http2.connect(proxy.port)
        got = await connection.ask(method, "/b")
        assert got.status == status
        assert status != 200 or got.body == b"/b"
        await connection.close()


@pytest.mark.parametrize(("method", "connections"), [("GET", 1), ("POST", 2)])
async def test_what_may_not_be_repeated_gets_no_connection_that_rested_long(
    method: str, connections: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urlrewrite.hooks.patches.server_connections.SAFE_IDLE", 0.05)
    async with proxied(tmp_path) as (proxy, backend):
        await asked(proxy.port, "HTTP/2", "/a")
        await until_idle(proxy, 1)
        await asyncio.sleep(0.1)
        await asked(proxy.port, "HTTP/2", "/b", method=method)
        assert backend.connections == connections


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_server_that_is_taken_offline_leaves_the_pool(client: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        staying = await CLIENTS[client].connect(proxy.port)
        assert (await staying.ask(path="/a")).status == 200
        await asked(proxy.port, "HTTP/1.1", "/b")
        proxy.master.commands.call("rewrite.server.kill", "shop", "127.0.0.1")
        await until_open(backend, 0)
        assert len(proxy.state.idle) == 0
        assert (await staying.ask(path="/c")).status == 503
        await staying.close()


@pytest.mark.parametrize("when", ["at rest", "in use"])
async def test_what_was_made_by_other_settings_of_tls_serves_nobody_else(when: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, "https") as (proxy, backend):
        first = await Http1.connect(proxy.port)
        assert (await first.ask(path="/a")).status == 200
        if when == "at rest":
            await first.close()
            await until_idle(proxy, 1)
        proxy.master.options.update(tls_version_server_min="TLS1_3")
        await first.close()
        await until_open(backend, 0)
        await asked(proxy.port, "HTTP/1.1", "/b")
        assert backend.connections == 2


async def test_a_server_that_the_rule_file_lost_leaves_the_pool(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, _):
        await asked(proxy.port, "HTTP/2", "/a")
        await until_idle(proxy, 1)
        rules = tmp_path / "rules.yaml"
        rules.write_text(re.sub(r"servers: .*", "servers: [127.0.0.9]", rules.read_text()))
        proxy.master.commands.call("rewrite.reload")
        await until_idle(proxy, 0)


async def test_what_rests_is_closed_with_the_proxy(tmp_path: Path) -> None:
    async with EchoBackend() as backend:
        rules = f"public: http://localhost\nbackend: http://127.0.0.1:{backend.port}\n"
        async with in_process(rules, tmp_path) as proxy:
            await asked(proxy.port, "HTTP/1.1", "/a")
            await until_idle(proxy, 1)
        await until_open(backend, 0)


# --- identities -----------------------------------------------------------------------------------------------------


class Challenges:
    """Ties an identity to a connection, as NTLM does: a challenge is good only where it was given."""

    def __init__(self, scheme: str = "NTLM") -> None:
        self.scheme = scheme
        self.users: dict[int, str] = {}
        self._nonces: dict[int, str] = {}
        self._count = itertools.count()

    def __call__(self, number: int, path: str, head: bytes) -> bytes | None:
        if path.startswith("/open"):
            return None
        proof = re.search(rf"(?i)\r\nauthorization: {self.scheme} (\S+)", head.decode())
        if proof and proof[1] == "begin":
            self._nonces[number] = nonce = str(next(self._count))
            return self._refusal(f"{self.scheme} {nonce}")
        if proof:
            user, _, nonce = proof[1].partition(":")
            if self._nonces.pop(number, None) != nonce:
                return self._refusal(self.scheme)
            self.users[number] = user
        if number not in self.users:
            return self._refusal(self.scheme)
        return echo(number, path, b"User: %b\r\n" % self.users[number].encode())

    def _refusal(self, challenge: str) -> bytes:
        return f"HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n".encode()


async def log_in(connection: Http1, user: str, scheme: str = "NTLM", method: str = "GET") -> None:
    assert (await connection.ask(method, "/private")).status == 401
    got = await connection.ask(method, "/private", fields=f"Authorization: {scheme} begin\r\n")
    nonce = got.fields["www-authenticate"].split()[1]
    got = await connection.ask(method, "/private", fields=f"Authorization: {scheme} {user}:{nonce}\r\n")
    assert (got.status, got.fields.get("user")) == (200, user), got


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_an_identity_stays_with_its_client(scheme: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        backend.answer = Challenges(scheme)
        await asked(proxy.port, "HTTP/1.1", "/open/before")
        users = {name: await Http1.connect(proxy.port) for name in ("anna", "bert")}
        for name, connection in users.items():
            await log_in(connection, name, scheme)
        for turn in range(5):
            for name, connection in users.items():
                got = await connection.ask(("GET", "POST")[turn % 2], f"/{turn}/{name}")
                assert (got.status, got.fields["user"]) == (200, name)
            for client in CLIENTS:
                await asked(proxy.port, client, "/open/x", "/open/y")
            stranger = await Http1.connect(proxy.port)
            assert (await stranger.ask(path="/private")).status == 401
            await stranger.close()
        for connection in users.values():
            await connection.close()
        for _ in range(5):
            stranger = await Http1.connect(proxy.port)
            assert (await stranger.ask(path="/private")).status == 401
            await stranger.close()
        assert healthy(proxy), proxy.log


async def test_an_identity_is_known_at_one_server_of_a_farm(tmp_path: Path) -> None:
    async with EchoBackend() as one, EchoBackend() as other:
        one.answer, other.answer = Challenges(), Challenges()
        servers = f"['127.0.0.1:{one.port}', '127.0.0.1:{other.port}']"
        rules = f"public: http://localhost\nbackend: http://shop\nfarms: {{shop: {{servers: {servers}}}}}\n"
        async with in_process(rules, tmp_path) as proxy:
            connection = await Http1.connect(proxy.port)
            await log_in(connection, "anna")
            for turn in range(4):
                assert (await connection.ask(path=f"/{turn}")).fields["user"] == "anna"
            await connection.close()
            assert sorted((one.requests, other.requests)) == [0, 7]
            events = [event for flow in proxy.flows for event in flow.metadata["urlrewrite"]["events"]]
            why = [event["why"] for event in events if event["event"] == Name.ARR_SERVER_ROUTED]
            assert why[0] == ChoiceReason.BALANCED
            assert why.count(ChoiceReason.CONNECTION) == 6


@pytest.mark.parametrize(("connections", "opened"), [("shared: true", 1), ("shared: false", 2), ("idle: 0", 2)])
async def test_a_site_says_how_connections_to_its_backend_are_shared(
    connections: str, opened: int, tmp_path: Path
) -> None:
    async with EchoBackend() as backend:
        site = f"public: http://localhost\nbackend: http://127.0.0.1:{backend.port}\nconnections: {{{connections}}}\n"
        async with in_process(site, tmp_path) as proxy:
            await asked(proxy.port, "HTTP/1.1", "/a")
            await until_open(backend, 2 - opened)
            await asked(proxy.port, "HTTP/1.1", "/b")
            assert backend.connections == opened


async def test_an_identity_stays_where_it_is_though_its_connection_rested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is it given back, nor does a request that must not be repeated go elsewhere."""
    monkeypatch.setattr("urlrewrite.hooks.patches.server_connections.SAFE_IDLE", 0.01)
    monkeypatch.setattr("urlrewrite.hooks.patches.connection_pool._KEPT_FOR_CLIENT", 0.01)
    monkeypatch.setattr("urlrewrite.hooks.patches.connection_pool.LOOK_SECONDS", 0.02)
    async with proxied(tmp_path) as (proxy, backend):
        backend.answer = Challenges()
        connection = await Http1.connect(proxy.port)
        await log_in(connection, "anna", method="POST")
        await asyncio.sleep(0.2)
        got = await connection.ask("POST", "/later")
        assert (got.status, got.fields["user"]) == (200, "anna")
        await connection.close()


@pytest.mark.parametrize("ask", ["the request", "the response"])
async def test_a_client_of_http2_is_told_to_authenticate_over_http1(ask: str, tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        backend.answer = Challenges()
        connection = await Http2.connect(proxy.port)
        path, fields = ("/open/x", (("authorization", "NTLM begin"),)) if ask == "the request" else ("/private", ())
        got = await connection.ask(path=path, fields=fields)
        assert (got.status, got.reset) == (0, h2.errors.ErrorCodes.HTTP_1_1_REQUIRED)
        assert backend.requests == (ask == "the response")
        assert (await connection.ask(path="/open/y")).body == b"/open/y"
        await connection.close()
        data = proxy.flows[0].metadata["urlrewrite"]
        assert "broken_off" in data
        assert healthy(proxy), proxy.log


async def test_a_challenge_that_leaves_a_choice_is_passed_on(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        refusal = b'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM, Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
        backend.answer = lambda number, path, head: refusal
        connection = await Http2.connect(proxy.port)
        assert (await connection.ask()).status == 401
        await connection.close()
        assert len(proxy.state.idle) == 0


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "HTTP/1.1"])
async def test_a_connection_that_has_an_identity_is_not_shared_by_requests_of_one_time(
    client: str, tmp_path: Path
) -> None:
    """The challenge leaves a choice, so it is passed on over HTTP/2 and 3, too; its body is still to come."""
    async with proxied(tmp_path) as (proxy, backend):
        refusal = (
            b'HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm="x"\r\n'
            b"Content-Type: application/octet-stream\r\nContent-Length: 10\r\n\r\nfirst"
        )
        backend.answer = lambda number, path, head: refusal if path == "/private" else None
        connection = await CLIENTS[client].connect(proxy.port)
        private = connection.begin(path="/private")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.started(private)
        assert backend.requests == 1
        assert (await connection.finish(connection.begin(path="/open"))).body == b"/open"
        backend.writers[0].write(b" last")
        got = await connection.finish(private)
        assert (got.status, got.body) == (401, b"first last")
        await connection.close()
        assert healthy(proxy), proxy.log


# --- clients that leave ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_no_response_goes_to_another_request_though_clients_leave(scheme: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, scheme) as (proxy, backend):
        clients = LeavingClients(proxy.port, seed=11)
        await clients.ask(1000)
        tally = clients.tally
        assert (tally.wrong, tally.failed) == (0, 0)
        assert tally.left > tally.asked / 50
        assert backend.connections <= tally.allowed()
        events = [event for flow in proxy.flows for event in flow.metadata["urlrewrite"]["events"]]
        assert not any(event["event"] == Name.SERVER_FAILED for event in events)
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


async def test_requests_of_one_client_at_a_time_have_a_connection_each(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (proxy, backend):
        connection = await Http2.connect(proxy.port)
        for turn in range(3):
            paths = [f"/{size}/{turn}/{number}" for number in range(6) for size in (0, 70_000)]
            for path, got in zip(paths, await connection.ask_all(paths), strict=True):
                assert got.body.rstrip(b".") == path.encode()
        assert backend.connections <= 12
        await connection.close()
        assert healthy(proxy), proxy.log


@pytest.mark.parametrize("client", STREAMING)
async def test_a_client_goes_on_with_the_connection_that_it_used_last(client: str, tmp_path: Path) -> None:
    async with proxied(tmp_path, http3=True) as (proxy, _):
        connection = await STREAMING[client].connect(proxy.port)
        for number in range(5):
            assert (await connection.ask(path=f"/{number}")).status == 200
        await connection.close()
        assert len({flow.server_conn.id for flow in proxy.flows}) == 1
        assert healthy(proxy), proxy.log
