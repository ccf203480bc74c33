"""Names inside of base64: what they look like there, and what stands around them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

_SHORT = 6
"""Letters of a host from which its base64 says something by itself; that of a shorter one is looked for behind `//`."""
_GROUPS = 48
"""Groups of four characters before and behind a name that are decoded."""

_ALPHABET = re.compile(rb"[A-Za-z0-9+/_-]+")


def base64_of(host: bytes) -> Iterator[tuple[bytes, int]]:
    """What base64 makes of a host, whatever stands before and behind it.

    There are three forms, each with the number of characters that precede it in its first group of four.
    """
    text = host if len(host) >= _SHORT else b"//" + host
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text + b"\0\0")
        first, last = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        yield whole[first:last], first


def decoded_around(data: bytes, group: int, end: int) -> tuple[int, bytes]:
    """Where base64 begins that has a whole group of four at `group`, and what it says.

    It has to reach to `end`; where it does not, it says nothing.
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
