"""`./run.sh bench`: every row of the table can be measured, and what is written has the shape that is documented."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bench import table
from bench.proxies import Bench, Missing
from bench.sides import Load, Proxied
from e2e.support.needs import program

OF_A_ROW = {"id", "work", "against", "unit", "value", "goal", "met", "here_ms", "there_ms", "not_measured"}
PROGRAMS = {"nginx": "nginx", "apache": "apache2"}


def told_of(path: Path, **more: object) -> dict:
    options = argparse.Namespace(**{"pairs": 1, "limit": 2, "rows": "", "json": path, "release": "", **more})
    table.print_table(options)
    return json.loads(path.read_text("utf-8"))


@pytest.mark.timeout(400)
def test_every_row_is_measured_and_told_as_it_is_documented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "history.jsonl"
    monkeypatch.setattr(table, "HISTORY", history)
    told = told_of(tmp_path / "new" / "bench.json", release="1.2")
    assert told.keys() == {"date", "commit", "machine", "pairs", "rows"}
    assert told["machine"].keys() == {"processor", "cores", "system", "python", "mitmproxy"}
    printed = capsys.readouterr().out
    for row, found in zip(table.ROWS, told["rows"], strict=True):
        assert found.keys() == OF_A_ROW
        assert (found["id"], found["goal"], found["unit"]) == (row.id, row.goal, row.unit)
        assert row.work in printed
        if row.against in PROGRAMS and not program(PROGRAMS[row.against]):
            assert f"{PROGRAMS[row.against]} is not installed" in found["not_measured"]
            assert (found["value"], found["met"], found["here_ms"]) == (None, None, None)
            continue
        assert found["not_measured"] is None
        assert found["value"] > 0
        assert found["met"] is row.is_met(found["value"])
        assert ((found["here_ms"] or 0) > 0, (found["there_ms"] or 0) > 0) == (row.there is not None,) * 2
    (line,) = history.read_text("utf-8").splitlines()
    kept = json.loads(line)
    assert kept.keys() == {"release", "date", "commit", "machine", "pairs", "values"}
    assert (kept["release"], kept["values"]) == ("1.2", {row["id"]: row["value"] for row in told["rows"]})


def test_ids_are_different() -> None:
    assert len({row.id for row in table.ROWS}) == len(table.ROWS)


def test_the_history_has_a_line_a_release() -> None:
    lines = [json.loads(line) for line in table.HISTORY.read_text("utf-8").splitlines()]
    assert len({line["release"] for line in lines}) == len(lines) > 0
    assert all(line["machine"]["processor"] and line["values"] for line in lines)


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.proxies.program", lambda name: None)
    with Bench() as bench, pytest.raises(Missing, match="nginx is not installed: apt-get install nginx-light"):
        Proxied("nginx", Load(1_000, 1)).turn(bench)


@pytest.mark.parametrize(("unit", "met"), [(table.Unit.QUICKER, 2.0), (table.Unit.TIMES, 0.5)])
def test_what_is_reached(unit: table.Unit, met: float) -> None:
    row = table.Row("a", "", "", Proxied("ours", Load(1, 1)), None, unit, 1.0)
    assert [row.is_met(value) for value in (met, 1.0, 1 / met)] == [True, True, False]
