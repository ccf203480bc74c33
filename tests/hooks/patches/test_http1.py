"""HTTP/1 of backends that mitmproxy's own client cannot read, byte for byte and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import ReceiveHttp, _http1
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.test import taddons, tflow, tutils

from urlrewrite.hooks.patches.http1 import Http1


class Backend:
    """A connection to a backend that a test plays; `told` is what the layers above were told, in short."""

    def __init__(self, options: Options) -> None:
        context = Context(tflow.tclient_conn(), options)
        self.connection = context.server = Server(address=("127.0.0.1", 1))
        self.connection.state = ConnectionState.OPEN
        self.layer = http_layer.Http1Client(context)  # type: ignore[attr-defined]
        self.told: list[str] = []
        self.feed(events.Start())

    def feed(self, event: events.Event) -> None:
        for command in self.layer.handle_event(event):
            match command:
                case ReceiveHttp(event=ResponseHeaders(response=response)):
                    self.told.append(f"{response.status_code} {dict(response.headers)}")
                case ReceiveHttp(event=ResponseData(data=data)):
                    self._data(data.decode())
                case ReceiveHttp(event=ResponseTrailers(trailers=trailers)):
                    self.told.append(f"trailers {dict(trailers)}")
                case ReceiveHttp(event=ResponseEndOfMessage()):
                    self.told.append("end")
                case ReceiveHttp(event=ResponseProtocolError(message=message)):
                    self.told.append(f"error: {message}")
                case commands.CloseConnection():
                    self.told.append("closed")
                case commands.SendData() | commands.Log():
                    pass
                case _:
                    raise AssertionError(command)

    def _data(self, text: str) -> None:
        """Data is told in one piece: how it is cut depends on how it comes."""
        if self.told[-1].startswith("data "):
            self.told[-1] += text
        else:
            self.told.append(f"data {text}")

    def ask(self, stream: int = 1) -> None:
        request = tutils.treq(headers=http.Headers([(b"Host", b"h")]), method=b"GET", content=b"")
        self.feed(RequestHeaders(stream, request, end_stream=True))
        self.feed(RequestEndOfMessage(stream))

    def send(self, data: bytes, size: int) -> None:
        """Sends bytes in pieces of a size."""
        for at in range(0, len(data), size):
            self.feed(events.DataReceived(self.connection, data[at : at + size]))

    def close(self) -> None:
        self.connection.state = ConnectionState.CAN_WRITE
        self.feed(events.ConnectionClosed(self.connection))


@pytest.fixture
def options() -> Iterator[Options]:
    with taddons.context(Proxyserver()) as context:
        yield context.options


@pytest.fixture
def backend(options: Options) -> Iterator[Backend]:
    ours = Http1()
    with taddons.context(ours, loadcore=False):
        yield Backend(options)
        ours.done()


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HINTED = "103 {'Link': '</a.css>; rel=preload'}"
TOLD = ["200 {'Content-Length': '2'}", "data ok", "end"]
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n"
CHUNKED = "200 {'Transfer-Encoding': 'chunked'}"

BOTH = [HINTED, CHUNKED, "data abcde", "trailers {'X-Sum': '1'}", "end"]

RESPONSES = [
    ("none", LAST, TOLD),
    ("100", CONTINUE + LAST, TOLD),
    ("102", b"HTTP/1.1 102 Processing\r\n\r\n" + LAST, TOLD),
    ("103", HINTS + LAST, [HINTED, *TOLD]),
    ("several", CONTINUE + HINTS + HINTS + LAST, [HINTED, HINTED, *TOLD]),
    ("103 that cannot be read", b"HTTP/1.1 103 Early Hints\r\nX\r\n\r\n" + LAST, TOLD),
    ("of HTTP/1.0, without a phrase", b"HTTP/1.0 199\r\n\r\n" + LAST, TOLD),
    ("100 is no 1001", b"HTTP/1.1 1001 X\r\n\r\n", ["closed", "error: a status that is none: '1001 X'"]),
    ("204", HINTS + b"HTTP/1.1 204 No Content\r\n\r\n", [HINTED, "204 {}", "end"]),
    ("no trailers", CHUNKS + b"\r\n", [CHUNKED, "data abcde", "end"]),
    ("trailers", CHUNKS + b"X-Sum: 1\r\nX-More: 2\r\n\r\n",
     [CHUNKED, "data abcde", "trailers {'X-Sum': '1', 'X-More': '2'}", "end"]),
    ("both", HINTS + CHUNKS + b"X-Sum: 1\r\n\r\n", BOTH),
]  # fmt: skip


@pytest.mark.parametrize("stream", [0, 1], ids=["HTTP/3", "others"])
@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "server closed connection"), (b"HTTP/1.1 200", "unexpected server response: b'HTTP/1.1 200'")],
)
def test_a_backend_that_closes_is_told_whatever_the_first_stream_is_called(
    stream: int, data: bytes, message: str, backend: Backend
) -> None:
    backend.ask(stream)
    backend.send(data, 100)
    backend.close()
    assert backend.told == ["closed", f"error: {message}"]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("data", "told"), [case[1:] for case in RESPONSES], ids=[case[0] for case in RESPONSES])
def test_a_response_is_read(backend: Backend, data: bytes, told: list[str], size: int) -> None:
    backend.ask()
    backend.send(data, size)
    assert backend.told == told


def test_an_upgrade_is_no_interim_response(backend: Backend) -> None:
    backend.ask()
    backend.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 5)
    assert backend.told[0] == "101 {'Upgrade': 'x'}"


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_connection_goes_on_after_both(backend: Backend, size: int) -> None:
    for stream in (1, 3, 5):
        backend.told.clear()
        backend.ask(stream)
        backend.send(HINTS + CHUNKS + b"X-Sum: 1\r\n\r\n", size)
        assert backend.told == BOTH


@pytest.mark.parametrize("sent", [b"", CONTINUE, CONTINUE + b"HTTP/1.1 200 OK\r\nConte"])
def test_a_backend_that_goes_away_after_an_interim_response_is_an_error(backend: Backend, sent: bytes) -> None:
    backend.ask()
    backend.send(sent, 10_000)
    backend.close()
    assert any(item.startswith("error: ") for item in backend.told)
    assert not any(item.startswith(("1", "2")) for item in backend.told), backend.told


@pytest.mark.parametrize("trailers", [b"no field\r\n\r\n", b" X: folded\r\n\r\n"])
def test_trailers_that_are_none_are_an_error(backend: Backend, trailers: bytes) -> None:
    backend.ask()
    backend.send(CHUNKS + trailers, 10_000)
    assert backend.told[-1].startswith("error: HTTP/1 protocol error")


def test_what_nobody_asked_for_is_not_read_past(backend: Backend) -> None:
    backend.send(CONTINUE, 10_000)
    assert backend.told == ["closed"]


def written(options: Options, pieces: list[bytes], *, is_response: bool) -> bytes:
    """What is written to a backend, or to a client, of a body in chunks that comes in pieces."""
    backend = Backend(options)
    speaks: Any = backend.layer
    head = http.Headers([(b"Host", b"h"), (b"Transfer-Encoding", b"chunked")])
    request = tutils.treq(headers=head, method=b"POST", content=None)
    sent: list[HttpEvent] = [RequestHeaders(1, request, end_stream=False), *(RequestData(1, each) for each in pieces)]
    if is_response:
        speaks = http_layer.Http1Server(Context(tflow.tclient_conn(), options))  # type: ignore[attr-defined]
        speaks.request, speaks.stream_id = request, 1
        response = tutils.tresp(headers=head, content=None)
        sent = [ResponseHeaders(1, response, end_stream=False), *(ResponseData(1, each) for each in pieces)]
    done = [command for event in sent for command in speaks.send(event)]
    data = b"".join(command.data for command in done if isinstance(command, commands.SendData))
    return data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("is_response", [False, True], ids=["request", "response"])
def test_a_piece_without_bytes_is_not_the_last_chunk(options: Options, backend: Backend, *, is_response: bool) -> None:
    del backend
    assert written(options, [b"a", b"", b"b"], is_response=is_response) == b"1\r\na\r\n1\r\nb\r\n"


@pytest.mark.parametrize("is_response", [False, True], ids=["request", "response"])
def test_mitmproxy_still_writes_it_as_the_last_chunk(options: Options, *, is_response: bool) -> None:
    assert written(options, [b"a", b"", b"b"], is_response=is_response) == b"1\r\na\r\n0\r\n\r\n1\r\nb\r\n"


def test_mitmproxy_still_needs_it(options: Options) -> None:
    """Where this fails, mitmproxy has learned it, and a part of the patch can go."""
    backend = Backend(options)
    backend.ask()
    backend.send(HINTS, 10_000)
    assert backend.told[0].startswith("103 ")
    backend = Backend(options)
    backend.ask()
    with pytest.raises(NotImplementedError, match="trailers"):
        backend.send(CHUNKS + b"X-Sum: 1\r\n\r\n", 10_000)


def test_ours_are_put_in_place_and_taken_away_again() -> None:
    before = http_layer.Http1Client, http_layer.Http1Server, _http1.ChunkedReader  # type: ignore[attr-defined]
    ours = Http1()
    with taddons.context(ours, loadcore=False):
        during = http_layer.Http1Client, http_layer.Http1Server, _http1.ChunkedReader  # type: ignore[attr-defined]
        assert all(issubclass(new, old) and new is not old for new, old in zip(during, before, strict=True))
        ours.done()
    after = http_layer.Http1Client, http_layer.Http1Server, _http1.ChunkedReader  # type: ignore[attr-defined]
    assert after == before
