"""What is done again and again is done again after it has failed, and what fails keeps nothing else from being done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from mitmproxy.test import taddons

from hooks.support import write
from urlrewrite.hooks import backend_names, farms, rules_file, site_certificates
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.rules_file import RulesFile
from urlrewrite.hooks.state import State
from urlrewrite.hooks.watching import repeat

logger = logging.getLogger("urlrewrite.watching")

WATCHES: list[tuple[ModuleType, str, Callable[[State], Any], str]] = [
    (rules_file, "POLL_SECONDS", rules_file.RulesFile, "_look"),
    (farms, "LOOK_SECONDS", farms.Farms, "_look"),
    (site_certificates, "LOOK_SECONDS", site_certificates.SiteCertificates, "look"),
    (backend_names, "LOOK_UP_SECONDS", backend_names.BackendNames, "look_up"),
]


class Step:
    """A step that fails as it is told, once for each word; then it succeeds."""

    def __init__(self, *failures: str) -> None:
        self.failures = [*failures]
        self.succeeded = asyncio.Event()
        self.__qualname__ = "Step"

    def __call__(self) -> None:
        if self.failures and (failure := self.failures.pop(0)):
            raise TypeError(failure)
        if not self.failures:
            self.succeeded.set()

    async def wait(self) -> None:
        self()


@pytest.mark.parametrize(("module", "seconds", "make", "name"), WATCHES, ids=[row[0].__name__ for row in WATCHES])
async def test_every_watch_outlives_a_step_that_fails(
    module: ModuleType,
    seconds: str,
    make: Callable[[State], Any],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, seconds, 0)
    addon, step = make(State()), Step("x", "y")
    monkeypatch.setattr(addon, name, step)
    with taddons.context():
        with contextlib.suppress(TypeError):  # of what is done at once
            addon.running()
        await asyncio.wait_for(step.succeeded.wait(), 20)
        addon.done()
    assert "Step failed" in caplog.text


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_fails_again_in_the_same_way_is_told_once(
    asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    step = Step("x", "x", "x", "y", "", "y", "y", "")
    function = step.wait if asynchronous else step
    task = asyncio.ensure_future(repeat(function, 0, logger))
    await asyncio.wait_for(step.succeeded.wait(), 20)
    task.cancel()
    assert [str(record.exc_info and record.exc_info[1]) for record in caplog.records] == ["x", "y", "y"]


async def test_a_part_that_cannot_take_new_rules_keeps_them_from_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state, last = State(), asyncio.Event()
    addon = RulesFile(state, Step("x"), last.set)
    path = write(tmp_path / "rules.yaml", "rules: [{name: first, match: a, action: None}]")
    with taddons.context(Options(), addon) as context:
        context.options.update(urlrewrite_rules=[str(path)])
    assert state.in_force
    assert last.is_set()
    assert "Step failed" in caplog.text
