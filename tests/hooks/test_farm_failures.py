"""Farms with servers that fail, for clients of every version of HTTP: another server responds, or a page of ours."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from hooks.clients import EVERY, Got
from hooks.in_process import InProcess, in_process
from hooks.patches.test_backend_failures import Backend, Behaviour, is_own_page, plain, silent
from urlrewrite.hooks import inbound
from urlrewrite.hooks.state import UPLOAD_HELD
from urlrewrite.model.farms import RetryCause
from urlrewrite.trace.events import Name

AUTHORITY = trustme.CA()
NAME = "app.lan"
"""The name in the certificates of the servers."""

UNROUTABLE = "255.255.255.255"
"""To which no system opens a connection of TCP (RFC 919: the address of a broadcast)."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a server, and what comes of it where no other server is better.

    `behaves` is None where nobody listens, or where the server `is_full` and takes no connection. `name` is that in its
    certificate. `saw` tells that the server may have seen the request, so that not every one may be sent to another.
    """

    cause: RetryCause
    status: int
    behaves: Callable[[Backend], Behaviour] | None = None
    address: str = "127.0.0.1"
    scheme: str = "http"
    name: str = ""
    saw: bool = False
    is_full: bool = False


def after_request(data: bytes, **more: Any) -> Callable[[Backend], Behaviour]:
    return lambda backend: backend.after_request(data, **more)


FAULTS = {
    "refuses": Fault(RetryCause.CONNECT, 502),
    "is unroutable": Fault(RetryCause.CONNECT, 502, address=UNROUTABLE),
    "takes no connection": Fault(RetryCause.TIMEOUT, 504, is_full=True),
    "speaks no TLS": Fault(RetryCause.TLS, 502, lambda _: plain, scheme="https"),
    "has the certificate of another": Fault(RetryCause.TLS, 502, lambda _: plain, scheme="https", name="other.lan"),
    "is silent in TLS": Fault(RetryCause.TIMEOUT, 504, lambda _: silent, scheme="https"),
    "resets": Fault(RetryCause.CLOSED, 502, after_request(b"", reset=True), saw=True),
    "closes": Fault(RetryCause.CLOSED, 502, after_request(b""), saw=True),
    "closes after TLS": Fault(RetryCause.CLOSED, 502, after_request(b""), scheme="https", name=NAME, saw=True),
    "speaks no HTTP": Fault(RetryCause.CLOSED, 502, after_request(b"JUNK JUNK\r\n\r\n"), saw=True),
    "is slow": Fault(RetryCause.TIMEOUT, 504, after_request(b"", wait=30.0), saw=True),
}


def tls_of(name: str) -> ssl.SSLContext | None:
    """The TLS of a server with a certificate for that name; None for none."""
    if not name:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


def of_version(kind: str, version: str) -> str:
    """The name of a farm that clients of one version of HTTP ask, so that it is new to each of them."""
    return f"{kind}-{re.sub('[^a-z0-9]', '', version.lower())}"


@contextlib.asynccontextmanager
async def farms(fault: Fault, folder: Path) -> AsyncIterator[tuple[InProcess, Backend, Backend]]:
    """A proxy, and for each version of HTTP two farms with a bad server and a good one, and one with bad servers only.

    Yields it with a bad server and the good one.
    """
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    good = Backend(tls_of(NAME if fault.scheme == "https" else ""))
    bad, worse = Backend(tls_of(fault.name)), Backend(tls_of(fault.name))
    async with good, bad, worse:
        await good.listen()
        for backend in (bad, worse):
            if fault.behaves:
                backend.behaviours = [fault.behaves(backend)]
                await backend.listen()
            elif fault.is_full:
                backend.take_no_more()
        first, second = f"'{fault.address}:{bad.port}'", f"'{fault.address}:{worse.port}'"
        last = f"'127.0.0.1:{good.port}'"
        # Where a test waits for no time-out, none comes, however busy the machine is.
        time = "400ms" if fault.cause is RetryCause.TIMEOUT else "20s"
        settings = f"timeouts: {{connect: {time}, response: {time}}}, tls: {{ca: ca.pem, name: {NAME}}}"
        sites, listed = "sites:\n", "farms:\n"
        kinds = {"mixed": (first, last), "posts": (first, last), "bad": (first, second)}
        for name, servers in ((of_version(kind, each), kinds[kind]) for kind in kinds for each in EVERY):
            public = f"[http://{name}.localhost, https://{name}.localhost]"
            sites += f"  - {{public: {public}, backend: '{fault.scheme}://{name}'}}\n"
            listed += f"  {name}: {{servers: [{', '.join(servers)}], {settings}}}\n"
        async with in_process(sites + listed, folder, http3=True) as proxy:
            yield proxy, bad, good


class Client:
    """A client that asks on one connection, as long as its version of HTTP keeps one."""

    def __init__(self, version: str, port: int) -> None:
        self._version, self._port = version, port
        self._connection: Any = None

    async def ask(self, farm: str, method: str = "GET", body: bytes = b"") -> Got:
        """Ask the site of a farm of this version."""
        more = {"version": "1.0"} if self._version == "HTTP/1.0" else {}
        if self._connection is None:
            self._connection = await EVERY[self._version].connect(self._port)
        host = f"{of_version(farm, self._version)}.localhost"
        got: Got = await self._connection.ask(method, body=body, host=host, **more)
        if more:
            await self.close()
        return got

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def failures(proxy: InProcess) -> list[RetryCause]:
    """Why servers failed that the last request was sent to."""
    events = proxy.flows[-1].metadata["urlrewrite"]["events"]
    return [event["cause"] for event in events if event["event"] == Name.SERVER_FAILED]


def is_sound(proxy: InProcess) -> bool:
    return not any("crashed" in line or "Traceback" in line for line in proxy.log)


NOT_ELSEWHERE = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets connections wait to a full server")
CASES = [pytest.param(fault, id=name, marks=[NOT_ELSEWHERE] * fault.is_full) for name, fault in FAULTS.items()]


@pytest.mark.parametrize("fault", CASES)
async def test_another_server_responds_or_a_page_of_ours(fault: Fault, tmp_path: Path) -> None:
    async with farms(fault, tmp_path) as (proxy, bad, good):
        for version in EVERY:
            await ask_all(fault, version, proxy, bad, good)


async def ask_all(fault: Fault, version: str, proxy: InProcess, bad: Backend, good: Backend) -> None:
    """Ask the farms of a fault with a client of a version."""
    client = Client(version, proxy.port)
    got = await client.ask("mixed")
    assert (got.status, got.body, got.cut) == (200, b"hi", False), version
    assert failures(proxy) == [fault.cause], version

    got = await client.ask("bad")
    assert is_own_page(got, fault.status, bad.port), (version, got)
    assert (UNROUTABLE in got.body.decode(), NAME in got.body.decode(), got.cut) == (False, False, False), version
    assert proxy.flows[-1].metadata["urlrewrite"]["id"] in got.body.decode(), version
    assert failures(proxy) == [fault.cause] * 2, version
    # The client's connection is as good as before.
    assert (await client.ask("mixed")).status == 200, version

    before = len(bad.requests), len(good.requests)
    got = await client.ask("posts", "POST", b"x=1")
    seen = len(bad.requests) - before[0], len(good.requests) - before[1]
    if fault.saw:
        assert is_own_page(got, fault.status, bad.port), (version, got)
        assert seen == (1, 0), version
    else:
        assert (got.status, got.body) == (200, b"hi"), version
        assert seen == (0, 1), version
    await client.close()
    assert [load.live for farm in proxy.state.farms for load in farm.loads] == [0] * 6 * len(EVERY), version
    assert is_sound(proxy), (version, proxy.log)


HELD, STREAMED = 7 * 2**20, 12 * 2**20
"""Bytes of uploads: one that is held until it is whole, and one that is passed on as it comes."""

SMALLER = 2**6
"""How many times shorter those of HTTP/3 are: its client takes seconds for one."""

RUNS = 5


@pytest.fixture
def times(version: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many times shorter uploads are, and are held until they are whole, with a version of HTTP."""
    times = SMALLER if version == "HTTP/3" else 1
    monkeypatch.setattr(inbound, "UPLOAD_HELD", UPLOAD_HELD // times)
    return times


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize(("fault", "length"), [("closes", HELD), ("refuses", HELD), ("refuses", STREAMED)])
async def test_an_upload_comes_to_another_server_whole(
    fault: str, length: int, version: str, times: int, tmp_path: Path
) -> None:
    body = bytes(range(251)) * (length // times // 251)
    async with farms(FAULTS[fault], tmp_path) as (proxy, _, good):
        client = Client(version, proxy.port)
        got = await client.ask("mixed", "PUT", body)
        assert (got.status, got.body) == (200, b"hi")
        assert failures(proxy) == [FAULTS[fault].cause]
        assert bool(proxy.flows[-1].request.stream) is (length == STREAMED)
        (request,) = good.requests
        assert request.partition(b"\r\n\r\n")[2] == body
        assert (await client.ask("mixed")).status == 200
        await client.close()
        assert is_sound(proxy), proxy.log


@pytest.mark.parametrize("version", EVERY)
async def test_an_upload_that_a_server_breaks_off_is_a_page_of_ours_each_time(
    version: str, times: int, tmp_path: Path
) -> None:
    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"PUT"):
            await reader.readexactly(2**20 // times)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
        writer.transport.abort()

    async with farms(Fault(RetryCause.CLOSED, 502, lambda _: breaks_off), tmp_path) as (proxy, bad, good):
        client = Client(version, proxy.port)
        for _ in range(RUNS):
            got = await client.ask("bad", "PUT", bytes(STREAMED // times))
            assert is_own_page(got, 502, bad.port), got
            assert failures(proxy) == [RetryCause.CLOSED]
        assert good.requests == []
        # The client's connection is as good as before.
        assert (await client.ask("mixed")).status == 200
        await client.close()
        assert [load.live for farm in proxy.state.farms for load in farm.loads] == [0] * 6 * len(EVERY)
        assert is_sound(proxy), proxy.log
