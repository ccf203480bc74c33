"""Our `HttpStream`, event by event: bodies that are held and released, uploads, and streams that are broken off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.test import taddons, tflow, tutils

from hooks.support import state_of
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.hooks.backend_names import BackendNames
from urlrewrite.hooks.bounds import Bounds
from urlrewrite.hooks.patches import backpressure
from urlrewrite.hooks.patches.backpressure import Backpressure
from urlrewrite.hooks.patches.http_stream import Holding, stream_class
from urlrewrite.hooks.patches.server_connections import ServerConnections
from urlrewrite.hooks.patches.upload_bounds import Uploads
from urlrewrite.hooks.state import UPLOAD_HELD, Hold, Live, State, Stream
from urlrewrite.hooks.streamed_body import PieceCameHook, StreamedBody
from urlrewrite.model.farms import Timeouts

type Hook = Callable[[http.HTTPFlow], None]

NO_TIMEOUTS = Timeouts(connect=0.0, response=0.0, idle=0.0)


def connections_of(state: State) -> ServerConnections:
    return ServerConnections(BackendNames(state))


class Driver:
    """An `HttpStream` between a client and a backend that a test plays. `sent` is what went to whom."""

    def __init__(self, options: Options, *, alpn: bytes = b"http/1.1") -> None:
        self.state = state_of()
        context = Context(tflow.tclient_conn(), options)
        context.server = self.backend = Server(address=("127.0.0.1", 1))
        self.backend.state = ConnectionState.OPEN
        self.backend.alpn = alpn
        HttpLayer(context, HTTPMode.transparent)
        self.backpressure = Backpressure()
        kind = stream_class(self.state, self.backpressure, connections_of(self.state), Uploads(Bounds()))
        self.stream: HttpStream = kind(context, 1)
        self.hooks: dict[str, Hook] = {}
        self.sent: list[object] = []
        self.timers: list[commands.RequestWakeup] = []
        self.rewriting: list[PieceCameHook] | None = None
        """Pieces that are being rewritten; None where that takes no time."""
        self.feed(events.Start())

    @property
    def flow(self) -> http.HTTPFlow:
        return self.stream.flow

    def feed(self, event: events.Event) -> None:
        """Hands an event over and carries out what is asked for."""
        for command in self.stream.handle_event(event):
            match command:
                case http_layer.SendHttp():
                    self.sent.append((self._name(command.connection), command.event))
                case http_layer.GetHttpConnection():
                    self.feed(http_layer.GetHttpConnectionCompleted(command, (self.backend, None)))
                case commands.RequestWakeup():
                    self.timers.append(command)
                case PieceCameHook() if self.rewriting is not None:
                    self.rewriting.append(command)
                case commands.StartHook():
                    if hook := self.hooks.get(command.name):
                        hook(self.flow)
                    self.feed(events.HookCompleted(command))
                case http_layer.DropStream():
                    self.sent.append("dropped")

    def rewritten(self) -> None:
        """The piece that is being rewritten is done."""
        assert self.rewriting
        hook = self.rewriting.pop()
        hook.came.body.rewrite(hook.came.piece)
        self.feed(events.HookCompleted(hook))

    def _name(self, connection: Connection) -> str:
        return "backend" if connection is self.backend else "client"

    def request(self, *, version: bytes = b"HTTP/1.1", end: bool = True, **fields: str) -> None:
        """The head of a request; with `end`, all of it."""
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
        request = tutils.treq(headers=http.Headers(lines), method=b"GET" if end else b"POST", http_version=version)
        self.feed(RequestHeaders(1, request, end_stream=end))
        if end:
            self.feed(RequestEndOfMessage(1))

    def judge(self, flow: http.HTTPFlow) -> None:
        """What `Inbound` does as far as it matters here: makes the flow one of ours."""
        assert self.state.in_force
        facts = RequestFacts("GET", "https", "www.example.com", "/", (("Host", "www.example.com"),))
        exchange = Exchange(self.state.in_force, self.state.memory, facts, "id")
        self.state.live[flow.id] = Live(exchange, NO_TIMEOUTS)

    def respond(self, **fields: str) -> None:
        """The head of a response."""
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
        response = tutils.tresp(headers=http.Headers(lines), content=None)
        self.feed(ResponseHeaders(1, response, end_stream=False))

    def to(self, whom: str) -> list[str]:
        """The names of the events that went to the client or to the backend; of data also the bytes."""
        of_them = [item[1] for item in self.sent if isinstance(item, tuple) and item[0] == whom]
        return [
            f"{type(event).__name__} {event.data!r}" if hasattr(event, "data") else type(event).__name__
            for event in of_them
        ]


@pytest.fixture
def options() -> Iterator[Options]:
    with taddons.context(Proxyserver()) as context:
        yield context.options


@pytest.fixture
def driver(options: Options) -> Driver:
    driver = Driver(options)
    driver.hooks["requestheaders"] = driver.judge
    return driver


def hold(driver: Driver, release: Callable[[int], Stream], *, size: int = 10) -> None:
    """Has the response's body held."""

    def responseheaders(flow: http.HTTPFlow) -> None:
        driver.state.live[flow.id].hold = Hold(size, 1.0, release)

    def response(flow: http.HTTPFlow) -> None:
        driver.state.live[flow.id].hold = None

    driver.hooks |= {"responseheaders": responseheaders, "response": response}


