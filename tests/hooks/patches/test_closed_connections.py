"""The layers of a connection that has closed are told, though whoever tells is cancelled while it waits for its turn.

With real backends: `http3/test_closing_backends.py`.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.test import taddons, tflow

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


async def test_all_else_is_told_as_before() -> None:
    told: list[events.Event] = []
    handler = busy_handler(told)
    event = events.DataReceived(tflow.tserver_conn(), b"x")
    async with handler._server_event_lock:
        task = asyncio.create_task(server_event(handler, event))
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not told
    await server_event(handler, event)
    assert told == [event]


def test_it_is_put_in_place_and_taken_away_again() -> None:
    before = ConnectionHandler.server_event
    ours = ClosedConnections()
    with taddons.context(ours, loadcore=False):
        assert ConnectionHandler.server_event is not before
        ours.done()
    assert ConnectionHandler.server_event is before
