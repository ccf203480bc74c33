"""Asks servers of farms whether they are well: a URL each interval, on a connection of its own, never through rules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from math import ceil
from random import Random
from time import monotonic
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import h11

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.health_state import HealthReason, in_ranges
from urlrewrite.farms.load import ServerLoad
from urlrewrite.model.farms import HealthTest, Server
from urlrewrite.model.origin import Origin

logger = logging.getLogger("urlrewrite.farms")

MAX_BODY = 64 * 2**10
"""Bytes of a body that are looked at."""

JITTER = 0.1
"""The part of an interval by which a test may come late, so that no two proxies keep in step."""


class Outcome(NamedTuple):
    """What a test found: the failure, None if the server is well, and what came instead of what is expected."""

    failure: HealthReason | None
    detail: str = ""


WELL = Outcome(None)


def no_tls() -> None:
    """Give no context: nothing is asked over TLS."""


class HealthTests:
    """Runs the tests of one farm from `start` to `stop`.

    `context` gives, for each test anew, the context for servers that are asked over TLS; without one, they are not
    well. With `onDemand`, a server is asked only after requests came.
    """

    def __init__(self, farm: FarmAtWork, random: Random, context: Callable[[], ssl.SSLContext | None] = no_tls) -> None:
        self._farm = farm
        self._random = random
        self._context = context
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to ask every server, each at a moment of its own."""
        test, loads = self._farm.farm.health, self._farm.loads
        if test.url and not self._tasks:
            # Proxies that begin at the same time do not ask at the same time.
            begin = self._random.random()
            phases = [(begin + place / len(loads)) % 1.0 for place in range(len(loads))]
            self._tasks = [
                asyncio.create_task(self._ask_again(load, test, phase))
                for load, phase in zip(loads, phases, strict=True)
            ]

    def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _ask_again(self, load: ServerLoad, test: HealthTest, phase: float) -> None:
        began, asked_at, number = monotonic(), 0, 0
        while True:
            await asyncio.sleep(began + moment(number, phase, self._random) * test.interval - monotonic())
            if not test.on_demand or load.requests != asked_at:
                asked_at = load.requests
                try:
                    await self.ask_now(load)
                except Exception:
                    # Else nobody would ever ask this server again.
                    logger.exception("farm %s, server %s: its health was not tested", self._farm.farm.name, load.name)
            # Of a test that took longer than its interval, those that it has outlasted are left out.
            number = max(number + 1, ceil((monotonic() - began) / test.interval - phase))

    async def ask_now(self, load: ServerLoad) -> Outcome:
        """Test a server at once."""
        farm = self._farm.farm
        outcome = await ask(load.server, farm.health, self._context(), farm.tls.name)
        health = load.health
        was_healthy = health.healthy
        self._farm.tested(load, outcome.failure, monotonic(), outcome.detail)
        if health.healthy is not was_healthy:
            state = "healthy again" if health.healthy else f"unhealthy: {outcome.failure} ({outcome.detail})"
            logger.warning("farm %s, server %s: %s", farm.name, load.name, state)
        return outcome


def moment(number: int, phase: float, random: Random) -> float:
    """Return when a test is due, counted from 0 and in intervals: `phase` is where in each interval its server has it.

    What is added by chance does not add up, so that servers that are spread over an interval stay so.
    """
    return number + phase + JITTER * random.random()


async def ask(server: Server, test: HealthTest, context: ssl.SSLContext | None = None, tls_name: str = "") -> Outcome:
    """Ask a server for the URL of its farm's health test.

    `tls_name` is the one that its certificate must have; "" for the server's own.
    """
    try:
        async with asyncio.timeout(test.timeout):
            status, body = await _fetch(server, test, urlsplit(test.url), context, tls_name)
    except TimeoutError:
        return Outcome(HealthReason.TEST_TIMEOUT, f"{test.timeout:g} s")
    except ssl.SSLError as error:
        return Outcome(HealthReason.TEST_TLS, getattr(error, "verify_message", "") or str(error))
    except (h11.ProtocolError, ConnectionResetError, BrokenPipeError) as error:
        return Outcome(HealthReason.TEST_CLOSED, str(error))
    except (OSError, ValueError) as error:
        return Outcome(HealthReason.TEST_CONNECT, str(error))
    if not in_ranges(status, test.status):
        return Outcome(HealthReason.TEST_STATUS, str(status))
    if test.match and test.match not in body:
        return Outcome(HealthReason.TEST_BODY, test.match)
    return WELL


async def _fetch(
    server: Server, test: HealthTest, url: SplitResult, context: ssl.SSLContext | None, tls_name: str
) -> tuple[int, str]:
    """Return the status and the beginning of the body.

    Raises:
        OSError, h11.ProtocolError: no connection, or no HTTP.
    """
    tls = url.scheme == "https"
    if tls and context is None:
        raise ssl.SSLError("there is nothing to make TLS by")
    port = server.health_port or (server.https_port if tls else server.http_port)
    own = server.host_name or server.address
    reader, writer = await asyncio.open_connection(
        server.address, port, ssl=context if tls else None, server_hostname=(tls_name or own) if tls else None
    )
    try:
        http = h11.Connection(h11.CLIENT)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        fields = [("Host", _host(server, url, port)), ("Connection", "close"), ("Accept", "*/*")]
        writer.write(http.send(h11.Request(method="GET", target=target, headers=fields)) or b"")
        writer.write(http.send(h11.EndOfMessage()) or b"")
        return await _read(reader, http)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _host(server: Server, url: SplitResult, port: int) -> str:
    """Return what goes into Host: names as they were given, the address of a server with its port."""
    if name := server.health_host or server.host_name:
        return f"[{name}]" if ":" in name else name
    return url.netloc.rpartition("@")[2] or Origin(url.scheme or "http", server.address, port).authority


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
