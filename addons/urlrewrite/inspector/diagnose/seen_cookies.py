"""Cookies that a page set, against those that its scripts see: whether the browser has them (HTML, `document.cookie`).

Scripts see the names of all cookies of their page but of those that are HttpOnly. They can set and remove cookies
themselves, so what they see confirms a refusal, and casts doubt on one, and a cookie that is missing is no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, field
from urlrewrite.inspector.diagnose.cookies import ended_at_once, without_value
from urlrewrite.inspector.diagnose.stored_cookies import (
    Cookie,
    is_taken_back,
    parse_cookie,
    path_matches,
    refusal,
    sent_cookies,
)
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import shown
from urlrewrite.witness.statements import MAX_TEXT, Statement, Subject

_CODES = frozenset(rule.code for rule in BrowserRule)


def with_seen_cookies(
    case: Case, breakages: Iterable[Breakage], said: Iterable[Statement], label: str
) -> Iterator[Breakage]:
    """Yield breakages, with what scripts see in those about cookies, and cookies that nobody sees though no rule of
    browsers refuses them. `label` is that of the browser's words in the evidence.
    """
    told = [*said]
    texts = [each.text for each in told if each.subject is Subject.COOKIES]
    if not texts:
        yield from breakages
        return
    names = {name for text in texts for name in text.split()}
    refused = {each.tag for each in told if each.subject is Subject.COOKIE_REFUSED}
    # A list that was cut does not tell what is missing.
    is_whole = max(map(len, texts)) < MAX_TEXT
    is_seen: dict[tuple[str, str], bool] = {}
    missing: list[Breakage] = []
    for exchange, line, cookie in _set_by_the_page(case):
        quoted = f'"{shown(cookie.name, 60)}"'
        if refusal(cookie, exchange) or ended_at_once(cookie, exchange):
            # One of that name may be there from before.
            if cookie.name not in {*refused, *sent_cookies(exchange)} or cookie.name not in names:
                is_seen[exchange.flow_id, quoted] = cookie.name in names
        elif is_whole and cookie.name not in {*names, *refused} and not _is_sent_later(case, cookie):
            missing.append(_missing(case, exchange, line, quoted, label))
    for breakage in breakages:
        quoted = next((name for flow, name in is_seen if _is_about(breakage, flow, name)), "")
        if not quoted:
            yield breakage
        elif is_seen[breakage.flows[0], quoted]:
            evidence = (label, f"scripts see the cookie {quoted} all the same"), *breakage.evidence
            yield replace(
                breakage, severity=BreakageSeverity.NOTE, known=Knowledge.BROWSER, said=True, evidence=evidence
            )
        else:
            evidence = (label, f"scripts see no cookie {quoted}"), *breakage.evidence
            yield replace(breakage, known=Knowledge.BROWSER, said=True, evidence=evidence)
    yield from missing


def _set_by_the_page(case: Case) -> Iterator[tuple[RecordedExchange, str, Cookie]]:
    """Yield the cookies that scripts of the page would see, of those that it and the redirects to it set; of several
    for one name the last.
    """
    found: dict[str, tuple[RecordedExchange, str, Cookie]] = {}
    path = case.page.request.target.partition("?")[0]
    for exchange in (*case.load.redirects, case.page):
        if exchange.request.host != case.page.request.host:
            continue
        for line in field(exchange, "set-cookie"):
            cookie = parse_cookie(line)
            found.pop(cookie.name, None)
            asked = exchange.request.target.partition("?")[0]
            is_shown = "httponly" not in cookie.attributes and path_matches(path, cookie.path_for(asked))
            if cookie.name and is_shown and not is_taken_back(cookie, exchange):
                found[cookie.name] = exchange, line, cookie
    yield from found.values()


def _is_sent_later(case: Case, cookie: Cookie) -> bool:
    return any(cookie.name in sent_cookies(each) for each in (*case.load.resources, *case.later))


def _is_about(breakage: Breakage, flow: str, quoted: str) -> bool:
    return (
        breakage.code in _CODES
        and breakage.kind == "cookie"
        and breakage.flows[:1] == (flow,)
        and quoted in breakage.title
    )


def _missing(case: Case, exchange: RecordedExchange, line: str, quoted: str, label: str) -> Breakage:
    title = (
        f"Scripts of the page see no cookie {quoted}, which it set: the browser has not kept it, or a script removed it"
    )
    evidence = ((label, f"scripts see no cookie {quoted}"), ("Set-Cookie", without_value(line)))
    return Breakage(
        "browser-cookie-missing", Loss.HINT, title, (exchange.flow_id, case.page.flow_id), evidence,
        severity=BreakageSeverity.NOTE, code="browser-cookie-missing", known=Knowledge.BROWSER, said=True,
    )  # fmt: skip
