"""What a backend refuses for the origin of a page, and WebSockets that do not open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.lost_cookies import lost_cookie
from urlrewrite.inspector.diagnose.outside_mount import outside_mount
from urlrewrite.inspector.diagnose.page_loads import is_websocket, request_field
from urlrewrite.inspector.diagnose.routes import local_response, taken_by
from urlrewrite.inspector.read_text import read_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model import LinkMode
from urlrewrite.model.field_lines import field_values
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text
from urlrewrite.trace.text import shown
from urlrewrite.trace.trace import TraceLevel

_ORIGIN = re.compile(r"origin|referr?er", re.IGNORECASE)
_FORGERY = re.compile(r"csrf|xsrf|forger|cross.site", re.IGNORECASE)
_FORM = re.compile(r"<form\b", re.IGNORECASE)
OF_FORGERY = 419
"""The status of Laravel's check against forgery."""

_REFUSALS = frozenset({400, 403, OF_FORGERY, 422})


def refused_origins(case: Case) -> Iterator[Breakage]:
    """Yield requests that a backend refuses because their Origin or Referer is not its own."""
    for exchange in case.load.all:
        if exchange.original is None or exchange.original.status not in _REFUSALS:
            continue
        asked_from = request_field(exchange, "origin")
        if not asked_from or _mapped_back(case, exchange):
            continue
        origin = origin_of_url(asked_from)
        if origin is None or origin not in case.public_origins():
            continue
        cause = _why_not_mapped_back(case, exchange)
        what = "The WebSocket" if is_websocket(exchange) else f"{exchange.request.method}"
        title = sentences(
            f"{what} {shown(exchange.request.target, 80)} is refused by the backend ({exchange.original.status}), "
            f"which received the public Origin {shown(asked_from, 80)} instead of its own",
            cause.why,
        )
        evidence = (
            ("Origin", asked_from),
            ("response", f"{exchange.original.status} {exchange.original.reason}".strip()),
        )
        kind = "websocket" if is_websocket(exchange) else "origin"
        flows = (exchange.flow_id, case.page.flow_id)
        known = Knowledge.RECORD if kind == "websocket" or blames_origin(case, exchange) else Knowledge.GUESS
        if known is Knowledge.GUESS and _FORM.search(case.body(exchange) or ""):
            # What was filled in is wrong, and is asked for again.
            continue
        yield Breakage(kind, Loss.FUNCTION, title, flows, evidence, **cause.concerned, known=known)


def blames_origin(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether a backend that refuses a request gives its origin as the reason, as checks against forgery do.

    What a reader sees is searched: forms have tokens against forgery in their fields. A check that speaks of no origin
    may as well miss the cookie of its token, where that is lost.
    """
    seen = read_text(case.body(exchange) or "")
    if _ORIGIN.search(seen):
        return True
    status = exchange.original.status if exchange.original else 0
    return bool(status == OF_FORGERY or _FORGERY.search(seen)) and lost_cookie(case, exchange) is None


def _mapped_back(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether the Origin was replaced by the backend's own before the request was forwarded; where the trace tells
    of no fields, it is what the rules in force make of the request that counts.
    """
    told = [event for event in case.reading(exchange).request if name_of(event) == Name.GENERAL_SET_REQUEST_HEADER]
    if told or case.rules is None:
        return any(text(event, "name").lower() == "origin" for event in told)
    routing = evaluate(case.rules.traced(TraceLevel.OFF), exchange.request, None).routing
    sent = field_values(routing.fields, "origin") if isinstance(routing, Forward) else []
    return sent != field_values(exchange.request.fields, "origin")


def _why_not_mapped_back(case: Case, exchange: RecordedExchange) -> Cause:
    site = case.site(exchange)
    source = str(site.site.source) if site else ""
    if site and site.site.links is LinkMode.OFF:
        todo = "Set links: everywhere or tags, or set HTTP_ORIGIN to the backend's origin in an inbound rule."
        return Cause("", source, "the site has links: off, which does not map it back", todo)
    farms = case.rules.rules.farms if case.rules else {}
    farm = farms.get(site.site.backend.host) if site and site.site.backend else None
    if farm and farm.preserve_host_header:
        todo = "Set preserveHostHeader: false in the farm, or set HTTP_ORIGIN in an inbound rule."
        return Cause("", str(farm.source), "a farm with preserveHostHeader gets it as it is", todo)
    server = bool(case.rules and case.rules.rules.rule_set.preserve_host_header)
    if site and site.site.keeps_host(None, server):
        todo = "Remove preserveHostHeader, or set HTTP_ORIGIN in an inbound rule."
        return Cause("", source, "with preserveHostHeader it is not mapped back", todo)
    why = "the site that has this name has the same backend, or none of its own"
    return Cause("", source, why, "Add the name to public: of this site, or set HTTP_ORIGIN in an inbound rule.")


def refused_websockets(case: Case) -> Iterator[Breakage]:
    """Yield WebSockets that were not opened."""
    reported = {breakage.flows[0] for breakage in refused_origins(case)}
    for exchange in case.load.all:
        if not is_websocket(exchange) or exchange.flow_id in reported:
            continue
        status = exchange.response.status if exchange.response else None
        if status == 101 or (status is None and exchange.given_up):
            continue
        outside = outside_mount(case, exchange)
        cause = (
            (outside.cause if outside else None)
            or local_response(case, exchange)
            or taken_by(case, exchange)
            or Cause("", "", "", "Look at the backend's response.")
        )
        by = f'the rule "{cause.rule}" {cause.why}' if cause.rule else cause.why if outside else ""
        got = f"{status} instead of 101" if status else "no response"
        title = sentences(f"The WebSocket {shown(exchange.request.target, 80)} did not open: it got {got}", by)
        target = case.backend_url(exchange)
        evidence = [("requested", exchange.request.url), ("requested from the backend", target)]
        evidence += outside.evidence if outside else ()
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage("websocket", Loss.FUNCTION, title, flows, tuple(evidence), **cause.concerned)
