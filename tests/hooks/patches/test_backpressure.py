"""A backend waits for a client of HTTP/2 or 3 that takes little, without a network."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from types import SimpleNamespace

import h2.config
import h2.connection
import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._events import ResponseData, ResponseEndOfMessage, ResponseHeaders
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.test import taddons, tflow, tutils

from urlrewrite.hooks.patches.backpressure import MAX_KEPT, Backpressure, kept

WINDOW = 65_535
"""Bytes that a client of HTTP/2 takes before it says that it takes more (RFC 9113, 6.9.2)."""

PIECE = b"x" * 2**20


class Exchange:
    """A request that came over HTTP/2, and the backend of HTTP/1 that answers it."""

    def __init__(self, options: Options) -> None:
        self.context = Context(tflow.tclient_conn(), options)
        self.client = self.context.client
        self.context.server = self.backend = Server(address=("127.0.0.1", 1))
        self.backend.state, self.backend.alpn = ConnectionState.OPEN, b"http/1.1"
        self.browser = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        layer = HttpLayer(self.context, HTTPMode.transparent)
        self.stream = HttpStream(self.context, 1)
        self.stream.flow = tflow.tflow(req=tutils.treq(http_version=b"HTTP/2.0"))
        self.server = layer.connections[self.client] = Http2Server(self.context)
        self.browser.initiate_connection()
        self.feed(events.Start())
        self.browser.send_headers(1, [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/")])
        self.browser_says()
        response = tutils.tresp(headers=http.Headers(), http_version=b"HTTP/2.0", content=None)
        self.feed(ResponseHeaders(1, response, end_stream=False))

    def feed(self, event: events.Event) -> None:
        for command in self.server.handle_event(event):
            if isinstance(command, commands.SendData):
                self.browser.receive_data(command.data)

    def browser_says(self) -> None:
        self.feed(events.DataReceived(self.client, self.browser.data_to_send()))

    def backend_sends(self, count: int) -> None:
        for _ in range(count):
            self.feed(ResponseData(1, PIECE))

    def browser_takes(self, size: int) -> None:
        self.browser.increment_flow_control_window(size)
        self.browser.increment_flow_control_window(size, 1)
        self.browser_says()


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with taddons.context(Proxyserver()) as context:
        yield Exchange(context.options)


def reading(connection: Connection, task: asyncio.Task[None] | None = None) -> ConnectionHandler:
    """A handler in which a task (the one that runs) reads from a connection."""
    transports = {connection: ConnectionIO(handler=task or asyncio.current_task())}
    return SimpleNamespace(transports=transports, _drain_lock=asyncio.Lock())  # type: ignore[return-value]


async def waits(backpressure: Backpressure, connection: Connection) -> asyncio.Task[None]:
    """The task that reads from a connection, after it had every opportunity to be done."""

    async def read() -> None:
        await backpressure.wait(reading(connection))

    task = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)
    return task


def test_what_is_kept_for_a_client_of_http_2(exchange: Exchange) -> None:
    assert kept(exchange.stream) == 0
    exchange.backend_sends(3)
    assert kept(exchange.stream) == 3 * len(PIECE) - WINDOW
    exchange.browser_takes(len(PIECE))
    assert kept(exchange.stream) == 2 * len(PIECE) - WINDOW


def test_what_is_kept_for_a_client_of_http_3(exchange: Exchange) -> None:
    layer = next(layer for layer in exchange.context.layers if isinstance(layer, HttpLayer))
    layer.connections[exchange.client] = object()  # type: ignore[assignment]
    assert kept(exchange.stream) == 0
    quic_layer = ClientQuicLayer(exchange.context)
    assert kept(exchange.stream) == 0
    quic_layer.quic = QuicConnection(configuration=QuicConfiguration(is_client=True))
    assert kept(exchange.stream) == 0
    exchange.stream.stream_id = quic_layer.quic.get_next_available_stream_id()
    quic_layer.quic.send_stream_data(exchange.stream.stream_id, PIECE)
    assert kept(exchange.stream) == len(PIECE)


def test_what_waits_for_a_hook_is_kept_too(exchange: Exchange) -> None:
    exchange.stream._paused_event_queue.extend([ResponseData(1, PIECE), ResponseEndOfMessage(1)])
    assert kept(exchange.stream) == len(PIECE)


async def test_a_backend_waits_until_its_client_has_taken_most(exchange: Exchange) -> None:
    backpressure = Backpressure()
    backpressure.watch(exchange.stream)
    exchange.backend_sends(MAX_KEPT // len(PIECE) + 1)
    task = await waits(backpressure, exchange.backend)
    assert not task.done()
    exchange.browser_takes(2 * len(PIECE))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    exchange.browser_takes(len(PIECE))
    await task
    assert 0 < kept(exchange.stream) <= MAX_KEPT // 2


async def test_a_backend_whose_client_keeps_up_does_not_wait(exchange: Exchange) -> None:
    backpressure = Backpressure()
    backpressure.watch(exchange.stream)
    exchange.backend_sends(MAX_KEPT // len(PIECE))
    assert (await waits(backpressure, exchange.backend)).done()


async def test_nobody_else_waits(exchange: Exchange) -> None:
    backpressure = Backpressure()
    exchange.backend_sends(10)
    # Of a stream that nobody watches nothing is known.
    assert (await waits(backpressure, exchange.backend)).done()
    backpressure.watch(exchange.stream)
    assert (await waits(backpressure, exchange.client)).done()
    assert (await waits(backpressure, Server(address=("127.0.0.1", 2)))).done()
    # A task that reads from nowhere, such as one that a timer started.
    await backpressure.wait(reading(exchange.backend, asyncio.create_task(asyncio.sleep(0))))


def test_a_stream_that_ended_is_forgotten(exchange: Exchange) -> None:
    backpressure = Backpressure()
    backpressure.watch(exchange.stream)
    exchange.backend_sends(10)
    exchange.context.layers.clear()
    del exchange.stream
    gc.collect()

    async def read() -> None:
        await backpressure.wait(reading(exchange.backend))

    asyncio.run(read())


@pytest.mark.parametrize(
    ("version", "alpn", "waits"),
    [
        (b"HTTP/2.0", b"http/1.1", True),
        (b"HTTP/3", None, True),
        (b"HTTP/2.0", b"h2", False),
        (b"HTTP/1.1", b"http/1.1", True),
        (b"HTTP/1.0", None, True),
    ],
)
async def test_who_is_watched(exchange: Exchange, version: bytes, alpn: bytes | None, waits: bool) -> None:
    backpressure = Backpressure()
    exchange.stream.flow.request.data.http_version = version
    exchange.backend.alpn = alpn
    backpressure.watch(exchange.stream)
    exchange.backend_sends(10)

    async def read() -> None:
        await backpressure.wait(reading(exchange.backend))

    task = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)
    assert task.done() is not waits
    task.cancel()


async def test_whoever_reads_drains_first_and_then_waits(exchange: Exchange) -> None:
    backpressure = Backpressure()
    backpressure.watch(exchange.stream)
    exchange.backend_sends(10)

    async def read() -> None:
        await ConnectionHandler.drain_writers(reading(exchange.backend))

    with taddons.context(backpressure, loadcore=False):
        task = asyncio.create_task(read())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        exchange.browser_takes(8 * len(PIECE))
        await task
        backpressure.done()
    # With mitmproxy's own nobody waits.
    exchange.backend_sends(10)
    await read()
