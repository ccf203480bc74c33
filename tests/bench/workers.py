"""What it costs that two workers share a port: the processor's time of a request with one process and with two.

Both proxies take turns under load, with the same rules. How many requests two workers serve in a second says how many
cores were free; what a request costs says whether sharing has a price.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.pages import BACKEND, dense
from bench.peers import PUBLIC, nginx, serves
from bench.programs import fetch, measure, processor
from e2e.support.service import RUN_SH, Service, free_ports, running

MAX_RATIO = 1.05
"""At most so many times the processor's time of one process may a request take with two workers."""

PAGE = "1kB.html"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of one process, or of two workers and the process that looks after them."""

    workers: int
    port: int
    service: Service

    def turn(self, options: argparse.Namespace) -> tuple[float, float]:
        """Requests per second, and milliseconds of the processor that a request took."""
        before = processor(self.service.process.pid)
        # The system spreads connections, not requests: of few, one worker may get all.
        connections = 4 * options.connections
        rate = measure(self.port, PAGE, coding="", seconds=options.seconds, connections=connections)
        if not rate:
            sys.exit(f"run.sh: bench: no response came within {options.seconds:g} s; give it more --seconds")
        spent = processor(self.service.process.pid) - before
        return rate, spent / (rate * options.seconds) * 1000


@contextlib.contextmanager
def _proxies(folder: Path) -> Iterator[list[Proxy]]:
    root = folder / "pages"
    root.mkdir()
    (root / PAGE).write_text(dense(1000), encoding="utf-8")
    backend, *ports = free_ports(3)
    rules = folder / "bench.yaml"
    rules.write_text(f"public: {PUBLIC}\nbackend: {BACKEND}\nconnect: 127.0.0.1:{backend}\n", encoding="utf-8")
    with contextlib.ExitStack() as stack:
        origin = nginx(folder, "backend", 0, serves(backend, root))
        stack.enter_context(running(origin))
        origin.await_ports(backend)
        found = []
        for workers, port in enumerate(ports, 1):
            start = [RUN_SH, "proxy", str(rules), "--workers", str(workers), "--listen", f"http://127.0.0.1:{port}"]
            command = [*start, "--", "-q", f"--set=confdir={folder / f'conf-{workers}'}"]
            found.append(Proxy(workers, port, stack.enter_context(running(Service(command, folder / f"{port}.log")))))
        for proxy in found:
            proxy.service.await_ports(proxy.port)
        found[1].service.await_log("worker 2 is process")
        yield found


def print_table(options: argparse.Namespace) -> bool:
    """Prints what was measured; whether two workers cost as little as they should."""
    print(f"what workers cost: {options.turns} turns of {options.seconds:g} s, no TLS, a page of 1 kB; medians")
    taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="urlrewrite-bench-") as folder, _proxies(Path(folder)) as (one, two):
        for proxy in (one, two, two):
            # Expressions are compiled, and connections opened, when they are first needed; in both workers.
            fetch(proxy.port, PAGE, "")
            proxy.turn(options)
        for turn in range(options.turns):
            for proxy in (one, two) if turn % 2 else (two, one):
                taken[proxy.workers].append(proxy.turn(options))
    for workers, turns in taken.items():
        rate, spent = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"{workers:>8} {'worker ' if workers == 1 else 'workers'} {rate:8.1f}/s  {spent:6.3f} ms a request")
    ratio = statistics.median(two[1] / one[1] for one, two in zip(taken[1], taken[2], strict=True))
    within = ratio <= MAX_RATIO
    print(f"two workers take {ratio:.3f} times the time of one: {'' if within else 'NOT '}at most {MAX_RATIO:g}")
    return within
