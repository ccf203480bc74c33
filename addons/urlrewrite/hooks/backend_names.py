"""The addresses behind the names of backends, looked up again as long as backends are connected to by them.

A connection that is kept, by its client or in the pool, stays where it was made to. Where a name has come to mean
another machine, that is the wrong place, and nobody would notice before it goes away. And where names cannot be looked
up for a while, the addresses that were known do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from urlrewrite.hooks.state import State
from urlrewrite.hooks.watching import repeat

logger = logging.getLogger("urlrewrite.names")

LOOK_UP_SECONDS = 10.0
"""How often names are looked up again."""

_KEPT_LOOKUPS = 3
"""An address that is in none of the last so many answers has gone: some name servers give a few of many at a time."""

_FORGET_SECONDS = 600.0
"""A name that nobody used for so long is looked up no more."""


class _Name:
    """A name: the addresses of its last lookups, and when it, or a connection to it, was last used."""

    def __init__(self, now: float) -> None:
        self.answers: deque[frozenset[str]] = deque(maxlen=_KEPT_LOOKUPS)
        self.used = now
        self.fails = False

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset().union(*self.answers)


class BackendNames:
    """The addon that looks names up. `clock` gives monotonic seconds."""

    def __init__(self, state: State, clock: Callable[[], float] = monotonic) -> None:
        self._state = state
        self._clock = clock
        self._names: dict[str, _Name] = {}
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin to look up."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(repeat(self.look_up, LOOK_UP_SECONDS, logger))

    def done(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def open(
        self, address: tuple[str, int], local: tuple[str, int] | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a host and port; where the name cannot be looked up, to an address that it had.

        Raises:
            OSError: no connection.
        """
        host, port = address
        if (name := self._name(host)) is not None:
            name.used = self._clock()
        try:
            return await asyncio.open_connection(host, port, local_addr=local)
        except socket.gaierror as error:
            for known in sorted(name.addresses) if name else ():
                with contextlib.suppress(OSError):
                    return await asyncio.open_connection(known, port, local_addr=local)
            raise error

    def is_current(self, connection: Connection) -> bool:
        """Say whether the name of a backend still means the machine that this connection goes to."""
        if not isinstance(connection, Server) or not connection.address or not connection.peername:
            return True
        name = self._names.get(connection.address[0])
        if name is None:
            return True
        name.used = self._clock()
        return not name.answers or connection.peername[0] in name.addresses

    def addresses(self, host: str) -> frozenset[str]:
        """Return what is known of a name."""
        name = self._names.get(host)
        return name.addresses if name else frozenset()

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Take note of a name that was dialled in whatever way."""
        if data.server.address and (name := self._name(data.server.address[0])) is not None:
            name.used = self._clock()

    async def look_up(self) -> None:
        """Look up every name that is in use, and close what rests at addresses that are gone."""
        for host, name in [*self._names.items()]:
            if self._clock() - name.used > _FORGET_SECONDS:
                del self._names[host]
                continue
            before = name.addresses
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except OSError as error:
                if not name.fails:
                    logger.warning("%s cannot be looked up: %s; what was known of it stays", host, error)
                name.fails = True
                continue
            name.fails = False
            name.answers.append(frozenset(str(entry[4][0]) for entry in found))
            if before and name.addresses != before:
                logger.info("%s is %s", host, ", ".join(sorted(name.addresses)))
                self._leave(host)

    def _leave(self, host: str) -> None:
        """Close what rests, since some of it goes to where nobody lives any more; what is in use ends by itself."""
        self._state.idle.drop([address for address in self._state.idle.addresses if address[0] == host])

    def _name(self, host: str) -> _Name | None:
        """Return what is known of a name; None for an address."""
        if host in self._names:
            return self._names[host]
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return self._names.setdefault(host, _Name(self._clock()))
        return None
