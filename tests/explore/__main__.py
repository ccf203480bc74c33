"""Runs the property tests with examples that were never tried, in rounds, until the time is over.

The suite tries the same examples each time. This is where new ones come from; what fails is printed with the example.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "tests"


def property_tests() -> list[str]:
    """The files with tests of Hypothesis, but for those that start programs."""
    files = sorted(TESTS.rglob("test_*.py"))
    return [
        str(file.relative_to(PROJECT))
        for file in files
        if "e2e" not in file.parts and "\nfrom hypothesis import" in file.read_text("utf-8")
    ]


def main() -> int:
    """Runs file by file; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="run.sh measure explore", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=1800, help="no file is begun after so many (1800)")
    parser.add_argument("-k", default="", help="as for pytest")
    options = parser.parse_args()
    files = property_tests()
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "explore"}
    end = time.monotonic() + options.seconds
    failed: dict[str, None] = {}
    runs = 0
    while time.monotonic() < end and not failed:
        for file in files:
            if time.monotonic() > end:
                break
            command = [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "-k", options.k, file]
            done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
            runs += 1
            if done.returncode not in (0, 5):  # 5: none was selected
                failed[file] = None
                print(done.stdout, flush=True)
    print(f"{runs} runs of {len(files)} files, {len(failed)} failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
