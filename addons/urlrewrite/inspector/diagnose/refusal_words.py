"""What a backend gives as the reason in its short page of an error: a name that it does not know, TLS that it wants.

Servers and frameworks word it each in their own way, and all speak of the host or of TLS, and of what is wrong with it.
"""

from __future__ import annotations

import re

from urlrewrite.inspector.diagnose.backend_words import error_text
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.routes import told_by_rules
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import name_of, text
from urlrewrite.trace.text import shown

_REFUSALS = frozenset({400, 403, 421, 426, 497})
"""Statuses of those who give such reasons; 497 is nginx's own."""

_HOST = re.compile(
    r"\b(?:invalid|unknown|untrusted|blocked|disallowed) (?:http[ _])?(?:host|domain)(?:[ -]?(?:name|header))?s?\b"
    r"|\b(?:host|domain)(?:[ -]?(?:name|header))?\)? (?:\S{1,100} ){0,2}is (?:not (?:allowed|valid|known|trusted|"
    r"recognized|served)|invalid|untrusted|unknown|blocked)\b",
    re.IGNORECASE,
)
_TLS = re.compile(
    r"\bhttp request (?:was sent )?to (?:an? )?https (?:port|server)|\brequires? (?:tls|ssl)\b"
    r"|\bplain http to an? (?:tls|ssl)\b",
    re.IGNORECASE,
)


_GOES_BY = {
    400: ("Cookie",),
    401: ("Authorization", "Cookie"),
    403: ("Authorization", "Cookie", "Origin", "Referer"),
    406: ("Accept", "Accept-Language", "Accept-Encoding"),
    412: ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
    415: ("Content-Type", "Content-Encoding"),
    416: ("Range", "If-Range"),
    419: ("Cookie", "Origin"),
}
"""Which fields a server goes by that answers with a status (RFC 9110, 15.5)."""


def what_rules_changed(case: Case, exchange: RecordedExchange, status: int) -> Cause | None:
    """Return the rule that took away or changed what a refusal goes by, though the client had sent it. Values may be
    secrets, and are not told.
    """
    for each in told_by_rules(case, exchange):
        if each.name in _GOES_BY.get(status, ()) and each.before:
            what = "changes" if each.after else "removes"
            return cause(Why.FIELD_CHANGED, each.rule, each.source, what=what, name=each.name)
    return None


def what_words_say(case: Case, exchange: RecordedExchange, status: int) -> Cause | None:
    """Return what a backend says is wrong with how it is asked; None where it says nothing of it."""
    said = error_text(case, exchange) if status in _REFUSALS else ""
    quoted = f'"{shown(said, 160)}"'
    if _TLS.search(said) and case.backend_url(exchange).startswith("http:"):
        return cause(Why.TLS_WANTED, said=quoted)
    return _host(case, exchange, quoted) if _HOST.search(said) else None


def _host(case: Case, exchange: RecordedExchange, said: str) -> Cause | None:
    """Return who has it that the backend is asked by that name, and what would change it."""
    routed = next((each for each in case.reading(exchange).events if name_of(each) == Name.REQUEST_ROUTED), None)
    host = text(routed or {}, "host")
    if not host:
        return None
    told = {"host": shown(host, 80), "said": said}
    for each in told_by_rules(case, exchange):
        if each.name == "Host":
            by, todo = f', which the rule "{each.rule}" sets', "Correct the value of HTTP_HOST in the rule."
            return cause(Why.HOST_REFUSED, each.rule, each.source, **told, by=by, todo=todo)
    target, site = case.of(exchange).target, case.of(exchange).site
    if host == exchange.request.host and host != target.authority:
        by = ", as with preserveHostHeader"
        todo = f"Let it be asked as {target.authority}, without preserveHostHeader, or let it know that name."
    else:
        by, todo = "", "Set preserveHostHeader: true, if it knows the public name; or let it know that name."
    return cause(Why.HOST_REFUSED, source=str(site.source) if site else "", **told, by=by, todo=todo)
