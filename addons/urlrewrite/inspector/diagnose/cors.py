"""Responses of another origin that browsers keep from the script that asked for them (Fetch, 4.8 to 4.10)."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.page_loads import is_websocket, request_field
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_ALLOW = "Access-Control-Allow-Origin"
_CREDENTIALS = "Access-Control-Allow-Credentials"
_METHODS = "Access-Control-Allow-Methods"
_FIELDS = "Access-Control-Allow-Headers"
_SAFE_METHODS = frozenset({"get", "head", "post"})

type _Wrong = tuple[BrowserRule, str, str]
"""The row, the field of the response concerned, and what is wrong with it, as a clause."""


def refused_by_cors(case: Case) -> Iterator[Breakage]:
    """Yield responses that a browser keeps, or would keep, from the script that requested them."""
    for exchange in case.load.all:
        crosses = _is_cross_origin(exchange)
        if is_websocket(exchange) or not (crosses or field(exchange, _ALLOW)):
            continue
        wrong = _wrong(case, exchange)
        if wrong is None:
            continue
        row, name, why = wrong
        cause = field_cause(case, exchange, name)
        title = sentences(f"CORS: a script may not read {shown(exchange.request.target, 80)}", why, cause.why)
        asked_from = request_field(exchange, "origin")
        evidence = [(name, ", ".join(field(exchange, name)) or "(missing)")]
        evidence += [("Origin of the request", asked_from)] if asked_from else []
        yield Breakage(
            "cors", Loss.FUNCTION if crosses else Loss.LATER, title, (exchange.flow_id, case.page.flow_id),
            (*evidence, row.evidence), cause.rule, cause.source, cause.todo, code=row.code,
            # Where no other origin asked, nobody has missed anything yet.
            severity=BreakageSeverity.ERROR if crosses else BreakageSeverity.WARNING, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def _is_cross_origin(exchange: RecordedExchange) -> bool:
    """Say whether a browser uses CORS, for another origin than the page's."""
    asked_from = request_field(exchange, "origin")
    mode = request_field(exchange, "sec-fetch-mode").lower()
    own = f"{exchange.request.scheme}://{exchange.request.host}".lower()
    return bool(asked_from) and asked_from.lower() not in (own, "null") and mode in ("", "cors")


def _wrong(case: Case, exchange: RecordedExchange) -> _Wrong | None:
    asked_from, allowed = request_field(exchange, "origin"), field(exchange, _ALLOW)
    crosses = _is_cross_origin(exchange)
    status = exchange.response.status if exchange.response else 0
    if len(allowed) > 1 or (allowed and "," in allowed[0]):
        times = len([part for line in allowed for part in line.split(",")])
        return BrowserRule.CORS_TWICE, _ALLOW, f"{_ALLOW} appears {times} times, but must have one origin"
    if not allowed:
        missing = BrowserRule.CORS_MISSING, _ALLOW, f"{_ALLOW} is missing for {shown(asked_from, 80)}"
        return missing if 200 <= status < 400 else None
    if found := _wrong_origin(case, exchange, allowed[0].strip(), crosses=crosses):
        return found
    is_preflight = exchange.request.method == "OPTIONS" and request_field(exchange, "access-control-request-method")
    return _wrong_preflight(exchange, status) if crosses and is_preflight else None


def _wrong_origin(case: Case, exchange: RecordedExchange, value: str, *, crosses: bool) -> _Wrong | None:
    asked_from = request_field(exchange, "origin")
    permits = (field(exchange, _CREDENTIALS) or [""])[0].strip() == "true"
    # A cookie is sent to another origin by those only who ask with credentials.
    with_credentials = crosses and bool(request_field(exchange, "cookie"))
    if value == "*":
        together = f"{_ALLOW} is *, which browsers refuse together with {_CREDENTIALS}"
        return (BrowserRule.CORS_WILDCARD, _ALLOW, together) if permits or with_credentials else None
    origin = origin_of_url(value)
    if origin and origin.host in case.backend_hosts(exchange):
        expected = asked_from or str(case.origin(exchange))
        why = f"{_ALLOW} names the backend, {shown(value, 80)}, and not {shown(expected, 80)}"
        return BrowserRule.CORS_OTHER, _ALLOW, why
    if crosses and value != asked_from:
        why = f"{_ALLOW} is {shown(value, 80)}, but the page's origin is {shown(asked_from, 80)}"
        return BrowserRule.CORS_OTHER, _ALLOW, why
    if with_credentials and not permits:
        return BrowserRule.CORS_CREDENTIALS, _CREDENTIALS, f"it came with cookies, and {_CREDENTIALS} is not true"
    return None


def _wrong_preflight(exchange: RecordedExchange, status: int) -> _Wrong | None:
    if not 200 <= status < 300:
        return BrowserRule.CORS_PREFLIGHT_STATUS, _METHODS, f"the preflight is answered {status}"
    method = request_field(exchange, "access-control-request-method")
    methods = _listed(exchange, _METHODS)
    if method.lower() not in _SAFE_METHODS and method not in methods and "*" not in methods:
        why = f"{_METHODS} does not have {shown(method, 40)}"
        return BrowserRule.CORS_PREFLIGHT_METHOD, _METHODS, why
    names = request_field(exchange, "access-control-request-headers").lower()
    fields = {each.lower() for each in _listed(exchange, _FIELDS)}
    for name in filter(None, (each.strip() for each in names.split(","))):
        if name not in fields and ("*" not in fields or name == "authorization"):
            return BrowserRule.CORS_PREFLIGHT_FIELD, _FIELDS, f"{_FIELDS} does not have {shown(name, 60)}"
    return None


def _listed(exchange: RecordedExchange, name: str) -> set[str]:
    return {part.strip() for line in field(exchange, name) for part in line.split(",")}
