"""What the sections beside `<rewrite>` decide of a request, carried out.

They look at what the client sent, after the global rules and before those of the site, as IIS's modules do in
BeginRequest; `<httpRedirect>` takes what no rule responds to, and handlers that only refuse take the rest of it. A
site in mode helpful asks for TLS after its rules, so that one which redirects to https does so; IIS refuses the request
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.decision import Decision, Outcome
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.url_path import as_served
from urlrewrite.engine.web_server.answer import SectionAnswer
from urlrewrite.exchange.responses import Abort, LocalResponse, decided_response, iis_response, plain_response
from urlrewrite.exchange.trusted_proxies import client_addresses
from urlrewrite.model import Site
from urlrewrite.trace import request_events as events
from urlrewrite.trace.reasons import Reason, sentence


def levels_concerned(compiled: CompiledSite, path: str) -> list[CompiledLevel]:
    """Return the levels whose sections a path (decoded, without its leading slash) concerns, its own as the last.

    Some servers serve `/private/x` for `/private;a/x` or `/private./x`: its directory counts, too.
    """
    level, served = compiled.level_of(path), as_served(path)
    plain = compiled.level_of(served) if served != path else level
    return [level] if plain is level else [plain, level]


def refused_before_rules(
    level: CompiledLevel, site: Site, scope: Scope, request: RequestFacts, decision: Decision
) -> LocalResponse | Abort | None:
    """Refuse a request that the sections of a level do not let in, before any rule of the site sees it."""
    sections = level.web_server
    if sections is None:
        return None
    proxy_mode = bool(sections.said.ip_security.enable_proxy_mode)
    answer = sections.refused_without_tls(request) if scope.iis else None
    answer = answer or sections.refused(request, client_addresses(request, site, proxy_mode=proxy_mode))
    if answer:
        return _refused(answer, scope, decision)
    for section, source in sections.looked_at():
        scope.trace.add(events.SECTION_PASSED, section=section, source=source)
    return None


def refused_after_rules(
    level: CompiledLevel, scope: Scope, request: RequestFacts, decision: Decision
) -> LocalResponse | Abort | None:
    """Refuse, in mode helpful, what rules do with a request without TLS, but for a redirect to https."""
    answer = level.web_server.refused_without_tls(request) if level.web_server and not scope.iis else None
    if answer is None:
        return None
    if decision.outcome is Outcome.REDIRECT and decision.location.lower().startswith("https://"):
        scope.trace.iis_differs(Reason.REDIRECTED_FIRST, answer.iis_status)
        return None
    return _refused(answer, scope, decision)


def refused_by_length(level: CompiledLevel, scope: Scope, size: int, decision: Decision) -> LocalResponse:
    """Refuse a request whose body proves to be longer than the level allows, though it did not say so."""
    assert level.web_server, "a level with a limit says something"
    refused = _refused(level.web_server.filter.too_long(size), scope, decision)
    assert isinstance(refused, LocalResponse), "such a request gets a status"
    return refused


def redirected(level: CompiledLevel, scope: Scope, request: RequestFacts, decision: Decision) -> LocalResponse | None:
    """Redirect what no rule responds to where `<httpRedirect>` says so.

    Raises:
        PatternTimeout: a wildcard took longer than the scope's deadline.
    """
    if level.web_server is None:
        return None
    redirect = level.web_server.redirect
    found = redirect.redirection(request.scheme, request.host, request.target, scope.deadline)
    if found is None:
        return None
    why = sentence(found.reason, {"name": found.wildcard, "url": found.location})
    scope.trace.decided(
        events.SECTION_ANSWERED,
        section="httpRedirect",
        source=str(found.source),
        iis_status=str(found.status),
        reason=str(found.reason),
        why=why,
    )
    scope.trace.decided(
        events.REDIRECT_ACTION, substitution=found.destination, location=found.location, status=found.status
    )
    decision.outcome, decision.status, decision.location = Outcome.REDIRECT, found.status, found.location
    return decided_response(decision)


def refused_by_handler(
    levels: Iterable[CompiledLevel], scope: Scope, request: RequestFacts, decision: Decision
) -> LocalResponse | Abort | None:
    """Refuse what a handler would get that only refuses; `levels` are those of the URL that the rules have made.

    Raises:
        PatternTimeout: the path of a mapping took longer than the scope's deadline.
    """
    path = f"/{scope.variables.url.path.text}"
    for level in levels:
        if level.web_server and (answer := level.web_server.refused_by_handler(request.method, path, scope.deadline)):
            return _refused(answer, scope, decision)
    return None


def _refused(answer: SectionAnswer, scope: Scope, decision: Decision) -> LocalResponse | Abort:
    trace = scope.trace
    trace.decided(
        events.SECTION_ANSWERED,
        section=answer.section,
        source=str(answer.source),
        iis_status=answer.iis_status,
        reason=str(answer.reason),
        why=sentence(answer.reason, answer.values),
    )
    if not answer.iis_status:
        decision.outcome = Outcome.ABORT_REQUEST
        return Abort()
    status, _, sub_status = answer.iis_status.partition(".")
    decision.outcome, decision.status = Outcome.CUSTOM_RESPONSE, int(status)
    decision.sub_status = int(sub_status or 0)
    if scope.iis:
        return iis_response(answer.iis_status, answer.message, trace.data["id"])
    response = plain_response(decision.status, "This request is not allowed here.", trace.data["id"])
    return replace(response, sub_status=decision.sub_status)
