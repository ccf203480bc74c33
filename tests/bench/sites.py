"""What many sites and many rules cost a request: whole proxies with few and with many of them, in turns.

Every proxy has a process of its own, and what counts is the processor's time of it that a request takes: a turn with
many is compared with the turn with few beside it, and the median of these ratios counts. Each request is for another
site, all of which have been asked for once, which takes longer and is told apart; of many rules the last one is meant.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.against import HERE, compare, mitmdump
from bench.pages import BACKEND, dense
from bench.programs import peak_memory, processor
from e2e.support.service import Service, free_ports

SMALL, LONG = 1_000, 100_000
REQUESTS = {SMALL: 100, LONG: 25}
"""Requests of a turn, by the bytes of the page."""


@dataclass(frozen=True, slots=True)
class Setup:
    """So many sites with so many rules each."""

    sites: int = 1
    rules: int = 0

    def __str__(self) -> str:
        sites = f"{self.sites:,} sites" if self.sites > 1 else "one site"
        return f"{sites}, {self.rules:,} rules" if self.rules else sites


@dataclass(frozen=True, slots=True)
class Row:
    """Two setups, the bytes of the page that is asked for, and how many times the time of few that of many may be."""

    many: Setup
    few: Setup
    size: int
    most: float


ROWS = (
    Row(Setup(1000), Setup(), SMALL, 1.2),
    Row(Setup(1000), Setup(), LONG, 1.5),
    Row(Setup(1, 10_000), Setup(1, 10), SMALL, 1.2),
    Row(Setup(1000, 10), Setup(1, 10), SMALL, 1.2),
)


def rule_file(setup: Setup, port: int, backend: int) -> str:
    """The rule file of a setup, for a proxy on a port: every site has its own name and its own backend."""

    def site(number: int) -> dict[str, Any]:
        rules = [
            {
                "name": f"r{rule}",
                "match": rf"^article/{rule}/(\d+)\.html$",
                "action": {"type": "Rewrite", "url": "{R:1}.html"},
            }
            for rule in range(setup.rules)
        ]
        return {
            "name": f"s{number}",
            "public": f"http://www{number}.example.com:{port}",
            "backend": f"http://srv{number}.corp.example:8080",
            "connect": f"127.0.0.1:{backend}",
            "links": "everywhere",
            "rules": rules,
        }

    return json.dumps({"sites": [site(number) for number in range(setup.sites)]})


class _Pages(BaseHTTPRequestHandler):
    """Backends that write the name by which they are asked into their links; a page's name is its size."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = re.search(r"(\d+)\.html", self.path)
        body = _page(int(size[1]) if size else 0, self.headers["Host"])
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nServer: x\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write(head % len(body) + body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@cache
def _dense(size: int) -> bytes:
    return dense(size).encode()


def _page(size: int, host: str) -> bytes:
    return _dense(size).replace(BACKEND.encode(), f"http://{host}".encode())


@contextlib.contextmanager
def pages_backend() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@dataclass(slots=True)
class SiteProxy:
    """A proxy with a setup, and a client of it.

    `started` are the seconds of the processor until it listened, `first` those of the first request of a site.
    """

    setup: Setup
    port: int
    service: Service
    client: http.client.HTTPConnection
    started: float
    first: float = 0.0
    asked: int = 0

    def warm_up(self) -> None:
        """Ask for every site once."""
        before = processor(self.service.process.pid)
        for _ in range(self.setup.sites):
            self._ask(SMALL)
        self.first = (processor(self.service.process.pid) - before) / self.setup.sites

    def turn(self, size: int, limit: int = sys.maxsize) -> Callable[[str], float]:
        """Give what asks for a page some times, at most `limit`; returns the seconds of the processor that one took."""
        requests = min(REQUESTS[size], limit)

        def run(part: str) -> float:
            del part
            before = processor(self.service.process.pid)
            for _ in range(requests):
                self._ask(size)
            return (processor(self.service.process.pid) - before) / requests

        return run

    def _ask(self, size: int) -> None:
        rules = self.setup.rules
        # A step without a common factor comes to every site, and not to neighbours one after the other.
        host = f"www{self.asked * 379 % self.setup.sites}.example.com:{self.port}"
        path = f"/article/{rules - 1}/{size}.html" if rules else f"/{size}.html"
        self.asked += 1
        self.client.request("GET", path, headers={"Host": host})
        response = self.client.getresponse()
        body = response.read()
        if response.status != 200 or b"corp.example" in body or f"http://{host}/".encode() not in body:
            sys.exit(f"run.sh: bench: {self.setup}: got {response.status}: {body[:500]!r}\n{self.service.log}")


@contextlib.contextmanager
def site_proxy(setup: Setup, folder: Path, backend: int) -> Iterator[SiteProxy]:
    [port] = free_ports(1)
    with mitmdump(HERE, folder, rule_file(setup, port, backend), f"http://127.0.0.1:{port}") as service:
        service.await_ports(port)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as client:
            proxy = SiteProxy(setup, port, service, client, processor(service.process.pid))
            proxy.warm_up()
            yield proxy


def print_table(options: argparse.Namespace) -> bool:
    """Prints what was measured; whether many cost as little as they should."""
    setups = dict.fromkeys(setup for row in ROWS for setup in (row.few, row.many))
    within = True
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="urlrewrite-bench-")))
        backend = stack.enter_context(pages_backend())
        proxies: dict[Setup, SiteProxy] = {}
        for number, setup in enumerate(setups):
            proxies[setup] = stack.enter_context(site_proxy(setup, folder / str(number), backend))
        print(f"many sites, many rules: median of {options.pairs} interleaved pairs of turns, processor time a request")
        print(f"{'many':>24}  {'few':>18}  {'page':>6}  {'many':>9}  {'few':>9}  {'ratio':>6}  {'at most':>7}")
        for row in ROWS:
            many, few = (proxies[setup].turn(row.size) for setup in (row.many, row.few))
            found = compare(str(row.many), many, few, options.pairs)
            within = within and found.ratio <= row.most
            cells = f"{found.here * 1e3:>6.3f} ms  {found.there * 1e3:>6.3f} ms  {found.ratio:>6.3f}  {row.most:>7g}"
            told = "" if found.ratio <= row.most else "  missed"
            print(f"{row.many!s:>24}  {row.few!s:>18}  {row.size // 1000:>3} kB  {cells}{told}", flush=True)
        print(f"{'':>24}  {'to start':>9}  {'first':>9}  {'memory':>9}")
        for setup, proxy in proxies.items():
            pid = proxy.service.process.pid
            first = f"{proxy.first * 1e3:>6.3f} ms"
            print(f"{setup!s:>24}  {proxy.started:>7.1f} s  {first:>9}  {peak_memory(pid):>6.0f} MB")
    return within
