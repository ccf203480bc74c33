"""Asks servers of farms whether they are well: a URL each interval, on a connection of its own, never through rules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from random import Random
from time import monotonic
from urllib.parse import SplitResult, urlsplit

import h11

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.health_state import HealthReason, in_ranges
from urlrewrite.farms.load import ServerLoad
from urlrewrite.model.farms import HealthTest, Server

logger = logging.getLogger("urlrewrite.farms")

MAX_BODY = 64 * 2**10
"""Bytes of a body that are looked at."""

JITTER = 0.1
"""The part of an interval by which tests are spread, so that they do not come in bursts."""


class HealthTests:
    """Runs the tests of one farm from `start` to `stop`.

    `context` is for servers that are asked over TLS. With `onDemand`, a server is asked only after requests came.
    """

    def __init__(self, farm: FarmAtWork, random: Random, context: ssl.SSLContext | None = None) -> None:
        self._farm = farm
        self._random = random
        self._context = context
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to ask every server, each at a moment of its own."""
        test = self._farm.farm.health
        if test.url and not self._tasks:
            self._tasks = [asyncio.create_task(self._ask_again(load, test)) for load in self._farm.loads]

    def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _ask_again(self, load: ServerLoad, test: HealthTest) -> None:
        await asyncio.sleep(self._random.random() * test.interval)
        asked_at = 0
        while True:
            if not test.on_demand or load.requests != asked_at:
                asked_at = load.requests
                await self.ask_now(load)
            await asyncio.sleep(test.interval * (1 + JITTER * (2 * self._random.random() - 1)))

    async def ask_now(self, load: ServerLoad) -> HealthReason | None:
        """Test a server at once; None if it is well."""
        failure = await ask(load.server, self._farm.farm.health, self._context)
        health = load.health
        was_healthy = health.healthy
        self._farm.tested(load, failure, monotonic())
        if health.healthy is not was_healthy:
            state = "healthy again" if health.healthy else f"unhealthy: {failure}"
            logger.warning("farm %s, server %s: %s", self._farm.farm.name, load.name, state)
        return failure


async def ask(server: Server, test: HealthTest, context: ssl.SSLContext | None = None) -> HealthReason | None:
    """Ask a server for the URL of its farm's health test; return what is wrong with it, None if it is well."""
    try:
        async with asyncio.timeout(test.timeout):
            status, body = await _fetch(server, test, urlsplit(test.url), context)
    except TimeoutError:
        return HealthReason.TEST_TIMEOUT
    except (OSError, ssl.SSLError, h11.ProtocolError, ValueError):
        return HealthReason.TEST_CONNECT
    if not in_ranges(status, test.status):
        return HealthReason.TEST_STATUS
    return HealthReason.TEST_BODY if test.match and test.match not in body else None


async def _fetch(server: Server, test: HealthTest, url: SplitResult, context: ssl.SSLContext | None) -> tuple[int, str]:
    """Return the status and the beginning of the body.

    Raises:
        OSError, h11.ProtocolError: no connection, or no HTTP.
    """
    tls = url.scheme == "https"
    port = server.health_port or (server.https_port if tls else server.http_port)
    host = server.health_host or server.host_name or url.netloc.rpartition("@")[2] or server.address
    name = host.partition(":")[0] if tls else None
    reader, writer = await asyncio.open_connection(
        server.address, port, ssl=(context or ssl.create_default_context()) if tls else None, server_hostname=name
    )
    try:
        http = h11.Connection(h11.CLIENT)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        fields = [("Host", host), ("Connection", "close"), ("Accept", "*/*")]
        writer.write(http.send(h11.Request(method="GET", target=target, headers=fields)) or b"")
        writer.write(http.send(h11.EndOfMessage()) or b"")
        return await _read(reader, http)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, http: h11.Connection) -> tuple[int, str]:
    status, body = 0, b""
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            case h11.Response() as response:
                status = response.status_code
            case h11.Data() as piece:
                body += bytes(piece.data)
                if len(body) >= MAX_BODY:
                    break
            case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                break
    return status, body[:MAX_BODY].decode("utf-8", "replace")
