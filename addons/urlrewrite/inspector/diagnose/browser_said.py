"""What the browser itself said of a page (`witness/`): it confirms what was found, and tells what nobody else saw.

A finding that it confirms is known from the browser, and keeps its cause and its rule. What it said beyond that becomes
a finding of its own; it names what is lost and not why, and it is an error only where a part of the site itself is
lost that pages do not work without. Statements come from outside: they are shown, and nothing is concluded from a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.case import Case, origin_of_url, path_of
from urlrewrite.inspector.diagnose.page_loads import url_of
from urlrewrite.inspector.diagnose.seen_cookies import with_seen_cookies
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.text import shown
from urlrewrite.witness.statements import Statement, Subject

LABEL = "the browser says"

MAX_OWN = 20
"""Findings that are made of statements alone."""

MAX_LINES = 5
"""What the browser said that is shown with one finding."""

_URL = 120
_HARM = {"script": Loss.FUNCTION, "iframe": Loss.FUNCTION, "frame": Loss.FUNCTION, "link": Loss.LOOK}
_HARM_OF_POLICY = {
    "script-src": Loss.FUNCTION,
    "script-src-elem": Loss.FUNCTION,
    "script-src-attr": Loss.FUNCTION,
    "connect-src": Loss.FUNCTION,
    "form-action": Loss.FUNCTION,
    "frame-src": Loss.FUNCTION,
    "worker-src": Loss.FUNCTION,
    "style-src": Loss.LOOK,
    "style-src-elem": Loss.LOOK,
    "style-src-attr": Loss.LOOK,
}
_OF_REQUESTS = frozenset(
    {
        Subject.ELEMENT,
        Subject.RESOURCE,
        Subject.FRAME,
        Subject.SOCKET,
        Subject.NETWORK,
        Subject.CORS,
        Subject.MIXED,
    }
)
_WHY = frozenset({Subject.POLICY, Subject.NETWORK, Subject.ISOLATION, Subject.CORS, Subject.MIXED})
"""What says why an element did not load."""

_OF_COOKIES = frozenset({Subject.COOKIE_REFUSED, Subject.COOKIE_WITHHELD})
_COOKIE_WHY = {
    "SecureOnly": "it is Secure, and the page is not",
    "InvalidDomain": "its Domain is not one of the page's host",
    "InvalidPrefix": "its prefix (__Host- or __Secure-) requires what it does not have",
    "OverwriteSecure": "it would take the place of one that is Secure",
    "NameValuePairExceedsMaxSize": "its name and value are too long",
    "SyntaxError": "nobody can read it",
    "DisallowedCharacter": "it has a character that no cookie may have",
    "NoCookieContent": "it is empty",
    "SameSiteNoneInsecure": "it is SameSite=None without Secure",
    "SameSiteStrict": "it is SameSite=Strict, and another site asks",
    "SameSiteLax": "it is SameSite=Lax, and another site asks",
    "SameSiteUnspecifiedTreatedAsLax": "it has no SameSite, which means Lax, and another site asks",
    "ThirdPartyPhaseout": "another site's page asks, and the browser lets no such cookie pass",
    "UserPreferences": "the browser's settings forbid it",
}
"""Words for the protocol's reasons (Network.SetCookieBlockedReason, Audits.CookieExclusionReason); others stand as
they are.
"""

_LOST_COOKIES = frozenset({"cookie", "login-loop", "lost-cookie"})
"""The kinds of breakages that a refused cookie makes."""

_OF_CODE = frozenset({"inline", "eval", "wasm-eval", "data", "blob"})
"""What a policy blocked where no address has been blocked."""

_OF_POLICIES = frozenset({"csp", "csp-hash", "csp-inline"})
"""The kinds of breakages that policies make."""


def with_browser(case: Case, breakages: Iterable[Breakage], said: Iterable[Statement]) -> list[Breakage]:
    """Return breakages with what the browser said of the page: those that it confirms, and its own."""
    said = tuple(said)
    found = list(with_seen_cookies(case, breakages, said, LABEL))
    own: list[Breakage] = []
    different: dict[str, Statement] = {}
    for each in said:
        # The script and the browser itself may say the same.
        different.setdefault(_key(each), each)
    explained = {each.url for each in different.values() if each.subject in _WHY}
    for statement in different.values():
        confirmed = [number for number, breakage in enumerate(found) if _confirms(case, statement, breakage)]
        for number in confirmed:
            found[number] = _confirmed(found[number], statement)
        if statement.subject is Subject.ELEMENT and statement.url in explained:
            # Something else says why.
            continue
        if not confirmed and len(own) < MAX_OWN and (of_its_own := _own(case, statement)):
            own.append(of_its_own)
    return [*found, *own]


def _key(statement: Statement) -> str:
    if statement.subject is Subject.POLICY and statement.url not in _OF_CODE:
        # Who says it says differently where.
        return f"{statement.directive} {statement.url}"
    return words(statement)


def words(statement: Statement) -> str:
    """Return what a browser said, as a sentence."""
    line = f", line {statement.line}" if statement.line else ""
    at = f" ({shown(statement.source, _URL)}{line})" if statement.source else ""
    url, tag = shown(statement.url, _URL), shown(statement.tag, 20)
    match statement.subject:
        case Subject.ELEMENT:
            return f"<{tag}> did not load {url}"
        case Subject.RESOURCE:
            return f"{url} has the status {statement.status}"
        case Subject.ERROR:
            where = f" ({url}, line {statement.line})" if statement.url else ""
            return f"{shown(statement.text, 200)}{where}"
        case Subject.REJECTION:
            return f"a promise was rejected: {shown(statement.text, 200)}"
        case Subject.POLICY:
            return f"{shown(statement.directive, 40)} of the page's policy blocks {url}{at}"
        case Subject.FRAME:
            return f"<{tag}> shows an error of the browser in place of {url}"
        case Subject.SOCKET:
            return f"the WebSocket {url} failed"
        case Subject.NETWORK:
            return f"the request for {url} failed: {shown(statement.text, 60)}"
        case Subject.ISOLATION:
            return f"a policy of isolation blocks {url} ({shown(statement.text, 60)})"
        case Subject.DEPRECATION:
            return f"{shown(statement.text, 200)}{at}"
        case Subject.CORS:
            return f"CORS keeps the response of {url} from the page ({shown(statement.text, 60)})"
        case Subject.MIXED:
            return f"{url} is http in an https page, and was not asked for"
        case Subject.COOKIE_REFUSED:
            return f'the cookie "{shown(statement.tag, 60)}" is not taken from {url}: {_cookie_why(statement)}'
        case Subject.COOKIE_WITHHELD:
            return f'the cookie "{shown(statement.tag, 60)}" is not sent to {url}: {_cookie_why(statement)}'
        case Subject.CONSOLE:
            return f"console: {shown(statement.text, 300)}{at}"
        case Subject.COOKIES:
            return f"scripts see the cookies {shown(statement.text, 200)}" if statement.text else "no cookies"


def _cookie_why(statement: Statement) -> str:
    code = shown(statement.text, 60)
    return f"{_COOKIE_WHY[statement.text]} ({code})" if statement.text in _COOKIE_WHY else code


def _confirms(case: Case, statement: Statement, breakage: Breakage) -> bool:
    if statement.subject is Subject.POLICY:
        if breakage.kind not in _OF_POLICIES:
            return False
        if statement.url in _OF_CODE:
            return breakage.kind != "csp" and _is_of(statement.directive, breakage)
        return breakage.kind == "csp" and (_is_of(statement.directive, breakage) or _mentions(breakage, statement.url))
    if statement.subject in _OF_COOKIES:
        named = f'"{shown(statement.tag, 60)}"' in breakage.title or f'"{shown(statement.tag, 40)}"' in breakage.title
        return breakage.kind in _LOST_COOKIES and named
    if statement.subject is Subject.FRAME and breakage.kind != "frame":
        return False
    if statement.subject not in _OF_REQUESTS:
        return False
    # A preflight has the URL of the request that it is for.
    asked = (each.flow_id for each in _exchanges(case, statement.url) if each is not case.page)
    if any(flow in breakage.flows[:1] for flow in asked):
        return True
    if breakage.kind == "leak" and statement.tag and case.names_backend(statement.url, case.page):
        # Of many such links a few stand in the evidence.
        return any(label.startswith(f"<{statement.tag} ") for label, _ in breakage.evidence)
    return statement.subject is not Subject.RESOURCE and _mentions(breakage, statement.url)


def _is_of(directive: str, breakage: Breakage) -> bool:
    """Say whether a breakage is about what a directive governs; the policy may say it by one that governs more."""
    kind = directive.removesuffix("-elem").removesuffix("-attr")
    return bool(kind) and any(name in breakage.title for name in (f"{kind} ", f"{kind}-", "default-src"))


def _mentions(breakage: Breakage, url: str) -> bool:
    if len(path_of(url)) < 2 or origin_of_url(url) is None:
        return False
    texts = (breakage.title, *(value for _, value in breakage.evidence))
    return any(url in text or (breakage.kind == "leak" and path_of(url) in text) for text in texts)


def _exchange(case: Case, url: str) -> RecordedExchange | None:
    return next(_exchanges(case, url), None)


def _exchanges(case: Case, url: str) -> Iterator[RecordedExchange]:
    """Yield the exchanges for a URL, the latest first."""
    # A request for a WebSocket is one for http to the proxy.
    wanted = canonical_url(f"http{url[2:]}" if url.startswith(("ws:", "wss:")) else url, case.load.url)
    yield from (each for each in reversed(case.load.all) if url and url_of(each) == wanted)


def _confirmed(breakage: Breakage, statement: Statement) -> Breakage:
    line = (LABEL, words(statement))
    if line in breakage.evidence or sum(label == LABEL for label, _ in breakage.evidence) >= MAX_LINES:
        return breakage
    # A change that made the difference says more than that something is broken.
    known = breakage.known if breakage.known is Knowledge.EXPERIMENT else Knowledge.BROWSER
    return replace(breakage, known=known, said=True, evidence=(line, *breakage.evidence))


def _own(case: Case, statement: Statement) -> Breakage | None:
    """Return the finding that a statement makes alone; None where it may be as it should be."""
    severity, loss = BreakageSeverity.WARNING, Loss.PART
    exchange = _exchange(case, statement.url)
    flows = (*((exchange.flow_id,) if exchange and exchange is not case.page else ()), case.page.flow_id)
    todo = ""
    match statement.subject:
        case Subject.ELEMENT:
            severity, loss = _harm(case, statement)
            title = f"The browser did not load {shown(statement.url, _URL)} for <{shown(statement.tag, 20)}>"
            if exchange is None:
                title += ", and did not ask this proxy for it"
                todo = "See in the browser's network panel what became of the request."
        case Subject.ERROR:
            loss, title = Loss.FUNCTION, f"A script of the page fails: {words(statement)}"
        case Subject.REJECTION:
            severity, loss = BreakageSeverity.NOTE, Loss.HINT
            title = f"A script of the page does not expect a failure: {shown(statement.text, 200)}"
        case Subject.POLICY:
            loss = _HARM_OF_POLICY.get(statement.directive, Loss.PART)
            title = f"The browser blocks something: {words(statement)}"
        case Subject.COOKIE_REFUSED | Subject.COOKIE_WITHHELD:
            loss, title = Loss.FUNCTION, f"A cookie is lost: {words(statement)}"
        case Subject.CONSOLE:
            severity, loss, title = BreakageSeverity.NOTE, Loss.HINT, f"The page says on the {words(statement)}"
        case Subject.SOCKET:
            loss, title = Loss.FUNCTION, f"The WebSocket {shown(statement.url, _URL)} fails in the browser"
        case Subject.NETWORK | Subject.ISOLATION | Subject.CORS | Subject.MIXED:
            severity, loss = _harm(case, statement)
            title = f"The browser lost something: {words(statement)}"
        case _:
            # Statuses may be meant, a frame may show another origin's page, and cookies are as they are.
            return None
    evidence = tuple(_evidence(statement))
    return Breakage(
        f"browser-{statement.subject}", loss, title, flows, evidence, todo=todo, severity=severity,
        code=f"browser-{statement.subject}", known=Knowledge.BROWSER,
        said=True,
    )  # fmt: skip


def _harm(case: Case, statement: Statement) -> tuple[BreakageSeverity, Loss]:
    """Return how bad it is that an element gets nothing: without a part of the site itself, its pages do not work."""
    loss = _HARM.get(statement.tag, Loss.PART)
    is_own = loss is not Loss.PART and origin_of_url(statement.url) in case.public_origins()
    return BreakageSeverity.ERROR if is_own else BreakageSeverity.WARNING, loss


def _evidence(statement: Statement) -> Iterator[tuple[str, str]]:
    yield LABEL, words(statement)
    if statement.policy:
        yield "policy", statement.policy
    if statement.subject is Subject.POLICY and statement.text:
        yield "code", statement.text
