"""One line on a terminal that says how far long work is; nothing where the output is piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

_EVERY = 0.1
"""Seconds between two renewals of the line; work that takes less shows none."""

_ERASE = "\r\x1b[K"


def progress[T](items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items; say on standard error, if it is a terminal, how many were done, of `total` if that is known."""
    if not sys.stderr.isatty():
        yield from items
        return
    shown = False
    said = time.monotonic()
    try:
        for number, item in enumerate(items, 1):
            if time.monotonic() - said >= _EVERY:
                of = f" of {total}" if total is not None else ""
                print(f"{_ERASE}{what} {number}{of} ...", end="", file=sys.stderr, flush=True)
                said, shown = time.monotonic(), True
            yield item
    finally:
        if shown:
            print(_ERASE, end="", file=sys.stderr, flush=True)
