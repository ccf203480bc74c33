"""Floods of frames end their connection, of clients and of backends; what is needed does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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
from hooks.clients import WITHIN, Http1, Http2
from hooks.flooding import Frames, FramesBackend
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
