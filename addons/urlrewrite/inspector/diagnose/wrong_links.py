"""Links that do not name the backend and are wrong all the same: mixed content, wrong ports and paths, invalid URLs.

Usually a rule made them, which is then named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.inspector.diagnose.addresses import difference
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case, origin_of_url, path_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.link_groups import LinkGroups, responses_with_links
from urlrewrite.inspector.diagnose.mixed_content import Fate, fate, upgraded
from urlrewrite.inspector.diagnose.page_loads import is_redirect, redirect_target, response_field, url_of
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.routes import local_response
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.text import shown

_ABSOLUTE = re.compile(r"\s*(?:https?|wss?)://", re.IGNORECASE)
_NO_SLASH = re.compile(r"\s*([a-z]+://[^/?#:\s]+:\d+)[^/?#\d]", re.IGNORECASE)


def mixed_content(case: Case) -> Iterator[Breakage]:
    """Yield what an https page loads by http:// from a public name and browsers block."""
    hosts = {known.host for known in case.public_origins()}
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        for each in case.references(exchange):
            origin = origin_of_url(each.url)
            what = fate(case, each)
            if origin and origin.host in hosts and what in _SAID:
                writer = _writer(case, exchange, each, "Write https:// into the value of the rule.")
                groups.add(writer, each, origin.authority, what)
        for group in groups:
            origin = origin_of_url(group.found[0].url)
            assert origin is not None
            what = fate(case, group.found[0])
            begins = (
                f"Mixed content: {group.subject(case)} {group.verb('begins', 'begin')} with http://{origin.authority} "
            )
            title = sentences(f"{begins}in an https page, {_SAID[what]}", group.cause.why)
            if what is Fate.BLOCKED:
                socket = group.found[0].url.startswith("ws:")
                row = BrowserRule.MIXED_SOCKET if socket else BrowserRule.MIXED_BLOCKED
                severity = BreakageSeverity.WARNING if group.is_in_scripts else BreakageSeverity.ERROR
                found = group.breakage(case, "mixed-content", title, row.evidence, severity=severity)
                yield replace(found, code=row.code, known=Knowledge.SPECIFICATION)
            else:
                here = f"browsers make an exception for {origin.host}, and for no real name"
                told = ("here", here if what is Fate.TRUSTED else "the form is sent if the user agrees")
                yield group.breakage(case, "mixed-content", title, told, severity=BreakageSeverity.WARNING)


_SAID = {
    Fate.BLOCKED: "which browsers block",
    Fate.TRUSTED: "which browsers block",
    Fate.WARNED: "of which browsers warn",
}


def _writer(case: Case, exchange: RecordedExchange, reference: Reference, todo: str) -> Cause:
    """Return the rule that wrote a link, or where else it comes from."""
    before = case.before(exchange, reference)
    changer = case.changer(exchange, before.written if before else "", reference.written)
    if changer:
        was = f" in place of {shown(before.written, 100)}" if before else ""
        why = f'the rule "{changer}" wrote {shown(reference.written, 100)}{was}'
        return Cause(changer, case.rule_source(changer, exchange), why, todo)
    whose = "the backend's page" if before and before.written == reference.written else "the page"
    return Cause("", "", f"{whose} has it this way; no rule changed it", "Add an outbound rule that corrects it.")


def unpublished_links(case: Case) -> Iterator[Breakage]:
    """Yield links to a public host under a scheme or port at which nothing is published."""
    known = case.public_origins()
    hosts = {origin.host for origin in known}
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        for each in case.references(exchange):
            asked = upgraded(each.url) if fate(case, each) is Fate.UPGRADED else each.url
            origin = origin_of_url(asked)
            if origin and origin.host in hosts and origin not in known and not case.names_backend(each.url, exchange):
                todo = "Correct scheme and port in the value of the rule."
                groups.add(_writer(case, exchange, each, todo), each, str(origin))
        for group in groups:
            leads = f"{group.subject(case)} {group.verb('leads', 'lead')} to {origin_of_url(group.found[0].url)}"
            listed = ", ".join(sorted(map(str, known)))
            published = f"nothing is published there, but at {listed}"
            title = sentences(leads, published, group.cause.why)
            # Another application may well be there, which this proxy knows nothing of: a rule has to have meant it.
            certain = group.cause.rule and not group.is_in_scripts
            severity = BreakageSeverity.ERROR if certain else BreakageSeverity.WARNING
            yield group.breakage(case, "unpublished", title, severity=severity)


