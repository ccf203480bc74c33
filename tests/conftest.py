"""For every test: a test that cannot run here is skipped by name and with the remedy.

In CI a skip is a failure if `./run.sh test` could have installed what is missing.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import hypothesis
import pytest

from e2e.support import needs
from shared_folder import ABSENT

# The same examples every time: a suite that was green stays green. HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

IN_CI = os.environ.get("CI") == "true"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what is to run in the background, and what a test stops by Ctrl-C would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


BEGUN_BY = {"e2e": 0.6, "faults": 0.8, "hooks": 0.85}
"""The part of a run by which the files of a folder are begun; all others are until its end.

So those that wait for browsers and servers run beside those that compute, and nobody waits for one of them at the end.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[str, dict[Path, None]] = {}
    for item in items:
        folder = next((part for part in item.path.parts if part in BEGUN_BY), "")
        files.setdefault(folder, {}).setdefault(item.path)
    place = {
        path: BEGUN_BY.get(folder, 1.0) * number / len(paths)
        for folder, paths in files.items()
        for number, path in enumerate(paths)
    }
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Leave the tests themselves, more than half a million objects, out of all later collections of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def require() -> Callable[..., None]:
    """`require("chromium")` skips the test where it is missing; see e2e/support/needs.py."""
    return needs.require


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not IN_CI or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    if not _reason(report).startswith(ABSENT):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped, which is a failure with CI=true: {_reason(report)}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    if skipped:
        terminalreporter.section("skipped here, and what would enable them")
        for report in skipped:
            terminalreporter.write_line(f"{report.nodeid}: {_reason(report)}")
