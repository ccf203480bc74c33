"""The members of a ZIP document (docx, xlsx, epub, jar), inflated as the document passes.

Nothing is kept of it, and its directory, which comes last, is not needed: each member says before its data how it is
compressed, and deflated data says where it ends (APPNOTE 4.3). What cannot be read is skipped where its length is
known, and told; so is what inflates out of all proportion.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

SIGNATURE = b"PK\x03\x04"
"""What a document with any member begins with."""

MAX_MEMBERS = 10_000
MAX_RATIO = 200
RATIO_FREE_BYTES = 2**20
"""Bytes that a member may inflate to whatever its ratio."""

_HEAD = struct.Struct("<4s5H3I2H")
_DIRECTORY = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
_DESCRIPTOR = b"PK\x07\x08"
_MAX_DESCRIPTOR = 24
_ENCRYPTED, _LENGTH_BEHIND, _UTF_8 = 1, 8, 0x800
_STORED, _DEFLATED = 0, 8
_UNKNOWN = 0xFFFFFFFF
_AT_ONCE = 64 * 1024


class Unread(StrEnum):
    """Why members, or what is left of a document, were not read."""

    BROKEN = "damaged or cut short"
    BOMB = f"inflates more than {MAX_RATIO}-fold"
    ENCRYPTED = "encrypted"
    METHOD = "compressed by another method than deflate"
    MANY = f"more than {MAX_MEMBERS:,} members"
    LONG = "more than is looked at"
    NESTED = "a document in a document in a document"


@dataclass(slots=True)
class Budget:
    """Bytes that may still be inflated, for a document and those within it, and what was not `unread`."""

    left: int
    unread: Counter[Unread] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class MemberPiece:
    """A piece of a member's data; `number` counts members from 1, `end` says that it is the last piece."""

    number: int
    name: str
    data: bytes
    end: bool


class ZipMembers:
    """Reads one document. It raises nothing, whatever comes."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._waiting = b""
        self._skip = 0
        self._number = 0
        self._name = ""
        self._after_descriptor = False
        self._ended = False
        self._inflater: zlib._Decompress | None = None
        self._stored = 0
        self._length: int | None = None
        self._came = self._went = 0

    def feed(self, data: bytes) -> Iterator[MemberPiece]:
        """Yield what comes of the next piece of the document."""
        self._waiting += data
        while self._waiting and not self._ended:
            if self._skip:
                skipped = min(self._skip, len(self._waiting))
                self._skip, self._waiting = self._skip - skipped, self._waiting[skipped:]
            elif self._inflater is not None:
                yield from self._inflate(self._inflater)
            elif self._stored:
                yield self._pass_stored()
            elif not self._begin_member():
                return

    def finish(self) -> None:
        """Tell of a document that ends before its directory."""
        if not self._ended:
            self._stop(Unread.BROKEN)

    def _stop(self, reason: Unread | None = None) -> bool:
        self._ended, self._waiting = True, b""
        if reason:
            self._budget.unread[reason] += 1
        return False

    def _begin_member(self) -> bool:
        """Read the head of the next member; False if more bytes are needed, or there is none."""
        waiting = self._waiting
        if self._after_descriptor and not waiting.startswith((SIGNATURE, *_DIRECTORY)):
            # Its lengths have four bytes or eight, and its signature may be missing.
            if len(waiting) < _MAX_DESCRIPTOR + 4:
                return False
            ends = [at for mark in (SIGNATURE, *_DIRECTORY) if (at := waiting.find(mark, 0, _MAX_DESCRIPTOR + 4)) >= 0]
            if not ends:
                return self._stop(Unread.BROKEN)
            self._waiting = waiting = waiting[min(ends) :]
        if len(waiting) < 4:
            return False
        if waiting.startswith(_DIRECTORY):
            return self._stop()
        if not waiting.startswith(SIGNATURE):
            return self._stop(Unread.BROKEN)
        if len(waiting) < _HEAD.size:
            return False
        _, _, flags, method, _, _, _, packed, _, name_length, extra_length = _HEAD.unpack_from(waiting)
        start = _HEAD.size + name_length + extra_length
        if len(waiting) < start:
            return False
        self._number += 1
        if self._number > MAX_MEMBERS:
            return self._stop(Unread.MANY)
        name = waiting[_HEAD.size : _HEAD.size + name_length]
        self._name = name.decode("utf-8" if flags & _UTF_8 else "cp437", "replace")
        self._waiting = waiting[start:]
        self._after_descriptor = bool(flags & _LENGTH_BEHIND)
        self._length = None if self._after_descriptor or packed == _UNKNOWN else packed
        self._came = self._went = 0
        if flags & _ENCRYPTED:
            return self._pass_over(Unread.ENCRYPTED)
        if method == _DEFLATED:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        elif method != _STORED:
            return self._pass_over(Unread.METHOD)
        elif self._length is None:
            return self._stop(Unread.BROKEN)
        else:
            self._stored = self._length
        return True

    def _pass_over(self, reason: Unread) -> bool:
        """Skip the rest of a member; where its length is not known, that of the document."""
        self._inflater = None
        if self._length is None or self._length < self._came:
            return self._stop(reason)
        self._budget.unread[reason] += 1
        self._skip = self._length - self._came
        return True

    def _pass_stored(self) -> MemberPiece:
        data = self._waiting[: min(self._stored, _AT_ONCE)]
        self._waiting = self._waiting[len(data) :]
        self._stored -= len(data)
        self._spend(len(data))
        return MemberPiece(self._number, self._name, data, not self._stored)

    def _inflate(self, inflater: zlib._Decompress) -> Iterator[MemberPiece]:
        taken, rest = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
        try:
            data = inflater.decompress(taken, _AT_ONCE)
        except zlib.error:
            # The length that was declared is counted from where this piece begins.
            self._pass_over(Unread.BROKEN)
            return
        left = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        self._waiting = left + rest
        self._came += len(taken) - len(left)
        self._went += len(data)
        if inflater.eof:
            self._inflater = None
        yield MemberPiece(self._number, self._name, data, inflater.eof)
        self._spend(len(data))
        if self._inflater and self._went > RATIO_FREE_BYTES and self._went > MAX_RATIO * self._came:
            self._pass_over(Unread.BOMB)

    def _spend(self, size: int) -> None:
        self._budget.left -= size
        if self._budget.left < 0:
            self._stop(Unread.LONG)
