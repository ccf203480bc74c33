"""Why a browser asked for what fails: a redirect one exchange earlier, or a permanent one that it remembers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.page_loads import redirect_target, request_field, url_of
from urlrewrite.inspector.diagnose.routes import local_response
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_PERMANENT = frozenset({301, 308})
_NOT_KEPT = re.compile(r"\b(?:no-store|no-cache|max-age\s*=\s*\"?0)\b", re.IGNORECASE)
_TWICE = re.compile(r"%25[0-9a-f]{2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CameFrom:
    """The redirect that led to an address, and what is told of it; `remembered` says that it was not sent this time."""

    redirect: RecordedExchange
    cause: Cause
    remembered: bool

    @property
    def evidence(self) -> Iterator[tuple[str, str]]:
        """What a finding shows of it."""
        response = self.redirect.response
        yield f"{response.status if response else ''} of {self.redirect.request.url}", redirect_target(self.redirect)
        if self.remembered:
            yield BrowserRule.REDIRECT_CACHED.evidence


def came_from(case: Case, exchange: RecordedExchange) -> CameFrom | None:
    """Return the redirect that a request follows; None where it follows none that was recorded."""
    url = url_of(exchange)
    before = [each for each in case.load.all if each.began <= exchange.began and each is not exchange]
    now = next((each for each in reversed(before) if redirect_target(each) == url), None)
    if now is not None:
        return CameFrom(now, _cause(case, exchange, now, Why.REDIRECTED_HERE), remembered=False)
    for each in case.earlier:
        if redirect_target(each) == url and _is_kept(each) and _is_named_instead(case, exchange, each):
            return CameFrom(each, _cause(case, exchange, each, Why.REDIRECT_REMEMBERED), remembered=True)
    return None


def _is_kept(redirect: RecordedExchange) -> bool:
    """Say whether browsers follow a redirect again without asking (RFC 9111, 4.2.2)."""
    status = redirect.response.status if redirect.response else 0
    return status in _PERMANENT and not any(map(_NOT_KEPT.search, field(redirect, "cache-control")))


def _is_named_instead(case: Case, exchange: RecordedExchange, redirect: RecordedExchange) -> bool:
    """Say whether the page that was left names the redirected address, and not the one that was asked for."""
    referer = request_field(exchange, "referer")
    left = canonical_url(referer, referer) if referer else ""
    for each in (*case.load.all, *case.earlier):
        if left and url_of(each) == left and (each.response is None or each.response.status != 304):
            named = {reference.url for reference in case.references(each)}
            return url_of(redirect) in named and url_of(exchange) not in named
    return False


def _cause(case: Case, exchange: RecordedExchange, redirect: RecordedExchange, why: Why) -> Cause:
    rule = local_response(case, redirect)
    status = redirect.response.status if redirect.response else 0
    by = f'the rule "{rule.rule}"' if rule else "the backend"
    older = text(case.reading(redirect).data, "rules") != text(case.reading(exchange).data, "rules")
    when = " before the rules were changed" if older else ""
    target, asked = exchange.request.target, redirect.request.target
    twice = ", percent-encoded twice" if _TWICE.search(target) and not _TWICE.search(asked) else ""
    if why is Why.REDIRECTED_HERE and redirect.request.method == "POST" and exchange.request.method == "GET":
        twice += f". The form was sent with POST; a {status} makes the browser ask with GET, and what was sent is lost"
    values = {"path": shown(asked, 100), "status": status, "by": by, "when": when, "detail": twice}
    return cause(why, rule.rule if rule else "", rule.source if rule else "", **values)
