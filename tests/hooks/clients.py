"""Clients of HTTP/1, 2 and 3 for a proxy in the same event loop; each keeps its connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import Buffer
from aioquic.h3.connection import H3_ALPN, ErrorCode, FrameType, H3Connection, H3Stream, HeadersState
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset
from h2.errors import ErrorCodes
from hyperframe.frame import Frame, GoAwayFrame

from urlrewrite.hooks.patches.quic import ServedConnection

WITHIN = 20.0
"""Seconds after which a test gives up; nothing takes as long where all is well."""

type Lines = tuple[tuple[str, str], ...]


@dataclass
class Got:
    """A response; `status` is 0 where none came, `cut` tells that the connection or stream ended before its end.

    `interim` are the responses that came before it, each with its status as the field ":status". `began` tells that one
    of them or the head is there, `ended` that all is. `reset` is the error code by which its stream was ended.
    """

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    trailers: dict[str, str] = field(default_factory=dict)
    interim: list[dict[str, str]] = field(default_factory=list)
    ended: bool = False
    reset: int = 0
    came: bytearray = field(default_factory=bytearray, repr=False)
    """The body as far as it has come; `body` is there in the end."""

    def end(self, *, cut: bool = False) -> None:
        """There is no more."""
        self.body, self.ended, self.cut = bytes(self.came), not cut, cut

    @property
    def began(self) -> bool:
        return bool(self.status or self.interim)

    def take_head(self, fields: dict[str, str]) -> None:
        """Takes the fields of an interim response, of the response itself, or of its trailers."""
        status = int(fields.get(":status", 0))
        if not status:
            self.trailers = fields
        elif 100 <= status < 200 and status != 101:
            self.interim.append(fields)
        else:
            self.status, self.fields = status, fields


def _text(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Fields as text, whatever their bytes are."""
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields}


class Http1:
    """A client of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes = b"",
        host: str = "localhost",
        fields: str = "",
        version: str = "1.1",
    ) -> Got:
        self.send(method, path, body, host, fields, version)
        return await self.read(method)

    def send(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes = b"",
        host: str = "localhost",
        fields: str = "",
        version: str = "1.1",
    ) -> None:
        framed = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/{version}\r\nHost: {host}\r\n{fields}{framed}\r\n"
        self.writer.write(head.encode() + body)

    async def read(self, method: str = "GET", got: Got | None = None) -> Got:
        got = got or Got()
        async with asyncio.timeout(WITHIN):
            try:
                while not got.status:
                    await self.read_head(got)
            except (asyncio.IncompleteReadError, ConnectionError):
                got.cut = True
                return got
            try:
                got.body = b"" if method == "HEAD" or got.status in (204, 304) else await self._body(got)
                got.ended = True
            except asyncio.IncompleteReadError as error:
                got.body, got.cut = error.partial, True
            except ConnectionError:
                got.cut = True
            return got

    async def read_head(self, got: Got) -> None:
        """Reads one head, that of an interim response or of the last one."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
        got.take_head({":status": lines[0].split()[1], **fields})

    async def _body(self, got: Got) -> bytes:
        if got.fields.get("transfer-encoding", "").lower() != "chunked":
            length = got.fields.get("content-length")
            return await (self.reader.read() if length is None else self.reader.readexactly(int(length)))
        body = b""
        while size := int((await self._line()).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self._line()
        while line := await self._line():
            name, _, value = line.decode("latin-1").partition(":")
            got.trailers[name.lower()] = value.strip()
        return body

    async def _line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Streams(ABC):
    """A client that sends several requests on a connection, side by side."""

    got: dict[int, Got]
    """Responses by stream."""

    async def ask(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes = b"",
        host: str = "localhost",
        fields: Lines = (),
        trailers: Lines = (),
    ) -> Got:
        stream = self.begin(method, path, host, fields, length=len(body), ended=not (body or trailers))
        async with asyncio.timeout(WITHIN):
            await self.send_body(stream, body, ended=not trailers)
        if trailers:
            self._send_fields(stream, trailers, ended=True)
        return await self.finish(stream)

    def begin(
        self,
        method: str = "GET",
        path: str = "/",
        host: str = "localhost",
        fields: Lines = (),
        *,
        length: int = 0,
        ended: bool = True,
        stall: bool = False,
    ) -> int:
        """Sends the head of a request; the number of its stream."""
        stream = self._next_stream()
        head = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path), *fields]
        if length:
            head.append(("content-length", str(length)))
        if stall:
            self._stall(stream)
        self.got[stream] = Got()
        self._send_fields(stream, head, ended=ended)
        return stream

    async def finish(self, stream: int) -> Got:
        """Reads the rest of a response."""
        self._take_on(stream)
        got = self.got[stream]
        async with asyncio.timeout(WITHIN):
            while not (got.ended or got.cut):
                await self.step()
        return got

    async def ask_all(self, paths: Sequence[str]) -> list[Got]:
        """Asks for several paths at a time."""
        return [await self.finish(stream) for stream in [self.begin(path=path) for path in paths]]

    async def started(self, stream: int) -> Got:
        """Reads until there is an interim response, or the head."""
        async with asyncio.timeout(WITHIN):
            while not (self.got[stream].began or self.got[stream].cut):
                await self.step()
        return self.got[stream]

    @abstractmethod
    async def step(self) -> None:
        """Waits for what comes next."""

    @abstractmethod
    def _next_stream(self) -> int: ...

    @abstractmethod
    def _send_fields(self, stream: int, lines: Sequence[tuple[str, str]], *, ended: bool) -> None: ...

    @abstractmethod
    async def send_body(self, stream: int, body: bytes, *, ended: bool) -> None:
        """Sends a piece of the body of a request."""

    @abstractmethod
    def abandon(self, stream: int) -> None:
        """Leaves a request before its response is there."""

    @abstractmethod
    def _stall(self, stream: int) -> None:
        """Takes no more of what comes on a stream."""

    @abstractmethod
    def _take_on(self, stream: int) -> None:
        """Takes what comes on a stream, even if it was stalled."""


