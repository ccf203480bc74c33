"""Servers asked for a URL: what counts as well, against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import trustme
from mitmproxy.test import taddons

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.hooks import health_tests
from urlrewrite.hooks.backend_tls import ssl_context
from urlrewrite.hooks.health_tests import JITTER, MAX_BODY, HealthTests, ask, moment
from urlrewrite.model.farms import BackendTls, Farm, HealthTest, Server

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"
TEST = HealthTest(url="http://shop/health?a=b", timeout=0.5, match="well")


@contextlib.asynccontextmanager
async def server(
    response: bytes | None, *, wait: float = 0.0, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, list[bytes]]]:
    """A server that responds so to everything (None: not at all), and the heads of the requests that came."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            await asyncio.sleep(wait)
            writer.write(response or b"")
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, address, 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield Server(address=address, http_port=port, https_port=port), requests


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
        (b"SSH-2.0-OpenSSH\r\n\r\n", HealthReason.TEST_CLOSED),
        (b"", HealthReason.TEST_CLOSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwell", HealthReason.TEST_CLOSED),
    ],
)
async def test_what_is_well(response: bytes, failure: HealthReason | None) -> None:
    async with server(response) as (asked, requests):
        assert (await ask(asked, TEST)).failure is failure
        assert requests[0].startswith(b"GET /health?a=b HTTP/1.1\r\nHost: shop\r\n")


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async with server(WELL, wait=5.0) as (asked, _):
        assert await ask(asked, TEST) == (HealthReason.TEST_TIMEOUT, "0.5 s")


async def test_a_port_on_which_nobody_listens() -> None:
    async with server(WELL) as (asked, _):
        pass
    outcome = await ask(asked, TEST)
    assert outcome.failure is HealthReason.TEST_CONNECT
    assert "refused" in outcome.detail or "Connect call failed" in outcome.detail


async def test_what_came_instead_is_told() -> None:
    async with server(b"HTTP/1.1 503 Off\r\nContent-Length: 0\r\n\r\n") as (asked, _):
        assert (await ask(asked, TEST)).detail == "503"
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsick") as (asked, _):
        assert (await ask(asked, TEST)).detail == "well"


async def test_a_certificate_that_nobody_knows() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        asked = Server(address="127.0.0.1", https_port=port)
        outcome = await ask(asked, HealthTest(url="https://127.0.0.1/", timeout=10.0), ssl.create_default_context())
    assert outcome.failure is HealthReason.TEST_TLS
    assert "certificate" in outcome.detail


async def test_a_server_may_be_asked_by_another_name_on_another_port() -> None:
    async with server(WELL) as (real, requests):
        asked = Server(address="127.0.0.1", http_port=1, health_port=real.http_port, health_host="probe.example")
        assert await ask(asked, TEST) == (None, "")
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
        assert (await tests.ask_now(farm.loads[0])).failure is HealthReason.TEST_CONNECT
        assert farm.loads[0].health.healthy is expected


def test_tests_do_not_come_in_bursts() -> None:
    random, servers, minutes = Random(3), 200, 60
    due = [moment(number, place / servers, random) for place in range(servers) for number in range(minutes)]
    tenths = Counter(int(10 * time) for time in due)
    inner = [tenths[tenth] for tenth in range(20, 10 * minutes - 20)]
    assert max(inner) <= 1.6 * servers / 10


@pytest.mark.parametrize("retries", [1, 3])
def test_a_server_is_tested_so_many_times_within_as_many_intervals(retries: int) -> None:
    """With a time-out this is how long a server that fails stays in; what is added by chance does not add up."""
    random = Random(5)
    due = [moment(number, 0.3, random) for number in range(1000)]
    assert max(due[at + retries] - due[at] for at in range(1000 - retries)) <= retries + JITTER


def test_two_proxies_do_not_keep_in_step() -> None:
    one, other = Random(1), Random(2)
    assert len({round(moment(7, 0.5, random), 6) for random in (one, other) for _ in range(50)}) == 100


async def test_a_test_that_goes_wrong_is_not_the_last_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with server(WELL) as (asked, requests):
        farm = FarmAtWork(Farm(name="shop", servers=(asked,), health=replace(TEST, interval=0.05)), 0.0, Random(1))
        asking = iter([RuntimeError("never seen"), None, None])

        async def once_wrong(*_: object) -> HealthReason | None:
            requests.append(b"")
            if wrong := next(asking, None):
                raise wrong
            return None

        monkeypatch.setattr(health_tests, "ask", once_wrong)
        tests = HealthTests(farm, Random(1))
        tests.start()
        async with asyncio.timeout(20):
            while len(requests) < 3:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)
        tests.stop()
    assert "its health was not tested" in caplog.text
    assert farm.loads[0].health.healthy


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


