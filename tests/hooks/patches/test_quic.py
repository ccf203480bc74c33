"""Connections of QUIC live on where a network brings packets twice, and where clients leave streams."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from aioquic.h3.connection import H3_ALPN, ErrorCode
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamDataReceived, StreamReset
from aioquic.quic.packet import QuicPacketType
from aioquic.quic.packet_builder import QuicSentPacket
from aioquic.quic.rangeset import RangeSet
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream, QuicStreamSender
from aioquic.tls import Epoch
from mitmproxy.proxy.layers.quic import ClientQuicLayer, _stream_layers
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


async def test_the_first_packet_to_arrive_may_be_one_that_only_asks_whether_any_does(tmp_path: Path) -> None:
    async with Http1Backend(ANSWERS) as behind, in_process(rules_for(behind), tmp_path, http3=True) as proxy:
        loop, address = asyncio.get_running_loop(), ("127.0.0.1", proxy.port)
        client = QuicConnection(
            configuration=QuicConfiguration(alpn_protocols=H3_ALPN, server_name="localhost", verify_mode=ssl.CERT_NONE)
        )
        client.connect(address, loop.time())
        first = client._crypto_streams[Epoch.INITIAL]
        hello, first.sender = first.sender, QuicStreamSender(stream_id=None, writable=True)
        client._probe_pending = True
        with socket.socket(type=socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect(address)
            for datagram, _ in client.datagrams_to_send(loop.time()):
                await loop.sock_sendall(own, datagram)
            first.sender = hello
            while not isinstance(event := client.next_event(), HandshakeCompleted):
                assert not isinstance(event, ConnectionTerminated), proxy.log
                for datagram, _ in client.datagrams_to_send(loop.time()):
                    await loop.sock_sendall(own, datagram)
                client.receive_datagram(await loop.sock_recv(own, 2000), address, loop.time())


def test_the_end_of_a_stream_is_told_once() -> None:
    connection = ServedConnection(configuration=QuicConfiguration())
    connection._streams |= {1: QuicStream(1), 5: QuicStream(5)}
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


def test_packets_that_take_longer_for_a_while_are_not_waited_for_much_longer() -> None:
    recovery = ServedConnection(configuration=QuicConfiguration())._loss
    space = QuicPacketSpace()
    recovery.spaces = [space]
    for number, took in enumerate([0.01] * 3 + [0.5] * 100):
        packet = QuicSentPacket(Epoch.ONE_RTT, True, True, False, number, QuicPacketType.ONE_RTT, number, 1200)
        recovery.on_packet_sent(packet=packet, space=space)
        acknowledged = RangeSet([range(number, number + 1)])
        recovery.on_ack_received(ack_rangeset=acknowledged, ack_delay=0.0, now=number + took, space=space)
    assert 0.5 < recovery.get_probe_timeout() < 0.6


async def test_two_packets_ask_whether_anything_arrives(tmp_path: Path) -> None:
    async with (
        Http1Backend(ANSWERS) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        assert (await client.ask(path="/short")).status == 200
        [handler] = proxy.master.addons.get("proxyserver").connections.values()
        quic = next(layer.quic for layer in handler.layer.context.layers if isinstance(layer, ClientQuicLayer))
        assert quic
        now = asyncio.get_running_loop().time()
        quic.datagrams_to_send(now)
        quic._send_probe()
        assert len(quic.datagrams_to_send(now)) == 2
        assert quic.datagrams_to_send(now) == []
        await client.close()


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
