"""Scripts and style sheets whose type keeps browsers from using them, and pages that come in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.kinds import JAVASCRIPT, Kind, content_kind, media_type
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_loads import destination, request_field, response_field, url_of
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_WORKERS = frozenset({"worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"})
_NO_SCRIPT = re.compile(r"(?:audio|image|video)/|text/csv$")
_NOSNIFF = frozenset({BrowserRule.NOSNIFF_SCRIPT, BrowserRule.NOSNIFF_STYLE})
_MARKUP = re.compile(r"\ufeff?\s*<(?:!doctype|html|head|body|!--|\?xml|[a-z])", re.IGNORECASE)
_WHOLE_PAGE = re.compile(r"\ufeff?\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_STANDARDS = re.compile(r"\ufeff?(?:\s|<!--.*?-->)*+<!doctype\s+html\s*>", re.IGNORECASE | re.DOTALL)


def is_nosniff(exchange: RecordedExchange) -> bool:
    """Say whether a response forbids to guess its type."""
    first = next(iter(field(exchange, "x-content-type-options")), "")
    return first.partition(",")[0].strip().lower() == "nosniff"


def script_refusal(declared: str, *, nosniff: bool, module: bool, markup: bool) -> BrowserRule | None:
    """Return the rule by which a browser does not run a script; `markup` says that its body is a page."""
    if module and declared not in JAVASCRIPT:
        return BrowserRule.MODULE_TYPE
    if nosniff and declared not in JAVASCRIPT:
        return BrowserRule.NOSNIFF_SCRIPT
    if _NO_SCRIPT.match(declared):
        return BrowserRule.SCRIPT_TYPE
    return BrowserRule.SCRIPT_IS_PAGE if markup else None


def style_refusal(declared: str, *, nosniff: bool, standards: bool) -> BrowserRule | None:
    """Return the rule by which a browser does not apply a style sheet; `standards` says that its page has a doctype."""
    if declared == "text/css":
        return None
    if nosniff:
        return BrowserRule.NOSNIFF_STYLE
    return BrowserRule.STYLE_TYPE if standards and declared else None


def wrong_types(case: Case) -> Iterator[Breakage]:
    """Yield scripts and style sheets that browsers refuse for their type, or that are none."""
    for exchange in case.load.resources:
        if exchange.response is None or exchange.response.status not in (200, 203):
            continue
        where = case.named(url_of(exchange))
        use = destination(exchange) or (where[1].use if where else "")
        declared = media_type(response_field(exchange, "content-type"))
        is_page = _is_page(case, exchange, declared)
        if use == "script" or use in _WORKERS:
            module = use in _WORKERS or _is_module(exchange, where[1] if where else None)
            row = script_refusal(declared, nosniff=is_nosniff(exchange), module=module, markup=is_page)
            asked, loss = "script", Loss.FUNCTION
        elif use == "style":
            standards = bool(_STANDARDS.match(case.body(case.page) or ""))
            row = style_refusal(declared, nosniff=is_nosniff(exchange), standards=standards)
            asked, loss = "style sheet", Loss.LOOK
        else:
            continue
        if row or is_page:
            yield _breakage(case, exchange, asked, loss, row)


def pages_as_text(case: Case) -> Iterator[Breakage]:
    """Yield a page whose type makes a browser show its source."""
    page = case.page
    declared = media_type(response_field(page, "content-type"))
    body = case.body(page) if page.response and page.response.status < 300 else None
    as_text = declared == "text/plain" or (not declared and is_nosniff(page))
    if body and as_text and destination(page) in ("document", "iframe", "frame") and _WHOLE_PAGE.match(body):
        cause, why = _type_cause(case, page, response_field(page, "content-type"))
        row = BrowserRule.DOCUMENT_TYPE
        says = f"The page {shown(page.request.target, 100)} is served as {declared or 'nothing, with nosniff'}"
        title = sentences(f"{says}, so browsers show its source", why)
        yield Breakage(
            "wrong-type", Loss.PAGE, title, (page.flow_id,), (("Content-Type", declared), row.evidence),
            cause.rule, cause.source, cause.todo, code=row.code, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def _is_page(case: Case, exchange: RecordedExchange, declared: str) -> bool:
    """Say whether a page has come where something else was asked for."""
    if declared and content_kind(declared) not in (Kind.HTML, Kind.XHTML):
        return False
    body = case.body(exchange)
    return bool(_MARKUP.match(body)) if body else bool(declared)


def _is_module(exchange: RecordedExchange, reference: Reference | None) -> bool:
    """Say whether a script was asked for as modules are: as if it were another origin's."""
    as_cors = request_field(exchange, "sec-fetch-mode").lower() == "cors"
    return as_cors and reference is not None and reference.tag == "script" and not reference.crossorigin


def _breakage(case: Case, exchange: RecordedExchange, asked: str, loss: Loss, row: BrowserRule | None) -> Breakage:
    declared = response_field(exchange, "content-type")
    cause, why = _type_cause(case, exchange, declared)
    nosniff = " with X-Content-Type-Options: nosniff" if row in _NOSNIFF else ""
    so = f", so browsers will not {'apply' if asked == 'style sheet' else 'run'} it" if row else ""
    comes_as = media_type(declared) or ("without a type" if row else "a page")
    title = sentences(f"The {asked} {shown(exchange.request.target, 100)} is served as {comes_as}{nosniff}{so}", why)
    evidence = [
        ("Content-Type", declared),
        ("requested", exchange.request.url),
        ("requested from the backend", case.backend_url(exchange)),
    ]
    evidence += [row.evidence] if row else []
    flows = (exchange.flow_id, case.page.flow_id)
    code = row.code if row else str(cause.code or "")
    known = Knowledge.SPECIFICATION if row else Knowledge.RECORD
    return Breakage(
        "wrong-type", loss, title, flows, tuple(evidence), cause.rule, cause.source, cause.todo, code=code, known=known
    )


def _type_cause(case: Case, exchange: RecordedExchange, declared: str) -> tuple[Cause, str]:
    before = next(iter(field(exchange, "content-type", original=True)), "")
    if before and media_type(before) != media_type(declared):
        cause = field_cause(case, exchange, "Content-Type")
        return cause, sentences(f"the backend sent {shown(before, 60)}", cause.why)
    if answered := local_response(case, exchange):
        return answered, f'the rule "{answered.rule}" {answered.why}'
    if taken := taken_by(case, exchange):
        return taken, f'the request was handled by the rule "{taken.rule}": {taken.why}'
    for miss in near_misses(case, exchange):
        return miss, f'the rule "{miss.rule}" did not act on it: {miss.why}'
    site = case.of(exchange).site
    return Cause("", str(site.source) if site else "", ""), "the backend sends it this way; no rule changed it"
