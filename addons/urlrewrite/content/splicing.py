"""Changes of some spans of a text, and the link map for what is between them."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Change


def map_around(
    data: bytes, changes: Iterable[Change], link_map: LinkMap, on_change: OnChange, *, bare: bool = False
) -> bytes:
    """Return `data` with the changes, which come in order, and the links mapped between them, as `LinkMap.map` does.

    Each change is of a URL without a host, so that no URL with one reaches over it.
    """
    pieces: list[bytes] = []
    done = 0
    for start, end, after in changes:
        pieces += (link_map.map(data[done:start], bare=bare, on_change=shifted(on_change, done)), after)
        on_change(start, data[start:end], after)
        done = end
    return b"".join([*pieces, link_map.map(data[done:], bare=bare, on_change=shifted(on_change, done))])
