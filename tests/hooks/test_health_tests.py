"""Servers asked for a URL: what counts as well, against real servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.hooks.health_tests import MAX_BODY, HealthTests, ask
from urlrewrite.model.farms import Farm, HealthTest, Server

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"
TEST = HealthTest(url="http://shop/health?a=b", timeout=0.5, match="well")


@contextlib.asynccontextmanager
async def server(response: bytes | None, *, wait: float = 0.0) -> AsyncIterator[tuple[Server, list[bytes]]]:
    """A server that responds so to everything (None: not at all), and the heads of the requests that came."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            await asyncio.sleep(wait)
            writer.write(response or b"")
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield Server(address="127.0.0.1", http_port=listening.sockets[0].getsockname()[1]), requests


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (WELL, None),
        (b"HTTP/1.1 200 OK\r\n\r\nall is well", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + WELL, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\nwell" + bytes(2 * MAX_BODY), None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2 * MAX_BODY) + b"well", HealthReason.TEST_BODY),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsick", HealthReason.TEST_BODY),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nWELL", HealthReason.TEST_BODY),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nwell", None),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nwell", HealthReason.TEST_STATUS),
        (b"SSH-2.0-OpenSSH\r\n\r\n", HealthReason.TEST_CONNECT),
        (b"", HealthReason.TEST_CONNECT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwell", HealthReason.TEST_CONNECT),
    ],
)
async def test_what_is_well(response: bytes, failure: HealthReason | None) -> None:
    async with server(response) as (asked, requests):
        assert await ask(asked, TEST) is failure
        assert requests[0].startswith(b"GET /health?a=b HTTP/1.1\r\nHost: shop\r\n")


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async with server(WELL, wait=5.0) as (asked, _):
        assert await ask(asked, TEST) is HealthReason.TEST_TIMEOUT


async def test_a_port_on_which_nobody_listens() -> None:
    async with server(WELL) as (asked, _):
        pass
    assert await ask(asked, TEST) is HealthReason.TEST_CONNECT


async def test_a_server_may_be_asked_by_another_name_on_another_port() -> None:
    async with server(WELL) as (real, requests):
        asked = Server(address="127.0.0.1", http_port=1, health_port=real.http_port, health_host="probe.example")
        assert await ask(asked, TEST) is None
        assert b"\r\nHost: probe.example\r\n" in requests[0]


async def test_a_farm_asks_again_and_again_and_stops() -> None:
    async with server(WELL) as (asked, requests):
        test = HealthTest(url="/", interval=0.02, timeout=1.0, retries=2)
        farm = FarmAtWork(Farm(name="shop", servers=(asked,), health=test), 0.0, Random(1))
        tests = HealthTests(farm, Random(1))
        tests.start()
        async with asyncio.timeout(20):
            while len(requests) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert farm.loads[0].health.reason in (HealthReason.UNTESTED, HealthReason.TEST_PASSED)
        tests.stop()
        count = len(requests)
        await asyncio.sleep(0.1)
        assert len(requests) <= count + 1
    for expected in (True, False):
        assert await tests.ask_now(farm.loads[0]) is HealthReason.TEST_CONNECT
        assert farm.loads[0].health.healthy is expected


async def test_on_demand_nobody_is_asked_before_a_request_came() -> None:
    async with server(WELL) as (asked, requests):
        test = HealthTest(url="/", interval=0.01, timeout=1.0, on_demand=True)
        farm = FarmAtWork(Farm(name="shop", servers=(asked,), health=test), 0.0, Random(1))
        tests = HealthTests(farm, Random(1))
        tests.start()
        await asyncio.sleep(0.1)
        assert requests == []
        farm.loads[0].begin()
        before = len(requests)
        async with asyncio.timeout(20):
            while len(requests) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        tests.stop()