def no_urls(case: Case) -> Iterator[Breakage]:
    """Yield links that were made invalid: usually a slash is missing between host and path."""
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        for before, each in case.twins(exchange):
            if before.written != each.written and _ABSOLUTE.match(each.written) and origin_of_url(each.written) is None:
                groups.add(_writer(case, exchange, each, "Correct the value of the rule."), each)
        for group in groups:
            slash = _NO_SLASH.match(group.found[0].written)
            what = f", as a slash is missing after {slash[1]}" if slash else ""
            title = sentences(
                f"{group.subject(case)} {group.verb('is not a URL', 'are not URLs')}{what}", group.cause.why
            )
            yield group.breakage(case, "no-url", title, severity=BreakageSeverity.ERROR)


def wrong_paths(case: Case) -> Iterator[Breakage]:
    """Yield links that nobody has followed yet and that lead to another path than in the backend's page."""
    followed = {url_of(exchange) for exchange in case.load.all}
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        for before, after in case.twins(exchange):
            if after.url in followed or case.names_backend(after.url, exchange) or origin_of_url(after.url) is None:
                continue
            site = case.site(exchange)
            if site and site.site.path and path_of(after.url) == site.site.path:
                # It is redirected to the same with a slash at its end.
                continue
            public = case.public_url(before.url, exchange)
            what = difference(path_of(public), path_of(after.url)) if public else ""
            if what:
                changer = case.changer(exchange, before.written, after.written)
                source = case.rule_source(changer, exchange) if changer else ""
                todo = (
                    "Correct the value of the rule." if changer else "Map it: links: everywhere, or an outbound rule."
                )
                groups.add(Cause(changer, source, what, todo), after)
        for group in groups:
            by = f'the rule "{group.cause.rule}" makes' if group.cause.rule else "the page has"
            title = sentences(
                f"{group.subject(case)} {group.verb('leads', 'lead')} to a wrong path",
                f"{by} {shown(group.found[0].written, 100)}, and {group.cause.why}",
            )
            yield group.breakage(case, "wrong-link", title, severity=group.severity)


def lost_redirects(case: Case) -> Iterator[Breakage]:
    """Yield redirects that lead to the backend, or to a scheme or port of a public host where nothing is published."""
    known = case.public_origins()
    for exchange in case.load.all:
        if not is_redirect(exchange):
            continue
        origin = origin_of_url(redirect_target(exchange))
        if origin is None or origin in known:
            continue
        target, location = shown(exchange.request.target, 80), shown(response_field(exchange, "location"), 120)
        flows = (exchange.flow_id, case.page.flow_id)
        loss = Loss.PAGE if exchange is case.page or exchange in case.load.redirects else Loss.PART
        cause = _redirecting_rule(case, exchange) or field_cause(case, exchange, "Location")
        evidence = (("Location", response_field(exchange, "location")), ("requested", exchange.request.url))
        if case.names_backend(redirect_target(exchange), exchange):
            title = sentences(f"The redirect of {target} leads to the backend, {location}", cause.why)
        elif origin.host in {each.host for each in known}:
            title = sentences(f"The redirect of {target} leads to {location}, where nothing is published", cause.why)
        else:
            continue
        yield Breakage("redirect", loss, title, flows, evidence, **cause.concerned)


def _redirecting_rule(case: Case, exchange: RecordedExchange) -> Cause | None:
    found = local_response(case, exchange)
    return (
        Cause(found.rule, found.source, f'the rule "{found.rule}" {found.why}', "Correct its URL.") if found else None
    )
