"""Answers of a cache that no browser can use: 304 where nothing was asked about."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.expected import CONDITIONS
from urlrewrite.inspector.diagnose.failed_requests import loss_of
from urlrewrite.inspector.diagnose.page_loads import request_field
from urlrewrite.trace.text import shown


def unasked_304(case: Case) -> Iterator[Breakage]:
    """Yield responses of 304 to requests without a condition: a browser has nothing to show for them."""
    for exchange in case.load.all:
        if exchange.response is None or exchange.response.status != 304:
            continue
        if any(request_field(exchange, name) for name in CONDITIONS):
            continue
        todo = (
            "304 is for requests with If-None-Match or If-Modified-Since, and this one had neither. Look for what adds "
            "one on the way: a rule that sets HTTP_IF_NONE_MATCH or HTTP_IF_MODIFIED_SINCE, or a cache before the "
            "backend. If nothing does, mend it in the backend."
        )
        title = f"{shown(exchange.request.target, 100)} gets 304, though the browser has nothing to compare it with"
        evidence = (("requested", exchange.request.url), BrowserRule.NOT_MODIFIED.evidence)
        loss = min(loss_of(case, exchange), Loss.PART)
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage(
            "not-modified", loss, title, flows, evidence, todo=todo, code=BrowserRule.NOT_MODIFIED.code,
            known=Knowledge.SPECIFICATION,
        )  # fmt: skip
