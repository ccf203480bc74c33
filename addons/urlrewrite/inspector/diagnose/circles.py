"""Redirects that lead in a circle, and logins after which the next page requires a login again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.cookies import why_lost
from urlrewrite.inspector.diagnose.page_loads import is_redirect, redirect_target, response_field, url_of
from urlrewrite.inspector.diagnose.routes import acting_blocks, held_conditions, local_response
from urlrewrite.inspector.diagnose.stored_cookies import (
    Cookie,
    is_taken_back,
    path_matches,
    sent_cookies,
    set_cookies,
)
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import quoted_names, sentences
from urlrewrite.trace.text import shown

_NEAR = 20
"""Exchanges before a page load among which a login is looked for."""

_PASSWORD = re.compile(r"<input\b[^<>]*type\s*=\s*[\"']?password", re.IGNORECASE)
_LOGIN_WORDS = ("login", "logon", "signin", "sign-in", "auth", "account", "sso")


def redirect_loops(case: Case) -> Iterator[Breakage]:
    """Yield redirects to a URL that was redirected before, until the browser gave up."""
    hops = [exchange for exchange in (*case.load.redirects, case.page) if is_redirect(exchange)]
    counts = Counter(url_of(exchange) for exchange in hops)
    circle = [
        exchange for exchange in hops if counts[url_of(exchange)] > 1 or redirect_target(exchange) == url_of(exchange)
    ]
    # A browser that has had enough may have asked once more already.
    left = case.page.given_up and case.page.response is None and counts[url_of(case.page)] > 1
    if not circle or not (left or is_redirect(case.page)):
        return
    urls = list(dict.fromkeys(url_of(exchange) for exchange in circle))
    if _lost_cookies(case, circle):
        return
    causes = list({cause.rule: cause for exchange in circle if (cause := local_response(case, exchange))}.values())
    path = " → ".join(shown(url, 80) for url in [*urls[:3], urls[0]])
    if causes:
        blocks = [
            block for exchange in circle for block in acting_blocks(case, exchange) if block.name == causes[0].rule
        ]
        held = held_conditions(blocks[0]) if blocks else []
        noun = "the rule" if len(causes) == 1 else "the rules"
        why = f"redirected by {noun} {quoted_names([cause.rule for cause in causes])}"
        why += f", because {held[0]}" if held else ""
        rule, source = causes[0].rule, causes[0].source
        todo = "Give the rule a condition that no longer holds once it has redirected, or correct the one it has."
    else:
        why, rule, source, todo = *_backends_circle(case, circle[-1]), ""
        todo = _SCHEME_ADVICE
    kind = _kind_of_circle(urls)
    title = sentences(f"Redirect loop{kind}: {path}", why)
    once = list({url_of(exchange): exchange for exchange in reversed(circle)}.values())[::-1]
    evidence = tuple(
        (f"{exchange.response.status} of {shown(exchange.request.url, 100)}", response_field(exchange, "location"))
        for exchange in once[:4]
        if exchange.response
    )
    flows = tuple(exchange.flow_id for exchange in once)
    yield Breakage("redirect-loop", Loss.PAGE, title, flows, evidence, rule, source, todo)


_SCHEME_ADVICE = (
    "Let the backend know the public scheme (X-Forwarded-Proto is sent), or map its Location by links: everywhere."
)


def _kind_of_circle(urls: list[str]) -> str:
    if len(urls) < 2:
        return " to the same URL"
    first, second = urlsplit(urls[0]), urlsplit(urls[1])
    if first.scheme != second.scheme and first.path == second.path:
        return " between http and https"
    if first.path.rstrip("/") == second.path.rstrip("/"):
        return " over the trailing slash"
    return ""


def _backends_circle(case: Case, exchange: RecordedExchange) -> tuple[str, str, str]:
    """Return how the backend redirects in a circle: its own Location was mapped, or left, so that it comes back."""
    before = next(iter(field(exchange, "location", original=True)), "")
    after = response_field(exchange, "location")
    cause = field_cause(case, exchange, "Location")
    if before and before != after:
        if cause.rule:
            return cause.why, cause.rule, cause.source
        origin = origin_of_url(before)
        leads = f"the backend redirects to {shown(before, 100)}, which becomes {shown(after, 100)} again"
        if origin and origin.scheme == "https" and case.backend_url(exchange).startswith("http:"):
            leads += ", because it wants https itself"
        return leads, "", ""
    return f"the backend redirects to {shown(before or after, 100)}", "", ""


def _lost_cookies(case: Case, exchanges: list[RecordedExchange]) -> dict[str, RecordedExchange]:
    """Return cookies that were set and that no later request carried though it was one for them, by name."""
    set_by: dict[str, RecordedExchange] = {}
    ordered = sorted(exchanges, key=lambda exchange: exchange.began)
    for at, exchange in enumerate(ordered):
        for _, cookie in set_cookies(exchange):
            later = [other for other in ordered[at + 1 :] if other.request.host == exchange.request.host]
            if not cookie.name or not later or is_taken_back(cookie, exchange):
                continue
            kept = why_lost(case, exchange, cookie) is None
            concerned = [other for other in later if not kept or _is_for(cookie, exchange, other)]
            if concerned and not any(cookie.name in sent_cookies(other) for other in later):
                set_by.setdefault(cookie.name, exchange)
    return set_by


def _is_for(cookie: Cookie, exchange: RecordedExchange, other: RecordedExchange) -> bool:
    """Say whether a request is below the path of a cookie that another one brought."""
    set_at, asked = (each.request.target.partition("?")[0] for each in (exchange, other))
    secure = "secure" not in cookie.attributes or other.request.scheme == "https"
    return secure and path_matches(asked, cookie.path_for(set_at))


def login_loops(case: Case) -> Iterator[Breakage]:
    """Yield a login that set a cookie which never comes back, so that the next page requires a login again."""
    chain = [*case.load.redirects, case.page]
    before = [exchange for exchange in case.earlier[:_NEAR] if _is_login(exchange)][:5]
    exchanges = [*before, *chain]
    if not any(_is_login(exchange) for exchange in exchanges) or not _is_denied(case, exchanges):
        return
    lost = _lost_cookies(case, exchanges)
    # What came back once is kept, and withheld this time.
    lost = {name: each for name, each in lost.items() if not _came_back(case, name, each)}
    if not lost:
        return
    name, exchange = next(iter(lost.items()))
    cookie = next(cookie for _, cookie in set_cookies(exchange) if cookie.name == name)
    found = why_lost(case, exchange, cookie)
    cause = found[1] if found else field_cause(case, exchange, "Set-Cookie")
    why = found[0] if found else cause.why
    listed = ", ".join(f"{key}={value}" if value else key for key, value in cookie.attributes.items())
    names = ", ".join(f'"{shown(each, 40)}"' for each in lost)
    verb = "was" if len(lost) == 1 else "were"
    what, it = ("The cookie", "it") if len(lost) == 1 else ("The cookies", "them")
    title = sentences(
        "The login is lost",
        f"{what} {names} {verb} set by {shown(exchange.request.target, 80)}, and the browser never sent {it} back",
        why,
        cause.why if found and found[2] is not BrowserRule.COOKIE_PATH else "",
    )
    evidence = [("set with", listed), ("next request", case.page.request.url)]
    evidence += [found[2].evidence] if found else []
    flows = (exchange.flow_id, case.page.flow_id)
    concerned = cause.concerned | ({"code": found[2].code} if found else {})
    known = Knowledge.SPECIFICATION if found else Knowledge.RECORD
    yield Breakage("login-loop", Loss.PAGE, title, flows, tuple(evidence), **concerned, known=known)


def _came_back(case: Case, name: str, setter: RecordedExchange) -> bool:
    return any(each.began > setter.began and name in sent_cookies(each) for each in case.earlier)


def _is_denied(case: Case, exchanges: list[RecordedExchange]) -> bool:
    """Say whether the page is no page for those who are logged in: it is refused, sent elsewhere, or a login again."""
    page = case.page
    if page.response is None:
        return False
    if page.response.status in (401, 403) or is_redirect(page):
        return True
    forms = {_path(each) for each in exchanges if each.request.method == "POST" and each is not page}
    words = case.load.redirects and any(word in _path(page).lower() for word in _LOGIN_WORDS)
    return _path(page) in forms or bool(words) or is_login_form(case)


def is_login_form(case: Case) -> bool:
    """Say whether the page asks for a password."""
    return bool(_PASSWORD.search(case.body(case.page) or ""))


def _path(exchange: RecordedExchange) -> str:
    return exchange.request.target.partition("?")[0]


def _is_login(exchange: RecordedExchange) -> bool:
    target = exchange.request.target.lower()
    return bool(field(exchange, "set-cookie")) and (
        exchange.request.method == "POST" or any(word in target for word in _LOGIN_WORDS)
    )
