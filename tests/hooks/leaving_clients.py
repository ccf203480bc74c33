"""Clients that ask for paths of their own, and of which some leave before they have the response."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass

from hooks.clients import Got, Http1, Http2

WORKERS = 8
"""Clients at a time; every second one speaks HTTP/2."""

_STREAMS = 4
"""Requests that a client of HTTP/2 sends at a time."""

CONCURRENCY = WORKERS // 2 * (1 + _STREAMS)
"""Requests at a time."""

_SIZES = (0, 10, 70_000)


@dataclass
class Tally:
    """What came of the requests: `left` counts those that their client did not wait for."""

    asked: int = 0
    left: int = 0
    wrong: int = 0
    failed: int = 0

    def allowed(self) -> int:
        """The connections to the backend that may have been made for them."""
        return CONCURRENCY + self.left + self.asked // 20


class LeavingClients:
    """Sends requests to a proxy before an `EchoBackend`."""

    def __init__(self, port: int, seed: int) -> None:
        self.tally = Tally()
        self._port = port
        self._random = random.Random(seed)
        self._numbers = itertools.count()

    async def ask(self, requests: int) -> None:
        """Send about so many more requests, by clients that come anew."""
        until = self.tally.asked + requests
        await asyncio.gather(*(self._work(until, is_http2=worker % 2 == 1) for worker in range(WORKERS)))

    async def _work(self, until: int, *, is_http2: bool) -> None:
        client: Http1 | Http2 | None = None
        while self.tally.asked < until:
            paths = [
                f"/{self._random.choice(_SIZES)}/{next(self._numbers)}" for _ in range(_STREAMS if is_http2 else 1)
            ]
            self.tally.asked += len(paths)
            client = client or await (Http2 if is_http2 else Http1).connect(self._port)
            asking = asyncio.ensure_future(_ask(client, paths))
            if self._random.random() < 0.2:
                await asyncio.wait({asking}, timeout=self._random.random() * 0.01)
                if not asking.done():
                    asking.cancel()
                    await asyncio.wait({asking})
                    self.tally.left += len(paths)
                    await client.close()
                    client = None
                    continue
            for path, got in zip(paths, await asking, strict=True):
                self.tally.failed += got.status != 200 or got.cut
                self.tally.wrong += got.status == 200 and got.body.rstrip(b".") != path.encode()
            if self._random.random() < 0.05:
                await client.close()
                client = None
        if client:
            await client.close()


async def _ask(client: Http1 | Http2, paths: list[str]) -> list[Got]:
    if isinstance(client, Http2):
        return await client.ask_all(paths)
    return [await client.ask(path=path) for path in paths]
