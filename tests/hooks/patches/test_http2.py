"""Backends wait for clients that take little, on the whole bundle and real sockets.

A client of HTTP/1 never has a backend of HTTP/2: the backend is offered what the client speaks.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.test import taddons

from hooks.backends import BACKENDS, Answer
from hooks.clients import CLIENTS, STREAMING
from hooks.clients import Http2 as Http2Client
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches import http2
from urlrewrite.hooks.patches.backpressure import MAX_KEPT
from urlrewrite.hooks.patches.http2 import WINDOW, Http2
from urlrewrite.hooks.patches.http3 import Http3

PIECE = bytes(range(256)) * 256
LONG = Answer(fields=[("Content-Type", "application/octet-stream")], body=PIECE, repeat=256)
SHORT = Answer(body=b"<p>short")
IN_SOCKETS = 10 * 2**20
"""More than two sockets keep."""


@pytest.mark.parametrize("client", STREAMING)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_backend_waits_for_a_client_that_stalls_and_other_requests_go_on(
    backend: str, client: str, tmp_path: Path
) -> None:
    async with (
        BACKENDS[backend]({"/long": LONG, "/short": SHORT}) as behind,
        in_process(rules_for(behind), tmp_path, http3=True, ssl_insecure=True) as proxy,
    ):
        connection = await STREAMING[client].connect(proxy.port)
        stalled = connection.begin(path="/long", stall=True)
        await connection.started(stalled)
        for _ in range(4):
            await asyncio.sleep(0.2)
            got = await connection.ask(path="/short")
            assert (got.status, got.body) == (200, b"<p>short")
        limit = 2 * WINDOW if backend == "HTTP/2" else MAX_KEPT + IN_SOCKETS
        assert behind.sent < limit, behind.sent
        assert behind.connections == 1 or backend == "HTTP/1.1"
        got = await connection.finish(stalled)
        assert (got.status, got.cut, got.body == PIECE * LONG.repeat) == (200, False, True)
        await connection.close()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


async def test_nothing_is_kept_of_streams_whose_clients_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[http2.WaitingClient] = []

    class Known(http2.WaitingClient):
        def __init__(self, context: Context) -> None:
            super().__init__(context)
            made.append(self)

    monkeypatch.setattr(http2, "WaitingClient", Known)
    endless = Answer(fields=LONG.fields, body=PIECE, open_end=True)
    async with (
        BACKENDS["HTTP/2"]({"/endless": endless, "/short": SHORT}) as behind,
        in_process(rules_for(behind), tmp_path, ssl_insecure=True) as proxy,
    ):
        connection = await CLIENTS["HTTP/2"].connect(proxy.port)
        assert isinstance(connection, Http2Client)
        for _ in range(3):
            stream = connection.begin(path="/endless")
            while len(connection.got[stream].came) < len(PIECE):
                await connection.step()
            connection.h2.reset_stream(stream)
        assert (await connection.ask(path="/short")).status == 200
        (towards_backend,) = made
        assert towards_backend._owed.keys() <= {0}
        await connection.close()


def test_ours_are_put_in_place_and_taken_away_again() -> None:
    def in_place() -> tuple[object, object]:
        return http_layer.Http2Client, HttpLayer.get_connection  # type: ignore[attr-defined]

    before = in_place()
    for ours in (Http2(), Http3()):
        with taddons.context(ours, loadcore=False):
            assert sum(one is not other for one, other in zip(in_place(), before, strict=True)) == 1
            ours.done()
        assert in_place() == before