def upper(chunk: bytes) -> list[bytes]:
    return [chunk.upper()] if chunk else [b"."]


def test_a_short_body_stays_whole(driver: Driver) -> None:
    hold(driver, lambda held: pytest.fail("released"))
    driver.request()
    driver.respond()
    driver.feed(ResponseData(1, b"a" * 10))
    assert [timer.delay for timer in driver.timers] == [1.0]
    driver.feed(ResponseEndOfMessage(1))
    driver.feed(events.Wakeup(driver.timers[0]))
    assert driver.to("client") == ["ResponseHeaders", "ResponseData b'aaaaaaaaaa'", "ResponseEndOfMessage"]
    assert driver.flow.response and driver.flow.response.raw_content == b"a" * 10


def test_a_body_that_grows_too_long_becomes_a_stream(driver: Driver) -> None:
    held: list[int] = []
    hold(driver, lambda size: [held.append(size), upper][1])  # type: ignore[func-returns-value, return-value]
    driver.request()
    driver.respond()
    driver.feed(ResponseData(1, b"a" * 10))
    assert driver.to("client") == []
    driver.feed(ResponseData(1, b"b"))
    assert driver.to("client") == ["ResponseHeaders", "ResponseData b'AAAAAAAAAAB'"]
    driver.feed(ResponseData(1, b"c"))
    driver.feed(events.Wakeup(driver.timers[0]))
    driver.feed(ResponseEndOfMessage(1))
    assert driver.to("client")[2:] == ["ResponseData b'C'", "ResponseData b'.'", "ResponseEndOfMessage"]
    assert held == [11]


def test_a_body_that_comes_slowly_becomes_a_stream(driver: Driver) -> None:
    hold(driver, lambda _: upper)
    driver.request()
    driver.respond()
    driver.feed(ResponseData(1, b"a"))
    driver.feed(ResponseData(1, b"b"))
    assert len(driver.timers) == 1
    driver.feed(events.Wakeup(driver.timers[0]))
    assert driver.to("client") == ["ResponseHeaders", "ResponseData b'AB'"]


