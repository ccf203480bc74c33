"""Sends many small requests to mitmdump over 64 connections: is each answered, by what is its own, in flat memory?

Connections of HTTP/1.1, 2 and 3, GET and POST; two requests in a hundred are aborted. The proxy is a process of its
own, started as `./run.sh proxy` starts it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic

from e2e.support.service import Service, free_ports, running
from hooks.clients import WITHIN
from hooks.echo_backend import EchoBackend
from load.asking import CONNECTIONS, SHARES, Load
from urlrewrite.cli.preflight import parse_listener
from urlrewrite.cli.serve import command

MAX_GROWTH = 1.02
"""At most so many times the memory after the first half of the requests is in use at the end.

What is kept up to a bound (flows, tickets of TLS, connections at rest) is full by then; a leak goes on.
"""

_PARTS = 10


def main() -> int:
    """Print a line a tenth; the exit code is 1 if anything was not as it has to be."""
    parser = argparse.ArgumentParser(prog="run.sh measure load", description=__doc__)
    parser.add_argument("--requests", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urlrewrite-load-") as folder:
        return asyncio.run(_measure(options, Path(folder)))


async def _measure(options: argparse.Namespace, folder: Path) -> int:
    https, http = free_ports(2)
    async with EchoBackend() as backend:
        rules = folder / "rules.yaml"
        rules.write_text(
            f"public: [https://localhost, http://localhost]\nbackend: http://127.0.0.1:{backend.port}\n",
            encoding="utf-8",
        )
        listeners = [parse_listener(f"https://127.0.0.1:{https}"), parse_listener(f"http://127.0.0.1:{http}")]
        more = [f"--set=confdir={folder / 'mitmproxy'}", "--set=urlrewrite_drain=5"]
        arguments = command("mitmdump", ["reverse.py"], [rules], listeners, more)
        with running(Service(arguments, folder / "proxy.log")) as service:
            await asyncio.to_thread(service.await_ports, https, http)
            return 0 if await _ask(options, Load(http, https, options.seed), backend, service) else 1


async def _ask(options: argparse.Namespace, load: Load, backend: EchoBackend, service: Service) -> bool:
    tally = load.tally
    backend.take = tally.take
    shares = ", ".join(f"{version} {share:.0%} over {CONNECTIONS[version]}" for version, share in SHARES.items())
    print(f"{sum(CONNECTIONS.values())} connections; of the requests {shares} of them")
    counts = "aborted  mixed  late  unanswered  otherwise"
    print(f"{'requests':>9} {counts:>46} {'MB':>7} {'per s':>7}")
    memory: list[int] = []
    asking = asyncio.ensure_future(load.ask(options.requests))
    for part in range(1, _PARTS + 1):
        began, before = monotonic(), tally.asked.total()
        goal = options.requests * part // _PARTS
        while tally.asked.total() < goal and not asking.done():
            await asyncio.wait({asking}, timeout=0.1)
        if part == _PARTS:
            await asking
        memory.append(_rss(service.process.pid))
        asked = tally.asked.total()
        numbers = (tally.aborted, tally.mixed, tally.late.total(), tally.unanswered, tally.otherwise.total())
        counts = "".join(f"{number:>{width},}" for number, width in zip(numbers, (8, 7, 6, 12, 11), strict=True))
        rate = (asked - before) / (monotonic() - began)
        print(f"{asked:>9,} {counts} {memory[-1] / 2**20:>7.1f} {rate:>7.0f}", flush=True)
    growth = memory[-1] / memory[_PARTS // 2 - 1]
    print(f"{', '.join(f'{version} {count:,}' for version, count in tally.asked.items())} requests")
    print(f"{backend.connections:,} connections to the backend, {backend.open} of them open")
    if tally.late:
        late = ", ".join(f"{count} by {client}" for client, count in tally.late.items())
        print(f"waited for longer than {WITHIN:g} seconds: {late}")
    for line in (tally.first, *(f"{status}: {count}" for status, count in tally.otherwise.items())):
        print(line, end="\n" if line else "")
    flat = growth <= MAX_GROWTH
    print(f"{growth:.3f} times the memory after the first half: {'' if flat else 'NOT '}flat")
    print("as it should be" if tally.well and flat else "NOT as it should be")
    return tally.well and flat


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
