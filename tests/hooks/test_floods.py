"""Floods of frames end their connection, of clients and of backends; what is needed does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import ErrorCode, FrameType, encode_frame
from aioquic.quic.packet import QuicFrameType
from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from faults.raw_backend import RULES, RawBackend
from hooks.clients import WITHIN, Http1, Http2, Http3
from hooks.flooding import Frames, FramesBackend, QuicFrames
from hooks.in_process import in_process, is_sound
from hooks.patches.rules import rules_for
from hooks.test_bounds import OK, SMALL
from urlrewrite.hooks.floods import REFILL_SECONDS, Allowance
from urlrewrite.inspector.diagnose.backend_failures import backend_failure
from urlrewrite.trace.reading import read

FEW = {**SMALL, "urlrewrite_max_empty_frames": 100}
MANY = 130
"""More than these options allow, even if some come back."""


def _streams(frames: Frames, of_each: Callable[[int], Frame], *, ended: bool = True) -> Iterator[Frame]:
    for stream in range(1, 2 * MANY, 2):
        yield frames.head(stream, ended=ended)
        yield of_each(stream)


CONTROL: dict[str, Callable[[int], Frame]] = {
    "SETTINGS": lambda _: SettingsFrame(0),
    "acknowledged SETTINGS": lambda _: SettingsFrame(0, flags=["ACK"]),
    "PING": lambda _: PingFrame(0, b"01234567"),
    "acknowledged PING": lambda _: PingFrame(0, b"01234567", flags=["ACK"]),
    "PRIORITY": lambda _: PriorityFrame(3, depends_on=0, stream_weight=1),
    "WINDOW_UPDATE": lambda _: WindowUpdateFrame(0, 1),
    "WINDOW_UPDATE of a stream": lambda stream: WindowUpdateFrame(stream, 1),
    "unknown frames": lambda stream: ExtensionFrame(0xBB, stream, body=b""),
}
"""Frames that either side may send beside a request."""

BODY: dict[str, Callable[[int], Frame]] = {
    "empty DATA": lambda stream: DataFrame(stream, b""),
    "DATA of padding": lambda stream: DataFrame(stream, b"", flags=["PADDED"], pad_length=9),
}
BLOCKS: dict[str, Callable[[Frames, int], list[Frame]]] = {
    "empty CONTINUATION": lambda _, stream: [HeadersFrame(stream), *[ContinuationFrame(stream)] * MANY],
    "CONTINUATION without end": lambda _, stream: [
        HeadersFrame(stream),
        *[ContinuationFrame(stream, b"\x82" * 1000)] * 20,
    ],
    "a field block far over": lambda _, stream: [HeadersFrame(stream, b"\x82" * 20_000, flags=["END_HEADERS"])],
    "far too many lines": lambda _, stream: [HeadersFrame(stream, b"\xa0" * 250, flags=["END_HEADERS"])],
}
MANY_SETTINGS = SettingsFrame(0, dict.fromkeys(range(100, 100 + MANY), 1))

FLOODS: dict[str, Callable[[Frames], list[Frame]]] = {
    "resets": lambda frames: [*_streams(frames, lambda stream: RstStreamFrame(stream, ErrorCodes.CANCEL))],
    "resets that are made ours": lambda frames: [
        *_streams(frames, lambda stream: WindowUpdateFrame(stream, 2**31 - 1), ended=False)
    ],
    "many SETTINGS in one frame": lambda _: [MANY_SETTINGS],
    **{
        name: lambda frames, make=make: [frames.head(1, ended=False), *[make(1)] * MANY]  # type: ignore[misc]
        for name, make in {**CONTROL, **BODY}.items()
    },
    **{name: lambda frames, make=make: make(frames, 1) for name, make in BLOCKS.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_client_of_http2_that_floods_is_told_to_calm_down(name: str, tmp_path: Path) -> None:
    async with RawBackend([OK]) as backend, in_process(RULES.format(port=backend.port), tmp_path, **FEW) as proxy:
        client = await Frames.connect(proxy.port)
        client.send(*FLOODS[name](client))
        assert await client.goaway() == ErrorCodes.ENHANCE_YOUR_CALM, proxy.log
        await client.close()
        # Others go on.
        other = await Http1.connect(proxy.port)
        assert (await other.ask()).status == 200
        await other.close()
        await backend.until_open(1)
        assert is_sound(proxy), proxy.log


async def test_what_carries_something_is_no_flood(tmp_path: Path) -> None:
    """A download that says of each piece that it was taken, and an upload in small pieces."""
    sends = ["HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3000000\r\n\r\n", ["a", 3_000_000]]
    async with (
        RawBackend(sends) as backend,  # type: ignore[arg-type]
        in_process(RULES.format(port=backend.port), tmp_path, **FEW) as proxy,
    ):
        client = await Frames.connect(proxy.port)
        client.send(*[PingFrame(0, b"01234567")] * 90)
        client.send(client.head(1, ended=False), *[DataFrame(1, b"x") for _ in range(300)])
        client.send(DataFrame(1, b"", flags=["END_STREAM"]))
        size = 0
        async with asyncio.timeout(WITHIN):
            while size < 3_000_000:
                frame = await client.read()
                if isinstance(frame, DataFrame) and frame.data:
                    size += len(frame.data)
                    client.send(WindowUpdateFrame(1, len(frame.data)), WindowUpdateFrame(0, len(frame.data)))
        await client.close()
        assert is_sound(proxy), proxy.log


FROM_BACKENDS: dict[str, Callable[[Frames, int], list[Frame]]] = {
    "many SETTINGS in one frame": lambda _, stream: [MANY_SETTINGS],
    **{name: lambda _, stream, make=make: [make(stream)] * MANY for name, make in CONTROL.items()},  # type: ignore[misc]
    **{
        name: lambda frames, stream, make=make: [  # type: ignore[misc]
            frames.block(stream, [(":status", "200"), ("content-type", "text/html")], ended=False),
            *[make(stream)] * MANY,
        ]
        for name, make in BODY.items()
    },
    **BLOCKS,
}
STATUS = (":status", "200")
HTML = ("content-type", "text/html")
LONG = ("x", "a" * 5000)
OVER: dict[str, Callable[[Frames, int], list[Frame]]] = {
    "a long field": lambda frames, stream: [frames.block(stream, [STATUS, LONG], ended=False)],
    "many lines": lambda frames, stream: [frames.block(stream, [STATUS, *[("x", "y")] * 60], ended=False)],
    "a long interim head": lambda frames, stream: [frames.block(stream, [(":status", "103"), LONG], ended=False)],
    "long trailers": lambda frames, stream: [
        frames.block(stream, [STATUS, HTML], ended=False),
        DataFrame(stream, b"<p>half"),
        frames.block(stream, [LONG]),
    ],
}


@pytest.mark.parametrize("name", [*FROM_BACKENDS, *OVER])
async def test_a_backend_of_http2_that_floods_or_sends_too_much_gets_502(name: str, tmp_path: Path) -> None:
    async with (
        FramesBackend({**FROM_BACKENDS, **OVER}[name]) as backend,
        in_process(rules_for(backend), tmp_path, ssl_insecure=True, **FEW) as proxy,
    ):
        client = await Http2.connect(proxy.port)
        got = await client.ask()
        assert (got.status, got.cut) == (502, False), proxy.log
        failure = backend_failure(read(proxy.flows[0].metadata["urlrewrite"]))
        assert failure
        assert failure.code == "backend-oversized"
        if name != "long trailers":
            # Those end their stream themselves.
            async with asyncio.timeout(WITHIN):
                ended = await backend.ended
            assert ended == (ErrorCodes.CANCEL if name in OVER else ErrorCodes.ENHANCE_YOUR_CALM)
        await client.close()
        assert is_sound(proxy), proxy.log


RESERVED = 0x21
"""A type of frames that mean nothing (RFC 9114, 7.2.8)."""


_PAUSE = 0.003
"""Seconds in which the proxy, in the same thread, gets its turn."""


async def _reset_streams(client: QuicFrames) -> None:
    while not client.ended.done():
        client.quic._quic.reset_stream(client.begin(ended=False), ErrorCode.H3_REQUEST_CANCELLED)
        client.quic.transmit()
        await asyncio.sleep(_PAUSE)


async def _stop_streams(client: QuicFrames) -> None:
    while not client.ended.done():
        client.quic._quic.stop_stream(client.begin(), ErrorCode.H3_REQUEST_CANCELLED)
        client.quic.transmit()
        await asyncio.sleep(_PAUSE)


def _frames(kind: int, data: bytes, count: int = MANY) -> Callable[[QuicFrames], None]:
    """Frames of HTTP/3 behind the head of a request."""

    def send(client: QuicFrames) -> None:
        stream = client.begin("POST", ended=False)
        client.quic._quic.send_stream_data(stream, encode_frame(kind, data) * count)

    return send


def _control(frames: bytes) -> Callable[[QuicFrames], None]:
    """Frames of the connection."""

    def send(client: QuicFrames) -> None:
        stream = client.quic.http._local_control_stream_id
        assert stream is not None
        client.quic._quic.send_stream_data(stream, frames)

    return send


def _request(begin: bytes) -> Callable[[QuicFrames], None]:
    """The beginning of a stream of a request."""

    def send(client: QuicFrames) -> None:
        client.quic._quic.send_stream_data(0, begin)

    return send


def _quic(kind: int, body: bytes) -> Callable[[QuicFrames], None]:
    """Frames of QUIC."""

    def send(client: QuicFrames) -> None:
        client.begin("POST", ended=False)
        client.send_quic(kind, body, MANY)

    return send


EIGHT = b"\xc0\0\0\0\0\1\0\0"
"""65536 as a number of eight bytes."""

HTTP3_FLOODS: dict[str, Callable[[QuicFrames], Awaitable[None] | None]] = {
    "resets": _reset_streams,
    "STOP_SENDING": _stop_streams,
    "empty DATA": _frames(FrameType.DATA, b""),
    "unknown frames": _frames(RESERVED, b""),
    "unknown frames of the connection": _control(encode_frame(RESERVED, b"x") * MANY),
    "MAX_PUSH_ID": _control(b"".join(encode_frame(FrameType.MAX_PUSH_ID, bytes([n % 60])) for n in range(MANY))),
    "GOAWAY": _control(encode_frame(FrameType.GOAWAY, b"\0") * MANY),
    "a head without end": _request(encode_uint_var(FrameType.HEADERS) + encode_uint_var(2**40)),
    "an unknown frame without end": _request(encode_uint_var(RESERVED) + encode_uint_var(2**40)),
    "a frame of the connection without end": _control(
        encode_uint_var(RESERVED) + encode_uint_var(2**40) + b"x" * 20_000
    ),
    "a head far over": _request(encode_frame(FrameType.HEADERS, b"\0\0" + b"\xd1" * 17_000)),
    "far too many lines": _request(encode_frame(FrameType.HEADERS, b"\0\0" + b"\xd1" * 250)),
    "PING": _quic(QuicFrameType.PING, b""),
    "MAX_DATA": _quic(QuicFrameType.MAX_DATA, EIGHT),
    "MAX_STREAM_DATA": _quic(QuicFrameType.MAX_STREAM_DATA, b"\0" + EIGHT),
    "MAX_STREAMS": _quic(QuicFrameType.MAX_STREAMS_BIDI, b"\x0f"),
    "DATA_BLOCKED": _quic(QuicFrameType.DATA_BLOCKED, EIGHT),
    "STREAM_DATA_BLOCKED": _quic(QuicFrameType.STREAM_DATA_BLOCKED, b"\0" + EIGHT),
    "STREAMS_BLOCKED": _quic(QuicFrameType.STREAMS_BLOCKED_BIDI, b"\x0f"),
}


@pytest.mark.parametrize("name", HTTP3_FLOODS)
async def test_a_client_of_http3_that_floods_loses_its_connection(name: str, tmp_path: Path) -> None:
    async with (
        RawBackend([OK]) as backend,
        in_process(RULES.format(port=backend.port), tmp_path, http3=True, **FEW) as proxy,
    ):
        client = await QuicFrames.connect(proxy.port)
        async with asyncio.timeout(WITHIN):
            if (sending := HTTP3_FLOODS[name](client)) is not None:
                await sending
            client.quic.transmit()
            assert await client.ended == ErrorCode.H3_EXCESSIVE_LOAD, proxy.log
        await client.close()
        other = await Http3.connect(proxy.port)
        assert (await other.ask(path="/well")).status == 200
        await other.close()
        await backend.until_open(1)
        assert is_sound(proxy), proxy.log


async def test_an_upload_and_a_download_over_http3_are_no_flood(tmp_path: Path) -> None:
    sends = ["HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3000000\r\n\r\n", ["a", 3_000_000]]
    async with (
        RawBackend(sends) as backend,  # type: ignore[arg-type]
        in_process(RULES.format(port=backend.port), tmp_path, http3=True, **FEW) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        stream = client.begin("POST", ended=False)
        for number in range(300):
            client.quic.http.send_data(stream, b"x", end_stream=number == 299)
            client.quic.transmit()
        got = await client.finish(stream)
        assert (got.status, got.cut, len(got.body)) == (200, False, 3_000_000)
        await client.close()
        assert is_sound(proxy), proxy.log


def test_an_allowance_comes_back() -> None:
    now = [0.0]
    allowance = Allowance(10, lambda: now[0])
    assert [allowance.take() for _ in range(11)] == [True] * 10 + [False]
    now[0] += REFILL_SECONDS / 5
    assert [allowance.take() for _ in range(2)] == [True, False]
    now[0] += 10 * REFILL_SECONDS
    assert allowance.take(10)
    assert not allowance.take()
    allowance.give(3)
    assert allowance.take(2)
