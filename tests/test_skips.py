"""tests/conftest.py: no test is skipped quietly, and in CI a skip is a failure if a remedy was at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared_folder import ABSENT

TESTS = """
import pytest
from shared_folder import needs_shared

def test_runs(): pass

def test_skipped(require): pytest.skip("needs chromium: apt-get install chromium")

@pytest.mark.skipif(True, reason="never here")
def test_marked(): pass

@needs_shared("no_such_file")
def test_of_others(): pass

@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""
MODULE = """
import pytest

pytest.importorskip("no_such_module", reason="needs no_such_module: pip install no_such_module")
"""


def run_pytest(folder: Path, ci: str, *options: str) -> tuple[int, list[str]]:
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_whole_module.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-q", *options, "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "CI": ci},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("options", [[], ["-n", "2", "--dist", "loadfile"]], ids=["alone", "distributed"])
def test_skips_are_listed_with_their_remedy(tmp_path: Path, options: list[str]) -> None:
    code, lines = run_pytest(tmp_path, "", *options)
    assert code == 0
    assert {
        "test_some.py::test_skipped: needs chromium: apt-get install chromium",
        "test_some.py::test_marked: never here",
        f"test_some.py::test_of_others: {ABSENT}no_such_file",
        "test_whole_module.py: needs no_such_module: pip install no_such_module",
    } <= set(lines)
    assert lines[-1].startswith("1 passed, 4 skipped, 1 xfailed in ")


def test_in_ci_a_skip_is_a_failure_if_something_could_have_been_installed(tmp_path: Path) -> None:
    code, lines = run_pytest(tmp_path, "true", "--continue-on-collection-errors")
    assert code == 1
    assert any("needs chromium: apt-get install chromium" in line for line in lines)
    assert lines[-1].startswith("1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors in ")
