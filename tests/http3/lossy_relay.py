"""A network of UDP that loses datagrams, brings some twice and others late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Self

type _Address = tuple[str, int]

MAX_LATE_SECONDS = 0.03
"""More than it takes here to declare a packet lost that others have overtaken."""


class LossyRelay:
    """Stands before a port of this machine, with a socket of its own for each client.

    `loss`, `twice` and `late` are how often a datagram, in either direction, is lost, comes twice, or comes late.
    """

    def __init__(self, server: int, seed: int, *, loss: float = 0.0, twice: float = 0.0, late: float = 0.0) -> None:
        self.loss, self.twice, self.late = loss, twice, late
        self.port = 0
        self.passed = self.lost = 0
        self._server = server
        self._random = Random(seed)
        self._front: asyncio.DatagramTransport | None = None
        self._ways: dict[_Address, asyncio.Task[asyncio.DatagramTransport]] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(
            lambda: _End(self._from_client), local_addr=("127.0.0.1", 0)
        )
        self.port = self._front.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._front
        self._front.close()
        await self.move(self._server)
        # Transports are closed in the loop's next round.
        await asyncio.sleep(0)

    async def move(self, server: int) -> None:
        """Let clients come from other addresses from now on, and to this port."""
        ways, self._ways, self._server = self._ways, {}, server
        for way in ways.values():
            (await way).close()

    def _from_client(self, data: bytes, client: _Address) -> None:
        way = self._ways.get(client)
        if way is None:
            way = self._ways[client] = asyncio.ensure_future(self._open(client))
        self._pass(lambda: way.add_done_callback(lambda made: made.result().sendto(data)))

    async def _open(self, client: _Address) -> asyncio.DatagramTransport:
        """Make the socket by which a client is known to the server."""

        def from_server(data: bytes, _: _Address) -> None:
            assert self._front
            self._pass(partial(self._front.sendto, data, client))

        way, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _End(from_server), remote_addr=("127.0.0.1", self._server)
        )
        return way

    def _pass(self, send: Callable[[], None]) -> None:
        """Send a datagram as often and as late as chance will have it."""
        chance = self._random.random
        if chance() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        for _ in range(2 if chance() < self.twice else 1):
            if chance() < self.late:
                asyncio.get_running_loop().call_later(chance() * MAX_LATE_SECONDS, send)
            else:
                send()


class _End(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, _Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        self._take(data, addr)