def test_a_release_that_fails_goes_on_holding(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    def fail(held: int) -> Stream:
        raise RuntimeError("a fault of ours")

    hold(driver, fail)
    driver.request()
    driver.respond()
    driver.feed(ResponseData(1, b"a" * 20))
    driver.feed(ResponseEndOfMessage(1))
    assert driver.flow.response and driver.flow.response.raw_content == b"a" * 20
    assert "a fault of ours" in caplog.text


def killing(flow: http.HTTPFlow) -> Stream:
    def stream(chunk: bytes) -> list[bytes]:
        if b"!" in chunk or not chunk:
            flow.kill()
        return [chunk] if chunk else []

    return stream


@pytest.mark.parametrize("last", [ResponseData(1, b"b!"), ResponseEndOfMessage(1)], ids=["piece", "end"])
def test_a_stream_that_is_killed_is_broken_off(driver: Driver, last: events.Event) -> None:
    def responseheaders(flow: http.HTTPFlow) -> None:
        assert flow.response
        flow.response.stream = killing(flow)  # type: ignore[assignment]

    driver.hooks["responseheaders"] = responseheaders
    driver.request()
    driver.respond()
    driver.feed(ResponseData(1, b"a"))
    driver.feed(last)
    assert driver.to("client")[-1] == "ResponseProtocolError"
    assert "ResponseEndOfMessage" not in driver.to("client")
    assert driver.sent[-1] == "dropped"
    if isinstance(last, ResponseData):
        # The backend need not send what nobody reads.
        assert driver.to("backend")[-1] == "RequestProtocolError"
    driver.feed(ResponseData(1, b"c"))
    assert "ResponseData b'c'" not in driver.to("client")


class Capitals(StreamedBody):
    """Rewrites at most four bytes at once."""

    def __init__(self) -> None:
        self._most = 4
        self.pieces_done: list[bytes] = []

    def rewrite(self, piece: bytes) -> None:
        self.pieces_done.append(piece)

    def __call__(self, piece: bytes) -> list[bytes]:
        assert self.pieces_done[-1] == piece
        return [piece.upper()] if piece else [b"."]


@pytest.fixture
def capitals(driver: Driver) -> Capitals:
    """A response that is being streamed, each of whose pieces takes its time."""
    body = Capitals()
    driver.rewriting = []
    driver.hooks["responseheaders"] = lambda flow: setattr(flow.response, "stream", body)
    driver.request()
    driver.respond()
    return body


def test_pieces_wait_for_those_before_them(driver: Driver, capitals: Capitals) -> None:
    for event in (ResponseData(1, b"a"), ResponseData(1, b"b"), ResponseData(1, b"cdef"), ResponseEndOfMessage(1)):
        driver.feed(event)
    assert driver.to("client") == ["ResponseHeaders"]
    driver.rewritten()
    assert driver.to("client")[1:] == ["ResponseData b'A'"]
    # What has come by then is rewritten together, as much at once as may be.
    driver.rewritten()
    assert driver.to("client")[1:] == ["ResponseData b'A'", "ResponseData b'BCDE'"]
    driver.rewritten()
    assert "ResponseEndOfMessage" not in driver.to("client")
    driver.rewritten()
    assert driver.to("client")[3:] == ["ResponseData b'F'", "ResponseData b'.'", "ResponseEndOfMessage"]
    assert capitals.pieces_done == [b"a", b"bcde", b"f", b""]


def test_nothing_follows_a_piece_at_which_the_flow_is_killed(driver: Driver, capitals: Capitals) -> None:
    driver.feed(ResponseData(1, b"abcdefgh"))
    driver.flow.kill()
    driver.rewritten()
    assert driver.to("client")[-1] == "ResponseProtocolError"
    assert driver.rewriting == []
    assert capitals.pieces_done == [b"abcd"]


def test_a_backend_that_breaks_off_while_a_piece_is_rewritten(driver: Driver, capitals: Capitals) -> None:
    driver.feed(ResponseData(1, b"ab"))
    driver.feed(ResponseProtocolError(1, "closed", ErrorCode.GENERIC_SERVER_ERROR))
    assert driver.to("client") == ["ResponseHeaders"]
    driver.rewritten()
    assert driver.to("client")[1:] == ["ResponseData b'AB'", "ResponseProtocolError"]


PIECE = b"x" * (UPLOAD_HELD // 2)


def test_an_upload_of_unknown_length_becomes_a_stream(driver: Driver) -> None:
    driver.request(end=False, transfer_encoding="chunked")
    driver.feed(RequestData(1, PIECE))
    driver.feed(RequestData(1, PIECE))
    assert driver.to("backend") == []
    driver.feed(RequestData(1, b"y"))
    head, data = driver.to("backend")
    assert (head, len(data)) == ("RequestHeaders", len("RequestData b''") + UPLOAD_HELD + 1)
    driver.feed(RequestData(1, b"z"))
    driver.feed(RequestEndOfMessage(1))
    assert driver.to("backend")[2:] == ["RequestData b'z'", "RequestEndOfMessage"]


def test_an_upload_to_what_a_rule_has_answered_is_thrown_away(driver: Driver) -> None:
    def requestheaders(flow: http.HTTPFlow) -> None:
        driver.judge(flow)
        flow.response = http.Response.make(301)

    driver.hooks["requestheaders"] = requestheaders
    driver.request(end=False, transfer_encoding="chunked")
    for _ in range(20):
        driver.feed(RequestData(1, PIECE))
        assert len(driver.stream.request_body_buf) <= UPLOAD_HELD
    driver.feed(RequestEndOfMessage(1))
    assert driver.state.live[driver.flow.id].upload_dropped
    assert driver.to("client") == ["ResponseHeaders", "ResponseEndOfMessage"]
    assert driver.to("backend") == []


def test_an_upload_is_not_streamed_where_another_addon_answered(driver: Driver) -> None:
    def requestheaders(flow: http.HTTPFlow) -> None:
        flow.request.stream = True
        flow.response = http.Response.make(403)

    driver.hooks["requestheaders"] = requestheaders
    driver.request(end=False, content_length="1")
    driver.feed(RequestData(1, b"x"))
    driver.feed(RequestEndOfMessage(1))
    assert driver.to("client") == ["ResponseHeaders", "ResponseEndOfMessage"]


WATCHED = [(b"HTTP/2.0", b"http/1.1", True), (b"HTTP/2.0", b"h2", False), (b"HTTP/1.1", b"http/1.1", True)]


@pytest.mark.parametrize(("version", "alpn", "watched"), WATCHED)
def test_which_backends_are_made_to_wait(options: Options, version: bytes, alpn: bytes, watched: bool) -> None:
    driver = Driver(options, alpn=alpn)

    def responseheaders(flow: http.HTTPFlow) -> None:
        assert flow.response
        flow.response.stream = True

    driver.hooks["responseheaders"] = responseheaders
    driver.request(version=version)
    driver.respond()
    assert (driver.backend.id in driver.backpressure._streams) == watched


def test_ours_are_put_in_place_and_taken_away_again() -> None:
    state = state_of()
    holding = Holding(state, Backpressure(), connections_of(state), Uploads(Bounds()))
    watcher = Backpressure()
    with taddons.context(watcher, holding, loadcore=False):
        assert http_layer.HttpStream is not HttpStream
        assert backpressure.ConnectionHandler.drain_writers is not backpressure._drain_writers
        holding.done()
        watcher.done()
    assert http_layer.HttpStream is HttpStream
    assert backpressure.ConnectionHandler.drain_writers is backpressure._drain_writers
