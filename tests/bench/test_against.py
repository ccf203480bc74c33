"""`./run.sh bench --against`: the turns are those of both checkouts, each in a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench import against


def test_the_work_is_done_here() -> None:
    with against._worker(against.HERE) as turn:
        assert all(turn(part) > 0 for part in ("engine", "content"))


def test_the_median_of_the_ratios_counts() -> None:
    mine = iter([9.0, 9.0, 2.0, 3.0, 8.0])
    other = iter([9.0, 9.0, 1.0, 2.0, 2.0])
    found = against.compare("engine", lambda _: next(mine), lambda _: next(other), 3)
    assert found == against.Compared("engine", 3.0, 2.0, 2.0)


def test_what_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is no checkout"):
        against.print_table(argparse.Namespace(against=str(tmp_path), parts=[], pairs=1))
