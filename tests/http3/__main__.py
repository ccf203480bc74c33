"""Asks over HTTP/3, side by side on each connection, through a network that loses packets: is all answered?

The proxy, its backend, the network and the clients run in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from time import monotonic

from hooks.echo_backend import EchoBackend
from hooks.in_process import in_process
from http3.asking import answer, ask
from http3.lossy_relay import LossyRelay


def main() -> int:
    """Print what came of it; the exit code is 1 if a request was not answered, or by what is another's."""
    parser = argparse.ArgumentParser(prog="run.sh measure http3", description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=10_000)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=4, help="requests side by side on each connection (4)")
    parser.add_argument("--busy", type=int, default=8, help="connections that ask at a time, while the others rest (8)")
    parser.add_argument("--loss", type=float, default=0.02, help="how often a packet is lost, both ways (0.02)")
    parser.add_argument("--twice", type=float, default=0.0, help="how often a packet comes twice (0)")
    parser.add_argument("--late", type=float, default=0.0, help="how often a packet comes late, after others (0)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urlrewrite-http3-") as folder:
        return asyncio.run(_measure(options, Path(folder)))


async def _measure(options: argparse.Namespace, folder: Path) -> int:
    async with EchoBackend() as backend:
        backend.answer = answer
        rules = f"public: [http://localhost, https://localhost]\nbackend: http://127.0.0.1:{backend.port}\n"
        async with (
            in_process(rules, folder, http3=True) as proxy,
            LossyRelay(proxy.port, options.seed, loss=options.loss, twice=options.twice, late=options.late) as network,
        ):
            began = monotonic()
            tally = await ask(
                network.port,
                options.requests,
                connections=options.connections,
                at_once=options.at_once,
                seed=options.seed,
                busy=options.busy,
            )
            took = monotonic() - began
            print(f"{tally.asked:,} requests over {options.connections} connections in {took:.0f} s")
            print(f"{network.lost:,} of {network.lost + network.passed:,} packets were lost")
            print(f"{backend.connections:,} connections to the backend; the slowest took {tally.slowest:.1f} s")
            print(f"{tally.failed:,} not answered, {tally.wrong:,} answered by what is another's")
            wrong = [line for line in proxy.log if "crashed" in line or "Traceback" in line]
            print("\n".join([*([tally.why] if tally.why else []), *wrong]))
            return 0 if tally.well and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
