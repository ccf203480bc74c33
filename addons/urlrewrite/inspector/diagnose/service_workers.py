"""Scripts of service workers that browsers do not install."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.content.kinds import JAVASCRIPT, media_type
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_loads import (
    destination,
    is_redirect,
    request_field,
    response_field,
    url_of,
)
from urlrewrite.inspector.diagnose.routes import local_response, taken_by
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_REGISTERED = re.compile(
    r"""\.register\(\s*["'`]([^"'`]+)["'`]\s*,\s*\{[^{}]*?scope["']?\s*:\s*["'`]([^"'`]*)["'`]""", re.IGNORECASE
)


def refused_workers(case: Case) -> Iterator[Breakage]:
    """Yield scripts that a page registers as its service worker in vain."""
    scopes = dict(_scopes(case))
    for exchange in case.load.all:
        if not is_worker(exchange) or exchange.response is None:
            continue
        found = _refusal(exchange, scopes.get(url_of(exchange), ""))
        if found is None:
            continue
        row, why = found
        cause = local_response(case, exchange) or taken_by(case, exchange) or Cause("", "", "")
        todo = cause.todo
        by = f'the rule "{cause.rule}" {cause.why}' if cause.rule else "the backend answers this way"
        if row is BrowserRule.WORKER_REDIRECT:
            todo = "Let the rule rewrite it instead (type: Rewrite), or leave it out." if cause.rule else todo
            why += ", and a browser follows no redirect there"
        title = sentences(f"The service worker {shown(exchange.request.target, 100)} is refused", why, by)
        evidence = (
            ("response", f"{exchange.response.status} {response_field(exchange, 'location')}".strip()),
            ("Content-Type", response_field(exchange, "content-type")),
            row.evidence,
        )
        flows = (exchange.flow_id, case.page.flow_id)
        yield Breakage(
            "service-worker", Loss.FUNCTION, title, flows, evidence, cause.rule, cause.source, todo,
            code=row.code, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def is_worker(exchange: RecordedExchange) -> bool:
    """Say whether a browser asks for the script of a service worker."""
    return destination(exchange) == "serviceworker" or request_field(exchange, "service-worker").lower() == "script"


def _refusal(exchange: RecordedExchange, scope: str) -> tuple[BrowserRule, str] | None:
    if is_redirect(exchange):
        return BrowserRule.WORKER_REDIRECT, "it is redirected"
    if exchange.response is None or exchange.response.status != 200:
        return None
    declared = media_type(response_field(exchange, "content-type"))
    if declared not in JAVASCRIPT:
        return BrowserRule.WORKER_TYPE, f"it comes as {declared or 'no type'}"
    most = canonical_url(response_field(exchange, "service-worker-allowed") or "./", exchange.request.url)
    if scope and not urlsplit(scope).path.startswith(urlsplit(most).path):
        return BrowserRule.WORKER_SCOPE, f"its scope {urlsplit(scope).path} is above {urlsplit(most).path}"
    return None


def _scopes(case: Case) -> Iterator[tuple[str, str]]:
    """Yield the URLs of scripts that a page or its scripts register with a scope, and the scope."""
    for exchange in (case.page, *case.load.resources):
        body = case.body(exchange) if case.in_time() else None
        for found in _REGISTERED.finditer(body) if body and ".register" in body else ():
            url = case.page.request.url
            yield canonical_url(found[1], url), canonical_url(found[2], url)
