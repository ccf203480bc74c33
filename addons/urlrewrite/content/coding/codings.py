"""Content codings (RFC 9110 section 8.4): undone before a body is rewritten, applied again afterwards.

A decoder never holds more than a piece of what it decodes: each coding of the stack yields its output piece by piece
(`stages.py`), every piece is counted before the next one is made, and the count stops a "bomb" while it
is still small.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from urlrewrite.content.coding.stages import ERRORS, PACKERS, STAGES

SUPPORTED: frozenset[str] = frozenset(STAGES)
DEFAULT_RATIO = 1000
RATIO_FREE_BYTES = 1 << 20  # a short body of blanks may compress better than any honest long one
MAX_CODINGS = 5  # every stage has buffers of its own; nobody sends more than two

_ANY = ("gzip", "deflate", "br", "zstd")  # what `*` in Accept-Encoding stands for, in the order browsers write
_ZERO_WEIGHT = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)", re.IGNORECASE)


class UnsupportedCoding(ValueError):  # noqa: N818
    """Raised for a content coding that this module can neither undo nor apply."""


class CorruptCoding(ValueError):  # noqa: N818
    """Raised for encoded data that is damaged, truncated or not of the coding it claims."""


class DecodedTooLarge(ValueError):  # noqa: N818
    """Raised for decoded data over the limit, or out of all proportion to the encoded data."""


def parse_content_encoding(values: Iterable[str]) -> tuple[str, ...]:
    """Return the codings of a message's Content-Encoding fields, in the order they were applied.

    Names come in lower case, `x-gzip` as `gzip` (RFC 9110 8.4.1.3), `identity` and empty members are left out.
    """
    names = (member.strip(" \t").lower() for value in values for member in value.split(","))
    return tuple("gzip" if name == "x-gzip" else name for name in names if name not in ("", "identity"))


def limit_accept_encoding(value: str | None) -> str | None:
    """Return an Accept-Encoding value (RFC 9110 12.5.3) without the codings that cannot be undone here.

    What stays is spelled and ordered as it came. `*` becomes the supported codings that are not listed anyhow, each
    with its weight. Where no coding with a weight above zero stays, the result is `identity`. None, for no field, stays
    None.
    """
    if value is None:
        return None
    members = [(member, _member_name(member)) for raw in value.split(",") if (member := raw.strip(" \t"))]
    listed = {name for _, name in members}
    kept: list[str] = []
    for member, name in members:
        if name == "*" and not _ZERO_WEIGHT.search(member):
            kept.extend(coding + member[1:] for coding in _ANY if coding not in listed)
        elif name in _ANY or name in ("identity", "*"):
            kept.append(member)
    return ", ".join(kept) if any(not _ZERO_WEIGHT.search(member) for member in kept) else "identity"


def _member_name(member: str) -> str:
    name = member.partition(";")[0].strip(" \t").lower()
    return "gzip" if name == "x-gzip" else name


class Decoder:
    """A stack of content codings to undo, chunk by chunk. A decoder that has raised is of no further use."""

    def __init__(self, codings: Sequence[str], *, limit: int, ratio: int = DEFAULT_RATIO) -> None:
        self._codings = tuple(reversed(_checked(codings)))
        self._stages = [STAGES[coding]() for coding in self._codings]
        self._produced = [0] * len(self._stages)
        self._received = 0
        self._limit = limit
        self._ratio = ratio

    def feed(self, data: bytes) -> bytes:
        """Return what `data` adds to the decoded body.

        After an error, what was decoded of this chunk is lost.

        Raises:
            CorruptCoding: the data is damaged.
            DecodedTooLarge: there are more than `limit` decoded bytes, or more than RATIO_FREE_BYTES and `ratio` times
                what was fed; also where that much appears between two codings.
        """
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what `feed` return piece by piece, so that no more than one piece need be held."""
        self._received += len(data)
        return self._undo(0, data)

    def finish(self) -> bytes:
        """End the body; all of it has been returned by then.

        Raises:
            CorruptCoding: the data stops too early.
        """
        for coding, stage in zip(self._codings, self._stages, strict=True):
            if not stage.complete():
                raise CorruptCoding(f"{coding}: the data ends too early")
        return b""

    def _undo(self, depth: int, data: bytes) -> Iterator[bytes]:
        if depth == len(self._stages):
            yield data
            return
        try:
            for piece in self._stages[depth].pieces(data):
                self._count(depth, len(piece))
                yield from self._undo(depth + 1, piece)
        except ERRORS as error:
            raise CorruptCoding(f"{self._codings[depth]}: {error}") from error

    def _count(self, depth: int, size: int) -> None:
        self._produced[depth] = total = self._produced[depth] + size
        # What is still encoded may well be longer than what it decodes to, but not by much.
        if total > (self._limit if depth == len(self._stages) - 1 else 2 * self._limit + 1024):
            raise DecodedTooLarge(f"{self._codings[depth]}: decodes to more than {self._limit} bytes")
        if total > RATIO_FREE_BYTES and total > self._ratio * self._received:
            raise DecodedTooLarge(
                f"{self._codings[depth]}: {self._received} bytes decode to more than {self._ratio} times as many"
            )


