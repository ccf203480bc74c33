"""Pictures and sound made in code, so that no binary file has to be stored."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from math import pi, sin

from tornado.httputil import HTTPServerRequest

from privateserver.catalogue import Page, Reply, Serve

type Colour = tuple[int, int, int]


def png(width: int, height: int, colour: Callable[[int, int], Colour]) -> bytes:
    """Return a true-colour PNG; ``colour(x, y)`` gives red, green and blue, 0 to 255 each (PNG, section 11)."""
    rows = b"".join(b"\0" + bytes(c for x in range(width) for c in colour(x, y)) for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def icon(picture: bytes, side: int) -> bytes:
    """Return a PNG of ``side`` pixels as an .ico file."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, side, side, 0, 0, 1, 24, len(picture), 22) + picture


def wav(seconds: float, hertz: float, rate: int = 8000) -> bytes:
    """Return a tone: 8 bit, one channel, PCM."""
    samples = bytes(int(128 + 60 * sin(2 * pi * hertz * i / rate)) for i in range(int(seconds * rate)))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


@cache
def dot() -> bytes:
    """Return a green square of 16 pixels."""
    return png(16, 16, lambda x, y: (46, 125, 80))


@cache
def photo() -> bytes:
    """Return a landscape of 160 by 90 pixels: sky, sun, hills."""

    def colour(x: int, y: int) -> Colour:
        if (x - 120) ** 2 + (y - 24) ** 2 < 140:
            return 250, 214, 90
        if y > 62 + 9 * sin(x / 17):
            return 70, 130 - (y - 50), 80
        return 150 + y, 190 + y // 2, 235

    return png(160, 90, colour)


def made(make: Callable[[], bytes]) -> Serve:
    """Return a handler for a response that code makes once."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        return Reply(body=make())

    return serve


@cache
def tone() -> bytes:
    """Return a quarter of a second of A4."""
    return wav(0.25, 440)


@cache
def favicon() -> bytes:
    """Return the dot as an icon."""
    return icon(dot(), 16)
