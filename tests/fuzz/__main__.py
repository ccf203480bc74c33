"""Sends damaged responses through the engine for as many seconds as are given, with seeds that the suite does not try.

A failure is printed with the number of its case; the same seed and number give it again.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
import traceback

from fuzz.mutations import seeds
from fuzz.target import chunks, exchange, rule_sets


def main() -> int:
    """Runs until the time is over; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="run.sh measure fuzz", description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    options = parser.parse_args()
    rules, made = rule_sets(), seeds()
    end = time.monotonic() + options.seconds
    number = failed = 0
    next_word = time.monotonic() + 60
    while time.monotonic() < end and failed < 20:
        try:
            rng = random.Random(f"{options.seed} {number}")
            exchange(rules, made, rng)
            chunks(made, rng)
        except Exception:
            failed += 1
            print(f"case {options.seed} {number}:")
            traceback.print_exc(file=sys.stdout)
        number += 1
        if time.monotonic() > next_word:
            next_word += 60
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{number} cases, {failed} failures, peak memory {peak} MB", flush=True)
    print(f"{number} cases, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
