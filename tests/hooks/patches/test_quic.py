"""Connections of QUIC live on where a network brings packets twice, and where clients leave streams."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aioquic.h3.connection import ErrorCode
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import StreamDataReceived, StreamReset
from mitmproxy.proxy.layers.quic import _stream_layers
from mitmproxy.test import taddons

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http3
from hooks.in_process import InProcess, in_process
from hooks.patches.rules import rules_for
from http3.lossy_relay import LossyRelay
from urlrewrite.hooks.patches.quic import Quic, ServedConnection

LONG = Answer(body=b"<p>long " * 100_000, repeat=100, fields=[("Content-Type", "application/octet-stream")])
ANSWERS = {"/long": LONG, "/short": Answer(body=b"<p>short")}


def is_sound(proxy: InProcess) -> bool:
    return not any("crashed" in line or "Traceback" in line for line in proxy.log)


@pytest.mark.parametrize("resets", [False, True], ids=["takes no more", "sends no more"])
async def test_a_client_that_leaves_a_stream_and_says_so_twice_is_served_on(resets: bool, tmp_path: Path) -> None:
    async with (
        Http1Backend(ANSWERS) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
        LossyRelay(proxy.port, 1, twice=1.0) as network,
    ):
        client = await Http3.connect(network.port)
        left = client.begin("POST" if resets else "GET", "/long", ended=not resets)
        if resets:
            client.quic._quic.reset_stream(left, ErrorCode.H3_REQUEST_CANCELLED)
        else:
            await client.started(left)
            client.quic._quic.stop_stream(left, ErrorCode.H3_REQUEST_CANCELLED)
            client.quic.transmit()
            client.quic._quic.stop_stream(left, ErrorCode.H3_REQUEST_CANCELLED)
        client.quic.transmit()
        for got in await client.ask_all(["/short"] * 3):
            assert (got.status, got.body) == (200, b"<p>short"), proxy.log
        await client.close()
        assert is_sound(proxy), proxy.log


def test_the_end_of_a_stream_is_told_once() -> None:
    connection = ServedConnection(configuration=QuicConfiguration())
    data = StreamDataReceived(data=b"a", end_stream=False, stream_id=1)
    end = StreamDataReceived(data=b"", end_stream=True, stream_id=1)
    reset = StreamReset(error_code=1, stream_id=1)
    other = StreamDataReceived(data=b"b", end_stream=True, stream_id=5)
    connection._events.extend([data, data, end, end, other, reset, end, reset, other, data])
    told = []
    while event := connection.next_event():
        told.append(event)
    assert told == [data, data, end, other, reset, data]


def test_what_is_sent_on_a_stream_that_is_over_goes_nowhere() -> None:
    connection = ServedConnection(configuration=QuicConfiguration())
    unknown, left = 1, connection.get_next_available_stream_id()
    connection.send_stream_data(left, b"begun")
    connection.reset_stream(left, 1)
    for stream in (unknown, left):
        connection.send_stream_data(stream, b"late", end_stream=True)
        connection.reset_stream(stream, 2)
    assert [*connection._streams] == [left]
    assert connection._streams[left].sender._reset_error_code == 1


async def test_a_connection_rests_longer_than_mitmproxys_time_for_udp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitmproxy.proxy.server.UDP_TIMEOUT", 0.2)
    async with (
        Http1Backend(ANSWERS) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        for _ in range(2):
            got = await client.ask(path="/short")
            assert (got.status, got.body) == (200, b"<p>short")
            await asyncio.sleep(1.0)
        await client.close()
        assert is_sound(proxy), proxy.log


def test_it_is_put_in_place_and_taken_away_again() -> None:
    ours = Quic()
    with taddons.context(ours, loadcore=False):
        assert _stream_layers.QuicConnection is ServedConnection
        ours.done()
    assert _stream_layers.QuicConnection is QuicConnection
