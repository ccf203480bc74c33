"""What to try where a backend refuses a request and nothing that was recorded shows why."""

from __future__ import annotations

from urllib.parse import unquote

from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.statuses import what_status_says
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.trace.text import shown

ASK_THE_BACKEND = (
    'The cause is not known. Let this proxy ask again with one thing changed ("Ask again"): as another Host, without '
    "one of the headers that it adds, with fewer cookies. What makes a difference is the cause; if nothing does, look "
    "into the backend's own log."
)


def what_to_try(case: Case, exchange: RecordedExchange, status: int) -> tuple[Cause, str]:
    """Return what to try, with the cause as far as it is known, and what is unusual about the request, as a clause
    or "".
    """
    if told := what_status_says(exchange, status):
        return told, told.why
    todo, besides = _of_query(case, exchange, status)
    return Cause("", "", "", todo), besides


def _of_query(case: Case, exchange: RecordedExchange, status: int) -> tuple[str, str]:
    site = case.of(exchange).site
    query = exchange.request.target.partition("?")[2]
    if site is None or not query or status >= 500 or LinkPlace.QUERIES in site.links_also:
        return ASK_THE_BACKEND, ""
    sent = case.backend_url(exchange)
    mapped = [(pair, case.of(exchange).back.map_text(pair)) for pair in query.split("&")]
    # What is mapped back without being asked for, the backend has got under its own name.
    named = [(before, after) for before, after in mapped if before != after and before in sent]
    if not named:
        return ASK_THE_BACKEND, ""
    before, after = (shown(unquote(each), 100) for each in named[0])
    off = "links: everywhere and " if site.links is LinkMode.OFF else ""
    todo = f"Try {off}linksAlso: [queries], which makes {after} of {before} on its way to the backend."
    return todo, f"its query names the public name, {before}, where the backend may expect its own"
