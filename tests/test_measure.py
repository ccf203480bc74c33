"""`./run.sh measure`: what can be run is found, and says in a line what it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

import measure


def test_each_says_what_it_does() -> None:
    known = measure.measures()
    assert {"explore", "fuzz", "mutants", "soak"} <= known.keys()
    for name, said in known.items():
        assert said.endswith((".", "?")), name
        assert len(said) < 120, name


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out and said in out for name, said in measure.measures().items())


def test_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main(["nothing"]) == 2
    assert capsys.readouterr().err.startswith(
        "run.sh: measure: got 'nothing', expected one of applications, beside, diagnosis, explore, "
    )


@pytest.mark.parametrize("name", measure.measures())
def test_each_has_help(name: str) -> None:
    command = [sys.executable, "-P", measure.__file__, name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert f"run.sh measure {name}" in done.stdout
