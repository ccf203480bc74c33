from __future__ import annotations

import gzip
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.coding import stages
from urlrewrite.content.coding.codings import (
    MAX_CODINGS,
    SUPPORTED,
    CorruptCoding,
    DecodedTooLarge,
    UnsupportedCoding,
    decode,
    decoder,
    encode,
    encoder,
    limit_accept_encoding,
    parse_content_encoding,
)

MIB = 1 << 20
TEXT = "".join(f'<a href="http://privateserver:8080/{n}">{n * n}</a>\n' for n in range(2000)).encode()


def raw_deflate(data: bytes, level: int = 6) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def zstd_with_window(log: int) -> bytes:
    stream = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=log)
    ).compressobj()
    return stream.compress(TEXT) + stream.flush()


def chunked(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """`data` in chunks of these sizes; what they leave over comes last."""
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
    yield data[start:]


def outcome(chunks: Iterable[bytes], codings: Iterable[str]) -> bytes | type[Exception]:
    stream = decoder(tuple(codings), limit=16 * MIB)
    try:
        return b"".join([*map(stream.feed, chunks), stream.finish()])
    except (CorruptCoding, DecodedTooLarge) as error:
        return type(error)


CODINGS = st.lists(st.sampled_from(sorted(SUPPORTED)), max_size=3)
BODIES = st.binary(max_size=300) | st.builds(
    lambda start, size: TEXT[start : start + size], *[st.integers(0, 50_000)] * 2
)
SIZES = st.lists(st.integers(0, 40), max_size=40)


class TestFields:
    CONTENT_ENCODING = (
        ([], ()),
        ([""], ()),
        (["gzip"], ("gzip",)),
        (["GZip"], ("gzip",)),
        (["x-gzip"], ("gzip",)),
        (["identity"], ()),
        (["deflate, gzip"], ("deflate", "gzip")),
        (["deflate", "br"], ("deflate", "br")),
        (["deflate ,, identity,\tX-GZIP ", " zstd"], ("deflate", "gzip", "zstd")),
        (["gzip;q=1", "sdch"], ("gzip;q=1", "sdch")),
    )

    @pytest.mark.parametrize(("values", "codings"), CONTENT_ENCODING)
    def test_content_encoding(self, values: list[str], codings: tuple[str, ...]) -> None:
        assert parse_content_encoding(values) == codings

    ACCEPT_ENCODING = (
        (None, None),
        ("", "identity"),
        ("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"),
        ("gzip, deflate, br, zstd, dcb, dcz", "gzip, deflate, br, zstd"),
        ("sdch;q=1.0,GZIP;q=0.8 , X-Gzip ; q=0.5,", "GZIP;q=0.8, X-Gzip ; q=0.5"),
        ("compress", "identity"),
        ("compress, identity;q=0", "identity"),
        ("identity", "identity"),
        ("br;q=0.9, identity;q=0.1", "br;q=0.9, identity;q=0.1"),
        ("*", "gzip, deflate, br, zstd"),
        ("br;q=1.0, *;q=0.1", "br;q=1.0, gzip;q=0.1, deflate;q=0.1, zstd;q=0.1"),
        ("x-gzip;q=0, *", "x-gzip;q=0, deflate, br, zstd"),
        ("gzip, *;q=0", "gzip, *;q=0"),
        ("*;q=0", "identity"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000, deflate;Q=0", "identity"),
        ("gzip;q=0.001", "gzip;q=0.001"),
        ("gzip;q=much", "gzip;q=much"),
    )

    @pytest.mark.parametrize(("value", "limited"), ACCEPT_ENCODING)
    def test_accept_encoding(self, value: str | None, limited: str | None) -> None:
        assert limit_accept_encoding(value) == limited


class TestRoundTrip:
    @given(body=BODIES, codings=CODINGS, sizes=SIZES, more=SIZES)
    def test_any_stack_in_any_chunks(self, body: bytes, codings: list[str], sizes: list[int], more: list[int]) -> None:
        packer = encoder(codings)
        encoded = b"".join([*map(packer.feed, chunked(body, sizes)), packer.finish()])
        assert outcome(chunked(encoded, more), codings) == body
        assert decode(encoded, codings, limit=len(encoded) + len(body)) == body

    @given(codings=CODINGS, chunks=st.lists(BODIES, max_size=5))
    def test_flush_lets_the_receiver_have_all(self, codings: list[str], chunks: list[bytes]) -> None:
        packer, unpacker = encoder(codings), decoder(codings, limit=MIB)
        for chunk in chunks:
            assert unpacker.feed(packer.feed(chunk) + packer.flush()) == chunk
            assert packer.flush() == b""
        assert unpacker.feed(packer.finish()) + unpacker.finish() == b""

    @pytest.mark.parametrize("coding", sorted(SUPPORTED))
    def test_incompressible_and_long(self, coding: str) -> None:
        body = random.Random(7).randbytes(MIB) + TEXT * 20
        assert decode(encode(body, [coding]), [coding], limit=len(body)) == body

    def test_same_body_same_bytes(self) -> None:
        assert encode(TEXT, ["gzip"]) == encode(TEXT, ["gzip"])

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_zlib_where_isal_is_not_to_be_had(self, coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
        encoded = encode(TEXT, [coding])
        monkeypatch.setattr(stages, "isal_zlib", None)
        by_zlib = encode(TEXT, [coding])
        packer = zlib.compressobj(4, zlib.DEFLATED, 31 if coding == "gzip" else 15)
        assert by_zlib == packer.compress(TEXT) + packer.flush()
        assert zlib.decompress(encoded, 47) == zlib.decompress(by_zlib, 47) == TEXT


ZSTD_SKIPPABLE = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"xyz"
READABLE = {
    "gzip level 9": ("gzip", gzip.compress(b"one", 9), b"one"),
    "gzip with name and comment": (
        "gzip",
        b"\x1f\x8b\x08\x18\0\0\0\0\0\xffname\0comment\0" + gzip.compress(b"one")[10:],
        b"one",
    ),
    "gzip members": ("gzip", gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two"), b"onetwo"),
    "gzip zero padding": ("gzip", gzip.compress(b"one") + bytes(5000), b"one"),
    "gzip garbage": ("gzip", gzip.compress(b"one") + b"\r\n<!-- served in 3 ms -->", b"one"),
    "gzip half a magic number": ("gzip", gzip.compress(b"one") + b"\x1f", b"one"),
    "gzip garbage that starts as a magic number": ("gzip", gzip.compress(b"one") + b"\x1fno", b"one"),
    "gzip member after padding": ("gzip", gzip.compress(b"one") + b"\0" + gzip.compress(b"two"), b"one"),
    "zlib": ("deflate", zlib.compress(b"one", 9), b"one"),
    "zlib small window": ("deflate", zlib.compress(b"one", 9, 9), b"one"),
    "zlib garbage": ("deflate", zlib.compress(b"one") + b"\0\0two", b"one"),
    "raw": ("deflate", raw_deflate(b"one"), b"one"),
    "raw empty": ("deflate", raw_deflate(b""), b""),
    "raw stored": ("deflate", raw_deflate(b"one", 0), b"one"),
    "raw stored long": ("deflate", raw_deflate(TEXT, 0), TEXT),
    "raw text": ("deflate", raw_deflate(TEXT), TEXT),
    "br quality 11": ("br", brotli.compress(TEXT), TEXT),
    "zstd frames": ("zstd", zstandard.compress(b"one") + zstandard.compress(b"two"), b"onetwo"),
    "zstd skippable": ("zstd", ZSTD_SKIPPABLE + zstandard.compress(b"one") + ZSTD_SKIPPABLE, b"one"),
    "zstd window of RFC 9659": ("zstd", zstd_with_window(23), TEXT),
    "nothing as gzip": ("gzip", b"", b""),
    "nothing as deflate": ("deflate", b"", b""),
    "nothing as br": ("br", b"", b""),
    "nothing as zstd": ("zstd", b"", b""),
}


DAMAGED = {
    "not gzip": ("gzip", b"<html>"),
    "gzip wrong checksum": ("gzip", gzip.compress(b"one")[:-8] + bytes(8)),
    "gzip second member cut": ("gzip", gzip.compress(b"one") + gzip.compress(b"two")[:-1]),
    "gzip second member bad": ("gzip", gzip.compress(b"one") + b"\x1f\x8bgarbage"),
    "not deflate": ("deflate", b"<html>"),
    "deflate first byte only": ("deflate", b"\x78"),
    "zlib wrong checksum": ("deflate", zlib.compress(b"one")[:-4] + bytes(4)),
    "not br": ("br", b"<html>"),
    "br garbage": ("br", brotli.compress(b"one") + b"two"),
    "not zstd": ("zstd", b"<html>"),
    "zstd garbage": ("zstd", zstandard.compress(b"one") + b"two"),
    "zstd window beyond RFC 9659": ("zstd", zstd_with_window(24)),
}


class TestForeignStreams:
    """Streams that other encoders make, each read whole and byte by byte."""

    @pytest.mark.parametrize("case", READABLE)
    def test_readable(self, case: str) -> None:
        coding, data, body = READABLE[case]
        assert outcome([data], [coding]) == body
        assert outcome((data[at : at + 1] for at in range(len(data))), [coding]) == body

    @pytest.mark.parametrize("case", DAMAGED)
    def test_damaged(self, case: str) -> None:
        coding, data = DAMAGED[case]
        assert outcome([data], [coding]) is CorruptCoding
        assert outcome((data[at : at + 1] for at in range(len(data))), [coding]) is CorruptCoding

    @given(body=BODIES.filter(bool), codings=CODINGS.filter(bool), share=st.floats(0, 1, exclude_max=True))
    def test_truncated(self, body: bytes, codings: list[str], share: float) -> None:
        encoded = encode(body, codings)
        cut = encoded[: max(1, int(share * len(encoded)))]
        assert outcome([cut], codings) is CorruptCoding

    @given(
        data=st.binary(max_size=200)
        | st.builds(lambda body, codings, tail: encode(body, codings) + tail, BODIES, CODINGS, st.binary(max_size=30)),
        codings=CODINGS,
        sizes=SIZES,
    )
    def test_chunks_do_not_matter_for_any_bytes(self, data: bytes, codings: list[str], sizes: list[int]) -> None:
        assert outcome(chunked(data, sizes), codings) == outcome([data], codings)

    @given(body=BODIES, level=st.integers(0, 9), strategy=st.integers(0, 4))
    def test_raw_deflate_is_told_from_zlib(self, body: bytes, level: int, strategy: int) -> None:
        stream = zlib.compressobj(level, zlib.DEFLATED, -15, strategy=strategy)
        assert decode(stream.compress(body) + stream.flush(), ["deflate"], limit=MIB) == body


class TestUnsupported:
    STACKS = (["compress"], ["gzip", "dcz"], ["GZIP"], ["gzip"] * (MAX_CODINGS + 1))

    @pytest.mark.parametrize("codings", STACKS)
    def test_refused_both_ways(self, codings: list[str]) -> None:
        with pytest.raises(UnsupportedCoding):
            decoder(codings, limit=MIB)
        with pytest.raises(UnsupportedCoding):
            encoder(codings)


@contextmanager
def traced_memory() -> Iterator[Callable[[], int]]:
    """Gives the peak of what was allocated for Python objects within, once it is over."""
    peak = 0
    tracemalloc.start()
    try:
        yield lambda: peak
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def zeros(packer: zlib._Compress, size: int) -> bytes:
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


def zstd_run_blocks(blocks: int) -> bytes:
    """The densest zstd there is: blocks of 4 bytes, each 128 KiB of one byte (RFC 8878 3.1.1.2.2)."""
    header = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\x58"  # no checksum, window of 2 MiB
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return header + block * blocks


BOMBS = {
    "gzip": (["gzip"], lambda size: zeros(zlib.compressobj(1, zlib.DEFLATED, 31), size)),
    "gzip members": (["gzip"], lambda size: zeros(zlib.compressobj(9, zlib.DEFLATED, 31), MIB) * (size // MIB)),
    "zlib": (["deflate"], lambda size: zeros(zlib.compressobj(1, zlib.DEFLATED, 15), size)),
    "raw deflate": (["deflate"], lambda size: zeros(zlib.compressobj(1, zlib.DEFLATED, -15), size)),
    "br": (["br"], lambda size: brotli.compress(bytes(size), quality=1)),
    "zstd": (["zstd"], lambda size: zstandard.compress(bytes(size))),
    "zstd runs": (["zstd"], lambda size: zstd_run_blocks(size >> 17)),
    "gzip in gzip": (
        ["gzip", "gzip"],
        lambda size: encode(zeros(zlib.compressobj(1, zlib.DEFLATED, 31), size), ["gzip"]),
    ),
    "br in zstd": (["br", "zstd"], lambda size: zstandard.compress(brotli.compress(bytes(size), quality=1))),
    # What is decoded first is the bomb, though nothing comes out of what is decoded second.
    "zeros behind gzip, in gzip": (
        ["gzip", "gzip"],
        lambda size: gzip.compress(gzip.compress(b"one")) + zeros(zlib.compressobj(1, zlib.DEFLATED, 31), size),
    ),
}


class TestBombs:
    SIZE = 128 * MIB

    @pytest.mark.parametrize("name", BOMBS)
    def test_stopped_by_the_limit_in_little_memory(self, name: str) -> None:
        codings, make = BOMBS[name]
        bomb = make(self.SIZE)
        assert len(bomb) < MIB
        stream = decoder(codings, limit=4 * MIB, ratio=sys.maxsize)
        with traced_memory() as peak, pytest.raises(DecodedTooLarge):
            stream.feed(bomb)
        assert peak() < 24 * MIB

    @pytest.mark.parametrize("name", BOMBS)
    def test_stopped_by_the_ratio_in_little_memory(self, name: str) -> None:
        codings, make = BOMBS[name]
        bomb = make(self.SIZE)
        stream = decoder(codings, limit=sys.maxsize, ratio=200)
        with traced_memory() as peak, pytest.raises(DecodedTooLarge):
            for start in range(0, len(bomb), 4096):
                stream.feed(bomb[start : start + 4096])
        assert peak() < 24 * MIB

    def test_the_limit_is_exact(self) -> None:
        for coding in SUPPORTED:
            encoded = encode(TEXT, [coding])
            assert decode(encoded, [coding], limit=len(TEXT)) == TEXT
            with pytest.raises(DecodedTooLarge):
                decode(encoded, [coding], limit=len(TEXT) - 1)

    def test_a_megabyte_of_blanks_is_no_bomb(self) -> None:
        for coding in SUPPORTED:
            assert len(decode(encode(b" " * MIB, [coding]), [coding], limit=MIB)) == MIB

    def test_no_codings_no_limit(self) -> None:
        assert decode(TEXT, (), limit=0) == TEXT
