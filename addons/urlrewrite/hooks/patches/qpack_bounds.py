"""Takes out of a coded head of HTTP/3 what is more than may be, before the library reads it.

The library that reads field sections knows no bound: a byte may stand for a line of 4 kB. And one line of more than
64 kB is an error for it, which ends the connection. No line of a section depends on another one (RFC 9204, 4.5), so
lines can be left out. A pseudo field that is too long is kept with the beginning of its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hpack import HPACKDecodingError
from hpack.hpack import decode_integer
from hpack.huffman_table import decode_huffman

from urlrewrite.hooks.bounds import FAR_OVER, SHOWN
from urlrewrite.hooks.patches.qpack import coded
from urlrewrite.trace.reasons import Reason

_MAX_TEXT = 2**16 - 1
"""The longest line that the library takes."""

_SHORTEST_CODE = 5
"""Bits of the shortest code of Huffman's."""

_INTEGER = 6
"""The most bytes that hpack takes for an integer."""

_PSEUDO = {0: b":authority", 1: b":path"}
"""The pseudo fields that have a value of their own, by their index in the static table (RFC 9204, appendix A)."""

_LONGEST_PSEUDO = 10
_EVERY_PSEUDO = 5
"""How many pseudo fields a request may have; they come first."""


class FarOverError(ValueError):
    """A field section that is so long that it is not read."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as it is coded."""

    coded: memoryview
    huffman: bool

    def longest(self) -> int:
        """Return how long it may be."""
        return len(self.coded) * 8 // _SHORTEST_CODE if self.huffman else len(self.coded)

    def plain(self) -> bytes:
        """Return the text itself."""
        return decode_huffman(self.coded) if self.huffman else bytes(self.coded)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: its texts, if there are any in it, the name if it is that of a pseudo field, and where the line ends."""

    end: int
    pseudo: bytes = b""
    name: _Text | None = None
    value: _Text | None = None

    def is_over(self, most: int) -> bool:
        """Say whether it is longer than `most` bytes, or than the library takes."""
        texts = [text for text in (self.name, self.value) if text]
        if sum(len(text.coded) for text in texts) > most:
            return True
        if sum(text.longest() for text in texts) <= _MAX_TEXT:
            return False
        return sum(len(text.plain()) for text in texts) > _MAX_TEXT


def within(section: bytes, most: int, lines: int) -> tuple[bytes, Reason | None]:
    """Return a field section without what is over the bounds, and which bound that is.

    It is empty if no line is left: the library refuses one without lines. What is no field section comes back as it
    is. Raises FarOverError.
    """
    if len(section) > FAR_OVER * most:
        raise FarOverError("a field section that is far too long")
    over: Reason | None = None
    try:
        at = start = _end_of_prefix(section)
        kept = bytearray(section[:at])
        for count, line in enumerate(_lines(memoryview(section), at), 1):
            if count > FAR_OVER * lines:
                raise FarOverError("far too many field lines")
            if count > lines + _EVERY_PSEUDO:
                over = over or Reason.TOO_MANY_FIELDS
            elif not line.is_over(most):
                kept += section[at : line.end]
            else:
                over = over or (Reason.TARGET_TOO_LONG if line.pseudo == b":path" else Reason.HEAD_TOO_LONG)
                if line.pseudo and line.value:
                    kept += coded([(line.pseudo, line.value.plain()[:SHOWN])])[2:]
            at = line.end
    except (HPACKDecodingError, IndexError):
        # The library will say what is wrong with it.
        return section, None
    if over:
        return bytes(kept) if len(kept) > start else b"", over
    return section, None


def _end_of_prefix(section: bytes) -> int:
    """Return where the lines begin (RFC 9204, 4.5.1)."""
    _, used = decode_integer(section[:_INTEGER], 8)
    _, more = decode_integer(section[used : used + _INTEGER], 7)
    return used + more


def _lines(block: memoryview, at: int) -> Iterator[_Line]:
    """Yield the lines of a field section (RFC 9204, 4.5.2 to 4.5.6)."""
    while at < len(block):
        first = block[at]
        name, pseudo = None, b""
        if first & 0x80 or first & 0xF0 == 0x10:
            _, used = decode_integer(block[at : at + _INTEGER], 6 if first & 0x80 else 4)
            at += used
            yield _Line(at)
            continue
        if first & 0xC0 == 0x40:
            index, used = decode_integer(block[at : at + _INTEGER], 4)
            at += used
            pseudo = _PSEUDO.get(index, b"") if first & 0x10 else b""
        elif first & 0xE0 == 0x20:
            name, at = _text(block, at, 3)
            if len(name.coded) <= _LONGEST_PSEUDO and name.plain() in _PSEUDO.values():
                pseudo = name.plain()
        else:
            _, used = decode_integer(block[at : at + _INTEGER], 3)
            at += used
        value, at = _text(block, at, 7)
        yield _Line(at, pseudo, name, value)


def _text(block: memoryview, at: int, bits: int) -> tuple[_Text, int]:
    """Return a text whose length has so many bits in its first byte, and where it ends."""
    huffman = bool(block[at] & (1 << bits))
    length, used = decode_integer(block[at : at + _INTEGER], bits)
    at += used
    end = at + length
    if end > len(block):
        raise HPACKDecodingError("a text that ends behind its section")
    return _Text(block[at:end], huffman), end
