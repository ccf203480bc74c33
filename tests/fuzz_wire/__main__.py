"""Sends damaged bytes and frames, as a client and as a backend, through the whole proxy for some minutes.

Nothing may crash or hang, and sound requests are answered afterwards. What fails is printed with the seeds of its
cases; `--case SEED` gives one again.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from fuzz_wire.target import PATIENCE, Case, Fuzz, fuzzing

_AT_A_TIME = 60
_BLOCKED = 10 * PATIENCE
"""Seconds after which the event loop is blocked by something: the process ends, and says where it stood."""


def main() -> int:
    """Run until the time is over; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="run.sh measure fuzz_wire", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--case", action="append", help="the seed of one case, such as 1/204; nothing else is run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="urlrewrite-fuzz-") as folder:
        try:
            return asyncio.run(_measure(options, Path(folder)))
        finally:
            faulthandler.cancel_dump_traceback_later()


async def _measure(options: argparse.Namespace, folder: Path) -> int:
    async with fuzzing(folder) as fuzz:
        if options.case:
            found = await fuzz.run([Case(seed) for seed in options.case])
            print("\n".join(found) or "as it should be")
            return 1 if found else 0
        end = monotonic() + 60 * options.minutes
        next_word = monotonic() + 60
        counts, batches, failed = Counter[str](), 0, 0
        print(f"seed {options.seed}, {_AT_A_TIME} cases at a time")
        while monotonic() < end and failed < 20:
            first = batches * _AT_A_TIME
            cases = [Case(f"{options.seed}/{number}") for number in range(first, first + _AT_A_TIME)]
            faulthandler.dump_traceback_later(_BLOCKED, exit=True)
            if found := await fuzz.run(cases):
                failed += 1
                await _tell(fuzz, cases, found)
            counts.update(case.kind for case in cases)
            batches += 1
            if monotonic() > next_word:
                next_word += 60
                print(_line(counts, failed), flush=True)
        print(_line(counts, failed))
        return 1 if failed else 0


async def _tell(fuzz: Fuzz, cases: list[Case], found: list[str]) -> None:
    """Print what failed, and which of the cases it is: they are sent once more, one by one."""
    print(f"--- cases {cases[0].seed} to {cases[-1].seed}")
    print("\n".join(line[-3000:] for line in found))
    alone = [case for case in cases if await fuzz.run([case])]
    for case in alone:
        print(f"by itself: --case {case.seed} ({case.kind})")
    if not alone:
        print("none of them by itself")
    sys.stdout.flush()


def _line(counts: Counter[str], failed: int) -> str:
    kinds = ", ".join(f"{count:,} of a {kind}" for kind, count in sorted(counts.items()))
    return f"{counts.total():,} cases ({kinds}), {failed} batches failed"


if __name__ == "__main__":
    sys.exit(main())
