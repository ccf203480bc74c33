"""A hash ring: most keys stay where they are when a server goes or comes.

Every server stands at many points of a circle of 64-bit numbers, more of them the more it weighs; a key belongs to the
next point clockwise. Of a server that is away the keys go to whoever comes next, and nobody else's move. Points and
keys are hashed by BLAKE2b and never by Python's `hash()`, which differs from one process to the next.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Container
from hashlib import blake2b

from urlrewrite.model.farms import Farm

POINTS = 100
"""Points of a server of the weight 100."""


def hash64(text: str) -> int:
    """Return a number below 2**64 that is the same for a text in every process and on every machine."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest())


class Ring:
    """The ring of a farm's servers, which are named by their place in the list."""

    __slots__ = ("_owners", "_points")

    def __init__(self, farm: Farm) -> None:
        points = sorted(
            (hash64(f"{name} {number}"), index)
            for index, (server, name) in enumerate(zip(farm.servers, farm.server_names, strict=True))
            for number in range(POINTS * server.weight // 100)
        )
        self._points = [point for point, _ in points]
        self._owners = [index for _, index in points]

    def find(self, key: str, among: Container[int]) -> int | None:
        """Return the server that a key belongs to, of those in `among`; None if none of these is on the ring."""
        start = bisect(self._points, hash64(key))
        for at in range(start, start + len(self._owners)):
            owner = self._owners[at % len(self._owners)]
            if owner in among:
                return owner
        return None
