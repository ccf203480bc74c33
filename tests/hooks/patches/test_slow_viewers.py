"""A browser that takes nothing from mitmweb does not fill its memory."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest
from mitmproxy.tools.web import app

from hooks.support import request_flow
from urlrewrite.hooks.patches.slow_viewers import MAX_WAITING, SlowViewers


@dataclass(eq=False)
class Viewer:
    """What is used of a connection of mitmweb's, whose queue is a real one."""

    _send_queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    closed: bool = False
    send = app.ClientConnection.send

    def close(self) -> None:
        self.closed = True


def test_what_is_used_here_is_there() -> None:
    assert isinstance(app.ClientConnection.connections, set)
    assert "_send_queue" in app.WebSocketEventBroadcaster.__annotations__


async def test_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    awake, asleep = Viewer(), Viewer()
    connections = {awake, asleep}
    monkeypatch.setattr(app.ClientConnection, "connections", connections)
    with caplog.at_level(logging.WARNING, "urlrewrite.web"):
        for _ in range(MAX_WAITING + 2):
            app.ClientConnection.broadcast(type="flows/remove", payload="x")
            await awake._send_queue.get()
            SlowViewers().requestheaders(request_flow())
    assert connections == {awake}
    assert (asleep.closed, asleep._send_queue.qsize()) == (True, 0)
    assert not awake.closed
    assert len(caplog.records) == 1
