"""Content-Security-Policy: what a page loads from its public name and its policy does not allow.

Source expressions are matched as in CSP 3 (6.7.2.5 and following), as far as hosts, schemes and ports go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.content.carriers import Use
from urlrewrite.content.integrity import ALGORITHMS, digests, inline_code
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, origin_of_url, path_of
from urlrewrite.inspector.diagnose.mixed_content import Fate, fate, upgraded
from urlrewrite.inspector.diagnose.page_policies import NAME, PagePolicy, is_the_backends, policies_of
from urlrewrite.inspector.diagnose.page_references import is_html
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.origin import DEFAULT_PORTS, Origin
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_DIRECTIVES: dict[Use, tuple[str, ...]] = {
    "script": ("script-src-elem", "script-src", "default-src"),
    "style": ("style-src-elem", "style-src", "default-src"),
    "image": ("img-src", "default-src"),
    "media": ("media-src", "default-src"),
    "font": ("font-src", "default-src"),
    "frame": ("frame-src", "child-src", "default-src"),
    "object": ("object-src", "default-src"),
    "manifest": ("manifest-src", "default-src"),
    "connect": ("connect-src", "default-src"),
    "form": ("form-action",),
    "base": ("base-uri",),
}
_HARM: dict[Use, Loss] = {
    "script": Loss.FUNCTION,
    "frame": Loss.FUNCTION,
    "connect": Loss.FUNCTION,
    "form": Loss.FUNCTION,
    "base": Loss.FUNCTION,
    "style": Loss.LOOK,
}
_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[^\s/:*\[\]]+|\[[0-9a-f:.]+\])(?::(?P<port>\d+|\*))?"
    r"(?P<path>/\S*)?",
    re.IGNORECASE,
)
_HASH = re.compile(r"'(sha(?:256|384|512)-[A-Za-z0-9+/_=-]+)'", re.IGNORECASE)


def allows(sources: list[str], url: str, page: Origin) -> bool:
    """Say whether a source list allows a URL in a page of the origin `page`, apart from redirects."""
    target = origin_of_url(url)
    if target is None:
        return True
    scheme = url.partition(":")[0].lower()
    for source in sources:
        word = source.lower()
        if word == "'self'" and target == page:
            return True
        if word == "*" and scheme in ("http", "https", "ws", "wss"):
            return True
        if word.endswith(":") and _scheme_fits(word[:-1], scheme):
            return True
        expression = _SOURCE.fullmatch(source)
        if expression and not word.startswith("'") and _fits(expression, target, scheme, path_of(url), page):
            return True
        if word.startswith(("'nonce-", "'strict-dynamic'")):
            # Who has the nonce is not seen here: nothing is said rather than something wrong.
            return True
    return False


def _scheme_fits(allowed: str, scheme: str) -> bool:
    upgrades = {"http": {"http", "https"}, "ws": {"ws", "wss", "http", "https"}, "wss": {"wss", "https"}}
    return scheme in upgrades.get(allowed, {allowed})


def _fits(expression: re.Match[str], target: Origin, scheme: str, path: str, page: Origin) -> bool:
    host, port, wanted = expression["host"].lower(), expression["port"], expression["path"] or ""
    if expression["scheme"]:
        if not _scheme_fits(expression["scheme"].lower(), scheme):
            return False
    elif scheme not in (page.scheme, "https", "wss", "ws"):
        return False
    if host.startswith("*."):
        if not target.host.endswith(host[1:]):
            return False
    elif host not in ("*", target.host_text.lower()):
        return False
    if port is None:
        if target.port != DEFAULT_PORTS.get(scheme, 0):
            return False
    elif port != "*" and int(port) != target.port and (port, target.port) != ("80", 443):
        return False
    path = path.partition("?")[0]
    return not wanted or (path.startswith(wanted) if wanted.endswith("/") else path == wanted)


def blocked_by_policy(case: Case) -> Iterator[Breakage]:
    """Yield what the policies of the document prevent it from loading from a public name."""
    page = case.page
    origin = case.origin(page)
    if origin is None or not is_html(page.response, page.response_body):
        return
    for policy in policies_of(case, page):
        yield from _blocked(case, page, origin, policy)
        yield from _stale_hashes(case, page, policy.value)


def _blocked(case: Case, page: RecordedExchange, origin: Origin, of_page: PagePolicy) -> Iterator[Breakage]:
    policy = of_page.directives
    blocked: dict[str, list[tuple[Use, str]]] = {}
    for each in case.references(page):
        if each.use == "connect" and not each.tag:
            # A string in a script need not be an address that it asks for.
            continue
        directive = of_page.directive(*_DIRECTIVES.get(each.use, ()))
        # A browser asks for https before it looks at what a policy allows.
        url = upgraded(each.url) if fate(case, each) is Fate.UPGRADED else each.url
        target = origin_of_url(url)
        if not directive or target not in case.public_origins():
            continue
        if not allows(policy[directive], url, origin):
            blocked.setdefault(directive, []).append((each.use, url))
    if not blocked:
        return
    worst = min(blocked, key=lambda name: min(_HARM.get(use, Loss.PART) for use, _ in blocked[name]))
    uses = [use for urls in blocked.values() for use, _ in urls]
    total = len(uses)
    sources = " ".join(policy[worst])
    hosts = case.backend_hosts(page)
    named = next((word for word in policy[worst] if any(host in word.lower() for host in hosts)), "")
    if named:
        reason = f"{worst} names the backend, {shown(named, 80)}, and not {origin}"
    else:
        reason = f"{worst} is {shown(sources, 120)}, which does not allow {origin}{_nearly(policy[worst], origin)}"
    cause = field_cause(case, page, NAME)
    own = not cause.rule and is_the_backends(case, page, of_page)
    kind = "the policy in the page" if of_page.in_page else "the Content-Security-Policy"
    what = "1 address of this page is" if total == 1 else f"{total:,} addresses of this page are"
    title = sentences(f"{what} blocked: {kind} does not list the public host", f"its {reason}", cause.why)
    evidence = (
        (NAME, of_page.value.strip()),
        BrowserRule.CSP_SOURCE.evidence,
        *((f"blocked by {name}", urls[0][1]) for name, urls in blocked.items()),
    )
    yield Breakage(
        "csp",
        min(_HARM.get(use, Loss.PART) for use in uses),
        title,
        (page.flow_id,),
        evidence[:5],
        cause.rule,
        cause.source,
        cause.todo,
        # A policy that is the backend's own, and names it nowhere, forbids there what it forbids here.
        severity=BreakageSeverity.WARNING if own and not named else BreakageSeverity.ERROR,
        count=total,
        code=BrowserRule.CSP_SOURCE.code,
        known=Knowledge.SPECIFICATION,
    )


def _nearly(sources: list[str], origin: Origin) -> str:
    """Return why a source with the right host does not match, as a clause."""
    for source in sources:
        expression = _SOURCE.fullmatch(source)
        if expression is None or source.startswith("'") or expression["host"].lower() != origin.host_text:
            continue
        scheme = (expression["scheme"] or "").lower()
        if scheme and not _scheme_fits(scheme, origin.scheme):
            return f": its scheme is {scheme}, not {origin.scheme}"
        port = expression["port"] or "the default"
        if port not in ("*", str(origin.port)):
            return f": its port is {port}, not {origin.port}"
    return ""


def _stale_hashes(case: Case, page: RecordedExchange, value: str) -> Iterator[Breakage]:
    """Yield inline code that a policy allowed by its hash, and that was changed since."""
    allowed = {found[1] for found in _HASH.finditer(value)}
    after, before = case.body(page), case.body(page, original=True)
    if not allowed or not after or not before or after == before:
        return
    present = _hashes(after)
    stale = [each for each in allowed if each in _hashes(before) and each not in present]
    if not stale:
        return
    rules = [text(event, "rule") for event in case.changes(page) if text(event, "rule")]
    by = f'the rule "{rules[0]}" changed it' if rules else "it was changed in transit"
    title = f"Inline code of this page is blocked: the policy allows it by a hash that no longer holds, because {by}"
    source = case.rule_source(rules[0], page) if rules else ""
    todo = "Make the pattern of the rule leave inline scripts and styles alone."
    evidence = (("hash of the backend's code", stale[0]), (NAME, value.strip()))
    yield Breakage("csp-hash", Loss.FUNCTION, title, (page.flow_id,), evidence, rules[0] if rules else "", source, todo)


def _hashes(body: str) -> set[str]:
    codes = inline_code(body.encode("utf-8", "replace"), lambda data: data.decode("utf-8", "replace"))
    return {digests(code)[name] for code in codes for name in ALGORITHMS}
