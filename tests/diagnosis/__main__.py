"""The diagnosis on planted faults and sound pages: named, found, wrong, missed, precision of errors and recall."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from diagnosis.cases import Case, Half, faults, sound_pages
from diagnosis.judging import Judged, Verdict, judge, told

GOAL_OF_PRECISION = 1.0
GOAL_OF_RECALL = 0.95
_FAULT = (Verdict.NAMED, Verdict.FOUND, Verdict.WRONG, Verdict.MISSED)


@dataclass
class Figures:
    """What came of some cases: verdicts, and how many of the errors that were claimed are true."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    of_sound: Counter[Verdict] = field(default_factory=Counter)
    errors: int = 0
    true_errors: int = 0
    asked: int = 0

    def add(self, judged: Judged, *, sound: bool) -> None:
        (self.of_sound if sound else self.verdicts)[judged.verdict] += 1
        self.errors += judged.errors
        self.true_errors += judged.true_errors
        self.asked += judged.asked and judged.verdict is Verdict.NAMED

    @property
    def faults(self) -> int:
        return self.verdicts.total()

    @property
    def precision(self) -> float:
        return self.true_errors / self.errors if self.errors else 1.0

    @property
    def recall(self) -> float:
        return self.verdicts[Verdict.NAMED] / self.faults if self.faults else 1.0

    def as_data(self) -> dict[str, float]:
        """For programs; `asked` are those named that were so after the backend was asked again."""
        counts = {str(each): self.verdicts[each] for each in _FAULT}
        of_sound = {"sound": self.of_sound.total(), "sound called broken": self.of_sound[Verdict.WRONG]}
        rates = {"precision": round(self.precision, 4), "recall": round(self.recall, 4)}
        return {"faults": self.faults, **counts, "asked": self.asked, **of_sound, "errors": self.errors, **rates}


def main() -> int:
    """The exit code is 1 where the half that may be looked at is below the goals."""
    parser = argparse.ArgumentParser(prog="run.sh measure diagnosis", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures for programs")
    parser.add_argument("--all", action="store_true", help="every kind at every place, which takes some minutes")
    parser.add_argument("--show", metavar="WORD", help="what is said of the cases with WORD in their names, as far as "
                        "they may be looked at; '' for all that are not named")  # fmt: skip
    options = parser.parse_args()
    began = time.monotonic()
    figures = {half: Figures() for half in Half}
    for case, is_sound, judged in _judged(everywhere=options.all):
        figures[case.half].add(judged, sound=is_sound)
        if options.show is not None and case.half is Half.LOOKED_AT and options.show in case.name:
            _show(case, judged, always=bool(options.show))
    if options.json:
        print(json.dumps({str(half): each.as_data() for half, each in figures.items()}, indent=2))
    else:
        _print(figures.items())
        print(f"\n{time.monotonic() - began:.0f} s")
    mine = figures[Half.LOOKED_AT]
    return 0 if mine.precision >= GOAL_OF_PRECISION and mine.recall >= GOAL_OF_RECALL else 1


def _judged(*, everywhere: bool) -> Iterator[tuple[Case, bool, Judged]]:
    for case in faults(everywhere=everywhere):
        yield case, False, judge(case.planted())
    for case in sound_pages(everywhere=everywhere):
        yield case, True, judge(case.planted())


def _show(case: Case, judged: Judged, *, always: bool) -> None:
    if always or judged.verdict not in (Verdict.NAMED, Verdict.CLEAN):
        print(f"{judged.verdict:<7} {case.name}{', asked' if judged.asked else ''}", file=sys.stderr)
        for line in told(judged):
            print(f"        {line}", file=sys.stderr)


def _print(figures: Iterable[tuple[Half, Figures]]) -> None:
    for half, each in figures:
        counts = ", ".join(f"{each.verdicts[verdict]} {verdict}" for verdict in _FAULT)
        print(f"{half}: {each.faults} faults: {counts}")
        called = each.of_sound[Verdict.WRONG]
        print(f"    {each.of_sound.total()} sound pages: {called} called broken")
        print(
            f"    errors: {each.true_errors} of {each.errors} true, precision {each.precision:.2f} "
            f"(goal {GOAL_OF_PRECISION:.2f}); recall {each.recall:.2f} (goal {GOAL_OF_RECALL:.2f})"
        )


if __name__ == "__main__":
    sys.exit(main())
