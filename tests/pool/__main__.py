"""Sends many requests by clients that leave halfway, and looks whether a response ever goes to another request.

Connections to the backend are shared. The proxy, the backend and the clients run in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from hooks.echo_backend import EchoBackend
from hooks.in_process import in_process
from hooks.leaving_clients import CONCURRENCY, LeavingClients
from urlrewrite.trace.events import Name

_AT_A_TIME = 1000
"""Requests between two looks at their flows."""


def main() -> int:
    """Print a line a while; the exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="run.sh measure pool", description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urlrewrite-pool-") as folder:
        return asyncio.run(_measure(options, Path(folder)))


async def _measure(options: argparse.Namespace, folder: Path) -> int:
    retries = 0
    async with EchoBackend() as backend:
        rules = f"public: [http://localhost, https://localhost]\nbackend: http://127.0.0.1:{backend.port}\n"
        async with in_process(rules, folder) as proxy:
            clients = LeavingClients(proxy.port, options.seed)
            tally = clients.tally
            print(f"{CONCURRENCY} requests at a time")
            print(
                f"{'requests':>9} {'left':>7} {'wrong':>6} {'failed':>7} {'retries':>8} {'connects':>9} {'allowed':>8}"
            )
            while tally.asked < options.requests:
                await clients.ask(_AT_A_TIME)
                traces = (flow.metadata.get("urlrewrite", {}) for flow in proxy.flows)
                events = (event for trace in traces for event in trace.get("events", ()))
                retries += sum(event["event"] == Name.SERVER_FAILED for event in events)
                proxy.flows.clear()
                counts = f"{tally.left:>7,} {tally.wrong:>6} {tally.failed:>7} {retries:>8}"
                print(f"{tally.asked:>9,} {counts} {backend.connections:>9,} {tally.allowed():>8,}", flush=True)
            crashed = [line for line in proxy.log if "crashed" in line or "Traceback" in line]
            print("\n".join(crashed))
            well = not (tally.wrong or tally.failed or retries or crashed) and backend.connections <= tally.allowed()
            print("as it should be" if well else "NOT as it should be")
            return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
