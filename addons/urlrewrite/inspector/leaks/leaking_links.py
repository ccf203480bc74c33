"""Names of the backend that came through: links that bypass the proxy, and names that scripts and browsers use.

A browser cannot resolve the backend's name, so no request shows such a link: it is found in the page itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.link_groups import EXAMPLES, LinkGroup, LinkGroups, responses_with_links
from urlrewrite.inspector.diagnose.mixed_content import Fate, fate
from urlrewrite.inspector.diagnose.page_loads import redirect_target
from urlrewrite.inspector.diagnose.unmapped import why_unmapped
from urlrewrite.inspector.leaks.harm import Harm, Remedy
from urlrewrite.inspector.leaks.proposals import Proposal, proposal
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.names.places import Sort
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.origin import parse_authority
from urlrewrite.trace.text import shown

_MAX_OF_A_PLACE = 20

_REPORTED_ELSEWHERE = frozenset(
    """
    location set-cookie content-security-policy content-security-policy-report-only access-control-allow-origin
    """.split()
)


def leaking_links(case: Case) -> Iterator[Breakage]:
    """Yield links that name the backend."""
    for exchange in responses_with_links(case):
        groups = LinkGroups(exchange)
        asked: dict[str, list[Cause]] = {}
        for each in case.references(exchange):
            if case.names_backend(each.url, exchange):
                causes = asked.setdefault(each.place, [])
                if len(causes) < _MAX_OF_A_PLACE:
                    causes.append(why_unmapped(case, exchange, each))
                # Thousands of links of one place came through for one reason.
                groups.add(causes[-1], each)
        yield from (_leak(case, group) for group in groups)
        reported = {each.place for group in groups for each in group.found}
        yield from _other_names(case, exchange, reported)


def _leak(case: Case, group: LinkGroup) -> Breakage:
    hosts = sorted({origin.authority for each in group.found if (origin := origin_of_url(each.url))})
    verb = group.verb("names", "name")
    title = sentences(f"{group.subject(case)} still {verb} the backend {hosts[0]}", group.cause.why)
    mixed = sum(fate(case, each) is Fate.BLOCKED for each in group.found)
    verb = "is" if mixed == 1 else "are"
    besides = [("also mixed content", f"{mixed} of them {verb} http:// in an https page")] if mixed else []
    return group.breakage(case, "leak", title, *besides, severity=group.severity)


def _other_names(case: Case, exchange: RecordedExchange, reported: set[str]) -> Iterator[Breakage]:
    """Yield names of the backend that are not links of the page, but that its scripts or the browser use."""
    leaks: dict[tuple[str, ...], list[Leak]] = {}
    elsewhere = _REPORTED_ELSEWHERE
    if not case.names_backend(redirect_target(exchange), exchange):
        # The address that it leads to is another, and the backend is named in its query.
        elsewhere -= {"location"}
    for leak in find_leaks(exchange, case.rules) if case.rules else ():
        is_reported = leak.place in reported or leak.field.lower() in elsewhere
        if leak.harm is not Harm.INFORMATION and not is_reported:
            leaks.setdefault((leak.place, *leak.cause.key), []).append(leak)
    for same in leaks.values():
        why = same[0].why
        total = sum(leak.count for leak in same)
        certain = any(map(_is_certain, same))
        where = "This page" if exchange is case.page else shown(exchange.request.target, 80)
        times = f", {total:,} times" if total > 1 else ""
        spelled = "" if same[0].spelling == "plain" else f", {same[0].spelling}"
        title = sentences(
            f"{where} contains the backend's address ({same[0].written}{spelled}) in {_a(same[0])}{times}",
            why,
            _lost(same[0]) if certain else "",
        )
        remedy = same[0].remedy
        proposed = proposal(same[0], exchange, case.rules) if case.rules and remedy is not Remedy.NONE else None
        todo = _advice(proposed) if proposed else ""
        yield Breakage(
            "leak",
            _loss_of_name(same[0]) if certain else Loss.HINT,
            title,
            (exchange.flow_id, case.page.flow_id),
            tuple((leak.place, leak.around) for leak in same[:EXAMPLES]),
            todo=todo,
            yaml=proposed.yaml if proposed else "",
            site=proposed.site if proposed and proposed.yaml else "",
            severity=BreakageSeverity.ERROR if certain else BreakageSeverity.WARNING,
            count=total,
            code=str(same[0].cause.code or ""),
        )


def _advice(proposed: Proposal) -> str:
    lines = proposed.yaml.splitlines()
    if len(lines) == 1:
        return f"Set {lines[0]} for the site. {proposed.why}"
    return f"{proposed.title}. {proposed.why}"


def _a(leak: Leak) -> str:
    if leak.field:
        return f"its {leak.field} header"
    return leak.place if leak.place.startswith("<") else f"its {leak.place}"


def _lost(leak: Leak) -> str:
    """Return what becomes of what a browser asks for by such a name."""
    if leak.written.lower().startswith(("ws:", "wss:")):
        return "browsers cannot reach that name, so the WebSocket does not open"
    return "browsers cannot reach that name"


def _loss_of_name(leak: Leak) -> Loss:
    return Loss.LOOK if leak.where and leak.where.sort is Sort.STYLE else Loss.FUNCTION


def _is_certain(leak: Leak) -> bool:
    """Say whether it is exactly the origin of a backend: another port of its host may be another server's."""
    if leak.harm is not Harm.ERROR or leak.remedy is Remedy.NONE or leak.origin is None:
        return False
    host, port = parse_authority(leak.authority) or ("", None)
    return host == leak.origin.host and (port == leak.origin.port or (port is None and leak.origin.has_default_port))
