"""Cookies that browsers refuse, drop at once, or never send again."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.fields.cookies import missing
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field, path_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.routes import taken_by
from urlrewrite.inspector.diagnose.stored_cookies import (
    MAX_LENGTH,
    MAX_NUMBER,
    Cookie,
    expired_for,
    is_taken_back,
    parse_cookie,
    path_matches,
    refusal,
    sent_cookies,
)
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_MAX_SHOWN = 200


def refused_cookies(case: Case) -> Iterator[Breakage]:
    """Yield Set-Cookie lines of a page load that do not do what they seem to."""
    for exchange in case.load.all:
        lines = field(exchange, "set-cookie")
        for line in lines:
            cookie = parse_cookie(line)
            if not is_taken_back(cookie, exchange):
                yield from _of_line(case, exchange, line, cookie)
        yield from _twice(exchange, lines)
        yield from _too_many(case, exchange, lines)


def _of_line(case: Case, exchange: RecordedExchange, line: str, cookie: Cookie) -> Iterator[Breakage]:
    if lost := why_lost(case, exchange, cookie):
        why, cause, row = lost
        what = _WHAT.get(row, "refuse the cookie {}").format(_quoted(cookie))
        yield _breakage(case, exchange, line, what, why, row, cause)


_WHAT = {
    BrowserRule.COOKIE_EXPIRED: "drop the cookie {} at once",
    BrowserRule.COOKIE_PATH: "never send back the cookie {}",
}


def _quoted(cookie: Cookie) -> str:
    return f'"{shown(cookie.name, 60)}"'


def refused_for(case: Case, exchange: RecordedExchange, cookie: Cookie, row: BrowserRule) -> str:
    """Return what is wrong with a refused cookie, with its own words in it."""
    host = origin.host if (origin := case.origin(exchange)) else ""
    match row:
        case BrowserRule.COOKIE_DOMAIN:
            is_backends = cookie.domain in case.backend_hosts(exchange)
            whose = "the backend" if is_backends else "neither the backend nor the public name"
            return f"its Domain={cookie.domain} belongs to {whose}, but the page's host is {host}"
        case BrowserRule.COOKIE_SUFFIX if "." not in cookie.domain:
            return f"its Domain={cookie.domain} is a single label, which browsers do not accept as a Domain"
        case BrowserRule.COOKIE_SUFFIX:
            return f"its Domain={cookie.domain} is a public suffix, below which anybody can have a name"
        case BrowserRule.COOKIE_SECURE:
            return "it is Secure, but the public name is http"
        case BrowserRule.COOKIE_SAME_SITE_NONE:
            return "it is SameSite=None without Secure"
        case BrowserRule.COOKIE_PARTITIONED:
            return "it is Partitioned without Secure"
        case BrowserRule.COOKIE_PREFIX:
            lacking = missing(cookie.name, cookie.attributes)
            prefix = shown(cookie.name[: cookie.name.find("-") + 1], 20)
            return (
                f"the {prefix} prefix requires {' and '.join(lacking)}"
                if lacking
                else f"the {prefix} prefix forbids a Domain"
            )
        case BrowserRule.COOKIE_SIZE:
            return f"its name and value have {cookie.length:,} bytes, and {MAX_LENGTH:,} are taken"
        case BrowserRule.COOKIE_CROSS_SITE:
            same_site = cookie.attributes.get("samesite") or "no SameSite, which means Lax"
            wanted = "where only SameSite=None with Secure is taken"
            return f"a page of another site loads this, and it has {same_site}, {wanted}"
        case _:
            return row.says


def why_lost(case: Case, exchange: RecordedExchange, cookie: Cookie) -> tuple[str, Cause, BrowserRule] | None:
    """Return why a cookie does not come back: a clause, what is concerned, and the rule of browsers."""
    if row := refusal(cookie, exchange):
        return refused_for(case, exchange, cookie, row), field_cause(case, exchange, "Set-Cookie"), row
    if ended := ended_at_once(cookie, exchange):
        return ended, field_cause(case, exchange, "Set-Cookie"), BrowserRule.COOKIE_EXPIRED
    if lost := path_not_seen(case, exchange, cookie):
        return *lost, BrowserRule.COOKIE_PATH
    return None


def ended_at_once(cookie: Cookie, exchange: RecordedExchange) -> str:
    """Return why a cookie is over when it comes; "" where it is not, or is meant to be."""
    over = expired_for(cookie, exchange)
    if over is None or is_taken_back(cookie, exchange):
        return ""
    by = f"{over / 60:,.0f} minutes" if over >= 120 else f"{over:,.0f} seconds"
    return f"its Expires is {by} past (a local time written as GMT is off by hours)"


def path_not_seen(case: Case, exchange: RecordedExchange, cookie: Cookie) -> tuple[str, Cause] | None:
    """Return why the Path of a cookie is one that browsers never ask for, and the rule or site that shows the backend's
    path as another.

    Cookies for a part of a site are everyday. This one is for the path by which the backend was asked, and browsers
    have another one there.
    """
    path = cookie.attributes.get("path", "")
    asked = exchange.request.target.partition("?")[0]
    site = case.site(exchange)
    mount = site.site.path if site else ""
    if not path.startswith("/") or path_matches(asked, path):
        return None
    if any(path_matches(each.request.target.partition("?")[0], path) for each in (*case.load.all, *case.later)):
        return None
    if mount and not f"{mount}/".startswith(path.rstrip("/") + "/") and not path.startswith(f"{mount}/"):
        why = f"its Path={path} lies outside {mount}, below which the site is published: it is never sent back"
        found = field_cause(case, exchange, "Set-Cookie")
        return sentences(why, found.why), found
    sent = path_of(case.backend_url(exchange)).partition("?")[0] if case.backend_url(exchange) else ""
    if not sent or sent == asked or not path_matches(sent, path):
        return None
    public = _public_path(asked, sent, path)
    rule = taken_by(case, exchange)
    shows = f'the rule "{rule.rule}" shows' if rule else "the site shows"
    shows += f" {path} of the backend as {public}"
    lost = f"its Path={path} does not cover {asked}, where browsers are, so that it is never sent to {public}"
    why = sentences(lost, shows)
    todo = f"Add an outbound rule for RESPONSE_Set_Cookie that makes Path={path} into Path={public}."
    of = (rule.rule, rule.source) if rule else ("", "")
    return why, Cause(*of, why, todo, values=(path, public))


def _public_path(asked: str, sent: str, path: str) -> str:
    """Return the path that browsers have for a path of the backend, by what the two paths of a request have in common
    at their ends.
    """
    tail = sent[len(path.rstrip("/")) :]
    return (asked.removesuffix(tail) if tail and asked.endswith(tail) else asked.rpartition("/")[0]) or "/"


def _breakage(
    case: Case, exchange: RecordedExchange, line: str, what: str, why: str, row: BrowserRule, cause: Cause
) -> Breakage:
    title = sentences(f"Browsers {what}", why, "" if row is BrowserRule.COOKIE_PATH else cause.why)
    flows = (exchange.flow_id, case.page.flow_id)
    evidence = (("Set-Cookie", without_value(line)), row.evidence)
    return Breakage(
        "cookie", Loss.FUNCTION, title, flows, evidence, cause.rule, cause.source, cause.todo,
        # Another site may show a picture of this one, and need no cookie for that.
        severity=BreakageSeverity.WARNING if row is BrowserRule.COOKIE_CROSS_SITE else BreakageSeverity.ERROR,
        code=row.code, known=Knowledge.SPECIFICATION,
    )  # fmt: skip


def without_value(line: str) -> str:
    """Return the line with the cookie's value masked: it may be a session."""
    pair, mark, rest = line.partition(";")
    return f"{shown(pair.partition('=')[0], 60)}=…{mark}{' ' * bool(mark)}{shown(rest.strip(), _MAX_SHOWN)}"