class Encoder:
    """A stack of content codings to apply, chunk by chunk. The same chunks and flushes give the same bytes."""

    def __init__(self, codings: Sequence[str], *, fast: bool = False) -> None:
        self._packers = [PACKERS[coding](fast) for coding in _checked(codings)]
        self._pending = False

    def feed(self, data: bytes) -> bytes:
        """Return what `data` adds to the encoded body; may be empty until flush or finish."""
        self._pending = self._pending or bool(data)
        for packer in self._packers:
            data = packer.feed(data)
        return data

    def flush(self) -> bytes:
        """Return all that was fed so far and not yet emitted, so that the receiver can decode it now."""
        if not self._pending:
            return b""
        self._pending = False
        data = b""
        for packer in self._packers:
            data = packer.feed(data) + packer.flush()
        return data

    def finish(self) -> bytes:
        """Return the rest of the encoded body."""
        data = b""
        for packer in self._packers:
            data = packer.feed(data) + packer.finish()
        return data


def decoder(codings: Sequence[str], *, limit: int, ratio: int = DEFAULT_RATIO) -> Decoder:
    """Make a Decoder for `codings`, in the order they were applied; see Decoder.feed for `limit` (bytes) and `ratio`.

    No codings at all make a decoder that passes every byte and knows no limit.

    Raises:
        UnsupportedCoding: a coding cannot be undone here.
    """
    return Decoder(codings, limit=limit, ratio=ratio)


def encoder(codings: Sequence[str], *, fast: bool = False) -> Encoder:
    """Make an Encoder for `codings`, in the order to apply. `deflate` is written as zlib data.

    A `fast` one takes the least time that the coding can take, for more bytes.

    Raises:
        UnsupportedCoding: a coding cannot be applied here.
    """
    return Encoder(codings, fast=fast)


def decode(data: bytes, codings: Sequence[str], *, limit: int, ratio: int = DEFAULT_RATIO) -> bytes:
    """Decode a whole body; see Decoder.feed for `limit` (bytes) and `ratio`.

    Raises:
        UnsupportedCoding: a coding cannot be undone here.
        CorruptCoding: the data is damaged or stops too early.
        DecodedTooLarge: there is more decoded data than the limits allow.
    """
    stream = Decoder(codings, limit=limit, ratio=ratio)
    return stream.feed(data) + stream.finish()


def encode(data: bytes, codings: Sequence[str], *, fast: bool = False) -> bytes:
    """Encode a whole body.

    Raises:
        UnsupportedCoding: a coding cannot be applied here.
    """
    stream = Encoder(codings, fast=fast)
    return stream.feed(data) + stream.finish()


def _checked(codings: Sequence[str]) -> Sequence[str]:
    for coding in codings:
        if coding not in SUPPORTED:
            raise UnsupportedCoding(f"content coding {coding!r}: expected one of {', '.join(_ANY)}")
    if len(codings) > MAX_CODINGS:
        raise UnsupportedCoding(f"{len(codings)} content codings on one body: expected at most {MAX_CODINGS}")
    return codings
