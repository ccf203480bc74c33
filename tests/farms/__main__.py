"""Farms under fire: servers restarted under load, health tests of many servers, a soak with random faults."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import monotonic, process_time

from farms.under_fire import QUIET, UnderFire, under_fire
from hooks.in_process import in_process

CLIENTS = 8
MAX_GROWTH = 1.05
"""At most so many times the memory after the first tenth of a soak is in use at its end."""

MAX_BURST = 2.0
"""At most so many times the mean of the health tests of a tenth of a second come in one."""

MAX_CORE = 0.25
"""At most such a part of a core is used by the health tests of many servers."""


def main() -> int:
    """Runs one of them; the exit code is 1 where something is not as it has to be."""
    parser = argparse.ArgumentParser(prog="run.sh measure farms", description=__doc__)
    parser.add_argument("what", choices=("restarts", "health", "soak"))
    parser.add_argument("--seconds", type=float, help="how long (restarts 60, health 20, soak 1800)")
    parser.add_argument("--servers", type=int, default=200, help="servers whose health is tested (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urlrewrite-farms-") as folder:
        match options.what:
            case "restarts":
                within = asyncio.run(_restarts(Path(folder), options.seconds or 60.0, options.seed))
            case "health":
                within = _health(Path(folder), options.seconds or 20.0, options.servers)
            case _:
                within = asyncio.run(_soak(Path(folder), options.seconds or 1800.0, options.seed))
    return 0 if within else 1


async def _restarts(folder: Path, seconds: float, seed: int) -> bool:
    """Of two servers one is taken away and brought back every two seconds."""
    async with under_fire(folder, faults=QUIET, servers=2, seed=seed) as fire:
        end = monotonic() + seconds

        async def restart() -> None:
            while monotonic() < end:
                await asyncio.sleep(1.0)
                await fire.servers[0].stop()
                await asyncio.sleep(1.0)
                await fire.servers[0].start()

        restarting = asyncio.ensure_future(restart())
        await fire.clients(CLIENTS, lambda: monotonic() < end, methods=("GET",))
        await restarting
        counts = fire.outcome.counts
        retries = fire.farm.loads[0].requests + fire.farm.loads[1].requests - counts.total()
        print(f"{counts.total():,} requests, one of two servers restarted every 2 s: {_told(counts)}")
        print(f"{retries:,} retries; left at rest: {_told(Counter(await fire.at_rest())) or 'nothing'}")
        few = retries <= 0.2 * counts.total() + 3
        return few and set(counts) == {"200"} and not fire.outcome.wrong and not any(fire.left().values())


def _health(folder: Path, seconds: float, servers: int) -> bool:
    """Many servers are tested every second, by a proxy that has nothing else to do."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("tested_servers.py")), str(servers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        with closing(process.stdin):
            port = int(process.stdout.readline())
            listed = ", ".join(f"'127.0.1.{number}:{port}'" for number in range(1, servers + 1))
            rules = (
                f"public: http://localhost\nbackend: http://shop\nfarms:\n  shop:\n    servers: [{listed}]\n"
                "    health: {url: /, interval: 1s, timeout: 1s}\n"
            )
            core, healthy = asyncio.run(_testing(rules, folder, seconds))
        times = [float(line) for line in process.stdout.read().split()]
    tenths = Counter(int(time * 10) for time in times if times[0] + 2.0 < time < times[0] + 2.0 + seconds)
    mean, most = sum(tenths.values()) / max(1, len(tenths)), max(tenths.values(), default=0)
    print(f"{servers} servers tested every second, {healthy} healthy: {core:.1%} of a core")
    print(f"tests in a tenth of a second: {mean:.1f} on the average, {most} at most ({most / mean:.2f} times)")
    return core <= MAX_CORE and most <= MAX_BURST * mean and healthy == servers


async def _testing(rules: str, folder: Path, seconds: float) -> tuple[float, int]:
    """Return the part of a core that a proxy takes, and how many servers it holds to be well."""
    async with in_process(rules, folder) as proxy:
        await asyncio.sleep(2.0)
        began, used = monotonic(), process_time()
        await asyncio.sleep(seconds)
        core = (process_time() - used) / (monotonic() - began)
        (farm,) = proxy.state.farms
        return core, sum(load.health.healthy for load in farm.loads)


async def _soak(folder: Path, seconds: float, seed: int) -> bool:
    """Servers with random faults, clients that leave, for a long time; a line is printed every minute."""
    step = min(60.0, seconds / 10)
    async with under_fire(folder, seed=seed) as fire:
        print(f"{'minutes':>8} {'requests':>9} {'MB':>7} {'wrong':>6}  what clients got")
        began = monotonic()
        first = rss = 0
        while (passed := monotonic() - began) < seconds:
            end = monotonic() + step
            await fire.clients(CLIENTS, lambda end=end: monotonic() < end, leaving=0.05)  # type: ignore[misc]
            rss = _rss()
            first = first or (rss if passed >= seconds / 10 else 0)
            print(_line(fire, monotonic() - began, rss), flush=True)
            if any((left := await fire.at_rest()).values()):
                print(f"left at rest: {_told(Counter(left))}")
                return False
        for wrong in fire.outcome.wrong[:10]:
            print(f"wrong: {wrong}")
        growth = rss / first if first else 1.0
        print(f"at rest nothing is left; {growth:.3f} times the memory after the first tenth")
        return not fire.outcome.wrong and growth <= MAX_GROWTH


def _line(fire: UnderFire, passed: float, rss: int) -> str:
    counts = fire.outcome.counts
    return f"{passed / 60:>8.1f} {counts.total():>9,} {rss / 2**20:>7.1f} {len(fire.outcome.wrong):>6}  {_told(counts)}"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()) if number)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
