"""A farm of servers with random faults, and clients that leave when they like: nobody may get what is another's.

Everything runs in one event loop: the proxy, its servers and the clients.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hooks.clients import CLIENTS, Got
from hooks.in_process import InProcess, in_process

SERVERS = 4
QUIET = {"answer": 1.0}
"""What servers do where nothing is wrong with them."""

FAULTS = {
    "answer": 80.0,
    "late": 6.0,
    "close": 4.0,
    "reset": 3.0,
    "junk": 3.0,
    "half": 2.0,
    "error": 2.0,
}
"""What a server does with a request, and how often, relative to each other."""

METHODS = ("GET", "GET", "GET", "PUT", "POST")
"""What clients ask by, each as often."""

_PATIENCE = 30.0


class FaultyServer:
    """A server that sends back the path of each request, or does something else by chance."""

    def __init__(self, address: str, random: Random, faults: dict[str, float]) -> None:
        self.address, self.port = address, 0
        self.requests = 0
        self._random, self._faults = random, faults
        self._server: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()

    async def start(self, port: int = 0) -> None:
        """Listen, on the same port as before where there was one."""
        self._server = await asyncio.start_server(self._serve, self.address, port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and cut those that there are."""
        if self._server:
            self._server.close()
            self._server = None
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._respond(reader, writer):
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do something with the next request; whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        self.requests += 1
        path = head.split(b" ", 2)[1]
        ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path)
        (what,) = self._random.choices([*self._faults], [*self._faults.values()])
        match what:
            case "late":
                await asyncio.sleep(self._random.random())
                writer.write(ok)
            case "close":
                return False
            case "reset":
                writer.transport.abort()
                return False
            case "junk":
                writer.write(b"JUNK\r\n\r\n")
                return False
            case "half":
                writer.write(ok[: len(ok) - self._random.randrange(1, len(ok))])
                await writer.drain()
                return False
            case "error":
                writer.write(ok.replace(b"200 OK", b"500 Oh", 1))
            case _:
                writer.write(ok)
        return True


@dataclass
class Outcome:
    """What clients got: by status or by what else happened to them; `wrong` are answers to another request."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, path: str, got: Got) -> None:
        """Count a response."""
        self.counts["cut" if got.cut else str(got.status)] += 1
        is_own = got.status in (502, 503, 504) and b"Trace id" in got.body
        if not (is_own or got.cut or got.body == path.encode()):
            self.wrong.append(f"{path}: {got}")


@dataclass
class UnderFire:
    """The proxy, its servers, and what clients got so far."""

    proxy: InProcess
    servers: list[FaultyServer]
    random: Random
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def farm(self) -> Any:
        """The farm at work."""
        (farm,) = self.proxy.state.farms
        return farm

    async def clients(
        self, count: int, go_on: Callable[[], bool], *, leaving: float = 0.0, methods: Sequence[str] = METHODS
    ) -> None:
        """Ask with so many clients of all versions while `go_on`; `leaving` is the share of requests they leave in."""
        await asyncio.gather(*(self._client(number, go_on, leaving, methods) for number in range(count)))

    async def _client(self, number: int, go_on: Callable[[], bool], leaving: float, methods: Sequence[str]) -> None:
        kind = [*CLIENTS.values()][number % len(CLIENTS)]
        connection, asked = await kind.connect(self.proxy.port), 0
        while go_on():
            asked += 1
            path, method = f"/{number}/{asked}", self.random.choice(methods)
            body = b"x" * self.random.randrange(20_000) if method != "GET" else b""
            asking = asyncio.ensure_future(connection.ask(method=method, path=path, body=body))
            if self.random.random() < leaving:
                await asyncio.sleep(self.random.random() * 0.05)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                self.outcome.counts["left"] += 1
                got = Got(cut=True)
            else:
                got = await asking
                self.outcome.note(path, got)
            self.proxy.flows.clear()
            self.proxy.log.clear()
            if got.cut or got.fields.get("connection", "").lower() == "close":
                await connection.close()
                connection = await kind.connect(self.proxy.port)
        await connection.close()

    async def at_rest(self) -> dict[str, int]:
        """Wait until nothing is under way, and return what is left nevertheless: all of it should be zero."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while any(self.left().values()):  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.05)
        return self.left()

    def left(self) -> dict[str, int]:
        """Return what is under way, by what it is."""
        state, farm = self.proxy.state, self.farm
        return {
            "requests at servers": sum(load.live for load in farm.loads),
            "requests of the budget": farm.budget.requests,
            "retries of the budget": farm.budget.retries,
            "requests in the queue": len(farm.queue),
            "attempts": len(state.attempts),
            "exchanges": len(state.live),
            "clients": len(self.proxy.master.addons.get("proxyserver").connections),
        }


@contextlib.asynccontextmanager
async def under_fire(
    folder: Path, *, faults: dict[str, float] = FAULTS, servers: int = SERVERS, seed: int = 1, settings: str = ""
) -> AsyncIterator[UnderFire]:
    """Run a farm on addresses of its own (127.0.0.N)."""
    random = Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        running: list[FaultyServer] = []
        for number in range(1, servers + 1):
            server = FaultyServer(f"127.0.0.{number}", random, faults)
            await server.start(running[0].port if running else 0)
            stack.push_async_callback(server.stop)
            running.append(server)
        listed = ", ".join(f"'{server.address}:{server.port}'" for server in running)
        rules = (
            "public: [http://localhost, https://localhost]\nbackend: http://shop\n"
            f"farms:\n  shop:\n    servers: [{listed}]\n"
            f"    timeouts: {{connect: 1s, response: 500ms, idle: 1s}}\n{settings}"
        )
        proxy = await stack.enter_async_context(in_process(rules, folder))
        yield UnderFire(proxy, running, random)