@pytest.mark.parametrize(
    ("asked", "url", "host"),
    [
        (Server(address="::1"), "/", "[::1]:PORT"),
        (Server(address="::1"), "http://shop:81/", "shop:81"),
        (Server(address="::1", host_name="app1.lan"), "http://shop/", "app1.lan"),
        (Server(address="::1", host_name="app1.lan", health_host="2001:db8::1"), "http://shop/", "[2001:db8::1]"),
        (Server(address="127.0.0.1"), "/", "127.0.0.1:PORT"),
    ],
)
async def test_what_goes_into_host(asked: Server, url: str, host: str) -> None:
    async with server(WELL, address=asked.address) as (real, requests):
        asked = replace(asked, http_port=real.http_port)
        assert (await ask(asked, HealthTest(url=url, timeout=5.0))).failure is None
        assert f"\r\nHost: {host.replace('PORT', str(real.http_port))}\r\n".encode() in requests[0]


AUTHORITY = trustme.CA()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    """A folder with the authority and with the certificate of a client, and mitmproxy's options in force."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = AUTHORITY.issue_cert("proxy.lan")
    own.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    with taddons.context() as context:
        context.options.update(ssl_insecure=False)
        yield tmp_path


WELL_BY_TLS = None
NO_TLS = HealthReason.TEST_TLS


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("certificate_of", "tls", "host_name", "outcome"),
    [
        ("app.lan", BackendTls(ca="ca.pem", name="app.lan"), "", WELL_BY_TLS),
        ("app.lan", BackendTls(ca="ca.pem"), "app.lan", WELL_BY_TLS),
        ("app.lan", BackendTls(ca="ca.pem", name="app.lan"), "other.lan", WELL_BY_TLS),
        ("app.lan", BackendTls(ca="ca.pem"), "", NO_TLS),
        ("app.lan", BackendTls(ca="ca.pem", name="other.lan"), "app.lan", NO_TLS),
        ("app.lan", BackendTls(name="app.lan"), "", NO_TLS),
        ("app.lan", BackendTls(verify=False), "", WELL_BY_TLS),
        ("ADDRESS", BackendTls(ca="ca.pem"), "", WELL_BY_TLS),
    ],
)
async def test_tls_is_as_the_farm_says(
    certificate_of: str, tls: BackendTls, host_name: str, outcome: HealthReason | None, address: str, files: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(certificate_of.replace("ADDRESS", address)).configure_cert(context)
    tls = replace(tls, ca=tls.ca and str(files / tls.ca))
    async with server(WELL, address=address, tls=context) as (asked, _):
        test = HealthTest(url="https://shop/", timeout=5.0)
        found = await ask(replace(asked, host_name=host_name), test, ssl_context(tls), tls.name)
    assert found.failure is outcome


@pytest.mark.parametrize(("certificate", "is_well"), [("own.pem", True), ("", False)])
async def test_a_certificate_is_shown_to_a_server_that_wants_one(certificate: str, is_well: bool, files: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.issue_cert("app.lan").configure_cert(context)
    AUTHORITY.configure_trust(context)
    tls = BackendTls(ca=str(files / "ca.pem"), name="app.lan", certificate=certificate and str(files / certificate))
    async with server(WELL, tls=context) as (asked, _):
        test = HealthTest(url="https://shop/", timeout=5.0)
        found = await ask(asked, test, ssl_context(tls), tls.name)
    assert (found.failure is None) is is_well


@pytest.mark.parametrize(
    ("tls", "insecure", "verifies"),
    [
        (BackendTls(), False, True),
        (BackendTls(), True, False),
        (BackendTls(ca="ca.pem"), True, True),
        (BackendTls(ca="ca.pem", verify=False), False, False),
    ],
)
def test_whether_certificates_are_verified(tls: BackendTls, insecure: bool, verifies: bool, files: Path) -> None:
    with taddons.context() as context:
        context.options.update(ssl_insecure=insecure)
        made = ssl_context(replace(tls, ca=tls.ca and str(files / tls.ca)))
    assert (made.verify_mode is ssl.CERT_REQUIRED, made.check_hostname) == (verifies, verifies)


async def test_without_what_makes_tls_a_server_is_not_well() -> None:
    async with server(WELL) as (asked, _):
        assert (await ask(asked, HealthTest(url="https://shop/"))).failure is HealthReason.TEST_TLS
