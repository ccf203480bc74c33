"""The end of the proxy: what is under way ends first, clients are told, and what takes too long is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hooks.clients import CLIENTS, STREAMING, Http1, Http2, Http3
from hooks.in_process import InProcess, in_process
from urlrewrite.hooks import orderly_stop

RULES = "public: [http://localhost, https://localhost]\nbackend: http://127.0.0.1:PORT\n"
LONG = 3_000_000


@contextlib.asynccontextmanager
async def slow(folder: Path, *, http3: bool = False) -> AsyncIterator[tuple[InProcess, asyncio.Event, asyncio.Event]]:
    """A proxy whose backend responds once the second event is set; the first tells that it was asked."""
    asked, answers = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                asked.set()
                await answers.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG + bytes(LONG))
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        rules = RULES.replace("PORT", str(server.sockets[0].getsockname()[1]))
        async with in_process(rules, folder, http3=http3) as proxy:
            yield proxy, asked, answers
    finally:
        answers.set()
        server.close()


@pytest.mark.parametrize("client", ["HTTP/1.1", "HTTP/2", "HTTP/3"])
async def test_a_request_under_way_ends_and_no_other_connection_begins(client: str, tmp_path: Path) -> None:
    kind = {**CLIENTS, **STREAMING}[client]
    async with slow(tmp_path, http3=client == "HTTP/3") as (proxy, asked, answers):
        connection = await kind.connect(proxy.port)
        asking = asyncio.ensure_future(connection.ask())
        await asked.wait()
        proxy.bundle._orderly_stop.begin()
        proxy.bundle._orderly_stop.begin()
        async with asyncio.timeout(20):
            while not goaways(connection) and client != "HTTP/1.1":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await closed(proxy)
        with pytest.raises(ConnectionRefusedError):
            await Http1.connect(proxy.port)
        assert not proxy.master.should_exit.is_set()
        # What is asked before the client knows is responded to, too.
        if not isinstance(connection, Http1):
            late = connection.begin()
        answers.set()
        got = await asking
        assert (got.status, len(got.body), got.cut) == (200, LONG, False)
        assert got.fields.get("connection") == ("close" if client == "HTTP/1.1" else None)
        if isinstance(connection, Http1):
            assert await connection.reader.read() == b""
        else:
            got = await connection.finish(late)
            assert (got.status, len(got.body), got.cut) == (200, LONG, False)
            async with asyncio.timeout(20):
                while len(goaways(connection)) < 2:
                    if isinstance(connection, Http2):
                        await connection.step()
                    else:
                        await asyncio.sleep(0.01)
            first, last = goaways(connection)
            assert first > 2**30
            assert last == (late if client == "HTTP/2" else late + 4)
        await proxy.master.should_exit.wait()
        assert "cut" not in "".join(proxy.log)
        await connection.close()


async def closed(proxy: InProcess) -> None:
    """Returns once no listener of TCP is open."""
    servers = [server for each in proxy.master.addons.get("proxyserver").servers for server in each._servers]
    while any(server.sockets for server in servers if isinstance(server, asyncio.Server)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def goaways(connection: Http1 | Http2 | Http3) -> list[int]:
    """The streams that the GOAWAY frames name which have come."""
    return [] if isinstance(connection, Http1) else connection.goaways


@pytest.mark.parametrize("client", ["HTTP/1.1", "HTTP/2", "HTTP/3"])
async def test_connections_on_which_nothing_is_under_way_are_closed(client: str, tmp_path: Path) -> None:
    async with slow(tmp_path, http3=client == "HTTP/3") as (proxy, _, answers):
        answers.set()
        connection = await {**CLIENTS, **STREAMING}[client].connect(proxy.port)
        silent = [await Http1.connect(proxy.port)] if client == "HTTP/1.1" else []
        assert (await connection.ask()).status == 200
        proxy.bundle._orderly_stop.begin()
        await proxy.master.should_exit.wait()
        assert not proxy.master.addons.get("proxyserver").connections
        for each in (connection, *silent):
            await each.close()


async def test_a_response_whose_client_is_slow_is_not_cut(tmp_path: Path) -> None:
    async with slow(tmp_path) as (proxy, _, answers):
        answers.set()
        connection = await Http2.connect(proxy.port)
        stream = connection.begin(stall=True)
        await connection.started(stream)
        proxy.bundle._orderly_stop.begin()
        await asyncio.sleep(orderly_stop.QUIET_SECONDS * 2)
        assert not proxy.master.should_exit.is_set()
        got = await connection.finish(stream)
        assert (len(got.body), got.cut) == (LONG, False)
        await proxy.master.should_exit.wait()
        await connection.close()


async def test_what_takes_too_long_is_cut(tmp_path: Path) -> None:
    async with slow(tmp_path) as (proxy, asked, _):
        assert proxy.master.options.urlrewrite_drain == 30
        proxy.master.options.update(urlrewrite_drain=1)
        client = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(client.ask())
        await asked.wait()
        proxy.bundle._orderly_stop.begin()
        await proxy.master.should_exit.wait()
        assert "1 requests had not ended within 1 s, and are cut" in proxy.log
        await client.close()
        await asking


@pytest.mark.parametrize("worker", [0, 1])
async def test_a_second_signal_stops_at_once_but_for_a_worker(worker: int, tmp_path: Path) -> None:
    async with slow(tmp_path) as (proxy, asked, answers):
        proxy.master.options.update(urlrewrite_worker=worker)
        client = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(client.ask())
        await asked.wait()
        proxy.bundle._orderly_stop.signalled()
        proxy.bundle._orderly_stop.signalled()
        await asyncio.sleep(0.1)
        assert proxy.master.should_exit.is_set() is not bool(worker)
        answers.set()
        await asking
        await client.close()
