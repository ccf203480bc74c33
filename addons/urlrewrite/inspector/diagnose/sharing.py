"""What depends on the origin of a page: responses that a script may not read (CORS), and WebSockets that do
not open.
"""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, Loss
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.outside_mount import outside_mount
from urlrewrite.inspector.diagnose.page_loads import is_websocket, request_field
from urlrewrite.inspector.diagnose.routes import local_response, taken_by
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.diagnose.why import Cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_ALLOW = "Access-Control-Allow-Origin"


def refused_by_cors(case: Case) -> Iterator[Breakage]:
    """Yield responses that a browser keeps, or will keep, from the script that requested them."""
    for exchange in case.load.all:
        allowed = field(exchange, _ALLOW)
        asked_from = request_field(exchange, "origin")
        if is_websocket(exchange) or not (allowed or _is_cross_origin(exchange)):
            continue
        wrong = _wrong(case, exchange, allowed, asked_from)
        if wrong is None:
            continue
        reason = field_cause(case, exchange, _ALLOW)
        title = f"CORS: a script may not read {shown(exchange.request.target, 80)}: {wrong}: {reason.why}"
        evidence = [(_ALLOW, ", ".join(allowed) or "(missing)")]
        evidence += [("Origin of the request", asked_from)] if asked_from else []
        loss = Loss.FUNCTION if _is_cross_origin(exchange) else Loss.LATER
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage("cors", loss, title, flows, tuple(evidence), **reason.concerned)


def _is_cross_origin(exchange: RecordedExchange) -> bool:
    """Say whether a browser uses CORS, for another origin than the page's."""
    asked_from = request_field(exchange, "origin")
    mode = request_field(exchange, "sec-fetch-mode").lower()
    own = f"{exchange.request.scheme}://{exchange.request.host}".lower()
    return bool(asked_from) and asked_from.lower() not in (own, "null") and mode in ("", "cors")


def _wrong(case: Case, exchange: RecordedExchange, allowed: list[str], asked_from: str) -> str | None:
    if len(allowed) > 1:
        return f"{_ALLOW} appears {len(allowed)} times, but must appear only once"
    if not allowed:
        status = exchange.response.status if exchange.response else 0
        return f"{_ALLOW} is missing for {shown(asked_from, 80)}" if 200 <= status < 400 else None
    value = allowed[0].strip()
    credentials = (field(exchange, "access-control-allow-credentials") or [""])[0].strip().lower() == "true"
    if value == "*":
        return (
            f"{_ALLOW} is *, which browsers refuse together with Access-Control-Allow-Credentials"
            if credentials
            else None
        )
    origin = origin_of_url(value)
    if origin and origin.host in case.backend_hosts(exchange):
        expected = asked_from or str(case.origin(exchange))
        return f"{_ALLOW} names the backend, {shown(value, 80)}, and not {shown(expected, 80)}"
    if _is_cross_origin(exchange) and value.lower() != asked_from.lower():
        return f"{_ALLOW} is {shown(value, 80)}, but the page's origin is {shown(asked_from, 80)}"
    return None


def refused_origins(case: Case) -> Iterator[Breakage]:
    """Yield requests that a backend refuses because their Origin or Referer is not its own."""
    for exchange in case.load.all:
        if exchange.original is None or exchange.original.status not in (400, 403):
            continue
        asked_from = request_field(exchange, "origin")
        if not asked_from or _mapped_back(case, exchange):
            continue
        origin = origin_of_url(asked_from)
        if origin is None or origin not in case.public_origins():
            continue
        cause = _why_not_mapped_back(case, exchange)
        what = "The WebSocket" if is_websocket(exchange) else f"{exchange.request.method}"
        title = (
            f"{what} {shown(exchange.request.target, 80)} is refused by the backend ({exchange.original.status}), "
            f"which received the public Origin {shown(asked_from, 80)} instead of its own: {cause.why}"
        )
        evidence = (
            ("Origin", asked_from),
            ("response", f"{exchange.original.status} {exchange.original.reason}".strip()),
        )
        kind = "websocket" if is_websocket(exchange) else "origin"
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage(kind, Loss.FUNCTION, title, flows, evidence, **cause.concerned)


def _mapped_back(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether the Origin was replaced by the backend's own before the request was forwarded."""
    return any(
        event.get("event") == Name.GENERAL_SET_REQUEST_HEADER and text(event, "name").lower() == "origin"
        for event in case.reading(exchange).request
    )


def _why_not_mapped_back(case: Case, exchange: RecordedExchange) -> Cause:
    site = case.site(exchange)
    source = str(site.site.source) if site else ""
    if site and site.site.links is LinkMode.OFF:
        todo = "Set links: everywhere or tags, or set HTTP_ORIGIN to the backend's origin in an inbound rule."
        return Cause("", source, "links: off does not map it back", todo)
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
        if status == 101:
            continue
        outside = outside_mount(case, exchange)
        cause = (
            (outside.cause if outside else None)
            or local_response(case, exchange)
            or taken_by(case, exchange)
            or Cause("", "", "", "Look at the backend's response.")
        )
        by = f': the rule "{cause.rule}" {cause.why}' if cause.rule else f": {cause.why}" if outside else ""
        got = f"{status} instead of 101" if status else "no response"
        title = f"The WebSocket {shown(exchange.request.target, 80)} did not open: it got {got}{by}"
        target = case.backend_url(exchange)
        evidence = [("requested", exchange.request.url), ("requested from the backend", target)]
        evidence += outside.evidence if outside else ()
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage("websocket", Loss.FUNCTION, title, flows, tuple(evidence), **cause.concerned)
