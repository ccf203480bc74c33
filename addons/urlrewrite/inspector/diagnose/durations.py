"""How long answers took, beside what is usual for the same site."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import is_navigation
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import shown

PATIENCE = 3.0
"""Seconds for which nobody minds to wait for a page, whatever is usual."""

_TIMES = 10
_TOLD = 10.0
"""A page that took longer than PATIENCE is told of if it took so many times as long as usual, or so many seconds."""


def usual(case: Case, exchange: RecordedExchange) -> float | None:
    """Return the median of the seconds that other answers of the host took; None where there are none."""
    known = [
        each.seconds
        for each in (*case.load.all, *case.earlier, *case.later)
        if each is not exchange
        and each.seconds is not None
        and each.response is not None
        and not each.failed
        and each.request.host == exchange.request.host
    ]
    return median(known) if known else None


def is_impatient(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether a client left a page for which it had waited long."""
    waited = exchange.seconds
    if not exchange.given_up or waited is None or waited < PATIENCE or not is_navigation(exchange):
        return False
    typical = usual(case, exchange)
    return typical is None or waited > typical * _TIMES


def lasting(seconds: float) -> str:
    """Write a duration for people."""
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def slow_pages(case: Case) -> Iterator[Breakage]:
    """Yield a document that came, after far longer than is usual."""
    page = case.page
    if page.own or page.response is None or page.failed or page.seconds is None or page.seconds < PATIENCE:
        return
    typical = usual(case, page)
    if not (typical is not None and page.seconds > typical * _TIMES) and page.seconds < _TOLD:
        return
    title = f"The page {shown(page.request.target, 100)} took {lasting(page.seconds)}"
    title += f", where {lasting(typical)} is usual for this host" if typical is not None else ""
    evidence = (("requested from the backend", case.backend_url(page)),)
    todo = "See what the backend does for so long: its own log, or the page Health, which has the times of each site."
    yield Breakage("slow", Loss.LATER, title, (page.flow_id,), evidence, todo=todo, severity=BreakageSeverity.WARNING)
