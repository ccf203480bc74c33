"""What takes turns at work in the rows of the table: a proxy under a load, one with many sites, the engine alone."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bench import content
from bench.pages import BACKEND
from bench.programs import memory
from bench.proxies import Bench, page
from bench.sites import Setup
from hooks.clients import Http2

type Turn = Callable[[str], float]
"""Does the work once, and gives what it took: the seconds of the processor a request, or another figure."""


class Side(ABC):
    """What takes turns at work."""

    @abstractmethod
    def turn(self, bench: Bench) -> Turn:
        """Start it, see that it does what it should, and give its turns. Raises Missing."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many requests a turn for a page of a kind and of so many bytes.

    They are sent one after the other over connections of HTTP/1.1 that take turns, or if there are `streams`, so many
    at a time over one of HTTP/2 with TLS.
    """

    size: int
    requests: int
    kind: str = "dense"
    coding: str = "identity"
    connections: int = 1
    streams: int = 0

    @property
    def path(self) -> str:
        return f"/{self.kind}-{self.size}.html"


@dataclass(frozen=True, slots=True)
class Proxied(Side):
    """A proxy under a load."""

    proxy: str
    load: Load

    def turn(self, bench: Bench) -> Turn:
        proxy = bench.proxy(self.proxy)
        load = replace(self.load, requests=min(self.load.requests, bench.limit))
        ask = (_ask_by_streams if load.streams else _ask_one_by_one)(bench, proxy.port, load)
        self._check(ask()[-1])

        def turn(part: str) -> float:
            del part
            before = proxy.processor()
            got = ask()
            return (proxy.processor() - before) / len(got)

        return turn

    def _check(self, body: bytes) -> None:
        """End the run where a proxy has not mapped every link; mitmproxy as it is maps none."""
        expected = page(self.load.kind, self.load.size).count(BACKEND.encode())
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        found = body.count(BACKEND.encode()), len(re.findall(rb'="https?://localhost[:/]', body))
        if found != ((expected, 0) if self.proxy == "stock" else (0, expected)):
            sys.exit(f"run.sh: bench: {self.proxy} left and mapped {found} links of {self.load.path}, of {expected}")


def _ask_one_by_one(bench: Bench, port: int, load: Load) -> Callable[[], list[bytes]]:
    clients = [http.client.HTTPConnection("localhost", port, timeout=120) for _ in range(load.connections)]
    for client in clients:
        bench.callback(client.close)

    def ask() -> list[bytes]:
        bodies = []
        for number in range(load.requests):
            client = clients[number % len(clients)]
            client.request("GET", load.path, headers={"Accept-Encoding": load.coding})
            response = client.getresponse()
            bodies.append(response.read())
            _expect_200(response.status, bodies[-1])
        return bodies

    return ask


def _ask_by_streams(bench: Bench, port: int, load: Load) -> Callable[[], list[bytes]]:
    client = bench.runner.run(Http2.connect(port))
    bench.callback(lambda: bench.runner.run(client.close()))
    host, fields = f"localhost:{port}", (("accept-encoding", load.coding),)

    async def ask() -> list[bytes]:
        bodies = []
        for _ in range(-(-load.requests // load.streams)):
            begun = [client.begin(path=load.path, host=host, fields=fields) for _ in range(load.streams)]
            for stream in begun:
                got = await client.finish(stream)
                _expect_200(got.status, got.body)
                bodies.append(got.body)
        return bodies

    return lambda: bench.runner.run(ask())


def _expect_200(status: int, body: bytes) -> None:
    if status != 200:
        sys.exit(f"run.sh: bench: got {status}, expected 200: {body[:500]!r}")


@dataclass(frozen=True, slots=True)
class OfSites(Side):
    """A proxy with so many sites and rules, asked for a page of so many bytes of one site after the other."""

    setup: Setup
    size: int

    def turn(self, bench: Bench) -> Turn:
        return bench.sites(self.setup).turn(self.size, bench.limit)


@dataclass(frozen=True, slots=True)
class Engine(Side):
    """The engine alone, in this process, with a page of a megabyte; its figure is MB/s."""

    kind: str

    def turn(self, bench: Bench) -> Turn:
        data = page(self.kind, 1_000_000)
        run = content.exchange(content.LINKS, data)
        run()  # expressions are compiled when they are first needed
        return lambda part: len(data) / 1e6 / run()


@dataclass(frozen=True, slots=True)
class AtRest(Side):
    """Connections of HTTP/1.1 that have asked once and are kept; the figure is the kilobytes that each holds."""

    connections: int

    def turn(self, bench: Bench) -> Turn:
        def turn(part: str) -> float:
            del part
            proxy = bench.proxy("ours, connections at rest")
            pid, count = proxy.service.process.pid, min(self.connections, bench.limit)
            with contextlib.ExitStack() as stack:
                for number in range(100 + count):
                    if number == 100:  # what all connections share is there by then
                        before = memory(pid)
                    stack.enter_context(_asked_once(proxy.port))
                return (memory(pid) - before) * 1024 / count

        return turn


@contextlib.contextmanager
def _asked_once(port: int) -> Iterator[None]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /dense-1000.html HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
        came = b""
        while not came.rstrip().endswith(b"</ul>"):
            came += client.recv(65536) or sys.exit(f"run.sh: bench: a connection was closed after {came[:500]!r}")
        yield
