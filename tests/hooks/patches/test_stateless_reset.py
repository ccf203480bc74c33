"""A client of QUIC whose connection nobody knows hears so at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy.layers.quic import ClientQuicLayer
from mitmproxy.test import taddons

from hooks.backends import Answer, Http1Backend
from hooks.clients import WITHIN, Http3
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from http3.lossy_relay import LossyRelay
from urlrewrite.hooks.patches.stateless_reset import StatelessReset, _key, reset, token

SHORTEST = 22
"""Bytes of a packet for which there is a reset: one more than the shortest reset (RFC 9000, 10.3)."""


async def heard_a_reset(client: Http3) -> bool:
    """Ask, and say whether what comes is a reset by whoever made the connection. aioquic does not look."""
    came = asyncio.Queue[bytes]()
    client.quic.datagram_received = lambda data, addr: came.put_nowait(data)  # type: ignore[method-assign, assignment]
    client.begin(path="/")
    async with asyncio.timeout(WITHIN):
        data = await came.get()
    return data[-16:] == client.quic._quic._peer_cid.stateless_reset_token


@pytest.mark.parametrize("restarted", [False, True], ids=["a client with another address", "a proxy that is restarted"])
async def test_whose_connection_nobody_knows(restarted: bool, tmp_path: Path) -> None:
    _key.cache_clear()
    async with Http1Backend({"/": Answer(body=b"<p>x")}) as behind:
        async with (
            in_process(rules_for(behind), tmp_path, http3=True) as proxy,
            LossyRelay(proxy.port, 1) as network,
        ):
            client = await Http3.connect(network.port)
            assert (await client.ask()).body == b"<p>x"
            if not restarted:
                await network.move(proxy.port)
                assert await heard_a_reset(client)
                other = await Http3.connect(network.port)
                assert (await other.ask()).body == b"<p>x"
                await other.close()
                assert not any("andshake" in line or "crashed" in line for line in proxy.log), proxy.log
        if restarted:
            _key.cache_clear()
            async with (
                in_process(rules_for(behind), tmp_path, http3=True) as proxy,
                LossyRelay(proxy.port, 1) as network,
            ):
                client.quic._transport.close()  # type: ignore[union-attr]
                address = ("127.0.0.1", network.port)
                await asyncio.get_running_loop().create_datagram_endpoint(lambda: client.quic, remote_addr=address)
                client.quic._quic._network_paths[0].addr = address
                assert await heard_a_reset(client)
        client.quic.leave()
        await asyncio.sleep(0)


@given(st.binary(min_size=1, max_size=1500))
def test_a_reset_is_shorter_than_its_cause_and_like_any_packet(packet: bytes) -> None:
    made = reset(packet)
    assert bool(made) == (len(packet) >= SHORTEST)
    if made:
        assert 21 <= len(made) < len(packet)
        assert made[0] & 0xC0 == 0x40
        assert made.endswith(token(packet[1:9]))


def test_it_is_put_in_place_and_taken_away_again() -> None:
    before = ClientQuicLayer.receive_handshake_data
    ours = StatelessReset()
    with taddons.context(ours, loadcore=False):
        assert ClientQuicLayer.receive_handshake_data is not before
        ours.done()
    assert ClientQuicLayer.receive_handshake_data is before
