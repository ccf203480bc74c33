"""Damages bytes and frames, and breaks them into the pieces in which they go over the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from hyperframe.frame import Frame

from fuzz_wire.material import TOKENS

_FRAME_TYPES = 12


def mutated(data: bytes, random: Random, *, most: int = 4) -> bytes:
    """The bytes with up to so many places damaged; one in eight stays as it is."""
    changed = bytearray(data)
    for _ in range(random.randrange(most + 1) if random.random() > 0.125 else 0):
        start = random.randrange(len(changed) + 1)
        end = min(len(changed), start + random.choice((0, 1, 1, 2, 5, 20, 100)))
        match random.randrange(8):
            case 0:
                changed[start:end] = b""
            case 1:
                changed[start:start] = changed[start:end] * random.choice((1, 2, 20))
            case 2:
                changed[start:end] = random.randbytes(random.randrange(4))
            case 3 if start < len(changed):
                changed[start] ^= 1 << random.randrange(8)
            case 4 if random.random() < 0.3:
                del changed[start:]
            case _:
                changed[start:end] = random.choice(TOKENS)
    return bytes(changed)


def frames(made: Sequence[Frame], random: Random) -> bytes:
    """Frames on the wire, some of them damaged, left out, doubled, or at another place."""
    wire = [frame.serialize() for frame in made]
    for _ in range(random.randrange(4) if random.random() > 0.125 else 0):
        at = random.randrange(len(wire)) if wire else 0
        match random.randrange(7):
            case 0:
                wire.insert(at, _any_frame(random))
            case 1 if wire:
                del wire[at]
            case 2 if wire:
                wire.insert(random.randrange(len(wire) + 1), wire[at])
            case 3 if wire:
                wire.append(wire.pop(at))
            case 4 if wire:
                wire[at] = _with_another_head(wire[at], random)
            case _ if wire:
                wire[at] = _with_another_payload(wire[at], random)
    whole = b"".join(wire)
    return mutated(whole, random, most=1) if random.random() < 0.1 else whole


def _any_frame(random: Random) -> bytes:
    payload = random.randbytes(random.choice((0, 1, 4, 5, 6, 8, 50)))
    head = bytes([random.randrange(_FRAME_TYPES), random.randrange(256)]) + random.choice((0, 1, 2, 3, 99)).to_bytes(4)
    return len(payload).to_bytes(3) + head + payload


def _with_another_head(frame: bytes, random: Random) -> bytes:
    length, kind, flags, stream = frame[:3], frame[3], frame[4], frame[5:9]
    match random.randrange(4):
        case 0:
            length = random.choice((0, len(frame) - 8, len(frame) + 10, 2**14 + 1, 2**24 - 1)).to_bytes(3)
        case 1:
            kind = random.randrange(_FRAME_TYPES)
        case 2:
            flags ^= 1 << random.randrange(8)
        case _:
            stream = random.choice((0, 1, 2, 3, 5, 2**31 - 1, 2**32 - 1)).to_bytes(4)
    return length + bytes([kind, flags]) + stream + frame[9:]


def _with_another_payload(frame: bytes, random: Random) -> bytes:
    payload = mutated(frame[9:], random, most=2)[: 2**14]
    return len(payload).to_bytes(3) + frame[3:9] + payload


def pieces(data: bytes, random: Random) -> Iterator[bytes]:
    """Break bytes at a few places, or at none."""
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 0, 1, 2, 5))))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if piece := data[start:end]:
            yield piece
