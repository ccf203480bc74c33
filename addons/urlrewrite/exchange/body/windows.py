"""A rule for whole bodies on a body that is rewritten as it comes: it sees one window after the other."""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.response_events import BODY_WINDOWS
from urlrewrite.trace.trace import Trace


class WindowedRule:
    """Applies a rule to each window by `rewrite`, and never raises.

    `size` is the largest number of bytes in a window, None if each window is what came of whole lines. A rule that
    raises or takes too long is given up for the rest of the body.
    """

    def __init__(
        self, rule: CompiledOutboundRule, rewrite: Callable[[bytes], bytes], trace: Trace, size: int | None
    ) -> None:
        self._name = rule.rule.name
        self._negate = rule.rule.match.negate
        self._rewrite = rewrite
        self._trace = trace
        self._size = size
        self._windows = 0
        self._given_up = False

    def __call__(self, window: bytes, whole: bool) -> bytes:
        """Give the window as it is sent; `whole` says that it is the whole body."""
        if not whole and not self._windows:
            self._tell_of_windows()
        self._windows += 1
        if not self._given_up:
            try:
                return self._rewrite(window)
            except Exception as error:
                self._given_up = True
                detail = str(error) or type(error).__name__
                self._trace.warn(Reason.RULE_GIVEN_UP, rule=self._name, detail=detail)
        return window

    def report(self) -> None:
        """Add the number of windows to the trace if the rule did not see the body whole; to be called once."""
        if self._windows > 1:
            self._trace.add(BODY_WINDOWS, rule=self._name, windows=self._windows, size=self._size)

    def _tell_of_windows(self) -> None:
        if self._negate:
            self._given_up = True
            self._trace.warn(Reason.NEGATED_STREAM, rule=self._name)
        elif self._size is None:
            self._trace.warn(Reason.SEES_LINES, rule=self._name)
        else:
            self._trace.warn(Reason.SEES_WINDOWS, rule=self._name, size=self._size)
