"""What is over a bound is taken out of a field section, and what is left is read as before."""

from __future__ import annotations

import pylsqpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.hooks.bounds import Measure
from urlrewrite.hooks.patches.qpack import coded
from urlrewrite.hooks.patches.qpack_bounds import FarOverError, within
from urlrewrite.trace.reasons import Reason

NAMES = st.sampled_from([b":path", b":authority", b":method", b"cookie", b"x-a", b"accept"]) | st.binary(
    min_size=1, max_size=12
)
SHORT = st.tuples(NAMES, st.sampled_from([b"", b"GET", b"*/*"]) | st.binary(max_size=60))
LONG = st.tuples(NAMES, st.binary(min_size=300, max_size=700))


def read(section: bytes) -> list[tuple[bytes, bytes]]:
    return pylsqpack.Decoder(4096, 16).feed_header(0, section)[1] if section else []  # type: ignore[no-any-return]


@given(st.lists(SHORT, min_size=1, max_size=12))
def test_what_is_within_the_bounds_is_left_as_it_came(lines: list[tuple[bytes, bytes]]) -> None:
    for section in (coded(lines), pylsqpack.Encoder().encode(0, lines)[1]):
        assert within(section, 2000, 12) == (section, None)
        assert read(section) == lines


@given(st.lists(SHORT | LONG, min_size=1, max_size=12))
def test_what_is_over_goes_and_the_rest_stays(lines: list[tuple[bytes, bytes]]) -> None:
    section = coded(lines)
    if len(section) > 1000:
        with pytest.raises(FarOverError):
            within(section, 250, 100)
        return
    cut, over = within(section, 250, 100)
    too_long = [len(name) + len(value) > 250 for name, value in lines]
    assert bool(over) == any(too_long)
    assert read(cut) == [
        line
        for line, is_long in zip(lines, too_long, strict=True)
        if not is_long or line[0] in (b":path", b":authority")
    ]


def section_of_table() -> tuple[pylsqpack.Decoder, bytes]:
    """A section of a peer whose table has an entry, and the decoder that knows it."""
    encoder, decoder = pylsqpack.Encoder(), pylsqpack.Decoder(4096, 16)
    decoder.feed_encoder(encoder.apply_settings(4096, 16))
    for number in range(4):
        instructions, section = encoder.encode(number, [(b":method", b"GET"), (b"x-a", b"a" * 50)])
        decoder.feed_encoder(instructions)
        encoder.feed_decoder(decoder.feed_header(number, section)[0])
    return decoder, encoder.encode(9, [(b"x-a", b"a" * 50)] * 9)[1]


def test_lines_from_the_table_are_counted_without_it() -> None:
    decoder, section = section_of_table()
    assert len(section) < 50
    assert within(section, 1000, 9) == (section, None)
    cut, over = within(section, 1000, 3)
    assert over is Reason.TOO_MANY_FIELDS
    assert decoder.feed_header(9, cut)[1] == [(b"x-a", b"a" * 50)] * 8
    with pytest.raises(FarOverError):
        within(section, 1000, 2)


def huffman_line(name: bytes, length: int) -> bytes:
    """A line with a value of so many a, which take five bits each."""
    value = b"\x18\xc6\x31\x8c\x63" * (length // 8)
    return coded([(name, b"")])[:-1] + _integer(len(value)) + value


def _integer(number: int) -> bytes:
    octets = [0xFF]
    number -= 127
    while number >= 128:
        octets.append(number % 128 | 128)
        number //= 128
    return bytes([*octets, number])


FAR = 2**20
TEXTS = [
    (coded([(b":path", b"/" + b"a" * 3000)]), 2000, Reason.TARGET_TOO_LONG, [1000]),
    (coded([(b":authority", b"a" * 3000)]), 2000, Reason.HEAD_TOO_LONG, [1000]),
    (coded([(b"a" * 3000, b"z")]), 2000, Reason.HEAD_TOO_LONG, []),
    (coded([(b"z", b"a" * 65534)]), FAR, None, [65534]),
    (coded([(b"z", b"a" * 65535)]), FAR, Reason.HEAD_TOO_LONG, []),
    (coded([(b":path", b"a" * 70000)]), FAR, Reason.TARGET_TOO_LONG, [1000]),
    (huffman_line(b"z", 65528), FAR, None, [65528]),
    (huffman_line(b"z", 65536), FAR, Reason.HEAD_TOO_LONG, []),
    (huffman_line(b":path", 70000), FAR, Reason.TARGET_TOO_LONG, [1000]),
]


@pytest.mark.parametrize(("section", "most", "over", "kept"), TEXTS)
def test_long_texts(section: bytes, most: int, over: Reason | None, kept: list[int]) -> None:
    """The library reads what is left, however long a line was."""
    cut, found = within(section + coded([(b"x", b"y")])[2:], most, 10)
    assert found is over
    *before, last = read(cut)
    assert last == (b"x", b"y")
    assert [len(value) for _, value in before] == kept
    assert within(section, most, 10)[0] == (cut.removesuffix(coded([(b"x", b"y")])[2:]) if kept else b"")


BROKEN = [b"", b"\0", b"\0\0\x50", b"\0\0\x23", b"\0\0\x50\x05ab", b"\xff\xff\xff\xff\xff\xff\xff"]


@pytest.mark.parametrize("section", BROKEN, ids=bytes.hex)
def test_what_is_no_section_is_left_to_the_library(section: bytes) -> None:
    assert within(section, 1000, 10) == (section, None)


def test_a_measure() -> None:
    measure = Measure(200, 2)
    assert measure.take(b":path", b"/") == (b":path", b"/")
    assert measure.take(b"x", b"y") == (b"x", b"y")
    assert measure.over is None
    assert measure.take(b"x", b"a" * 200) is None
    assert measure.over is Reason.HEAD_TOO_LONG
    assert measure.take(b"x", b"y") is None
    assert measure.take(b":method", b"GET") == (b":method", b"GET")
    assert measure.over is Reason.HEAD_TOO_LONG
