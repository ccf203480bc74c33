"""Clients of HTTP/2 and 3, and backends of HTTP/2, that send frames as they like, and see how their connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from typing import Self

from aioquic.h3.connection import FrameType, encode_frame
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from aioquic.quic.packet_builder import QuicPacketBuilder
from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from hooks.backends import Http2Backend
from hooks.clients import WITHIN, Got, Http3
from urlrewrite.hooks.patches.qpack import coded

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Head = Sequence[tuple[str, str]]


class Frames:
    """One end of a connection of HTTP/2 that keeps no rules."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.encoder, self.decoder = Encoder(), Decoder(2**24)

    @classmethod
    async def connect(cls, port: int) -> Self:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        made = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))
        made.writer.write(PREFACE)
        made.send(SettingsFrame(0))
        return made

    def send(self, *frames: Frame) -> None:
        self.writer.write(b"".join(frame.serialize() for frame in frames))

    def head(self, stream: int, more: Head = (), *, path: str = "/", ended: bool = True, huffman: bool = True) -> Frame:
        """The one frame of a request."""
        lines = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path), *more]
        return self.block(stream, lines, ended=ended, huffman=huffman)

    def block(self, stream: int, lines: Head, *, ended: bool = True, huffman: bool = True) -> Frame:
        """A field block in one frame."""
        flags = ["END_HEADERS", "END_STREAM"] if ended else ["END_HEADERS"]
        return HeadersFrame(stream, self.encoder.encode(lines, huffman=huffman), flags=flags)

    async def read(self) -> Frame:
        """The next frame that came."""
        head = await self.reader.readexactly(9)
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(await self.reader.readexactly(length)))
        return frame

    async def response(self, stream: int) -> Got:
        """What came for a stream."""
        got = Got()
        async with asyncio.timeout(WITHIN):
            while not got.ended:
                frame = await self.read()
                if isinstance(frame, GoAwayFrame):
                    got.cut, got.reset = True, frame.error_code
                    return got
                if isinstance(frame, HeadersFrame):
                    lines = self.decoder.decode(frame.data, raw=True)
                    if frame.stream_id == stream:
                        got.take_head({name.decode(): value.decode() for name, value in lines})
                elif isinstance(frame, DataFrame) and frame.stream_id == stream:
                    got.came += frame.data
                if frame.stream_id == stream and "END_STREAM" in frame.flags:
                    got.end()
        return got

    async def goaway(self) -> int | None:
        """The error code of the GOAWAY that comes; None where the connection ends without one."""
        async with asyncio.timeout(WITHIN):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    frame = await self.read()
                    if isinstance(frame, GoAwayFrame):
                        return frame.error_code
        return None

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class FramesBackend(Http2Backend):
    """A backend of HTTP/2 that sends to the first request what `sends` makes, and sees how its connection ends."""

    def __init__(self, sends: Callable[[Frames, int], list[Frame]]) -> None:
        super().__init__({})
        self.sends = sends
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """The error code of the GOAWAY, or of the stream's reset, that came."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to one request."""
        await reader.readexactly(len(PREFACE))
        frames = Frames(reader, writer)
        frames.send(SettingsFrame(0))
        while not isinstance(asked := await frames.read(), HeadersFrame):
            pass
        frames.send(*self.sends(frames, asked.stream_id))
        while True:
            frame = await frames.read()
            if isinstance(frame, GoAwayFrame | RstStreamFrame) and not self.ended.done():
                self.ended.set_result(frame.error_code)


class QuicFrames(Http3):
    """A client of HTTP/3 that sends frames and streams as it likes, and sees how its connection ends.

    `ended` is the error code by which it was ended.
    """

    ended: asyncio.Future[int]

    @classmethod
    async def connect(cls, port: int) -> Self:
        made = await super().connect(port)
        made.ended = asyncio.get_running_loop().create_future()
        take = made.quic.quic_event_received

        def quic_event_received(event: QuicEvent) -> None:
            if isinstance(event, ConnectionTerminated) and not made.ended.done():
                made.ended.set_result(event.error_code)
            take(event)

        made.quic.quic_event_received = quic_event_received  # type: ignore[method-assign]
        return made

    def send_frame(self, stream: int, kind: int, data: bytes, *, ended: bool = False) -> None:
        """Send a frame of HTTP/3."""
        self.quic._quic.send_stream_data(stream, encode_frame(kind, data), ended)
        self.quic.transmit()

    def send_head(self, stream: int, lines: Head, *, ended: bool = True) -> None:
        """Send a head, coded without a table."""
        self.quic.got[stream] = Got()
        self.send_frame(stream, FrameType.HEADERS, coded([(n.encode(), v.encode()) for n, v in lines]), ended=ended)

    def send_quic(self, kind: int, body: bytes, count: int) -> None:
        """Send so many frames of QUIC, ten in a packet."""
        quic = self.quic._quic

        def write(builder: QuicPacketBuilder, uids: object) -> None:
            for _ in range(10):
                builder.start_frame(kind, len(body)).push_bytes(body)

        quic._write_ping_frame = write  # type: ignore[method-assign, assignment]
        for number in range(count // 10):
            quic.send_ping(number)
            self.quic.transmit()
