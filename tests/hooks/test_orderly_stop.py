"""The end of a worker: what is under way ends first, and what takes too long is cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hooks.clients import Http1
from hooks.in_process import InProcess, in_process
from urlrewrite.hooks import orderly_stop

RULES = "public: http://localhost\nbackend: http://127.0.0.1:PORT\n"
LONG = 3_000_000


@contextlib.asynccontextmanager
async def slow(folder: Path) -> AsyncIterator[tuple[InProcess, asyncio.Event, asyncio.Event]]:
    """A proxy whose backend responds once the second event is set; the first tells that it was asked."""
    asked, answers = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
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
        async with in_process(rules, folder) as proxy:
            yield proxy, asked, answers
    finally:
        answers.set()
        server.close()


async def test_a_request_under_way_ends_and_no_other_begins(tmp_path: Path) -> None:
    async with slow(tmp_path) as (proxy, asked, answers):
        client = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(client.ask())
        await asked.wait()
        proxy.bundle._orderly_stop.begin()
        proxy.bundle._orderly_stop.begin()
        while proxy.master.addons.get("proxyserver").listen_addrs():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await Http1.connect(proxy.port)
        assert not proxy.master.should_exit.is_set()
        answers.set()
        got = await asking
        assert (got.status, len(got.body), got.cut) == (200, LONG, False)
        await proxy.master.should_exit.wait()
        await client.close()


async def test_what_takes_too_long_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert orderly_stop.STOP_SECONDS == 10.0
    monkeypatch.setattr(orderly_stop, "STOP_SECONDS", 0.2)
    async with slow(tmp_path) as (proxy, asked, _):
        client = await Http1.connect(proxy.port)
        asking = asyncio.ensure_future(client.ask())
        await asked.wait()
        proxy.bundle._orderly_stop.begin()
        await proxy.master.should_exit.wait()
        assert "1 requests had not ended within 0.2 s, and are cut" in proxy.log
        await client.close()
        await asking
