"""One content coding at a time: the stages of which a Decoder or an Encoder (`codings.py`) is stacked.

A stage that undoes a coding yields its output in pieces, so that they can be counted before the next one is made. How
small a piece is differs, since the libraries bound their output differently: zlib has `max_length`, brotli
`output_buffer_limit`, zstandard nothing for data that is pushed. There the *input* is cut: a zstd block decodes to at
most 128 KiB and takes at least 4 bytes (RFC 8878 3.1.1.2), so 256 bytes of input make at most 8 MiB.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

try:
    from isal import isal_zlib
except ImportError:  # it is optional
    isal_zlib = None

ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)  # what a stage raises on damaged data

_PIECE = 1 << 16  # decoded bytes asked for at a time
_ZLIB_SLICE = 1 << 12  # input bytes at a time: zlib copies what it has not consumed at every call
_ZSTD_SLICE = 1 << 8  # see the top of the file
_ZSTD_WINDOW = 1 << 23  # RFC 9659: a decoder for the web need not offer more than 8 MB
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15

# The knee of each curve, measured on HTML: the next level takes half as much time again for 3 or 4 % less.
_ZLIB_LEVEL, _BROTLI_QUALITY, _ZSTD_LEVEL = 4, 3, 3
_ISAL_LEVEL = 2  # five to eight times as fast as zlib's lowest, and no longer than that; its next is hardly shorter
_FAST_ZLIB_LEVEL, _FAST_BROTLI_QUALITY, _FAST_ZSTD_LEVEL = 1, 0, 1


class Stage(Protocol):
    """The stage that undoes one coding."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, in pieces of bounded size. Raises the library's error on damage."""

    def complete(self) -> bool:
        """Say whether the data fed so far is a whole stream. No data counts as one: servers label empty bodies."""


class _Gzip:
    """gzip with any number of members; what follows the last one (padding, garbage) is ignored, as gzip(1) does."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._empty = True
        self._held = b""  # the first byte of what may be another member's magic number
        self._ignoring = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for piece in _slices(data, _ZLIB_SLICE):
            self._empty = False
            piece = self._held + piece
            self._held = b""
            while piece and not self._ignoring:
                if self._member.eof:
                    if piece == _GZIP_MAGIC[:1]:
                        self._held = piece
                        break
                    if not piece.startswith(_GZIP_MAGIC):
                        self._ignoring = True
                        break
                    self._member = zlib.decompressobj(_GZIP_WBITS)
                yield from _inflate(self._member, piece)
                piece = self._member.unused_data

    def complete(self) -> bool:
        return self._empty or self._member.eof


class _Deflate:
    """zlib data (RFC 1950), or the bare DEFLATE data that some servers send under the same name.

    A zlib header has 8 in the low half of its first byte and is a multiple of 31. As DEFLATE these bits open a stored
    block whose padding is not zero, which no encoder writes, so two bytes decide. What follows the end is ignored.
    """

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._held = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for piece in _slices(data, _ZLIB_SLICE):
            if self._stream is None:
                piece = self._held + piece
                if len(piece) == 1 and piece[0] & 0x0F == 8:
                    self._held = piece
                    continue
                wrapped = piece[0] & 0x0F == 8 and int.from_bytes(piece[:2]) % 31 == 0
                self._stream = zlib.decompressobj(_ZLIB_WBITS if wrapped else _RAW_WBITS)
            if self._stream.eof:
                return
            yield from _inflate(self._stream, piece)

    def complete(self) -> bool:
        return not self._held if self._stream is None else self._stream.eof


class _Brotli:
    """br (RFC 7932). The library takes data after the end of the stream for damage."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._empty = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if data:
            self._empty = False
            yield (piece := self._stream.process(data, output_buffer_limit=_PIECE))
            # It may say that it accepts more data while it still has output to give.
            while not self._stream.is_finished() and (piece or not self._stream.can_accept_more_data()):
                yield (piece := self._stream.process(b"", output_buffer_limit=_PIECE))

    def complete(self) -> bool:
        return self._empty or bool(self._stream.is_finished())


class _Zstd:
    """zstd (RFC 8878): any number of frames, skippable ones among them."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for piece in _slices(data, _ZSTD_SLICE):
            while piece:
                self._frame = self._frame or self._context.decompressobj()
                yield self._frame.decompress(piece)
                piece = b""
                if self._frame.eof:
                    piece = self._frame.unused_data
                    self._frame = None

    def complete(self) -> bool:
        return self._frame is None


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _inflate(stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while not stream.eof:
        piece = stream.decompress(data, _PIECE)
        yield piece
        data = stream.unconsumed_tail
        # A full piece may have left output behind even where all input was taken.
        if not data and len(piece) < _PIECE:
            return


STAGES: dict[str, Callable[[], Stage]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


@dataclass(frozen=True, slots=True)
class Packer:
    """The stage that applies one coding."""

    feed: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]


def _zlib_packer(wbits: int, fast: bool) -> Packer:
    # To undo a coding it would not do: it does not raise the errors of zlib, nor skip all that gzip headers may have.
    if isal_zlib is not None:
        quick = isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, wbits)
        return Packer(quick.compress, partial(quick.flush, isal_zlib.Z_SYNC_FLUSH), quick.flush)
    stream = zlib.compressobj(_FAST_ZLIB_LEVEL if fast else _ZLIB_LEVEL, zlib.DEFLATED, wbits)
    return Packer(stream.compress, partial(stream.flush, zlib.Z_SYNC_FLUSH), stream.flush)


def _brotli_packer(fast: bool) -> Packer:
    stream = brotli.Compressor(quality=_FAST_BROTLI_QUALITY if fast else _BROTLI_QUALITY)
    return Packer(stream.process, stream.flush, stream.finish)


def _zstd_packer(fast: bool) -> Packer:
    stream = zstandard.ZstdCompressor(level=_FAST_ZSTD_LEVEL if fast else _ZSTD_LEVEL).compressobj()
    return Packer(stream.compress, partial(stream.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


PACKERS: dict[str, Callable[[bool], Packer]] = {
    "gzip": partial(_zlib_packer, _GZIP_WBITS),
    "x-gzip": partial(_zlib_packer, _GZIP_WBITS),
    "deflate": partial(_zlib_packer, _ZLIB_WBITS),
    "br": _brotli_packer,
    "zstd": _zstd_packer,
}
