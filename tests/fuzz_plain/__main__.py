"""Compares the automaton of plain HTML with the expression that it replaces, for millions of tokens in every chunking.

A failure is printed with the number of its case; the same seed and number give it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback

from fuzz_plain.target import check
from urlrewrite.content.html import plain_linear

_EVERY_CUT, _EVERY_WORD = 50, 5_000
"""Of so many pages one is cut at each of its places."""


def main() -> int:
    """Runs until there were as many tokens as are asked for; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="run.sh measure fuzz_plain", description=__doc__)
    parser.add_argument("tokens", type=int, nargs="?", default=10_000_000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    options = parser.parse_args()
    if plain_linear.re2 is None:
        parser.error("there is no automaton to compare with: pip install -r requirements-speed.txt")
    tokens = number = failed = 0
    while tokens < options.tokens and failed < 20:
        try:
            tokens += check(random.Random(f"{options.seed} {number}"), every_cut=number % _EVERY_CUT == 0)
        except Exception:
            failed += 1
            print(f"case {options.seed} {number}:")
            traceback.print_exc(file=sys.stdout)
        number += 1
        if number % _EVERY_WORD == 0:
            print(f"{tokens:,} tokens in {number:,} pages, {failed} failures", flush=True)
    print(f"{tokens:,} tokens in {number:,} pages, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
