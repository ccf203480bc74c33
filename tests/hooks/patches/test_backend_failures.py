"""Backends that fail: what the client gets, on the whole bundle and real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Self

import pytest

from hooks.clients import CLIENTS, Got, Http1, Http2
from hooks.in_process import InProcess, in_process
from urlrewrite.model.farms import RetryCause, Timeouts
from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
SHORT = Timeouts(connect=0.3, response=0.4, idle=0.4)
LONG = Timeouts(connect=20.0, response=20.0, idle=20.0)
"""For tests that wait for no time-out, so that none comes, however busy the machine is."""

SECRET = "inner-host"

type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request, with its body where Content-Length tells one."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            head += await reader.readexactly(int(line.partition(b":")[2]))
    return head


class Backend:
    """A backend of HTTP/1 on a free port that does with its connections what it is told, the last thing for ever."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.behaviours: list[Behaviour] = [self.answer]
        self._tls = tls
        self.connections = 0
        self.requests: list[bytes] = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._first: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            self._server.close()
        for each in filter(None, (self._socket, self._first)):
            each.close()

    def take_no_more(self) -> None:
        """Let the system take one connection, which nobody accepts, and let all others wait."""
        self._socket.listen(0)
        self._first = socket.create_connection(self._socket.getsockname())

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self.serve, sock=self._socket, ssl=self._tls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                await behave(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to every request."""
        while True:
            self.requests.append(await request_of(reader))
            writer.write(OK)

    def after_request(self, data: bytes, *, times: int = 1, wait: float = 0.0, reset: bool = False) -> Behaviour:
        """Respond rightly but for the last of so many requests; after that one send `data`, wait, and close."""

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number in range(times):
                self.requests.append(await request_of(reader))
                writer.write(OK if number < times - 1 else data)
            await writer.drain()
            await asyncio.sleep(wait)
            if reset:
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()

        return behave


@contextlib.asynccontextmanager
async def proxied(
    backend: Backend, folder: Path, scheme: str = "http", timeouts: Timeouts = LONG, *, up: bool = True, more: str = ""
) -> AsyncIterator[InProcess]:
    """The proxy before a backend, which listens from the beginning or when it is told to."""
    rules = (
        "public: [http://localhost, https://localhost]\n"
        f"backend: {scheme}://{SECRET}:{backend.port}\nconnect: 127.0.0.1:{backend.port}\n"
        f"timeouts: {{connect: {timeouts.connect}s, response: {timeouts.response}s, idle: {timeouts.idle}s}}\n{more}"
    )
    async with backend:
        if up:
            await backend.listen()
        async with in_process(rules, folder) as proxy:
            yield proxy


def is_own_page(got: Got, status: int, port: int) -> bool:
    """Whether a response is our page, with the id of its trace and without a word on the backend."""
    text = got.body.decode()
    inner = (SECRET, str(port), "127.0.0.1", "mitmproxy", "JUNK")
    seen = text + "".join(f"{name}: {value}\n" for name, value in got.fields.items())
    return got.status == status and "Trace id: " in text and not any(word in seen for word in inner)


FAULTS: dict[str, tuple[Callable[[Backend], Behaviour], int]] = {
    "closes at once": (lambda backend: backend.after_request(b""), 502),
    "resets": (lambda backend: backend.after_request(b"", reset=True), 502),
    "speaks no HTTP": (lambda backend: backend.after_request(b"JUNK JUNK\r\n\r\n"), 502),
    "closes within the head": (lambda backend: backend.after_request(b"HTTP/1.1 200 OK\r\nX: JUNK"), 502),
    "says nothing": (lambda backend: backend.after_request(b"", wait=30.0), 504),
    "closes within a short body": (
        lambda backend: backend.after_request(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\nJUNK"
        ),
        502,
    ),
    "sends fields that are not valid": (
        lambda backend: backend.after_request(b"HTTP/1.1 200 OK\r\nX y: JUNK\r\nContent-Length: 0\r\n\r\n"),
        502,
    ),
    "sends two lengths": (
        lambda backend: backend.after_request(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nJUNK", wait=30.0
        ),
        502,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_backend_that_fails_is_a_page_of_ours_and_the_connection_stays(
    client: str, fault: str, tmp_path: Path
) -> None:
    backend = Backend()
    behaviour, status = FAULTS[fault]
    backend.behaviours = [behaviour(backend), backend.answer]
    async with proxied(backend, tmp_path, timeouts=SHORT if status == 504 else LONG) as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask()
        assert is_own_page(got, status, backend.port), got
        data = proxy.flows[0].metadata["urlrewrite"]
        attempts = [event for event in data["events"] if event["event"] == Name.SERVER_FAILED]
        assert [(event["server"], event["attempt"]) for event in attempts] == [(f"127.0.0.1:{backend.port}", 1)]
        assert attempts[0]["cause"] == (RetryCause.TIMEOUT if status == 504 else RetryCause.CLOSED)
        assert [event["reason"] for event in data["events"] if event["event"] == Name.ERROR] == [Reason.BACKEND_FAILED]
        assert (data["status"], data["id"] in got.body.decode()) == (status, True)
        again = await connection.ask()
        assert (again.status, again.body) == (200, b"hi")
        await connection.close()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


IIS: dict[str, tuple[str, Callable[[Backend], Behaviour] | None, str]] = {
    "is not there": ("http", None, "0x80072efd"),
    "speaks no TLS": ("https", lambda backend: plain, "0x80072f8f"),
    "says nothing in TLS": ("https", lambda backend: silent, "0x80072ee2"),
    "closes": ("http", FAULTS["closes at once"][0], "0x80072efe"),
    "is slow": ("http", FAULTS["says nothing"][0], "0x80072ee2"),
    "breaks off": ("http", FAULTS["closes within a short body"][0], "0x80072efe"),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", IIS)
async def test_in_mode_iis_a_backend_that_fails_is_a_502_3(client: str, fault: str, tmp_path: Path) -> None:
    backend = Backend()
    scheme, behaviour, code = IIS[fault]
    if behaviour:
        backend.behaviours = [behaviour(backend)]
    timeouts = SHORT if code == "0x80072ee2" else LONG
    async with proxied(backend, tmp_path, scheme, timeouts, up=behaviour is not None, more="mode: iis\n") as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask()
        text = got.body.decode()
        assert (got.status, got.fields["content-type"]) == (502, "text/html; charset=utf-8")
        assert "<h1>HTTP Error 502.3 - Bad Gateway</h1>" in text
        assert f"<th>Error code</th><td>{code}</td>" in text
        assert not any(word in text for word in (SECRET, str(backend.port), "127.0.0.1", "mitmproxy", "JUNK"))
        data = proxy.flows[0].metadata["urlrewrite"]
        assert (data["status"], data["sub_status"], data["id"] in text) == (502, 3, True)
        await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_site_has_a_page_of_its_own(client: str, tmp_path: Path) -> None:
    page = "<h1>Sorry</h1><img src='/JUNK'>{TraceId}{SECRET}"
    (tmp_path / "down.html").write_text(page)
    pages = "errorPages: {502: down.html, 404: down.html}\n"
    async with proxied(backend := Backend(), tmp_path, up=False, more=pages) as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask()
        trace_id = proxy.flows[0].metadata["urlrewrite"]["id"]
        assert (got.status, got.body.decode()) == (502, page.replace("{TraceId}", trace_id))
        assert got.fields["content-type"] == "text/html; charset=utf-8"
        assert (await connection.ask("HEAD")).fields["content-length"] == str(len(got.body))
        backend.behaviours = [backend.after_request(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi")]
        await backend.listen()
        # What the backend says is its own.
        got = await connection.ask()
        assert (got.status, got.body) == (404, b"hi")
        await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_backend_that_comes_back_is_found_by_the_same_connection(client: str, tmp_path: Path) -> None:
    """mitmproxy answers a client of HTTP/2 with the old error until it connects anew."""
    backend = Backend()
    async with proxied(backend, tmp_path, up=False) as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask()
        assert is_own_page(got, 502, backend.port), got
        await backend.listen()
        assert (await connection.ask()).status == 200
        await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_handshake_that_never_comes_ends(client: str, tmp_path: Path) -> None:
    backend = Backend()
    backend.behaviours = [silent]
    async with proxied(backend, tmp_path, "https", SHORT) as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask()
        assert is_own_page(got, 504, backend.port), got
        await connection.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    await asyncio.sleep(30.0)


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.write(OK)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("keeps", [True, False])
async def test_without_keep_alive_every_request_has_a_connection_of_its_own(
    client: str, keeps: bool, tmp_path: Path
) -> None:
    backend = Backend()
    async with proxied(backend, tmp_path, more=f"keepAlive: {str(keeps).lower()}\n") as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        for method in ("GET", "PUT", "GET"):
            got = await connection.ask(method, body=b"x" if method == "PUT" else b"")
            assert (got.status, got.fields.get("connection")) == (200, None)
        assert [b"\r\nconnection: close" in request.lower() for request in backend.requests] == [not keeps] * 3
        assert keeps or backend.connections == 3
        # What the flow shows is what the client asked for.
        assert not any("connection" in flow.request.headers for flow in proxy.flows)
        await connection.close()


@pytest.mark.parametrize(("method", "status", "requests"), [("GET", 200, 3), ("PUT", 200, 3), ("POST", 502, 2)])
async def test_a_kept_connection_that_the_backend_closed_is_no_failure_where_the_request_may_be_repeated(
    method: str, status: int, requests: int, tmp_path: Path
) -> None:
    backend = Backend()
    backend.behaviours = [backend.after_request(b"", times=2), backend.answer]
    async with proxied(backend, tmp_path) as proxy:
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == 200
        got = await connection.ask(method, body=b"x=1" if method != "GET" else b"")
        assert got.status == status
        assert len(backend.requests) == requests
        if status == 200:
            assert backend.requests[-1] == backend.requests[-2]
        await connection.close()


async def test_a_first_request_is_never_repeated(tmp_path: Path) -> None:
    backend = Backend()
    backend.behaviours = [backend.after_request(b"")]
    async with proxied(backend, tmp_path) as proxy:
        connection = await Http1.connect(proxy.port)
        assert (await connection.ask()).status == 502
        assert len(backend.requests) == 1
        await connection.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_upload_that_streams_into_a_dead_backend_gets_its_page(client: str, tmp_path: Path) -> None:
    body = bytes(9 * 2**20)
    async with proxied(Backend(), tmp_path, up=False) as proxy:
        connection = await CLIENTS[client].connect(proxy.port)
        got = await connection.ask("PUT", body=body)
        assert is_own_page(got, 502, proxy.port), got
        again = await connection.ask()
        assert again.status == 502
        await connection.close()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize(("media_type", "cut"), [(b"application/octet-stream", True), (b"text/event-stream", False)])
async def test_a_body_that_stops_coming_is_cut_and_one_that_may_be_silent_is_not(
    media_type: bytes, cut: bool, tmp_path: Path
) -> None:
    backend = Backend()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(STREAM % media_type)
        await asyncio.sleep(SHORT.idle * 2.5)
        writer.write(b"5\r\nworld\r\n0\r\n\r\n")

    backend.behaviours = [behave]
    async with proxied(backend, tmp_path, timeouts=SHORT) as proxy:
        connection = await Http1.connect(proxy.port)
        got = await connection.ask()
        assert got.cut is cut
        assert cut or got.body == b"helloworld"
        await connection.close()


async def test_a_client_that_leaves_is_no_failure_of_the_backend(tmp_path: Path) -> None:
    backend = Backend()
    backend.behaviours = [backend.after_request(b"", wait=0.2)]
    async with proxied(backend, tmp_path) as proxy:
        for client in (Http1, Http2):
            connection = await client.connect(proxy.port)
            asking = asyncio.ensure_future(connection.ask())
            await asyncio.sleep(0.1)
            asking.cancel()
            await connection.close()
        async with asyncio.timeout(20):
            while proxy.state.live or len(backend.requests) < 2:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert not any("failed" in line for line in proxy.log), proxy.log


REFUSED = {
    "a request line that is none": b"JUNK\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nJUNK",
    "no host": b"GET / HTTP/1.1\r\nX: JUNK\r\n\r\n",
}


@pytest.mark.parametrize("request_head", REFUSED.values(), ids=REFUSED)
async def test_a_request_that_mitmproxy_refuses_gets_a_page_of_ours(request_head: bytes, tmp_path: Path) -> None:
    async with proxied(Backend(), tmp_path) as proxy:
        connection = await Http1.connect(proxy.port)
        connection.writer.write(request_head)
        got = await connection.read()
        assert got.status == 400 or got.status == 404
        assert "Trace id: " in got.body.decode()
        assert "JUNK" not in got.body.decode() and "server" not in got.fields
        await connection.close()
