"""Documents inside of attribute values, as `<iframe srcdoc>` has them: character references stand for their markup."""

from __future__ import annotations

import html
from collections.abc import Callable

from urlrewrite.content.character_references import decoded
from urlrewrite.content.links.link_map import OnChange

type Rewrite = Callable[[bytes, OnChange], object]
"""Gets a document and reports every link in it."""


def map_nested(value: bytes, rewrite: Rewrite, told: OnChange) -> bytes:
    """Return a raw value that holds a document, with the links mapped that `rewrite` yields; all else as
    it was written.
    """
    text, starts = decoded(value)
    changes: list[tuple[int, int, bytes]] = []

    def change(offset: int, before: bytes, after: bytes) -> None:
        changes.append((starts[offset], starts[offset + len(before)], after))

    rewrite(text, change)
    pieces: list[bytes] = []
    done = 0
    for start, end, after in sorted(changes):
        written = html.escape(after.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        told(start, value[start:end], written)
        pieces += (value[done:start], written)
        done = end
    return b"".join([*pieces, value[done:]]) if pieces else value
