"""Tries every fault of a backend under every rule set, for clients of every version, and beside nginx.

Prints a line for each fault with what a client gets, or with what differs from what is expected, then counts by kind.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from e2e.support.needs import DEBIAN_PACKAGE_OF, program
from faults.asking import CLIENTS
from faults.matrix import RULE_SETS, Fault, Tried, faults, seen, tries
from faults.nginx import differs, explained, opinions
from hooks.clients import Got


def main() -> int:
    """Try all faults; the exit code is 1 where something is not as expected."""
    parser = argparse.ArgumentParser(prog="run.sh measure faults", description=__doc__)
    parser.add_argument("--only", default="", help='faults whose "kind: name" contains this')
    parser.add_argument("--rule-set", choices=RULE_SETS, action="append", help="one of the rule sets (all of them)")
    parser.add_argument(
        "--version", choices=CLIENTS, action="append", help="one of the clients' versions (all of them)"
    )
    parser.add_argument("--without-nginx", action="store_true", help="do not ask nginx")
    options = parser.parse_args()
    all_faults = faults()
    chosen = [number for number, fault in enumerate(all_faults) if options.only in fault.title]
    with tempfile.TemporaryDirectory(prefix="urlrewrite-faults-") as folder:
        return asyncio.run(_measure(options, all_faults, chosen, Path(folder)))


async def _measure(options: argparse.Namespace, all_faults: list[Fault], chosen: list[int], folder: Path) -> int:
    versions = options.version or [*CLIENTS]
    by_fault = defaultdict[str, list[Tried]](list)
    for rule_set in options.rule_set or RULE_SETS:
        print(f"rule set {rule_set} ...", file=sys.stderr)
        async for some in tries(rule_set, folder, dict.fromkeys(chosen, versions), all_faults):
            for tried in some:
                by_fault[tried.fault.title].append(tried)
    got = {} if options.without_nginx else await _ask_nginx(all_faults, chosen, folder)
    because = explained()
    wrong = 0
    for number in chosen:
        fault = all_faults[number]
        told, failed = _line(fault, by_fault[fault.title], got.get(number), because.get(fault.title, ""))
        wrong += failed
        print(f"{fault.title:<70} {told}")
    _print_counts([tried for some in by_fault.values() for tried in some])
    _print_nginx(all_faults, got, because)
    print(f"{wrong} faults NOT as expected" if wrong else "all as expected")
    return 1 if wrong else 0


async def _ask_nginx(all_faults: list[Fault], chosen: list[int], folder: Path) -> dict[int, Got]:
    if program("nginx") is None:
        print(f"nginx is not installed: apt-get install {DEBIAN_PACKAGE_OF['nginx']}", file=sys.stderr)
        return {}
    return {number: got async for number, got in opinions(all_faults, chosen, folder)}


def _line(fault: Fault, tried: Sequence[Tried], by_nginx: Got | None, because: str) -> tuple[str, bool]:
    """What is to be said of a fault, and whether something is not as expected."""
    by_difference = defaultdict[str, list[str]](list)
    for each in tried:
        if each.differences:
            by_difference["; ".join(each.differences)].append(f"{each.rule_set} {each.version}")
    parts = [f"NOT as expected, {', '.join(cells)}: {difference}" for difference, cells in by_difference.items()]
    by_seen = defaultdict[str, dict[str, None]](dict)
    for each in tried:
        by_seen[each.seen][each.rule_set] = None
    parts += [what if len(by_seen) == 1 else f"{what} ({', '.join(sets)})" for what, sets in by_seen.items()]
    unexplained = by_nginx is not None and differs(fault, by_nginx) and not because
    if unexplained:
        parts.append("NOT as expected: nobody says why it is well that nginx does otherwise")
    if by_nginx is not None and differs(fault, by_nginx):
        parts.append(f"nginx {seen(by_nginx)}")
    elif by_nginx is not None and because:
        parts.append("nginx does the same, though it is listed")
    return "; ".join(parts), bool(by_difference) or unexplained


def _print_nginx(all_faults: list[Fault], got: dict[int, Got], because: dict[str, str]) -> None:
    if not got:
        print("nginx was not asked: its part is not counted")
        return
    different = [all_faults[number].title for number, one in got.items() if differs(all_faults[number], one)]
    listed = sum(title in because for title in different)
    print(f"nginx: {len(got)} faults, {len(got) - len(different)} as here, {listed} otherwise for a listed reason")


def _print_counts(tried: Sequence[Tried]) -> None:
    all_of, well, names = Counter[str](), Counter[str](), defaultdict[str, set[str]](set)
    for each in tried:
        all_of[each.fault.kind] += 1
        well[each.fault.kind] += not each.differences
        names[each.fault.kind].add(each.fault.name)
    print(f"\n{'kind':<12} {'faults':>7} {'tries':>7} {'as expected':>12} {'different':>10}")
    for kind, count in all_of.items():
        print(f"{kind:<12} {len(names[kind]):>7} {count:>7,} {well[kind]:>12,} {count - well[kind]:>10,}")
    faults_tried = sum(map(len, names.values()))
    print(f"{'all':<12} {faults_tried:>7} {len(tried):>7,} {well.total():>12,} {len(tried) - well.total():>10,}")


if __name__ == "__main__":
    sys.exit(main())
