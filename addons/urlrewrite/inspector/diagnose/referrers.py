"""Forms that are refused since browsers hide where they come from: under no-referrer, their Origin is null."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.lost_cookies import lost_cookie
from urlrewrite.inspector.diagnose.page_loads import is_redirect, request_field
from urlrewrite.inspector.diagnose.sharing import OF_FORGERY, blames_origin
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_NAME = "Referrer-Policy"
_REFUSALS = frozenset({400, 401, 403, OF_FORGERY, 422})


def hidden_origins(case: Case) -> Iterator[Breakage]:
    """Yield requests that change something, came with Origin: null, and were refused."""
    for exchange in case.load.all:
        status = exchange.response.status if exchange.response else 0
        if request_field(exchange, "origin").lower() != "null" or status not in _REFUSALS or exchange.own:
            continue
        sender = _sender(case, exchange)
        if sender is None:
            continue
        cause = field_cause(case, sender, _NAME)
        value = ", ".join(field(sender, _NAME))
        row = BrowserRule.ORIGIN_NULL
        title = sentences(
            f"{exchange.request.method} {shown(exchange.request.target, 80)} is refused by the backend ({status})",
            f"its Origin is null, because the page {shown(sender.request.target, 80)} came with {_NAME}: "
            f"{shown(value, 60)}",
            cause.why,
        )
        todo = cause.todo if cause.rule else "Send Referrer-Policy: same-origin or strict-origin with the page instead."
        evidence = (("Origin", "null"), (_NAME, value), ("response", str(status)), row.evidence)
        flows = (exchange.flow_id, sender.flow_id)
        certain = blames_origin(case, exchange) or (status == 403 and lost_cookie(case, exchange) is None)
        yield Breakage(
            "origin", Loss.FUNCTION, title, flows, evidence, cause.rule, cause.source, todo,
            code=row.code,
            # Why a backend refuses what somebody filled in is its own affair, unless it says so.
            known=Knowledge.SPECIFICATION if certain else Knowledge.GUESS,
        )  # fmt: skip


def _sender(case: Case, exchange: RecordedExchange) -> RecordedExchange | None:
    """Return the page that a form was on: the latest before it with such a policy. The Referer, too, is hidden."""
    before = [*case.load.redirects[::-1], *([case.page] if case.page is not exchange else []), *case.earlier]
    for each in before:
        if each is exchange or each.began > exchange.began or is_redirect(each):
            continue
        policies = [word.strip().lower() for line in field(each, _NAME) for word in line.split(",")]
        if policies and policies[-1] == "no-referrer":
            return each
    return None
