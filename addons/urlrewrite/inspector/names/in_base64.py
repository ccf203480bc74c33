"""Names inside base64: what they look like there, and what surrounds them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

_SHORT = 6
"""Letters of a host from which its base64 is searched for by itself; that of a shorter one only behind `//`."""
_GROUPS = 48
"""Groups of four characters before and behind a name that are decoded."""

_ALPHABET = re.compile(rb"[A-Za-z0-9+/_-]+")


def base64_of(host: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of a host, independent of what precedes and follows it.

    There are three forms, each with the number of characters that precede it in its first group of four.
    """
    text = host if len(host) >= _SHORT else b"//" + host
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text + b"\0\0")
        first, last = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        yield whole[first:last], first


def decoded_around(data: bytes, group: int, end: int) -> tuple[int, bytes]:
    """Return where the base64 begins that has a whole group of four at `group`, and its decoded bytes.

    The base64 has to reach to `end`; if it does not, the bytes are empty.
    """
    begin = group
    floor = max(group - 4 * _GROUPS, 0)
    while begin - 4 >= floor and _ALPHABET.fullmatch(data, begin - 4, begin):
        begin -= 4
    run = _ALPHABET.match(data, max(begin, 0), end + 4 * _GROUPS)
    if group < 0 or run is None or run.end() < end:
        return begin, b""
    text = run[0].replace(b"-", b"+").replace(b"_", b"/")
    text = text[: len(text) - 1] if len(text) % 4 == 1 else text
    return begin, base64.b64decode(text + b"=" * (-len(text) % 4))