class Http2(Streams):
    """A client of HTTP/2 over TLS. What comes on the streams of `stalled` it does not take."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.h2.initiate_connection()
        # So that one stream cannot keep the others from being answered.
        self.h2.increment_flow_control_window(2**30)
        self.got: dict[int, Got] = {}
        self.stalled: dict[int, int] = {}
        self.goaways: list[int] = []
        """The last streams that GOAWAY frames named. h2 would take nothing any more from a server that sent one."""
        self.h2._frame_dispatch_table[GoAwayFrame] = self._take_goaway

    @classmethod
    async def connect(cls, port: int) -> Self:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))

    def _next_stream(self) -> int:
        return self.h2.get_next_available_stream_id()

    def _send_fields(self, stream: int, lines: Sequence[tuple[str, str]], *, ended: bool) -> None:
        self.h2.send_headers(stream, lines, end_stream=ended)

    async def send_body(self, stream: int, body: bytes, *, ended: bool) -> None:
        for start in range(0, len(body), 16384):
            while self.h2.local_flow_control_window(stream) < 16384:
                await self.step()
            last = start + 16384 >= len(body) and ended
            self.h2.send_data(stream, body[start : start + 16384], end_stream=last)

    def abandon(self, stream: int) -> None:
        self.h2.reset_stream(stream, ErrorCodes.CANCEL)
        self._send()
        del self.got[stream]

    def _stall(self, stream: int) -> None:
        self.stalled[stream] = 0

    def _take_on(self, stream: int) -> None:
        if taken := self.stalled.pop(stream, 0):
            self.h2.increment_flow_control_window(taken, stream)

    async def step(self) -> None:
        """Sends what is to be sent, and takes what comes next."""
        self._send()
        data = await self.reader.read(65536)
        if not data:
            for got in self.got.values():
                if not got.ended:
                    got.end(cut=True)
        for event in self.h2.receive_data(data):
            got = self.got.get(getattr(event, "stream_id", 0), Got())
            match event:
                case (
                    h2.events.InformationalResponseReceived()
                    | h2.events.ResponseReceived()
                    | h2.events.TrailersReceived()
                ):
                    got.take_head(_text(event.headers))  # type: ignore[arg-type]
                case h2.events.DataReceived():
                    got.came += event.data or b""
                    self._take(event.flow_controlled_length or 0, event.stream_id or 0)
                case h2.events.StreamEnded():
                    got.end()
                case h2.events.StreamReset():
                    got.reset = int(event.error_code or 0)
                    got.end(cut=True)
        self._send()

    def _take_goaway(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        self.goaways.append(frame.last_stream_id)
        return [], []

    def _take(self, size: int, stream: int) -> None:
        if stream in self.stalled:
            self.stalled[stream] += size
        else:
            self.h2.acknowledge_received_data(size, stream)

    def _send(self) -> None:
        self.writer.write(self.h2.data_to_send())

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class _Http3(H3Connection):
    """aioquic takes what follows an interim response for trailers, and wants the body that a HEAD has no part of.

    It does not look at GOAWAY.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.goaways: list[int] = []
        self.heads = set[int]()
        """Streams of requests that ask by HEAD."""

    def _check_content_length(self, stream: H3Stream) -> None:
        if stream.stream_id not in self.heads:
            super()._check_content_length(stream)

    def _handle_control_frame(self, frame_type: int, frame_data: bytes) -> None:
        super()._handle_control_frame(frame_type, frame_data)
        if frame_type == FrameType.GOAWAY:
            self.goaways.append(Buffer(data=frame_data).pull_uint_var())

    def _handle_request_or_push_frame(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        events = super()._handle_request_or_push_frame(*args, **kwargs)
        for event in events:
            if isinstance(event, HeadersReceived) and dict(event.headers).get(b":status", b"").startswith(b"1"):
                self._stream[event.stream_id].headers_recv_state = HeadersState.INITIAL
        return events


class _Quic(QuicConnectionProtocol):
    """What comes on a connection of HTTP/3, by stream."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.http = _Http3(self._quic)
        self.got: dict[int, Got] = {}
        self.moved = asyncio.Event()
        self.stalled = set[int]()
        limits = self._quic._write_stream_limits

        def write_stream_limits(builder: object, space: object, stream: object) -> None:
            if stream.stream_id not in self.stalled:  # type: ignore[attr-defined]
                limits(builder, space, stream)  # type: ignore[arg-type]

        self._quic._write_stream_limits = write_stream_limits  # type: ignore[method-assign]

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            for got in self.got.values():
                if not got.ended:
                    got.end(cut=True)
        elif isinstance(event, StreamReset) and event.stream_id in self.got:
            self.got[event.stream_id].end(cut=True)
        for part in self.http.handle_event(event):
            got = self.got.get(getattr(part, "stream_id", -1), Got())
            match part:
                case HeadersReceived():
                    got.take_head(_text(part.headers))
                case DataReceived():
                    got.came += part.data
            if getattr(part, "stream_ended", False):
                got.end()
        self.moved.set()

    def leave(self) -> None:
        """Closes the socket."""
        assert self._transport
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()


_used_ports = set[int]()


def _new_socket(address: tuple[str, int]) -> socket.socket:
    """A socket on a port that no client had: mitmproxy takes no connection from one of which one ended a minute ago."""
    while True:
        own = socket.socket(type=socket.SOCK_DGRAM)
        own.connect(address)
        port = own.getsockname()[1]
        if port not in _used_ports:
            _used_ports.add(port)
            own.setblocking(False)
            return own
        own.close()


class Http3(Streams):
    """A client of HTTP/3. What comes on a stream that is stalled it does not take, but for the first 64 kB.

    Its connection is one as the proxy has it: the library's own ends where a stream is left from both sides.
    """

    def __init__(self, quic: _Quic) -> None:
        self.quic, self.got = quic, quic.got

    @classmethod
    async def connect(cls, port: int) -> Self:
        configuration = QuicConfiguration(
            is_client=True, alpn_protocols=H3_ALPN, server_name="localhost", verify_mode=ssl.CERT_NONE
        )
        configuration.max_stream_data = 2**16
        address = ("127.0.0.1", port)
        _, quic = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Quic(ServedConnection(configuration=configuration)), sock=_new_socket(address)
        )
        quic.connect(address)
        async with asyncio.timeout(WITHIN):
            await quic.wait_connected()
        return cls(quic)

    @property
    def goaways(self) -> list[int]:
        """The streams that GOAWAY frames named."""
        return self.quic.http.goaways

    def _next_stream(self) -> int:
        return self.quic._quic.get_next_available_stream_id()

    def _send_fields(self, stream: int, lines: Sequence[tuple[str, str]], *, ended: bool) -> None:
        if (":method", "HEAD") in lines:
            self.quic.http.heads.add(stream)
        self.quic.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in lines], ended)
        self.quic.transmit()

    async def send_body(self, stream: int, body: bytes, *, ended: bool) -> None:
        if body:
            self.quic.http.send_data(stream, body, end_stream=ended)
            self.quic.transmit()

    def abandon(self, stream: int) -> None:
        quic = self.quic._quic
        if not quic._streams[stream].sender.is_finished:
            quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        self.quic.transmit()
        del self.got[stream]

    def _stall(self, stream: int) -> None:
        self.quic.stalled.add(stream)

    def _take_on(self, stream: int) -> None:
        self.quic.stalled.discard(stream)
        self.quic.transmit()

    async def step(self) -> None:
        self.quic.moved.clear()
        await self.quic.moved.wait()

    async def close(self) -> None:
        """Says so and goes. To wait for the end of QUIC's closing period would take longer than most tests."""
        self.quic.close()
        self.quic.leave()
        # Its transport is closed in the loop's next round.
        await asyncio.sleep(0)


CLIENTS = {"HTTP/1.1": Http1, "HTTP/2": Http2}
EVERY: dict[str, Any] = {"HTTP/1.0": Http1, **CLIENTS, "HTTP/3": Http3}
"""Those of every version; that of HTTP/1.0 has to be asked with `version="1.0"`, and HTTP/3 wants a listener for it."""
STREAMING: dict[str, type[Http2 | Http3]] = {"HTTP/2": Http2, "HTTP/3": Http3}
"""Clients that send several requests on a connection, side by side; HTTP/3 wants a listener for it."""
