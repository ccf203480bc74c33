"""Requests that are refused and came without a cookie that had been set for them, since browsers did not keep it.

What a check against forgery misses, or an application that knows its users by a cookie, is then the cookie: the page
that set it is one exchange earlier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.cookies import why_lost
from urlrewrite.inspector.diagnose.failed_requests import loss_of, subject
from urlrewrite.inspector.diagnose.stored_cookies import is_taken_back, sent_cookies, set_cookies
from urlrewrite.inspector.read_text import read_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_NEAR = 20
"""Exchanges before a page load among which the one is looked for that set a cookie."""

_REFUSALS = frozenset({400, 401, 403, 419, 422, 440})
_OF_SESSIONS = frozenset({419, 440})
"""Statuses that say that a session or a token is over: Laravel's and IIS's own."""

_SESSION = re.compile(
    r"csrf|xsrf|forger|token|session|cookie|expired|authenti|unauthori[sz]ed|correlation|(?:sign|log)(?:ged)?[ -]?in\b",
    re.IGNORECASE,
)
"""What those say who miss a cookie."""


def refused_without_cookies(case: Case) -> Iterator[Breakage]:
    """Yield refused requests, with the cookie that they lack and the rule by which browsers have dropped it."""
    for exchange in case.load.all:
        status = exchange.original.status if exchange.original else 0
        if status not in _REFUSALS or (found := lost_cookie(case, exchange)) is None:
            continue
        name, setter, why, cause, row = found
        title = sentences(
            f"{subject(case, exchange, status)}",
            f'It came without the cookie "{shown(name, 60)}", which {shown(setter.request.target, 80)} had set and '
            "browsers do not keep",
            why,
            "" if row is BrowserRule.COOKIE_PATH else cause.why,
        )
        evidence = (("set by", setter.request.url), ("refused", exchange.request.url), row.evidence)
        certain = status in _OF_SESSIONS or misses_a_session(case, exchange)
        yield Breakage(
            "lost-cookie", loss_of(case, exchange), title, (exchange.flow_id, setter.flow_id), evidence, cause.rule,
            cause.source, cause.todo,
            # Others may be refused for something else than a cookie.
            severity=BreakageSeverity.ERROR if certain else BreakageSeverity.WARNING,
            code=row.code, known=Knowledge.SPECIFICATION,
        )  # fmt: skip


def misses_a_session(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether a backend speaks of sessions, tokens or logins where it refuses a request, as a reader sees it."""
    return bool(_SESSION.search(read_text(case.body(exchange) or "")))


def lost_cookie(case: Case, exchange: RecordedExchange) -> tuple[str, RecordedExchange, str, Cause, BrowserRule] | None:
    """Return the name of a cookie that was set for the host of a request and is lost, the exchange that set it, why it
    is lost, what is concerned, and the rule of browsers. Of several lines for a cookie, the latest counts.
    """
    sent = sent_cookies(exchange)
    before = (each for each in case.load.all[::-1] if each.began < exchange.began and each is not exchange)
    known: set[str] = set()
    for each in (*before, *case.earlier[:_NEAR]):
        if each.request.host != exchange.request.host:
            continue
        for _, cookie in set_cookies(each):
            is_lost = cookie.name not in known | sent and not is_taken_back(cookie, each)
            known.add(cookie.name)
            if is_lost and (why := why_lost(case, each, cookie)):
                return cookie.name, each, *why
    return None
