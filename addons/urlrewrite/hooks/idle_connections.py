"""Connections to backends at rest, for whichever request comes next.

A connection that somebody closed, or by which something came that nobody asked for, is not given out: what came would
be read as the next response. Whether that is so is looked at when it is put here and again when it is taken, in what
asyncio has read and in what the kernel holds.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic

from mitmproxy.connection import Server
from OpenSSL import SSL

from urlrewrite.model.farms import BackendTls, Connections

type Address = tuple[str, int]

LOOK_SECONDS = 1.0
"""How often it is looked which connections have rested too long."""


@dataclass(frozen=True, slots=True)
class Key:
    """What two connections have in common if one is as good as the other for any client.

    `name` is the one that TLS was made for ("" without TLS), `tls` what the farm says of it, and `protocol` that of the
    client (ALPN) if it is HTTP/2 or 3: such a client shall get HTTP/2 where the backend has it.
    """

    address: Address
    name: str = ""
    tls: BackendTls | None = None
    protocol: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """A connection at rest since `since` (monotonic seconds), which is closed `keep_alive` seconds after that.

    `server` tells what is known of it, and `tls` is what encrypts it; None without TLS.
    """

    key: Key
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float
    keep_alive: float
    server: Server
    tls: SSL.Connection | None = None

    def is_fit(self, max_age: float) -> bool:
        """Say whether it rests for no longer than that, and undisturbed."""
        age = monotonic() - self.since
        return age < min(max_age, self.keep_alive) and rests(self.reader, self.writer, self.tls)


@dataclass(frozen=True, slots=True)
class Wish:
    """The connection that a request wants: one that rested for less than `max_age` seconds will do, or a new one."""

    key: Key
    max_age: float
    settings: Connections


class IdleConnections:
    """All connections at rest. The newest is taken first, so that no more are kept than are needed."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[Idle]] = {}
        self.closed = False
        """Whether no more are taken in."""

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    @property
    def addresses(self) -> list[Address]:
        """The addresses to which there are any."""
        return [*self._idle]

    def take(self, key: Key, max_age: float) -> Idle | None:
        """Return a connection that has rested for less than `max_age` seconds; None if there is none."""
        kept = self._idle.get(key.address, [])
        for at in range(len(kept) - 1, -1, -1):
            if kept[at].key != key:
                continue
            if kept[at].is_fit(max_age):
                return kept.pop(at)
            if not kept[at].is_fit(float("inf")):
                kept.pop(at).writer.close()
        return None

    def give(self, idle: Idle, limit: int) -> bool:
        """Take in a connection, and close the oldest where there are more than `limit` to its address.

        Returns whether it was taken in; it is still the caller's if not.
        """
        if self.closed or limit <= 0 or not idle.is_fit(float("inf")):
            return False
        kept = self._idle.setdefault(idle.key.address, [])
        kept.append(idle)
        while len(kept) > limit:
            kept.pop(0).writer.close()
        return True

    def look(self) -> None:
        """Close those that have rested too long, or were closed by the backend."""
        for address, kept in [*self._idle.items()]:
            fit = []
            for idle in kept:
                if idle.is_fit(float("inf")):
                    fit.append(idle)
                else:
                    idle.writer.close()
            if fit:
                self._idle[address] = fit
            else:
                del self._idle[address]

    def drop(self, addresses: Collection[Address]) -> None:
        """Close those to any of these addresses."""
        for address in addresses:
            for idle in self._idle.pop(address, ()):
                idle.writer.close()

    def clear(self) -> None:
        """Close all."""
        self.drop([*self._idle])


def rests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: SSL.Connection | None) -> bool:
    """Say whether nothing is under way on a connection in either direction, and both ends are open."""
    if writer.is_closing() or reader.at_eof() or reader.exception() is not None:
        return False
    if reader._buffer or writer.transport.get_write_buffer_size():  # type: ignore[attr-defined]
        return False
    if tls is not None and (tls.pending() or tls.get_shutdown()):
        return False
    socket = writer.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return not poll.poll(0)
