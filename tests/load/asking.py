"""Many small requests over connections of every version, some of which are aborted; nobody may get what is another's.

Each request has an id, which stands in its path and all over its body. The backend (`EchoBackend`) sends the path back,
and says what bodies came with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hooks.clients import Got, Http1, Http2, Http3

CLIENTS: Mapping[str, Any] = {"HTTP/1.1": Http1, "HTTP/2": Http2, "HTTP/3": Http3}
SHARES = {"HTTP/1.1": 0.55, "HTTP/2": 0.35, "HTTP/3": 0.1}
"""Of the requests. A client of HTTP/3 in Python takes ten times the time of one of HTTP/1, so it has the least."""

CONNECTIONS = {"HTTP/1.1": 28, "HTTP/2": 24, "HTTP/3": 12}
AT_A_TIME = 4
"""Requests of a client of HTTP/2 or 3 side by side."""

ABORTED = 0.02
POSTED = 0.2
PATIENCE = 6
"""How often it is waited for a response as long as `WITHIN` before there is none: a machine may be busy."""

_RESPONSES = (0, 10, 100, 1000, 5000)
_BODIES = (1, 100, 2000)
"""Bytes of bodies."""


def body_of(path: str) -> bytes:
    """The body that belongs to a path /SIZE/ID/LENGTH."""
    _, _, own_id, length = path.split("/")
    return (own_id.encode() * (int(length) // len(own_id) + 1))[: int(length)]


@dataclass
class Tally:
    """What came of the requests: `mixed` got what is another's, or brought it to the backend."""

    asked: Counter[str] = field(default_factory=Counter)
    aborted: int = 0
    late: Counter[str] = field(default_factory=Counter)
    """By version, requests that were waited for longer than `WITHIN`, though in the end they may have been answered."""

    unanswered: int = 0
    mixed: int = 0
    otherwise: Counter[str] = field(default_factory=Counter)
    """Responses with another status than 200, or cut."""

    first: str = ""
    """The first that was not as it has to be."""

    @property
    def well(self) -> bool:
        return bool(self.asked) and not (self.unanswered or self.mixed or self.otherwise)

    def take(self, path: str, body: bytes) -> None:
        """Look at a body that came to the backend."""
        if body != body_of(path):
            self.mixed += 1
            self._note(f"{path} came with {body[:200]!r}")

    def judge(self, path: str, got: Got | None) -> None:
        """Look at a response; None where there was none in time."""
        if got is None or not got.status:
            self.unanswered += 1
        elif got.body.rstrip(b".") != path.encode() and got.status == 200 and not got.cut:
            self.mixed += 1
        elif got.status != 200 or got.cut:
            self.otherwise["cut" if got.cut else str(got.status)] += 1
        else:
            return
        self._note(f"{path}: {got}")

    def _note(self, what: str) -> None:
        self.first = self.first or what[:1000]


class Load:
    """Clients of a proxy that listens without and with TLS; the ports may be the same."""

    def __init__(self, plain_port: int, tls_port: int, seed: int) -> None:
        self.tally = Tally()
        self._ports = {"HTTP/1.1": plain_port, "HTTP/2": tls_port, "HTTP/3": tls_port}
        self._seed = seed
        self._ids = itertools.count(1)

    async def ask(self, requests: int, connections: Mapping[str, int] = CONNECTIONS) -> None:
        """Send so many requests, shared out among so many connections of each version."""
        clients = []
        for version, count in connections.items():
            share = round(requests * SHARES[version])
            for number in range(count):
                quota = share // count + (number < share % count)
                clients.append(self._client(version, Random(f"{self._seed}/{version}/{number}"), quota))
        await asyncio.gather(*clients)

    async def _client(self, version: str, random: Random, quota: int) -> None:
        client: Http1 | Http2 | Http3 | None = None
        while quota > 0:
            client = client or await CLIENTS[version].connect(self._ports[version])
            asking = [self._path(random) for _ in range(1 if version == "HTTP/1.1" else min(AT_A_TIME, quota))]
            quota -= len(asking)
            self.tally.asked[version] += len(asking)
            goes_on = await self._ask(client, asking, random)
            if not goes_on:
                await client.close()
                client = None
        if client:
            await client.close()

    def _path(self, random: Random) -> str:
        length = random.choice(_BODIES) if random.random() < POSTED else 0
        return f"/{random.choice(_RESPONSES)}/{next(self._ids)}/{length}"

    async def _ask(self, client: Http1 | Http2 | Http3, paths: list[str], random: Random) -> bool:
        """Ask for all of them; whether the connection goes on."""
        if isinstance(client, Http1):
            return await self._ask_http1(client, paths[0], random)
        streams: dict[str, int] = {}
        for path in paths:
            body = body_of(path)
            aborts = random.random() < ABORTED
            stream = client.begin("POST" if body else "GET", path, length=len(body), ended=not body)
            if aborts:
                await self._abort(client, stream, body, random)
            else:
                streams[path] = stream
                if body:
                    await client.send_body(stream, body, ended=True)
        well = True
        for path, stream in streams.items():
            got = await self._patiently(lambda stream=stream: client.finish(stream), type(client))  # type: ignore[misc]
            self.tally.judge(path, got)
            well = well and got is not None and got.ended
        client.got.clear()
        return well

    async def _patiently(self, read: Callable[[], Awaitable[Got]], client: type) -> Got | None:
        """Read a response; None where there is none after a long time."""
        for tried in range(PATIENCE):
            with contextlib.suppress(TimeoutError):
                return await read()
            self.tally.late[client.__name__] += not tried
        return None

    async def _abort(self, client: Http2 | Http3, stream: int, body: bytes, random: Random) -> None:
        """Leave a request: at once, in the middle of its body, or while its response may be under way."""
        self.tally.aborted += 1
        if len(body) > 1:
            await client.send_body(stream, body[: len(body) // 2], ended=False)
        elif random.random() < 0.5:
            await asyncio.sleep(random.random() * 0.02)
        client.abandon(stream)

    async def _ask_http1(self, client: Http1, path: str, random: Random) -> bool:
        body = body_of(path)
        method = "POST" if body else "GET"
        if random.random() >= ABORTED:
            client.send(method, path, body)
            begun = Got()
            got = await self._patiently(lambda: client.read(method, begun), Http1)
            self.tally.judge(path, got)
            return got is not None and got.ended and got.fields.get("connection", "").lower() != "close"
        self.tally.aborted += 1
        if len(body) > 1:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            client.writer.write(head.encode() + body[: len(body) // 2])
        else:
            client.send(method, path, body)
        await asyncio.sleep(random.random() * 0.02)
        return False
