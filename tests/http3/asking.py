"""Clients of HTTP/3 that ask for paths of their own, several at a time on each connection."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from random import Random
from time import monotonic

from hooks.clients import Got, Http3
from hooks.echo_backend import echo

SIZES = (0, 10, 3_000, 20_000)
"""Bytes of a response besides its path."""

UPLOADED = (0, 0, 0, 100, 5_000)
"""Bytes of a request's body."""

LONG = "long"
"""The first part of a path whose response has more fields than a packet, and than the library below mitmproxy codes."""


PATIENCE = 90.0
"""Seconds that a client waits for what it has asked for."""


@dataclass
class Tally:
    """What came of the requests: `wrong` got what is another's, `failed` nothing or not all."""

    asked: int = 0
    wrong: int = 0
    failed: int = 0
    slowest: float = 0.0
    """Seconds that the last of those that were asked for together took to come."""
    why: str = ""
    """What the first one that failed got."""

    @property
    def well(self) -> bool:
        return bool(self.asked) and not (self.wrong or self.failed)


def answer(number: int, path: str, _: bytes) -> bytes | None:
    """A response for an `EchoBackend` to a path of `LONG`; its own for every other."""
    if path.split("/")[1] != LONG:
        return None
    policy = "; ".join(f"img-src https://images-{host}.example" for host in range(150))
    cookies = "".join(f"Set-Cookie: c{cookie}={path.rpartition('/')[2]}; Path=/\r\n" for cookie in range(60))
    return echo(number, path, f"Content-Security-Policy: {policy}\r\n{cookies}".encode())


async def ask(port: int, requests: int, *, connections: int, at_once: int, seed: int, busy: int = 8) -> Tally:
    """Send so many requests over so many connections, of which so many are busy at a time.

    Where all are, what is measured is how long packets wait for this process, and QUIC takes that for the network.
    """
    tally, turns = Tally(), asyncio.Semaphore(busy)
    clients = [await Http3.connect(port) for _ in range(connections)]
    each = [requests // connections + (number < requests % connections) for number in range(connections)]
    await asyncio.gather(
        *(
            _ask(client, tally, turns, Random(f"{seed}/{number}"), number, each[number], at_once)
            for number, client in enumerate(clients)
        )
    )
    return tally


async def _ask(
    client: Http3, tally: Tally, turns: asyncio.Semaphore, random: Random, number: int, requests: int, at_once: int
) -> None:
    for first in range(0, requests, at_once):
        paths = [
            f"/{random.choice((LONG, *SIZES))}/{number}-{each}" for each in range(first, min(first + at_once, requests))
        ]
        tally.asked += len(paths)
        async with turns:
            began = monotonic()
            got = [_begin(client, path, bytes(random.choice(UPLOADED))) for path in paths]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while not all(response.ended or response.cut for response in got):
                        await client.step()
            tally.slowest = max(tally.slowest, monotonic() - began)
        for path, response in zip(paths, got, strict=True):
            _judge(tally, path, response)
        client.quic.got.clear()
    await client.close()


def _begin(client: Http3, path: str, body: bytes) -> Got:
    stream = client.begin("POST" if body else "GET", path, length=len(body), ended=not body)
    if body:
        client.quic.http.send_data(stream, body, end_stream=True)
        client.quic.transmit()
    return client.quic.got[stream]


def _judge(tally: Tally, path: str, got: Got) -> None:
    if got.status != 200 or not got.ended:
        tally.failed += 1
        tally.why = tally.why or f"{path}: {got}"
    elif got.body.rstrip(b".") != path.encode():
        tally.wrong += 1
