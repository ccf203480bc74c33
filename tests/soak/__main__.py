"""Sends many requests through mitmweb and prints its memory as it grows, or does not.

The demo runs as `./run.sh demo` does, traces on; eight clients ask for its pages over TLS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from soak.load import CONNECTIONS, Count, checkpoints, grown, soaking

FLAT_AFTER = 5000
MAX_COUNT = 1.1
"""At most so many times the memory after `FLAT_AFTER` requests is in use later."""


def main() -> int:
    """Prints a line a checkpoint; the exit code is 1 if the memory goes on growing."""
    parser = argparse.ArgumentParser(prog="run.sh measure soak", description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=50_000)
    parser.add_argument("--keep-flows", type=int, default=2000, help="urlrewrite_keep_flows (2000)")
    parser.add_argument("--seconds", type=float, default=3600, help="end after so many seconds (3600)")
    options = parser.parse_args()
    counts: dict[int, Count] = {}
    with (
        tempfile.TemporaryDirectory(prefix="urlrewrite-soak-") as folder,
        soaking(Path(folder), f"--set=urlrewrite_keep_flows={options.keep_flows}") as soaked,
    ):
        began, sent = time.monotonic(), 0
        print(f"{len(soaked.paths)} pages, {CONNECTIONS} connections, TLS, the last {options.keep_flows} flows kept")
        print(f"{'requests':>9} {'MB':>7} {'blocks':>10} {'flows':>6} {'per s':>6}")
        print(_line(0, soaked.census(), 0.0), flush=True)
        for goal in checkpoints(options.requests):
            since = time.monotonic()
            soaked.ask(goal - sent)
            rate, sent = (goal - sent) / (time.monotonic() - since), goal
            counts[goal] = soaked.census()
            print(_line(goal, counts[goal], rate), flush=True)
            if time.monotonic() - began > options.seconds:
                print(f"ended after {options.seconds:g} seconds")
                break
    late = {goal: count for goal, count in counts.items() if goal >= FLAT_AFTER}
    if len(late) < 2:
        return 0
    first, last = late[min(late)], late[max(late)]
    for name, (before, after) in list(grown(first, last).items())[:10]:
        print(f"{name:>60} {before:>8} {after:>8}")
    within = max(count.rss for count in late.values()) <= MAX_COUNT * first.rss
    print(f"since {min(late):,} requests: {last.rss / first.rss:.3f} times the memory: {'' if within else 'NOT '}flat")
    return 0 if within else 1


def _line(sent: int, count: Count, rate: float) -> str:
    flows = count.objects.get("mitmproxy.http.HTTPFlow", 0)
    return f"{sent:>9,} {count.rss / 2**20:>7.1f} {count.blocks:>10,} {flows:>6,} {rate:>6.0f}"


if __name__ == "__main__":
    sys.exit(main())
