r"""The ways in which the colon and the slash of a URL are written, and where a path ends, in bytes of any content."""

from __future__ import annotations

import re
from functools import lru_cache

COLON = (
    rb"(?:\\*:|%(?:25)*3a|&(?:amp;)*(?:#0*58;?|#x0*3a;?|colon;)"
    rb"|\\+u003a|\\+u\{0*3a\}|\\+x3a|\\+0?72|\\0{0,4}3a[ \t\n\r\f]?)"
)
SLASH = (
    rb"(?:\\*/|%(?:25)*2f|&(?:amp;)*(?:#0*47;?|#x0*2f;?|sol;)"
    rb"|\\+u002f|\\+u\{0*2f\}|\\+x2f|\\+0?57|\\0{0,4}2f[ \t\n\r\f]?)"
)
QUOTE = rb"(?:\\*[\"'`]|&(?:quot|apos|#0*3[49]|#x0*2[27]);)"

_OPEN_ESCAPE = re.compile(rb"\\0{0,3}(?:2f|3a)\Z", re.IGNORECASE)
"""An escape of a style sheet that takes in hex digits behind it: it has fewer than six, and no space at its end."""

_MAX_PATHS = 20_000
"""Paths whose expressions are kept: those of all sites of large rule sets."""

_HEX_DIGITS = b"0123456789abcdefABCDEF"

_SEGMENT_ENDS = rb"(?![\w.~$!*+@:=\x80-\xff-]|%(?!(?:25)*(?:2[0-9f]|3[bcef]|0[ad9]|5c)))"
"""What follows a segment of a path if it ends there: `/app` is the beginning of `/app/x` and not of `/apple`."""


def path_expression(path: str) -> bytes:
    """Return an expression for a path that begins here, in any spelling of its slashes; "" is in every path."""
    segments = [re.escape(segment).replace(b"%", rb"%(?:25)*") for segment in path.encode().split(b"/")[1:]]
    # Slashes are written in any letter case (%2F, %2f), names are compared as they are.
    parts = b"".join(b"(?i:%b)%b" % (SLASH, segment) for segment in segments)
    return parts + b"(?i:%b)" % _SEGMENT_ENDS if parts else b""


@lru_cache(maxsize=_MAX_PATHS)
def path_pattern(path: str) -> re.Pattern[bytes]:
    """Return that expression, compiled."""
    return re.compile(path_expression(path))


def escaped_before(escape: bytes, text: bytes) -> bytes:
    r"""Return an escape fit to stand before `text`: `\2f` of a style sheet needs a space before a hex digit."""
    apart = text[:1] in _HEX_DIGITS and text and _OPEN_ESCAPE.search(escape)
    return escape + b" " + text if apart else escape + text


def path_like(path: str, slash: bytes) -> bytes:
    """Return a path with its slashes written as `slash` is, and with its escapes escaped where slashes are."""
    raw = path.encode()
    if slash.startswith(b"%"):
        raw = raw.replace(b"%", slash[:-2] + b"25")
    first, *segments = raw.split(b"/")
    return first + b"".join(escaped_before(slash, segment) for segment in segments)


def colon_like(slash: bytes) -> bytes:
    """Return a colon in the spelling of the slashes."""
    if slash.endswith(b"/"):
        return b":"
    for old, new in (
        (b"2f", b"3a"),
        (b"2F", b"3A"),
        (b"47", b"58"),
        (b"57", b"72"),
        (b"sol", b"colon"),
        (b"SOL", b"colon"),
    ):
        if old in slash:
            return slash.replace(old, new)
    return b":"
