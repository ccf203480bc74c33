"""Redirects that lead in a circle, and logins after which the next page requires a login again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from urlrewrite.inspector.diagnose.breakage import Breakage, Loss
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.cookies import parse_cookie
from urlrewrite.inspector.diagnose.page_loads import is_redirect, redirect_target, request_field, response_field, url_of
from urlrewrite.inspector.diagnose.routes import acting_blocks, held_conditions, local_response
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import quoted_names
from urlrewrite.trace.text import shown

_LOGIN_WORDS = ("login", "logon", "signin", "sign-in", "auth", "account", "sso")


def redirect_loops(case: Case) -> Iterator[Breakage]:
    """Yield redirects to a URL that was redirected before, until the browser gave up."""
    hops = [exchange for exchange in (*case.load.redirects, case.page) if is_redirect(exchange)]
    counts = Counter(url_of(exchange) for exchange in hops)
    circle = [
        exchange for exchange in hops if counts[url_of(exchange)] > 1 or redirect_target(exchange) == url_of(exchange)
    ]
    if not circle or not is_redirect(case.page):
        return
    urls = list(dict.fromkeys(url_of(exchange) for exchange in circle))
    if _sets_cookie_in_vain(case, circle):
        return
    causes = list({cause.rule: cause for exchange in circle if (cause := local_response(case, exchange))}.values())
    path = " → ".join(shown(url, 80) for url in [*urls[:3], urls[0]])
    if causes:
        blocks = [
            block for exchange in circle for block in acting_blocks(case, exchange) if block.name == causes[0].rule
        ]
        held = held_conditions(blocks[0]) if blocks else []
        why = f"redirected by {quoted_names([cause.rule for cause in causes])}"
        why += f", since {held[0]}" if held else ""
        rule, source = causes[0].rule, causes[0].source
        todo = "Give the rule a condition that no longer holds once it has redirected, or correct the one it has."
    else:
        why, rule, source, todo = *_backends_circle(case, circle[-1]), ""
        todo = _SCHEME_ADVICE
    kind = _kind_of_circle(urls)
    title = f"Redirects in a circle{kind}: {path}: {why}"
    evidence = tuple(
        (f"{exchange.response.status}", response_field(exchange, "location"))
        for exchange in circle[:4]
        if exchange.response
    )
    flows = tuple(exchange.flow_id for exchange in circle)
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
        return " over the slash at the end"
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
            leads += ", since it wants https itself"
        return leads, "", ""
    return f"the backend redirects to {shown(before or after, 100)}", "", ""


def _sets_cookie_in_vain(case: Case, circle: list[RecordedExchange]) -> bool:
    return bool(_lost_cookies(case, circle))


def _lost_cookies(case: Case, exchanges: list[RecordedExchange]) -> dict[str, RecordedExchange]:
    """Return cookies that were set and that no later request of the client carried, by name."""
    set_by: dict[str, RecordedExchange] = {}
    ordered = sorted(exchanges, key=lambda exchange: exchange.began)
    for at, exchange in enumerate(ordered):
        for line in field(exchange, "set-cookie"):
            name, attributes = parse_cookie(line)
            if "1970" in attributes.get("expires", "") or attributes.get("max-age", "") in ("0", "-1"):
                continue
            later = ordered[at + 1 :]
            if later and not any(name in _sent(other) for other in later):
                set_by.setdefault(name, exchange)
    return set_by


def _sent(exchange: RecordedExchange) -> set[str]:
    return {part.partition("=")[0].strip() for part in request_field(exchange, "cookie").split(";")}


def login_loops(case: Case) -> Iterator[Breakage]:
    """Yield a login that set a cookie which never comes back, so that the next page requires a login again."""
    chain = [*case.load.redirects, case.page]
    before = [exchange for exchange in case.earlier if _is_login(exchange)][:5]
    exchanges = [*before, *chain]
    if not any(_is_login(exchange) for exchange in exchanges):
        return
    denied = case.page.response is not None and (
        case.page.response.status in (401, 403) or is_redirect(case.page) or _is_login(case.page)
    )
    lost = _lost_cookies(case, exchanges)
    if not denied or not lost:
        return
    name, exchange = next(iter(lost.items()))
    cause = field_cause(case, exchange, "Set-Cookie")
    line = next(line for line in field(exchange, "set-cookie") if parse_cookie(line)[0] == name)
    attributes = parse_cookie(line)[1]
    listed = ", ".join(f"{key}={value}" if value else key for key, value in attributes.items())
    names = ", ".join(f'"{shown(each, 40)}"' for each in lost)
    verb = "was" if len(lost) == 1 else "were"
    title = (
        f"The login does not last: {names} {verb} set by {shown(exchange.request.target, 80)} and never came back "
        f"({shown(listed, 120)}): {cause.why}"
    )
    evidence = (("set with", listed), ("requested then", case.page.request.url))
    flows = (exchange.flow_id, case.page.flow_id)
    yield Breakage("login-loop", Loss.PAGE, title, flows, evidence, **cause.concerned)


def _is_login(exchange: RecordedExchange) -> bool:
    target = exchange.request.target.lower()
    return bool(field(exchange, "set-cookie")) and (
        exchange.request.method == "POST" or any(word in target for word in _LOGIN_WORDS)
    )
