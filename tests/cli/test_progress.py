"""The line that tells of long work: on a terminal, one that is gone at the end; nothing else."""

from __future__ import annotations

import io
import sys

import pytest

from urlrewrite.cli import progress as module
from urlrewrite.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.0)


@pytest.mark.usefixtures("at_once")
def test_a_terminal_sees_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert [*progress("ab", "test", 2)] == ["a", "b"]
    assert sys.stderr.getvalue() == "\r\x1b[Ktest 1 of 2 ...\r\x1b[Ktest 2 of 2 ...\r\x1b[K"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("at_once")
def test_it_is_gone_before_an_error_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    items = progress(iter("ab"), "flow")
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert sys.stderr.getvalue() == "\r\x1b[Kflow 1 ...\r\x1b[K"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("at_once")
def test_a_pipe_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert [*progress("ab", "test", 2)] == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 60.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert [*progress("ab", "test", 2)] == ["a", "b"]
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
