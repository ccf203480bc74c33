"""Requests that a backend refuses and whose bodies name a public name, where it may expect its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from urlrewrite.exchange.body.request import request_body
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.page_loads import request_field
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.site_yaml import site_yaml
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.trace.events import Name
from urlrewrite.trace.text import shown
from urlrewrite.trace.trace import Trace

_REFUSALS = frozenset({400, 403, 409, 412, 417, 422})
_FAULT = 500
"""The status of a fault of SOAP 1.1 (6.2), whatever is wrong with the message."""

_MAX_LENGTH = 2**20


def refused_bodies(case: Case) -> Iterator[Breakage]:
    """Yield requests whose body would be another one with `linksAlso: requestBodies`, and that were refused."""
    for exchange in case.load.all:
        named = _mapped(case, exchange)
        found = _cause(case, exchange)
        if named is None or found is None or exchange.original is None:
            continue
        target, (before, after) = shown(exchange.request.target, 80), (shown(unquote(name), 80) for name in named)
        got = exchange.original.status
        title = (
            f"{exchange.request.method} {target} is refused by the backend ({got}), which received the public name "
            f"{before} in the body instead of its own. {found.why[:1].upper()}{found.why[1:]}."
        )
        evidence = (
            ("in the body", before),
            ("with requestBodies", after),
            ("response", f"{got} {exchange.original.reason}".strip()),
        )
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage("request-body", Loss.FUNCTION, title, flows, evidence, **found.concerned, known=Knowledge.GUESS)


def _mapped(case: Case, exchange: RecordedExchange) -> tuple[str, str] | None:
    """Return the first public name in the body of a refused request, and what would become of it."""
    upload, original = exchange.upload, exchange.original
    if not upload or len(upload) > _MAX_LENGTH or original is None or not _is_refused(exchange, original.status):
        return None
    trace = Trace("")
    body = request_body(exchange.request.fields, case.of(exchange).back, trace, plain_text=True)
    if body is None:
        return None
    body.whole(upload, exchange.request.fields)
    changes = (event for event in trace.events if event["event"] == Name.REQUEST_BODY_CHANGE)
    return next(((event["before"], event["after"]) for event in changes), None)


def _is_refused(exchange: RecordedExchange, status: int) -> bool:
    return status in _REFUSALS or (status == _FAULT and "xml" in request_field(exchange, "content-type").lower())


def _cause(case: Case, exchange: RecordedExchange) -> Cause | None:
    """Return why the body was not mapped back; None where it was to be."""
    site = case.of(exchange).site
    off = site is not None and site.links is LinkMode.OFF
    if site is None or (LinkPlace.REQUEST_BODIES in site.links_also and not off):
        return None
    why = cause(Why.REQUEST_BODY, source=str(site.source), detail=", and links: tags or everywhere" if off else "")
    also = tuple(map(str, sorted({*site.links_also, LinkPlace.REQUEST_BODIES})))
    links = {"links": str(LinkMode.EVERYWHERE)} if off else {}
    return replace(why, yaml=site_yaml({**links, "linksAlso": also}), site=site.name)
