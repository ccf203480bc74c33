"""Cookies that a browser has and does not send, since another site's page asks: SameSite (RFC 6265bis, 5.8.3)."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.circles import is_login_form
from urlrewrite.inspector.diagnose.page_loads import is_navigation, is_redirect, request_field
from urlrewrite.inspector.diagnose.stored_cookies import (
    Cookie,
    is_embedded,
    is_taken_back,
    path_matches,
    refusal,
    sent_cookies,
    set_cookies,
)
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_REFUSALS = frozenset({400, 401, 403, 419, 422, 440})
_MAX_NAMED = 3


def withheld_cookies(case: Case) -> Iterator[Breakage]:
    """Yield requests from another site's page that were refused, and came without cookies that had been set."""
    for exchange in case.load.all:
        status = exchange.response.status if exchange.response else 0
        sent_away = exchange in case.load.redirects and is_redirect(exchange) and is_login_form(case)
        if not (status in _REFUSALS or sent_away) or request_field(exchange, "sec-fetch-site").lower() != "cross-site":
            continue
        withheld = _withheld(case, exchange)
        if not withheld:
            continue
        setter = next(iter(withheld.values()))[0]
        names = ", ".join(
            f'"{shown(name, 40)}" (SameSite={cookie.attributes.get("samesite") or "Lax, since it says none"})'
            for name, (_, cookie) in list(withheld.items())[:_MAX_NAMED]
        )
        refused = "is sent to the login" if sent_away else "is refused"
        how = "in a frame" if is_embedded(exchange) else f"by {exchange.request.method}"
        row = BrowserRule.COOKIE_SAME_SITE
        noun = "cookie" if len(withheld) == 1 else "cookies"
        title = sentences(
            f"{exchange.request.method} {shown(exchange.request.target, 80)} {refused} ({status})",
            f"a page of another site asked for it {how}, and browsers then do not send the {noun} {names}",
        )
        cause = field_cause(case, setter, "Set-Cookie")
        todo = "Let the cookie be SameSite=None; Secure, by an outbound rule for RESPONSE_Set_Cookie or in the backend."
        evidence = (("set by", setter.request.url), ("refused", exchange.request.url), row.evidence)
        loss = Loss.PAGE if exchange is case.page else Loss.FUNCTION
        flows = (exchange.flow_id, setter.flow_id)
        yield Breakage(
            "cookie", loss, title, flows, evidence, cause.rule, cause.source, todo,
            # What is no page may well be refused to other sites on purpose.
            severity=BreakageSeverity.ERROR if is_navigation(exchange) else BreakageSeverity.WARNING,
            code=row.code, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def _withheld(case: Case, exchange: RecordedExchange) -> dict[str, tuple[RecordedExchange, Cookie]]:
    """Return the cookies for a request that were set before and that SameSite kept back, by name."""
    found: dict[str, tuple[RecordedExchange, Cookie] | None] = {}
    path, sent = exchange.request.target.partition("?")[0], sent_cookies(exchange)
    for each in case.earlier:
        if each.request.host != exchange.request.host:
            continue
        for _, cookie in set_cookies(each):
            # The latest line counts, be it one that deletes the cookie.
            usable = not is_taken_back(cookie, each) and refusal(cookie, each) is None
            concerned = path_matches(path, cookie.path_for(each.request.target.partition("?")[0]))
            keeps = usable and concerned and _is_kept_back(cookie, exchange)
            found.setdefault(cookie.name, (each, cookie) if keeps and cookie.name not in sent else None)
    return {name: one for name, one in found.items() if one}


def _is_kept_back(cookie: Cookie, exchange: RecordedExchange) -> bool:
    same_site = cookie.attributes.get("samesite", "").lower()
    if same_site == "none":
        return False
    if is_embedded(exchange) or not is_navigation(exchange) or same_site == "strict":
        return True
    # Chromium makes an exception of two minutes for cookies that do not say Lax.
    return exchange.request.method not in _SAFE and same_site == "lax"
