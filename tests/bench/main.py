"""The benchmark: the table of what was to be reached, each of its parts at length, and another checkout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "addons"), str(PROJECT / "tests")]

from bench import against, choices, content, engine, farms, sites, table, trace, workers  # noqa: E402
from bench.peers import compare_peers  # noqa: E402

PARTS = ("table", "engine", "content", "sites", "trace", "farms", "workers", "peers")


def main() -> None:
    """Measures and prints the tables; exit code 1 where something costs too much."""
    parser = argparse.ArgumentParser(
        prog="run.sh bench",
        description="Without PART a table: what a request takes of the processor, beside nginx, Apache and a stock"
        " mitmdump where they are installed, with many sites and rules, with workers, and in mitmweb. The other parts"
        " are at length: many inbound rules, the content of a page, what sites, traces, farms and workers cost, and"
        " whole proxies side by side under load.",
    )
    parser.add_argument(
        "parts", metavar="PART", nargs="*", help=f"{', '.join(PARTS)}; trace and workers need nginx and wrk, peers more"
    )
    parser.add_argument("--engine-turns", type=int, default=25, help="turns of each number of rules (25)")
    parser.add_argument("--content-turns", type=int, default=7, help="turns of each way to rewrite a page (7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds of each turn of a proxy (0.5)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each proxy and page (3)")
    parser.add_argument(
        "--connections", type=int, default=8, help="connections at a time, for pages of less than 1 MB (8)"
    )
    parser.add_argument("--pages", default="", help="only the pages whose title contains this, as in 'dense 1 MB'")
    parser.add_argument("--rows", default="", help="only the rows of the table that contain this, as in 'nginx'")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="of requests a turn, sites, rules, connections")
    parser.add_argument("--json", default=table.RESULT, help="where the table is written as JSON (.cache/bench.json)")
    parser.add_argument("--release", default="", help=f"add the table to {table.HISTORY.name} as that of a release")
    parser.add_argument(
        "--against",
        metavar="DIR",
        help=f"compare with another checkout in turns instead; its parts are {', '.join(against.PARTS)}",
    )
    parser.add_argument("--pairs", type=int, default=against.PAIRS, help=f"pairs of turns ({against.PAIRS})")
    options = parser.parse_args()
    known = against.PARTS if options.against else PARTS
    if unknown := sorted(set(options.parts).difference(known)):
        parser.error(f"got the part {unknown[0]!r}, expected one of {', '.join(known)}")
    if options.against:
        sys.exit(0 if against.print_table(options) else 1)
    parts = options.parts or ("table",)
    within = True
    if "table" in parts:
        within = table.print_table(options)
        print()
    if "engine" in parts:
        within = engine.print_table(options.engine_turns) and within
        print()
    if "content" in parts:
        within = content.print_table(options.content_turns) and within
        print()
    if "sites" in parts:
        within = sites.print_table(options) and within
        print()
    if "trace" in parts:
        within = trace.print_table(options) and within
        print()
    if "farms" in parts:
        within = choices.print_table() and within
        print()
        within = farms.print_table(options) and within
        print()
    if "workers" in parts:
        within = workers.print_table(options) and within
        print()
    if "peers" in parts:
        compare_peers(options)
    sys.exit(0 if within else 1)


if __name__ == "__main__":
    main()
