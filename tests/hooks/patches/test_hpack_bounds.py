"""Field blocks are read as hpack reads them, up to a bound; beyond it the table stays the peer's."""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder, HPACKError, OversizedHeaderListError
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.hooks.patches.hpack_bounds import MAX_HUFFMAN, BoundedDecoder, BoundedEncoder
from urlrewrite.trace.reasons import Reason

NAMES = st.sampled_from([b":path", b":method", b"cookie", b"x-a", b"x-b"]) | st.binary(min_size=1, max_size=9)
LINES = st.tuples(NAMES, st.binary(max_size=60) | st.binary(min_size=3000, max_size=5000), st.booleans())
BLOCKS = st.lists(st.tuples(st.lists(LINES, max_size=8), st.booleans()), max_size=6)


@given(BLOCKS, st.sampled_from([100, 2000, 2**16]), st.sampled_from([1, 2, 1000]))
def test_what_is_within_the_bounds_is_read_as_hpack_does_whatever_came_before(blocks, most, lines) -> None:  # type: ignore[no-untyped-def]
    encoder, decoder, bounded = Encoder(), Decoder(2**20), BoundedDecoder(most, lines)
    for block, huffman in blocks:
        data = encoder.encode(block, huffman=huffman)
        wanted = decoder.decode(data, raw=True)
        if len(wanted) > 4 * lines:
            with pytest.raises(OversizedHeaderListError):
                bounded.decode(data, raw=True)
            return
        found = bounded.decode(data, raw=True)
        assert bounded.header_table.dynamic_entries == decoder.header_table.dynamic_entries
        size = sum(len(name) + len(value) + 32 for name, value in wanted)
        count = sum(name[:1] != b":" for name, _ in wanted)
        assert bool(bounded.over) == (size > most or count > lines)
        if bounded.over is None:
            assert found == wanted
            assert [type(line) for line in found] == [type(line) for line in wanted]
        else:
            regular = [line for line in found if line[0][:1] != b":"]
            assert regular == [line for line in wanted if line[0][:1] != b":"][: len(regular)]
            assert sum(len(name) + len(value) for name, value in regular) <= most


def test_a_changed_table_size_is_taken() -> None:
    encoder, bounded = Encoder(), BoundedDecoder(1000, 10)
    bounded.decode(encoder.encode([(b"x", b"y")]), raw=True)
    encoder.header_table_size = 100
    assert bounded.decode(encoder.encode([(b"x", b"z")]), raw=True) == [(b"x", b"z")]
    assert bounded.header_table_size == 100


PATH = (b":path", b"/" + b"a" * 3000)
OVER = [
    ([(b":method", b"GET"), PATH, (b":authority", b"x"), (b"a", b"b")], Reason.TARGET_TOO_LONG),
    ([(b":method", b"GET"), (b"x", b"a" * 3000), (b"a", b"b")], Reason.HEAD_TOO_LONG),
    ([(b":method", b"GET"), *[(b"x", b"")] * 11], Reason.TOO_MANY_FIELDS),
]


@pytest.mark.parametrize("sensitive", [False, True])
@pytest.mark.parametrize(("lines", "over"), OVER)
def test_what_is_over_a_bound_is_told_and_left_out(
    lines: list[tuple[bytes, bytes]], over: Reason, sensitive: bool
) -> None:
    bounded = BoundedDecoder(2000, 10)
    found = bounded.decode(Encoder().encode([(*line, sensitive) for line in lines]), raw=True)
    assert bounded.over is over
    assert [(name, value[:1000]) for name, value in lines if name[:1] == b":"] == [
        line for line in found if line[0][:1] == b":"
    ]
    assert len(found) <= 11


BROKEN = [
    b"\x40",
    b"\x40\x05ab",
    b"\x82\x3f\xe1\x1f",
    b"\xff\x80\x80\x80\x80\x80\x80",
    b"\x80",
    b"\xff\x00",
    b"\x40\x81\xff\x00",
]


@pytest.mark.parametrize("data", BROKEN, ids=bytes.hex)
def test_what_is_no_block_is_refused(data: bytes) -> None:
    with pytest.raises((HPACKError, IndexError)):
        BoundedDecoder(2000, 10).decode(data, raw=True)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=5))
def test_what_is_written_is_read_back(lines: list[tuple[bytes, bytes]]) -> None:
    assert Decoder().decode(BoundedEncoder().encode(lines), raw=True) == lines


def test_only_what_is_short_is_coded_by_huffman() -> None:
    for length in (10, MAX_HUFFMAN - 3, MAX_HUFFMAN - 2, 5000):
        line = (b"x-a", b"a" * length)
        wanted = length + 3 <= MAX_HUFFMAN
        assert BoundedEncoder().encode([line]) == Encoder().encode([line], huffman=wanted), length


def test_a_peer_that_allows_a_large_table_gets_no_larger_one() -> None:
    encoder = BoundedEncoder()
    encoder.header_table_size = 2**31
    assert encoder.header_table_size == 4096
    encoder.header_table_size = 64
    assert encoder.header_table_size == 64
    assert encoder.encode([(b"x", b"y")])[:2] == b"\x3f\x21"
