"""Hosts that no rule file names and that nobody outside can reach: inner names and addresses that a page goes to.

Whether a browser reaches them depends on where it is, and only what it does with http:// in an https page is certain:
elsewhere such a name is a warning. Where the public name is an inner one itself, all are inside, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.fields.names import ip_address, is_loopback
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.link_groups import LinkGroup, LinkGroups, responses_with_links
from urlrewrite.inspector.diagnose.page_loads import is_redirect, redirect_target, response_field
from urlrewrite.inspector.diagnose.page_references import LOADED, Reference, script_references
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.origin import Origin
from urlrewrite.model.public_suffixes import is_public_suffix
from urlrewrite.trace.text import shown

_SCRIPTS = ("javascript", "ecmascript", "json")


def why_inner(host: str) -> str:
    """Return why a host is one that only those inside can reach, as a clause; "" for any other."""
    if address := ip_address(host):
        if address.is_loopback:
            return "an address of the machine itself"
        return "a private address" if address.is_private or address.is_link_local else ""
    if is_loopback(host):
        return "the name of the machine itself"
    label = host.rstrip(".").rpartition(".")[2]
    if label == host:
        return "a name without a domain"
    return "" if is_public_suffix(label) or label == "example" else f"an inner name: .{label} is no public domain"


def inner_names(case: Case) -> Iterator[Breakage]:
    """Yield what a page loads from inner hosts, and redirects to them, as far as no rule file knows these hosts."""
    origin = case.origin(case.page)
    if origin is None or why_inner(origin.host):
        return
    for exchange in case.load.all:
        if is_redirect(exchange) and (target := _unknown(case, exchange, redirect_target(exchange))):
            yield _redirect(case, exchange, target)
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        for each in (*case.references(exchange), *_of_script(case, exchange)):
            target = _unknown(case, exchange, each.url) if each.use in (*LOADED, "form") else None
            if target and (each.tag or not _may_be_a_word(target)):
                groups.add(_cause(target), each, target.authority)
        yield from (_loaded(case, group) for group in groups)


def _of_script(case: Case, exchange: RecordedExchange) -> list[Reference]:
    """Return the URLs in scripts and JSON."""
    declared = response_field(exchange, "content-type").lower()
    body = case.body(exchange) if any(word in declared for word in _SCRIPTS) else None
    return script_references(body, shown(exchange.request.target, 80)) if body else []


def _may_be_a_word(origin: Origin) -> bool:
    """Say whether a host in a script may be made up, as http://localhost is where a script takes a URL apart."""
    host = origin.host
    return is_loopback(host) or ("." not in host and ":" not in host and origin.has_default_port)


def _unknown(case: Case, exchange: RecordedExchange, url: str) -> Origin | None:
    """Return the origin of a URL if it is an inner one that is neither public nor a backend's."""
    origin = origin_of_url(url)
    if origin is None or not why_inner(origin.host):
        return None
    known = origin.host in {each.host for each in case.public_origins()} or case.names_backend(url, exchange)
    names = case.of(exchange).names
    data = url.encode("utf-8", "replace")
    return None if known or any(True for _ in names.find(data)) else origin


def _cause(origin: Origin) -> Cause:
    site = origin.host.partition(".")[0] if not ip_address(origin.host) else "assets"
    todo = (
        f"If {origin.host} is another name of the same backend, add {origin} to backendNames of the site. If it is "
        f"another server that visitors need, publish it as a site of its own, with backend: {origin} and a public name "
        f"such as .../{site}."
    )
    why = f"{origin.host} is {why_inner(origin.host)}, no site publishes it, and no rule file names it"
    return Cause("", "", why, todo)


def _loaded(case: Case, group: LinkGroup) -> Breakage:
    first = group.found[0]
    where = "this page" if group.exchange is case.page else shown(group.exchange.request.target, 80)
    title = sentences(f"{where} goes to {shown(first.written, 120)}", group.cause.why)
    return group.breakage(case, "inner-name", title, severity=BreakageSeverity.WARNING)


def _redirect(case: Case, exchange: RecordedExchange, target: Origin) -> Breakage:
    cause = _cause(target)
    location = response_field(exchange, "location")
    title = sentences(
        f"The redirect of {shown(exchange.request.target, 80)} leads to {shown(location, 120)}", cause.why
    )
    loss = Loss.PAGE if exchange is case.page or exchange in case.load.redirects else Loss.PART
    flows = (exchange.flow_id, case.page.flow_id)
    return Breakage(
        "inner-name", loss, title, flows, (("Location", location),), severity=BreakageSeverity.WARNING,
        **cause.concerned,
    )  # fmt: skip
