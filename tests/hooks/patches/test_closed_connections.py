"""The layers of a connection that has closed are told, though whoever tells is cancelled while it waits for its turn.

With real backends: `http3/test_closing_backends.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.test import taddons, tflow

from hooks.clients import WITHIN, Http2
from hooks.echo_backend import EchoBackend
from hooks.in_process import in_process
from urlrewrite.hooks.patches.closed_connections import ClosedConnections, server_event


def busy_handler(told: list[events.Event]) -> Any:
    """What is used of mitmproxy's handler."""

    def take(event: events.Event) -> list[object]:
        told.append(event)
        return []

    watchdog = SimpleNamespace(register_activity=lambda: None)
    return SimpleNamespace(
        _server_event_lock=asyncio.Lock(), timeout_watchdog=watchdog, layer=SimpleNamespace(handle_event=take)
    )


@pytest.mark.parametrize("state", [ConnectionState.CLOSED, ConnectionState.CAN_WRITE])
async def test_it_is_told_once_and_then_the_task_ends(state: ConnectionState) -> None:
    told: list[events.Event] = []
    handler = busy_handler(told)
    server = tflow.tserver_conn()
    server.state = state
    event = events.ConnectionClosed(server)
    after: list[str] = []

    async def end() -> None:
        await server_event(handler, event)
        after.append("told")
        await asyncio.sleep(0)
        after.append("went on")

    async with handler._server_event_lock:
        task = asyncio.create_task(end())
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel("cannot be written to")
        assert not told
    await asyncio.wait([task])
    assert told == [event]
    # One that is half closed would wait for ever for its cancellation.
    assert task.cancelled() == (state is ConnectionState.CAN_WRITE)
    assert after == ["told"] if task.cancelled() else ["told", "went on"]


SERVER = tflow.tserver_conn()


@pytest.mark.parametrize(
    ("event", "is_told"),
    [
        (events.DataReceived(SERVER, b"x"), True),
        (events.OpenConnectionCompleted(commands.OpenConnection(SERVER), None), True),
        (events.Wakeup(commands.RequestWakeup(1)), False),
    ],
    ids=["data", "opened", "wakeup"],
)
async def test_what_a_connection_says_is_told_before_its_task_is_cancelled(event: events.Event, is_told: bool) -> None:
    told: list[events.Event] = []
    handler = busy_handler(told)

    async def tell() -> None:
        await server_event(handler, event)
        await asyncio.sleep(0)

    async with handler._server_event_lock:
        task = asyncio.create_task(tell())
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert told == [event] * is_told
    await server_event(handler, event)
    assert told == [event] * (is_told + 1)


def test_it_is_put_in_place_and_taken_away_again() -> None:
    before = ConnectionHandler.server_event
    ours = ClosedConnections()
    with taddons.context(ours, loadcore=False):
        assert ConnectionHandler.server_event is not before
        ours.done()
    assert ConnectionHandler.server_event is before


RULES = "public: http://localhost\nbackend: http://127.0.0.1:1\n"


@pytest.mark.parametrize("pause", [0, 1, 3])
@pytest.mark.parametrize(
    "request_of", [b"FOO / HTTP/1.1\r\nHost: localhost\r\nX y: z\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_the_end_comes(request_of: bytes, pause: int, tmp_path: Path) -> None:
    async with in_process(RULES, tmp_path) as proxy:
        for cut in (1, 10, 30):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            for piece in (request_of[:cut], request_of[cut:]):
                writer.write(piece)
                for _ in range(pause):
                    await asyncio.sleep(0)
            writer.write_eof()
            async with asyncio.timeout(WITHIN):
                await reader.read()
            writer.close()
            await writer.wait_closed()
        assert not any("crashed" in line for line in proxy.log), proxy.log


@pytest.mark.parametrize("pause", range(6))
async def test_nothing_is_kept_for_a_client_that_says_it_goes(pause: int, tmp_path: Path) -> None:
    """It sends requests and GOAWAY: connections for them are being opened."""
    async with EchoBackend() as backend:
        rules = f"public: https://localhost\nbackend: http://127.0.0.1:{backend.port}\nconnections: {{shared: false}}\n"
        async with in_process(rules, tmp_path) as proxy:
            for requests in range(1, 4):
                client = await Http2.connect(proxy.port)
                for number in range(requests):
                    client.begin(path=f"/{number}")
                    await _sent(client, pause)
                client.h2.close_connection()
                await _sent(client, pause)
                async with asyncio.timeout(WITHIN):
                    while proxy.state.live or not proxy.flows:  # noqa: ASYNC110 (nobody tells)
                        await asyncio.sleep(0.01)
                proxy.flows.clear()
                await client.close()


async def _sent(client: Http2, pause: int) -> None:
    """Send what is to be sent, and let the event loop go so many rounds."""
    client.writer.write(client.h2.data_to_send())
    for _ in range(pause):
        await asyncio.sleep(0)
