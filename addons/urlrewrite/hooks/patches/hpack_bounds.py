"""Reads and writes field blocks of HTTP/2 in time that their length bounds.

hpack codes by Huffman in a time that grows with the square of a text, 7 ms for 4 kB, and is not to be told which texts
to leave plain. It reads each line out of a copy of all that follows, and a block that is too long it does not read to
its end, which ends the connection, as its table then differs from the peer's. Here the lines that are too many are
read for the table only, and left out.
"""

from __future__ import annotations

from hpack import Decoder, Encoder, HPACKDecodingError, OversizedHeaderListError
from hpack.hpack import decode_integer
from hpack.huffman_table import decode_huffman
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple
from hpack.table import HeaderTable

from urlrewrite.hooks.bounds import FAR_OVER, Measure
from urlrewrite.trace.reasons import Reason

MAX_HUFFMAN = 128
"""Bytes of name and value up to which a line is coded by Huffman, which saves a quarter of it."""

_INTEGER = 6
"""The most bytes that hpack takes for an integer."""


class BoundedEncoder(Encoder):
    """Writes long lines plain, and keeps no larger a table than HTTP/2 begins with, whatever the peer allows."""

    @property
    def header_table_size(self) -> int:
        """The bytes that the table may have."""
        return self.header_table.maxsize

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        value = min(value, HeaderTable.DEFAULT_SIZE)
        self.header_table.maxsize = value
        if self.header_table.resized:
            self.table_size_changes.append(value)

    def add(self, to_add: tuple[bytes, bytes], sensitive: bool, huffman: bool = False) -> bytes:
        """Return a line as it is written."""
        name, value = to_add
        return super().add(to_add, sensitive, huffman and len(name) + len(value) <= MAX_HUFFMAN)


class BoundedDecoder(Decoder):
    """Reads no more than `most` bytes and so many `lines`; `over` says which bound the last block was over."""

    def __init__(self, most: int, lines: int) -> None:
        super().__init__(most)
        self._most, self._lines = most, lines
        self.over: Reason | None = None

    def decode(self, data: bytes, raw: bool = False) -> list[HeaderTuple]:
        """Return the lines of a block as bytes.

        Raises HPACKDecodingError or IndexError for what is no block, OversizedHeaderListError for far too many lines.
        """
        assert raw
        block, at, seen = memoryview(data), 0, 0
        measure = Measure(self._most, self._lines)
        lines: list[HeaderTuple] = []
        while at < len(block):
            first = block[at]
            if first & 0xE0 == 0x20:
                if seen:
                    raise HPACKDecodingError("a change of the table's size behind a line")
                at += self._update_encoding_context(block[at : at + _INTEGER])
                continue
            seen += 1
            if seen > FAR_OVER * self._lines:
                raise OversizedHeaderListError("far too many field lines")
            kind, name, value, at = self._line(block, at, first, wanted=measure.over is None)
            if line := measure.take(name, value):
                lines.append(kind(*line))
        self.over = measure.over
        self._assert_valid_table_size()
        return lines

    def _line(
        self, block: memoryview, at: int, first: int, *, wanted: bool
    ) -> tuple[type[HeaderTuple], bytes, bytes, int]:
        """Read one line; the value of one that is not wanted, and goes into no table, is only stepped over."""
        if first & 0x80:
            index, used = decode_integer(block[at : at + _INTEGER], 7)
            name, value = self.header_table.get_by_index(index)
            return HeaderTuple, name, value, at + used
        added = bool(first & 0x40)
        index, used = decode_integer(block[at : at + _INTEGER], 6 if added else 4)
        at += used
        if index:
            name = self.header_table.get_by_index(index)[0]
        else:
            name, at = _text(block, at)
        value, at = _text(block, at, wanted=wanted or added or name[:1] == b":")
        if added:
            self.header_table.add(name, value)
        return NeverIndexedHeaderTuple if first & 0x50 == 0x10 else HeaderTuple, name, value, at


def _text(block: memoryview, at: int, *, wanted: bool = True) -> tuple[bytes, int]:
    """Read a text, and say where it ends; one that is not wanted is empty."""
    coded = block[at] & 0x80
    length, used = decode_integer(block[at : at + _INTEGER], 7)
    at += used
    end = at + length
    if end > len(block):
        raise HPACKDecodingError("a text that ends behind its block")
    if not wanted:
        return b"", end
    return decode_huffman(block[at:end]) if coded else bytes(block[at:end]), end
