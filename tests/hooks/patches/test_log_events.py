"""A line of the log becomes an event where an addon takes it, and costs nothing more where none does."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any
from unittest.mock import MagicMock

import pytest
from mitmproxy.log import LogEntry
from mitmproxy.test import taddons

from urlrewrite.hooks.patches import log_events
from urlrewrite.hooks.patches.lean_dispatch import LeanDispatch
from urlrewrite.hooks.patches.log_events import LogEvents, is_heard

logger = logging.getLogger("a test")


class Listener:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def add_log(self, entry: LogEntry) -> None:
        self.lines.append(entry.msg.rpartition("] ")[2])


async def turn() -> None:
    """What was handed to the loop is done."""
    for _ in range(3):
        await asyncio.sleep(0)


def set_up(context: Any) -> tuple[LogEvents, MagicMock]:
    lean = LeanDispatch()
    events = LogEvents(lean)
    context.master.addons.add(lean, events)
    emit = MagicMock(side_effect=context.master._legacy_log_events.emit)
    context.master._legacy_log_events.emit = emit
    return events, emit


async def test_a_line_nobody_takes_is_not_formatted() -> None:
    with taddons.context() as context:
        events, emit = set_up(context)
        events.running()
        logger.warning("nobody listens")
        emit.assert_not_called()


@pytest.mark.filterwarnings("ignore:The add_log event")
async def test_lines_come_to_who_takes_them_and_to_who_is_new() -> None:
    with taddons.context() as context:
        events, _ = set_up(context)
        early, late = Listener(), Listener()
        late.name = "late"  # type: ignore[attr-defined]
        logger.warning("while it starts")
        context.master.addons.add(early)
        await turn()
        events.running()
        logger.warning("%s", "one")
        await turn()
        context.master.addons.add(late)
        logger.warning("two")
        thread = threading.Thread(target=logger.warning, args=("of another thread",))
        thread.start()
        thread.join()
        await turn()
        context.master.addons.remove(early)
        logger.warning("three")
        await turn()
        of_test = {"while it starts", "one", "two", "of another thread", "three"}
        assert [line for line in early.lines if line in of_test] == [
            "while it starts",
            "one",
            "two",
            "of another thread",
        ]
        assert [line for line in late.lines if line in of_test] == ["two", "of another thread", "three"]


@pytest.mark.filterwarnings("ignore:The add_log event")
async def test_whether_anybody_hears_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with taddons.context() as context:
        events, _ = set_up(context)
        legacy = context.master._legacy_log_events
        root = logging.getLogger()
        monkeypatch.setattr(root, "handlers", [legacy])
        monkeypatch.setattr(root, "level", logging.INFO)
        heard: list[bool] = []

        def ask(level: int = logging.INFO) -> None:
            logger.manager._clear_cache()  # type: ignore[attr-defined]
            heard.append(is_heard(logger, level))

        ask()  # while mitmproxy starts
        events.running()
        ask()  # nobody is there
        ask(logging.ERROR)
        root.handlers.append(terminal := logging.Handler(logging.ERROR))
        ask()
        ask(logging.ERROR)  # the terminal of -q
        terminal.setLevel(logging.INFO)
        ask()
        ask(logging.DEBUG)  # no logger lets it pass
        root.handlers.remove(terminal)
        context.master.addons.add(Listener())
        ask()
        monkeypatch.setattr(logger, "propagate", False)
        ask()
        assert heard == [True, False, False, False, True, True, False, True, False]


async def test_an_end_gives_back_to_mitmproxy() -> None:
    with taddons.context() as context:
        events, emit = set_up(context)
        events.running()
        events.done()
        logger.warning("as ever")
        emit.assert_called_once()
        await turn()


async def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = log_events.INTERNALS
    monkeypatch.setattr(log_events, "INTERNALS", (first._replace(known="other"), *rest))
    with taddons.context() as context:
        events, emit = set_up(context)
        events.running()
        assert "mitmproxy.log:LegacyLogEvents is new" in caplog.text
        emit.assert_called()
        await turn()