def _twice(exchange: RecordedExchange, lines: list[str]) -> Iterator[Breakage]:
    """Yield cookies that are set twice for the same path and domain: a rule added a line to the backend's own."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for line in lines:
        cookie = parse_cookie(line)
        if not is_taken_back(cookie, exchange):
            key = cookie.name, cookie.attributes.get("domain", "").lower(), cookie.attributes.get("path", "")
            places.setdefault(key, []).append(line)
    for (name, _, _), same in places.items():
        if len(same) > 1:
            title = f'The cookie "{shown(name, 60)}" is set {len(same)} times in one response: the last one counts'
            evidence = tuple(("Set-Cookie", without_value(line)) for line in same[:3])
            yield Breakage(
                "cookie-twice", Loss.HINT, title, (exchange.flow_id,), evidence, todo="See which a rule added.",
                severity=BreakageSeverity.WARNING,
            )  # fmt: skip


def _too_many(case: Case, exchange: RecordedExchange, lines: list[str]) -> Iterator[Breakage]:
    """Yield a response that sets more cookies than a browser keeps beside those that it has."""
    names = {parse_cookie(line).name for line in lines if not is_taken_back(parse_cookie(line), exchange)}
    total = len(names | sent_cookies(exchange))
    if names and total > MAX_NUMBER:
        row = BrowserRule.COOKIE_NUMBER
        title = f"{shown(exchange.request.target, 80)} makes it {total:,} cookies, of which browsers drop the oldest"
        todo = "Let the application set fewer cookies, or keep what they hold on the server."
        evidence = (("set", f"{len(names):,}"), ("sent", f"{len(sent_cookies(exchange)):,}"), row.evidence)
        yield Breakage(
            "cookie", Loss.FUNCTION, title, (exchange.flow_id, case.page.flow_id), evidence, todo=todo, code=row.code,
            severity=BreakageSeverity.WARNING, known=Knowledge.SPECIFICATION,
        )  # fmt: skip
