"""Heads of any length go out over HTTP/3, and come out on the other side as they were."""

from __future__ import annotations

from pathlib import Path

import pylsqpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy.layers.http import _http3
from mitmproxy.proxy.layers.http._http_h3 import LayeredH3Connection
from mitmproxy.proxy.layers.quic import SendQuicStreamData
from mitmproxy.test import taddons, tflow

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http3
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.patches.qpack import MAX_CODED, Qpack, QpackConnection, coded

type Head = list[tuple[bytes, bytes]]

NAMES = st.binary(min_size=1, max_size=200)
VALUES = st.binary(max_size=300) | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=3), st.integers(0, 20_000))
HEADS = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=8)


@given(HEADS)
def test_a_coded_head_is_read_as_it_was(head: Head) -> None:
    _, read = pylsqpack.Decoder(0, 0).feed_header(0, coded(head))
    assert read == head


class Sides:
    """A connection that sends heads, and what reads them on the other side."""

    def __init__(self) -> None:
        self.sender = QpackConnection(tflow.tclient_conn(), is_client=False)
        self.reader = pylsqpack.Decoder(4096, 16)
        # As the other side's settings allow it.
        self.sender._encoder.apply_settings(4096, 16)
        self.streams = iter(range(0, 2**20, 4))

    def send(self, head: Head) -> Head:
        stream = next(self.streams)
        frame = self.sender._encode_headers(stream, head)
        for command in self.sender._mock.pending_commands:
            is_coding = isinstance(command, SendQuicStreamData) and command.stream_id == 7
            if is_coding and command.data != b"\2":
                self.reader.feed_encoder(command.data)
        self.sender._mock.pending_commands.clear()
        acknowledged, read = self.reader.feed_header(stream, frame)
        self.sender._encoder.feed_decoder(acknowledged)
        return read


@given(st.lists(HEADS, max_size=6))
def test_long_and_short_heads_follow_each_other(heads: list[Head]) -> None:
    sides = Sides()
    # Each twice, as what comes again is what the library puts into its table.
    for head in [head for head in heads for _ in range(2)]:
        assert sides.send(head) == head


@pytest.mark.parametrize("byte", [b"a", b"\xff"], ids=["can be shortened", "cannot"])
@pytest.mark.parametrize("lines", [1, 2, 50, 300])
def test_heads_of_about_the_length_that_the_library_takes(lines: int, byte: bytes) -> None:
    sides = Sides()
    for size in range(MAX_CODED // lines - 100, MAX_CODED // lines + 30):
        head = [(b"x%d" % number, byte * max(size, 0)) for number in range(lines)]
        assert sides.send(head) == head


HEADS_OF_RESPONSES: dict[str, list[tuple[str, str]]] = {
    "one field of 5 kB": [("Content-Security-Policy", "img-src " + "https://images.example " * 230)],
    "one field of 60 kB": [("X-Long", "x" * 60_000)],
    "many fields": [(f"X-{number}", "value") for number in range(600)],
    "many lines of a field": [*[("Vary", f"x-{number}") for number in range(900)], ("Vary", "accept")],
}


@pytest.mark.parametrize("name", HEADS_OF_RESPONSES)
async def test_a_long_head_of_a_response(name: str, tmp_path: Path) -> None:
    fields = HEADS_OF_RESPONSES[name]
    answers = {"/long": Answer(fields=fields, body=b"<p>long"), "/short": Answer(body=b"<p>short")}
    async with (
        Http1Backend(answers) as behind,
        in_process(rules_for(behind), tmp_path, http3=True) as proxy,
    ):
        client = await Http3.connect(proxy.port)
        for got in await client.ask_all(["/long", "/short", "/long", "/short"]):
            assert (got.status, got.ended) == (200, True)
        # Nor does the library code such a head for the client.
        client.quic.http._encode_headers = lambda _, head: coded(head)  # type: ignore[method-assign]
        got = await client.ask(path="/long", fields=(("cookie", "a=" + "b" * 20_000),))
        assert (got.status, got.body) == (200, b"<p>long")
        assert {name.lower(): value.strip() for name, value in fields}.items() <= got.fields.items()
        assert ("cookie", "a=" + "b" * 20_000) in [(key.lower(), value) for key, value in behind.asked[-1].head]
        await client.close()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.log), proxy.log


def test_it_is_put_in_place_and_taken_away_again() -> None:
    ours = Qpack()
    with taddons.context(ours, loadcore=False):
        assert _http3.LayeredH3Connection is QpackConnection
        ours.done()
    assert _http3.LayeredH3Connection is LayeredH3Connection
