"""Makes a sample of small faults in the code, one at a time, and prints those that no test of their room sees.

A fault is a row out of a table or an operator turned round; half of a sample are rows. Each is made in a copy of the
project. The tests are those of the module's own name, then those of its room. What survives them is no proof that no
test at all would see it: `--wide` asks all the others, too, but for e2e.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutants.mutations import Mutation, mutations

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = Path("addons", "urlrewrite")
WIDE = "tests"
LEFT_OUT = ["--ignore=tests/e2e", "--ignore=tests/mutants", "--deselect=tests/test_walls.py"]


def main() -> int:
    """Prints a line a fault and the survivors at the end; the exit code is 1 if there are any."""
    parser = argparse.ArgumentParser(prog="run.sh measure mutants", description=__doc__)
    parser.add_argument("rooms", metavar="ROOM", nargs="*", default=["."], help="fields, content/links, ...")
    parser.add_argument("--count", type=int, default=24, help="faults (24)")
    parser.add_argument("--seed", type=int, default=1, help="chooses which (1)")
    parser.add_argument("--seconds", type=float, default=3600, help="end after so many seconds (3600)")
    parser.add_argument(
        "--each", type=float, default=300, help="seconds of a run of tests; longer counts as seen (300)"
    )
    parser.add_argument("--wide", action="store_true", help="ask all other tests about what survived its room")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    survivors: list[Mutation] = []
    with tempfile.TemporaryDirectory(prefix="urlrewrite-mutants-") as folder:
        tree = _copied(Path(folder))
        chosen = _sample(tree, options.rooms, options.count, random.Random(options.seed))
        print(f"{len(chosen)} faults, seed {options.seed}")
        trial = _Trial(tree, options.each)
        for number, mutation in enumerate(chosen):
            if time.monotonic() > end:
                print(f"ended after {options.seconds:g} seconds, {len(chosen) - number} faults were not tried")
                break
            seen_by = trial.seen_by(mutation, wide=options.wide)
            print(f"    seen  {mutation}  ({seen_by})" if seen_by else f"SURVIVED  {mutation}", flush=True)
            survivors += [] if seen_by else [mutation]
    print(f"{len(survivors)} survived" + "".join(f"\n  {mutation}" for mutation in survivors))
    return 1 if survivors else 0


def _copied(folder: Path) -> Path:
    """A copy of the project in a folder, with `shared` beside it as it is here."""
    tree = folder / "project"
    nothing = shutil.ignore_patterns(".*", "__pycache__", "screenshots")
    shutil.copytree(PROJECT, tree, ignore=nothing, symlinks=True)
    shared = PROJECT.parent / "shared"
    if shared.exists():
        (folder / "shared").symlink_to(shared.resolve())
    return tree


def _sample(tree: Path, rooms: Sequence[str], count: int, rng: random.Random) -> list[Mutation]:
    kinds: dict[str, list[Mutation]] = {"row": [], "operator": []}
    for room in rooms:
        place = tree / PACKAGE / room
        if not place.exists():
            sys.exit(f"run.sh: measure mutants: there is no {PACKAGE / room}")
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for mutation in mutations(path.relative_to(tree), path.read_bytes()):
                kinds[mutation.kind].append(mutation)
    rows = rng.sample(kinds["row"], min(count // 2, len(kinds["row"])))
    return rows + rng.sample(kinds["operator"], min(count - len(rows), len(kinds["operator"])))


class _Trial:
    """Tries faults in a copy of the project."""

    def __init__(self, tree: Path, seconds: float) -> None:
        self._tree, self._seconds = tree, seconds
        self._sound: dict[str, bool] = {}

    def seen_by(self, mutation: Mutation, *, wide: bool) -> str:
        """The tests that fail by it, "" if none does."""
        file = self._tree / mutation.path
        source = file.read_bytes()
        for tests in (*self._tests(mutation.path), *([WIDE] if wide else [])):
            if not self._sound.setdefault(tests, self._passes(tests)):
                sys.exit(f"run.sh: measure mutants: {tests} fails without any fault, or takes too long: try --each")
            file.write_bytes(mutation.applied(source))
            try:
                if not self._passes(tests):
                    return tests
            finally:
                file.write_bytes(source)
        return ""

    def _tests(self, module: Path) -> Iterator[str]:
        """The tests of a module, then those of the room that it stands in, or of the one around that."""
        room = Path("tests") / module.relative_to(PACKAGE).parent
        for named in sorted((self._tree / room).glob(f"test_{module.stem}*.py")):
            yield str(named.relative_to(self._tree))
        while not (self._tree / room).is_dir():
            room = room.parent
        if room != Path("tests"):
            yield str(room)

    def _passes(self, tests: str) -> bool:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *LEFT_OUT, tests]
        # Without byte code: a changed file of the same length in the same second would be taken for the old one.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
        try:
            done = subprocess.run(
                command, cwd=self._tree, env=environment, capture_output=True, timeout=self._seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
