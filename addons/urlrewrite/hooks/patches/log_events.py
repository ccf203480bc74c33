"""Spares lines of the log the event that mitmproxy makes of each, where no addon takes it.

mitmproxy 9 has put Python's logging in the place of `add_log`, and still triggers that for older addons: each line is
formatted once more, the loop is woken, and all addons are asked. Here that is done where there is such an addon. While
mitmproxy starts it is always done, since the addon may come after the line; once it runs, one that is new gets the
lines that follow. So with `-q` there may be nobody who takes a line, and it need not be written (`is_heard`).
"""

from __future__ import annotations

import logging

from mitmproxy import ctx
from mitmproxy.log import AddLogHook, LegacyLogEvents

from urlrewrite.hooks.patches.lean_dispatch import LeanDispatch
from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.dispatch")

INTERNALS = (
    Internal("mitmproxy.log:LegacyLogEvents", "ba95afcdfe7033d4", "all it does with a line is to trigger AddLogHook"),
    Internal("mitmproxy.log:MitmLogHandler", "ffc1fb69904cbb84", "it asks its filters, as any handler of logging"),
    Internal(
        "mitmproxy.master:Master.__init__",
        "468bb33f461350fa",
        "it is the master's _legacy_log_events, and it is installed",
    ),
)


class LogEvents:
    """Puts the question in place."""

    def __init__(self, dispatch: LeanDispatch) -> None:
        self._dispatch = dispatch

    def running(self) -> None:
        """Begin to ask, if mitmproxy is as it was."""
        if others := changed(INTERNALS):
            logger.warning("each line of the log becomes an event, which is slower: %s is new", ", ".join(others))
            return
        ctx.master._legacy_log_events.addFilter(self)

    def done(self) -> None:
        """Ask no more."""
        ctx.master._legacy_log_events.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is to become an event."""
        del record
        return self.is_wanted()

    def is_wanted(self) -> bool:
        """Say whether lines are to become events."""
        return self._dispatch.may_be_taken(AddLogHook)


def is_heard(writer: logging.Logger, level: int) -> bool:
    """Say whether anybody takes a line of that level from a logger."""
    if not writer.isEnabledFor(level):
        return False
    each: logging.Logger | None = writer
    while each:
        if any(level >= handler.level and _takes(handler) for handler in each.handlers):
            return True
        each = each.parent if each.propagate else None
    return False


def _takes(handler: logging.Handler) -> bool:
    if not isinstance(handler, LegacyLogEvents):
        return True
    return all(each.is_wanted() for each in handler.filters if isinstance(each, LogEvents))
