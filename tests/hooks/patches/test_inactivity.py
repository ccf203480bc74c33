"""A connection on which nothing moves for as long as one likes, since its backend has that much time."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.server import TimeoutWatchdog
from mitmproxy.test import tflow

from urlrewrite.hooks.patches.inactivity import on_timeout


class Waiting:
    """A request that waits for its backend when it is asked, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    @property
    def waits_for_backend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def quiet_connection(stream: Waiting) -> Any:
    """What is used of mitmproxy's handler of a QUIC connection: hours of silence cannot be had from a real one."""
    http = HttpLayer.__new__(HttpLayer)
    http.streams = {0: stream}  # type: ignore[dict-item]
    client = tflow.tclient_conn()
    client.transport_protocol = "udp"
    handler: Any = SimpleNamespace(client=client, layer=SimpleNamespace(context=SimpleNamespace(layers=[http])))
    closed: list[str] = []
    handler.closed = closed
    handler.transports = {client: SimpleNamespace(handler=SimpleNamespace(cancel=closed.append))}
    handler.log = lambda *_: None
    handler.timeout_watchdog = TimeoutWatchdog(0, lambda: on_timeout(handler))
    return handler


async def test_silence_may_last_for_any_number_of_time_outs() -> None:
    stream = Waiting(2 * sys.getrecursionlimit())
    handler = quiet_connection(stream)
    await handler.timeout_watchdog.watch()
    assert stream.left < 0
    assert len(handler.closed) == 1


async def test_no_time_is_over_while_a_hook_runs_and_the_end_of_the_connection_ends_the_watch() -> None:
    stream = Waiting(2**40)
    handler = quiet_connection(stream)
    watch = asyncio.ensure_future(handler.timeout_watchdog.watch())
    with handler.timeout_watchdog.disarm():
        for _ in range(10):
            await asyncio.sleep(0)
        before = stream.left
        for _ in range(100):
            await asyncio.sleep(0)
        assert stream.left == before
    watch.cancel()
    await watch
    assert not handler.closed
