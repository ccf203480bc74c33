"""Where time grows faster than the input: every expression, and what rewrites bodies and fields, on hostile texts.

The suite tries the likeliest texts; this tries as many as there is time for, and tells what takes longest for a byte.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import Any

from growth.expressions import OURS, WINDOWED, expressions
from growth.growing import FACTOR, MOST, growth, taken
from growth.rewriters import CORE, HOSTS, MORE, all_rewriters
from growth.rewriters import texts as rewriters_texts
from growth.samples import Text
from growth.samples import texts as expressions_texts

SIZES = {"expressions": 2000, "rewriters": 6000}
"""Characters of the smaller text."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is given texts: its name, which texts, and how many characters the smaller one has."""

    name: str
    texts: Iterator[Text]
    run: Callable[[Any], object]
    is_bytes: bool
    size: int


def main() -> int:
    """Tries all of them; the exit code is 1 where time grows faster than the input."""
    parser = argparse.ArgumentParser(prog="run.sh measure growth", description=__doc__)
    parser.add_argument("what", choices=("expressions", "rewriters"))
    parser.add_argument("--only", default="", metavar="TEXT", help="those with this in their names")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of them (4)")
    parser.add_argument("--size", type=int, help="characters of the smaller text (2000 and 6000)")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which texts are tried (1)")
    options = parser.parse_args()
    size = options.size or SIZES[options.what]
    subjects = _expressions(size) if options.what == "expressions" else _rewriters(size, options.seed)
    number = tried = faults = 0
    slowest = 0.0, ""
    for subject in subjects:
        if options.only not in subject.name:
            continue
        number += 1
        end = monotonic() + options.seconds
        for text in subject.texts:
            if monotonic() > end:
                break
            tried += 1
            ratio = growth(lambda length: _action(subject, text, length), subject.size)  # noqa: B023 - called at once
            if ratio > MOST:
                faults += 1
                print(f"{subject.name}: {ratio:.1f} times as long for {FACTOR} times {text!r}", flush=True)
                break
            rate = taken(_action(subject, text, subject.size)) / subject.size
            slowest = max(slowest, (rate, f"{subject.name}: {text!r}"))
    grown = f"{faults} grow by more than {MOST:g} times for {FACTOR} times as much"
    print(f"{number} {options.what}, {tried:,} texts: {grown}")
    print(f"the slowest of the others takes {slowest[0] * 1e6:.2f} microseconds for a character, {slowest[1]}")
    return 1 if faults else 0


def _expressions(size: int) -> Iterator[Subject]:
    for each in expressions()[0]:
        if each.place in {*WINDOWED, *OURS}:
            continue
        is_bytes = isinstance(each.pattern.pattern, bytes)
        yield Subject(each.place, expressions_texts(each.pattern), each.run, is_bytes, size)


def _rewriters(size: int, seed: int) -> Iterator[Subject]:
    first = [*HOSTS, *CORE, *MORE]
    others = list(rewriters_texts(first))
    singles, others = others[: len(first)], others[len(first) :]
    random.Random(seed).shuffle(others)
    for each in all_rewriters():
        yield Subject(each.name, chain(singles, others), each.run, True, size)


def _action(subject: Subject, text: Text, length: int) -> Callable[[], object]:
    made: Any = text.of_size(length)
    made = made.encode("latin-1", "replace") if subject.is_bytes else made
    return lambda: subject.run(made)


if __name__ == "__main__":
    sys.exit(main())
