"""Pages that may not be shown in the frame that asks for them: frame-ancestors, or else X-Frame-Options.

Who the ancestors are is known from the page that the frame belongs to, and from what the browser says of its site.
"""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.page_loads import destination, request_field
from urlrewrite.inspector.diagnose.page_policies import NAME, policies_of
from urlrewrite.inspector.diagnose.policies import allows
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.origin import Origin
from urlrewrite.trace.text import shown

_FRAMES = frozenset({"iframe", "frame", "embed", "object"})
_OPTIONS = "X-Frame-Options"


def refused_frames(case: Case) -> Iterator[Breakage]:
    """Yield pages that arrive in a frame and are not shown there."""
    for exchange in case.load.all:
        if destination(exchange) not in _FRAMES or exchange.response is None or exchange.response.status >= 300:
            continue
        own, ancestor = case.origin(exchange), _ancestor(case, exchange)
        if own is None or ancestor is None:
            continue
        if found := _refusal(case, exchange, own, ancestor):
            row, name, value = found
            cause = field_cause(case, exchange, name)
            title = sentences(
                f"The frame {shown(exchange.request.target, 100)} cannot be framed by {ancestor}",
                f"its {name} is {shown(value, 120)}",
                cause.why,
            )
            evidence = ((name, value), ("framed by", str(ancestor)), row.evidence)
            flows = (exchange.flow_id, case.page.flow_id)
            yield Breakage(
                "frame", Loss.FUNCTION, title, flows, evidence, cause.rule, cause.source, cause.todo,
                code=row.code, known=Knowledge.SPECIFICATION,
            )  # fmt: skip


def _ancestor(case: Case, exchange: RecordedExchange) -> Origin | None:
    """Return the origin of the page around a frame; None where nothing says it."""
    if exchange is not case.page:
        return case.origin(case.page)
    referer = request_field(exchange, "referer")
    return origin_of_url(referer) if referer else None


def _refusal(
    case: Case, exchange: RecordedExchange, own: Origin, ancestor: Origin
) -> tuple[BrowserRule, str, str] | None:
    lists = [each for each in policies_of(case, exchange) if "frame-ancestors" in each.directives]
    for each in lists:
        sources = each.directives["frame-ancestors"]
        if not allows(sources, f"{ancestor}/", own):
            return BrowserRule.FRAME_ANCESTORS, NAME, f"frame-ancestors {' '.join(sources)}".strip()
    if lists:
        return None
    values = {part.strip().lower() for line in field(exchange, _OPTIONS) for part in line.split(",")} - {""}
    denied = "deny" in values or ("sameorigin" in values and ancestor != own)
    # Several values that contradict one another, or none that is known, forbid all, or nothing (HTML, 7.8).
    known = values & {"deny", "sameorigin", "allowall"}
    if known and (denied or len(values) > 1):
        return BrowserRule.FRAME_OPTIONS, _OPTIONS, ", ".join(field(exchange, _OPTIONS))
    return None
