"""Clients of HTTP/3 that ask for paths of their own, several at a time on each connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from hooks.clients import Got, Http3
from hooks.echo_backend import echo

SIZES = (0, 10, 3_000, 70_000)
"""Bytes of a response besides its path."""

LONG = "long"
"""The first part of a path whose response has more fields than a packet, and than the library below mitmproxy codes."""


@dataclass
class Tally:
    """What came of the requests: `wrong` got what is another's, `failed` nothing or not all."""

    asked: int = 0
    wrong: int = 0
    failed: int = 0
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


async def ask(port: int, requests: int, *, connections: int, at_once: int, seed: int) -> Tally:
    """Send so many requests over so many connections, side by side."""
    tally = Tally()
    each = [requests // connections + (number < requests % connections) for number in range(connections)]
    await asyncio.gather(
        *(_ask(port, tally, Random(f"{seed}/{number}"), number, each[number], at_once) for number in range(connections))
    )
    return tally


async def _ask(port: int, tally: Tally, random: Random, number: int, requests: int, at_once: int) -> None:
    client = await Http3.connect(port)
    for first in range(0, requests, at_once):
        paths = [
            f"/{random.choice((LONG, *SIZES))}/{number}-{each}" for each in range(first, min(first + at_once, requests))
        ]
        tally.asked += len(paths)
        try:
            got = await client.ask_all(paths)
        except TimeoutError:
            got = [*client.quic.got.values()][-len(paths) :]
        for path, response in zip(paths, got, strict=True):
            _judge(tally, path, response)
        client.quic.got.clear()
    await client.close()


def _judge(tally: Tally, path: str, got: Got) -> None:
    if got.status != 200 or not got.ended:
        tally.failed += 1
        tally.why = tally.why or f"{path}: {got}"
    elif got.body.rstrip(b".") != path.encode():
        tally.wrong += 1
