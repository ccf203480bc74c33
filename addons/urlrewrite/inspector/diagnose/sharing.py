"""What the origin of a page decides: answers that a script may not read (CORS), and WebSockets that do not open."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.finding import Finding, Harm
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


def refused_by_cors(case: Case) -> Iterator[Finding]:
    """Answers that a browser keeps from the script that asked, or will, by what they say of origins."""
    for seen in case.load.all:
        allowed = field(seen, _ALLOW)
        asked_from = request_field(seen, "origin")
        if is_websocket(seen) or not (allowed or _is_cross_origin(seen)):
            continue
        wrong = _wrong(case, seen, allowed, asked_from)
        if wrong is None:
            continue
        reason = field_cause(case, seen, _ALLOW)
        title = f"CORS: a script may not read {shown(seen.request.target, 80)}: {wrong}: {reason.why}"
        evidence = [(_ALLOW, ", ".join(allowed) or "(missing)")]
        evidence += [("Origin of the request", asked_from)] if asked_from else []
        harm = Harm.FUNCTION if _is_cross_origin(seen) else Harm.LATER
        flows = (seen.flow_id, case.page.flow_id)
        yield Finding("cors", harm, title, flows, tuple(evidence), **reason.concerned)


def _is_cross_origin(seen: RecordedExchange) -> bool:
    """Whether a browser asks with CORS, for another origin than that of the page."""
    asked_from = request_field(seen, "origin")
    told = request_field(seen, "sec-fetch-mode").lower()
    own = f"{seen.request.scheme}://{seen.request.host}".lower()
    return bool(asked_from) and asked_from.lower() not in (own, "null") and told in ("", "cors")


def _wrong(case: Case, seen: RecordedExchange, allowed: list[str], asked_from: str) -> str | None:
    if len(allowed) > 1:
        return f"{_ALLOW} stands there {len(allowed)} times, and once is right"
    if not allowed:
        status = seen.answer.status if seen.answer else 0
        return f"{_ALLOW} is missing for {shown(asked_from, 80)}" if 200 <= status < 400 else None
    value = allowed[0].strip()
    credentials = (field(seen, "access-control-allow-credentials") or [""])[0].strip().lower() == "true"
    if value == "*":
        return (
            f"{_ALLOW} is *, which browsers refuse together with Access-Control-Allow-Credentials"
            if credentials
            else None
        )
    origin = origin_of_url(value)
    if origin and origin.host in case.backend_hosts(seen):
        expected = asked_from or str(case.origin(seen))
        return f"{_ALLOW} names the backend, {shown(value, 80)}, and not {shown(expected, 80)}"
    if _is_cross_origin(seen) and value.lower() != asked_from.lower():
        return f"{_ALLOW} is {shown(value, 80)}, and the page is of {shown(asked_from, 80)}"
    return None


def refused_origins(case: Case) -> Iterator[Finding]:
    """Requests that a backend refuses since their Origin or Referer is not its own."""
    for seen in case.load.all:
        if seen.original is None or seen.original.status not in (400, 403):
            continue
        asked_from = request_field(seen, "origin")
        if not asked_from or _mapped_back(case, seen):
            continue
        origin = origin_of_url(asked_from)
        if origin is None or origin not in case.public_origins():
            continue
        cause = _why_not_mapped_back(case, seen)
        what = "The WebSocket" if is_websocket(seen) else f"{seen.request.method}"
        title = (
            f"{what} {shown(seen.request.target, 80)} is refused by the backend ({seen.original.status}), which "
            f"was told the public Origin {shown(asked_from, 80)} and not its own: {cause.why}"
        )
        evidence = (("Origin", asked_from), ("answer", f"{seen.original.status} {seen.original.reason}".strip()))
        kind = "websocket" if is_websocket(seen) else "origin"
        flows = (seen.flow_id, case.page.flow_id)
        yield Finding(kind, Harm.FUNCTION, title, flows, evidence, **cause.concerned)


def _mapped_back(case: Case, seen: RecordedExchange) -> bool:
    """Whether the Origin was made the backend's own on its way."""
    return any(
        event.get("event") == Name.GENERAL_SET_REQUEST_HEADER and text(event, "name").lower() == "origin"
        for event in case.reading(seen).request
    )


def _why_not_mapped_back(case: Case, seen: RecordedExchange) -> Cause:
    site = case.site(seen)
    source = str(site.site.source) if site else ""
    if site and site.site.links is LinkMode.OFF:
        todo = "Set links: everywhere or tags, or set HTTP_ORIGIN to the backend's origin in an inbound rule."
        return Cause("", source, "links: off does not map it back", todo)
    if site and site.site.preserve_host_header:
        todo = "Remove preserveHostHeader, or set HTTP_ORIGIN in an inbound rule."
        return Cause("", source, "with preserveHostHeader it is not mapped back", todo)
    return Cause("", source, "it is none of the site's public names", "Add the name to public:.")


def refused_websockets(case: Case) -> Iterator[Finding]:
    """WebSockets that were not opened."""
    told = {finding.flows[0] for finding in refused_origins(case)}
    for seen in case.load.all:
        if not is_websocket(seen) or seen.flow_id in told:
            continue
        status = seen.answer.status if seen.answer else None
        if status == 101:
            continue
        cause = (
            local_response(case, seen) or taken_by(case, seen) or Cause("", "", "", "Look at the backend's response.")
        )
        by = f': the rule "{cause.rule}" {cause.why}' if cause.rule else ""
        got = f"answered {status} and not 101" if status else "not answered"
        title = f"The WebSocket {shown(seen.request.target, 80)} did not open: it is {got}{by}"
        evidence = (("asked for", seen.request.url), ("the backend was asked for", case.backend_url(seen)))
        flows = (seen.flow_id, case.page.flow_id)
        yield Finding("websocket", Harm.FUNCTION, title, flows, evidence, **cause.concerned)
