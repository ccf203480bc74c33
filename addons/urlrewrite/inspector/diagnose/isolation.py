"""Resources that browsers keep from pages of other origins: Cross-Origin-Resource-Policy, and pages that demand it."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.failed_requests import loss_of
from urlrewrite.inspector.diagnose.page_loads import request_field
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_RESOURCE = "Cross-Origin-Resource-Policy"
_EMBEDDER = "Cross-Origin-Embedder-Policy"


def isolated_resources(case: Case) -> Iterator[Breakage]:
    """Yield what was loaded from another origin without CORS and is kept from the page."""
    demands = _token(case.page, _EMBEDDER) == "require-corp"
    for exchange in case.load.resources:
        site = request_field(exchange, "sec-fetch-site").lower()
        if request_field(exchange, "sec-fetch-mode").lower() != "no-cors" or site not in ("same-site", "cross-site"):
            continue
        policy = _token(exchange, _RESOURCE)
        if policy == "same-origin" or (policy == "same-site" and site == "cross-site"):
            row, name, why = BrowserRule.RESOURCE_POLICY, _RESOURCE, f"{_RESOURCE} is {policy}"
            concerned = exchange
        elif demands and not policy:
            row, name, why = BrowserRule.EMBEDDER_POLICY, _EMBEDDER, f"{_EMBEDDER} of the page demands {_RESOURCE}"
            concerned = case.page
        else:
            continue
        cause = field_cause(case, concerned, name)
        kept = f"{shown(exchange.request.url, 100)} is kept from a page of {case.origin(case.page)}: {why}"
        title = sentences(kept, cause.why)
        evidence = ((name, ", ".join(field(concerned, name))), ("page", case.page.request.url), row.evidence)
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage(
            "isolation", loss_of(case, exchange), title, flows, evidence, cause.rule, cause.source, cause.todo,
            code=row.code, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def _token(exchange: RecordedExchange, name: str) -> str:
    return next(iter(field(exchange, name)), "").partition(";")[0].strip().lower()
