"""Attribute values and text as HTML reads them, and where each byte of that reading comes from."""

from __future__ import annotations

import html
import re

_REFERENCE = re.compile(rb"&(?:#[0-9]{1,8}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30}(?=;));?", re.IGNORECASE)


def decoded(raw: bytes) -> tuple[bytes, list[int]]:
    """Replace the character references in `raw`; return UTF-8, and where in `raw` each byte of it, and its end, is.

    Named references count only with their semicolon, as in attribute values (WHATWG, "named character reference
    state").
    """
    pieces: list[bytes] = []
    starts: list[int] = []
    done = 0
    for reference in _REFERENCE.finditer(raw):
        read = html.unescape(reference[0].decode("ascii")).encode("utf-8", "replace")
        pieces += (raw[done : reference.start()], read)
        starts.extend(range(done, reference.start()))
        starts.extend([reference.start()] * len(read))
        done = reference.end()
    pieces.append(raw[done:])
    starts.extend(range(done, len(raw) + 1))
    return b"".join(pieces), starts
