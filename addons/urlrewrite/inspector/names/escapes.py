r"""Letters written as escapes: `%70`, `%2570`, `&#112;`, `&#x70;`, `\u0070`, `\x70`, and line ends inside of a URL."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPE = re.compile(
    rb"%(?:25)*(?P<percent>[0-9a-f]{2})"
    rb"|&(?:amp;)*#(?:x0*(?P<hex>[0-9a-f]{1,6})|0*(?P<decimal>[0-9]{1,7}));?"
    rb"|(?<!\\)\\++(?:u(?:(?P<unit>[0-9a-f]{4})|\{0*(?P<point>[0-9a-f]{1,6})\})|x(?P<byte>[0-9a-f]{2}))"
    rb"|(?P<dropped>[\t\r\n]+)",
    re.IGNORECASE,
)
_MAX_CODE_POINT = 0x10FFFF


def escapes_of(letters: bytes) -> tuple[re.Pattern[bytes], ...]:
    """Return expressions for an escape of any of some letters, in bytes in lower case; each begins with a literal.

    The last one is for a line end or TAB in the host of a URL, which browsers drop.
    """
    if not letters:
        return ()
    codes = sorted(set(letters.lower() + letters.upper()))
    hexes = b"|".join(b"%02x" % code for code in codes)
    decimals = b"|".join(b"%d" % code for code in codes)
    return (
        re.compile(rb"%%(?:25)*+(?:%b)" % hexes),
        re.compile(rb"&#(?:x0*+(?:%b)|0*+(?:%b))(?![0-9a-f])" % (hexes, decimals)),
        re.compile(rb"&amp;#(?:x0*+(?:%b)|0*+(?:%b))(?![0-9a-f])" % (hexes, decimals)),
        re.compile(rb"\\u(?:00(?:%b)|\{0*+(?:%b)\})" % (hexes, hexes)),
        re.compile(rb"\\x(?:%b)" % hexes),
        re.compile(rb"//[^/\\?#\"'<>\s%&]*+[\t\r\n]++[^\s\"'<>/]"),
    )


def unescaped(raw: bytes) -> tuple[bytes, Sequence[int]]:
    """Return `raw` with every escape decoded, and for each byte of the result, and its end, the offset in `raw`."""
    pieces: list[bytes] = []
    starts: list[int] = []
    done = 0
    for found in _ESCAPE.finditer(raw):
        read = _read(found)
        pieces += (raw[done : found.start()], read)
        starts.extend(range(done, found.start()))
        starts.extend([found.start()] * len(read))
        done = found.end()
    pieces.append(raw[done:])
    starts.extend(range(done, len(raw) + 1))
    return b"".join(pieces), starts


def _read(found: re.Match[bytes]) -> bytes:
    if found["dropped"]:
        return b""
    if found["percent"]:
        return bytes([int(found["percent"], 16)])
    if found["decimal"]:
        code = int(found["decimal"])
    else:
        code = int(found["hex"] or found["unit"] or found["point"] or found["byte"], 16)
    return chr(code).encode("utf-8", "replace") if code <= _MAX_CODE_POINT else b"?"
