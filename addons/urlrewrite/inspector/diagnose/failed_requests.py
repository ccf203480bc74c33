"""Documents and sub-resources that did not get the response that they should: 404, 5xx, refusals, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from urlrewrite.inspector.diagnose.backend_failures import backend_failure
from urlrewrite.inspector.diagnose.backend_words import exchanged
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Loss
from urlrewrite.inspector.diagnose.came_from import came_from
from urlrewrite.inspector.diagnose.case import Case, path_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.cause import cause as cause_of
from urlrewrite.inspector.diagnose.durations import is_impatient, lasting, usual
from urlrewrite.inspector.diagnose.expected import Expected, expected
from urlrewrite.inspector.diagnose.farms import farm_failure
from urlrewrite.inspector.diagnose.followed_links import Named, wrong_link
from urlrewrite.inspector.diagnose.outside_mount import outside_mount
from urlrewrite.inspector.diagnose.page_loads import (
    destination,
    is_navigation,
    is_websocket,
    request_field,
    response_field,
    url_of,
)
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.refusal_words import what_rules_changed, what_words_say
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.what_to_try import what_to_try
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, name_of, number, reason_of, text
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.text import shown

KINDS = frozenset(
    """
    aborted answered-by-rule answered-by-section attempts-failed backend-404 backend-down backend-error farm-down
    given-up near-miss outside-mount own-response proxy-error redirected refused shadowed sticky-server-gone
    wrong-link wrong-site wrong-target
    """.split()
)
"""The kinds of breakages that are made here."""

_HARM = {
    "script": Loss.FUNCTION,
    "frame": Loss.FUNCTION,
    "iframe": Loss.FUNCTION,
    "connect": Loss.FUNCTION,
    "form": Loss.FUNCTION,
    "empty": Loss.FUNCTION,
    "style": Loss.LOOK,
}
_ENCODED = (
    "Let the backend respond without a content coding: an inbound rule with the server variable HTTP_ACCEPT_ENCODING "
    "set to an empty value, or mode: helpful, which decodes, rewrites and encodes again."
)
_NO_SITE = (
    "Add the name by which the browser asked (and this path) to public: of the site that it is meant for, or open the "
    "page by a name that is published."
)
_ADVICE: dict[Reason, str] = {
    Reason.NO_SITE: _NO_SITE,
    Reason.NO_SITE_BELOW: _NO_SITE,
    Reason.VARIABLE_NOT_ALLOWED: "Add the server variable to allowedServerVariables.",
    Reason.CONTENT_ENCODED: _ENCODED,
    Reason.TARGET_TOO_LONG: "Make the URL shorter, or raise the option urlrewrite_max_request_head.",
    Reason.HEAD_TOO_LONG: "Let the site set fewer or shorter cookies, or raise the option urlrewrite_max_request_head.",
    Reason.TOO_MANY_FIELDS: "Raise the option urlrewrite_max_field_lines.",
    Reason.TRAILERS_TOO_LONG: "Raise the option urlrewrite_max_request_head or urlrewrite_max_field_lines.",
}
_CONDITIONS = frozenset({Why.CONDITION, Why.NEGATED_CONDITION, Why.NO_FILE})
_NOBODY = Cause("", "", "")
"""No rule is involved."""


def failed_requests(case: Case) -> Iterator[Breakage]:
    """Yield what failed, the document first."""
    for exchange in (case.page, *case.load.resources):
        if is_websocket(exchange):
            continue
        status = exchange.status
        if status is None:
            if exchange.failed or text(case.reading(exchange).data, "action") == "AbortRequest":
                yield _not_answered(case, exchange)
        elif status >= 400:
            yield from _refused(case, exchange, status)


def loss_of(case: Case, exchange: RecordedExchange, reference: Reference | None = None) -> Loss:
    """Return how much of the page is lost with this exchange."""
    if exchange is case.page:
        return Loss.PAGE
    use = destination(exchange) or (reference.use if reference else "")
    return _HARM.get(use, Loss.FUNCTION if is_navigation(exchange) else Loss.PART)


def _what(case: Case, exchange: RecordedExchange) -> str:
    path = shown(exchange.request.target, 100)
    if exchange.request.method == "OPTIONS" and request_field(exchange, "access-control-request-method"):
        return f"The preflight (OPTIONS) of a script's request for {path}"
    if exchange is case.page:
        return f"The page {path}"
    kind = {"style": "style sheet", "empty": "script's request for", "iframe": "frame"}.get(
        destination(exchange), destination(exchange)
    )
    return f"{'A' if kind.endswith('for') else 'The'} {kind} {path}" if kind else path


def _not_answered(case: Case, exchange: RecordedExchange) -> Breakage:
    cause = local_response(case, exchange)
    target = case.backend_url(exchange)
    if refusal := _section(case, exchange):
        return _breakage(
            case, exchange, "aborted", sentences(f"{_what(case, exchange)} gets no response", refusal.why), refusal
        )
    if cause:
        title = sentences(f"{_what(case, exchange)} gets no response", f'the rule "{cause.rule}" {cause.why}')
        return _breakage(case, exchange, "aborted", title, cause)
    if exchange.given_up:
        return _given_up(case, exchange)
    reason = exchange.failed or "the exchange was broken off"
    title = f"{_what(case, exchange)} gets no response from the backend {shown(target, 120)} ({reason})"
    return _breakage(case, exchange, "backend-down", title, Cause("", "", "", Why.BACKEND_CONNECT.advice))


def _given_up(case: Case, exchange: RecordedExchange) -> Breakage:
    """Return what is said of a client that left: a note, since they do it all the time, unless it had waited long."""
    waited = f" after {lasting(exchange.seconds)}" if exchange.seconds is not None else ""
    title = f"{_what(case, exchange)} was not waited for: the backend had not answered{waited}, when the client gave up"
    if not is_impatient(case, exchange):
        found = _breakage(case, exchange, "given-up", title, _NOBODY)
        return replace(found, loss=Loss.HINT, severity=BreakageSeverity.NOTE)
    typical = usual(case, exchange)
    told = [
        *_evidence(case, exchange, None),
        *([("usual for this host", lasting(typical))] if typical is not None else []),
    ]
    todo = "See what the backend does for so long: its own log; a user waits for a page for some seconds only."
    found = _breakage(case, exchange, "given-up", title, Cause("", "", "", todo), evidence=told)
    return replace(found, severity=BreakageSeverity.WARNING)


def _refused(case: Case, exchange: RecordedExchange, status: int) -> Iterator[Breakage]:
    where = case.named(url_of(exchange))
    reference = where[1] if where else None
    evidence = list(_evidence(case, exchange, where))
    if where and (wrong := wrong_link(case, where)):
        kind, title, cause = wrong
    elif outside := outside_mount(case, exchange):
        kind, title, cause = "outside-mount", outside.cause.why, outside.cause
        evidence += outside.evidence
    else:
        kind, title, cause = _cause(case, exchange, status, where)
    came = came_from(case, exchange) if kind in _THE_BACKENDS_WORD else None
    if came:
        evidence += came.evidence
    may_be_fine = kind in _THE_BACKENDS_WORD and (kind != "wrong-target" or cause.code is Why.SENT)
    row = expected(case, exchange, status) if may_be_fine else None
    if row is None and not cause.rule and Expected.TRIFLE.holds(case, exchange, status):
        row = Expected.TRIFLE
    if row is not None and row.severity is None:
        return
    if came and (came.remembered or kind in _UNEXPLAINED):
        kind, title, cause = "redirected", sentences(title, came.cause.why), came.cause
        if came.remembered:
            title = came.cause.why
    if kind in _UNEXPLAINED:
        evidence += exchanged(case, exchange, all_told=cause.code not in _KNOWN_CAUSES)
    title = sentences(subject(case, exchange, status), title)
    breakage = _breakage(case, exchange, kind, title, cause, evidence=evidence, reference=reference)
    if row is not None and row.severity is not None:
        todo = f"Perhaps nothing: {row.says}."
        todo += f" {breakage.todo}" if row.severity is BreakageSeverity.WARNING else ""
        breakage = replace(breakage, severity=row.severity, todo=todo)
    yield breakage


_KNOWN_CAUSES = frozenset({Why.FIELD_CHANGED, Why.HOST_REFUSED, Why.TLS_WANTED})
_UNEXPLAINED = frozenset({"backend-404", "backend-error", "refused"})
_THE_BACKENDS_WORD = frozenset(
    {"backend-404", "backend-error", "near-miss", "refused", "shadowed", "wrong-site", "wrong-target"}
)
"""Kinds where the backend answered what it was asked, and what may have been meant instead is not known."""


def subject(case: Case, exchange: RecordedExchange, status: int) -> str:
    """Return what failed, and how, as the beginning of a sentence."""
    return f"{_what(case, exchange)} gets {_status(case, exchange, status)}"


def _status(case: Case, exchange: RecordedExchange, status: int) -> str:
    sub_status = number(case.reading(exchange).data, "sub_status")
    return f"{status}.{sub_status}" if sub_status else str(status)


def _cause(case: Case, exchange: RecordedExchange, status: int, where: Named | None) -> tuple[str, str, Cause]:
    """Return a word for the kind of failure, why it failed, and the rule concerned."""
    reading = case.reading(exchange)
    if exchange.original is None and (farms := farm_failure(reading)):
        return farms.kind, farms.why, farms.cause
    error = next((event for event in reading.problems() if name_of(event) == Name.ERROR), None)
    if error is not None and text(error, "reason") == Reason.BACKEND_FAILED:
        failure = backend_failure(reading) or Cause("", "", "", Why.BACKEND_CONNECT.advice)
        is_plain = failure.code in (Why.BACKEND_H2C, Why.BACKEND_PROTOCOL)
        return "backend-down", failure.why if is_plain else text(error, "message"), failure
    if error is not None:
        return "proxy-error", text(error, "message"), _refused_by_us(case, exchange, error)
    if refusal := _section(case, exchange):
        return "answered-by-section", refusal.why, refusal
    answered = local_response(case, exchange)
    if answered:
        return "answered-by-rule", f'the rule "{answered.rule}" {answered.why}', answered
    if not case.backend_url(exchange):
        return "own-response", "the proxy responded itself", _NOBODY
    if status in (502, 503, 504) and (exchange.original is None):
        why = f"no response came from {shown(case.backend_url(exchange), 120)}"
        return "backend-down", why, Cause("", "", "", Why.BACKEND_CONNECT.advice)
    if told := what_words_say(case, exchange, status) or what_rules_changed(case, exchange, status):
        return "refused", f"the backend refuses it: {told.why}", told
    if taken := taken_by(case, exchange):
        others = [miss for miss in near_misses(case, exchange) if miss.code is Why.COMES_AFTER]
        if others and taken.code is Why.SENT:
            miss = others[0]
            why = sentences(
                f'it was handled by the rule "{taken.rule}" ({taken.why})',
                f'the rule "{miss.rule}" would match, but comes after it',
            )
            return "shadowed", why, Cause(taken.rule, taken.source, why, miss.todo, miss.code)
        if not (taken.code is Why.SENT and _is_passed_on(case, exchange)):
            return "wrong-target", sentences(f'it was handled by the rule "{taken.rule}"', taken.why), taken
    for miss in sorted(near_misses(case, exchange), key=lambda each: each.code in _CONDITIONS):
        return "near-miss", f'the rule "{miss.rule}" did not act on it: {miss.why}', miss
    return _backends_own(case, exchange, status, where)


def _section(case: Case, exchange: RecordedExchange) -> Cause | None:
    """Return the section beside rules that refused the request; None where none did."""
    for event in case.reading(exchange).events:
        if name_of(event) == Name.SECTION_ANSWERED:
            told = {"name": f"<{text(event, 'section')}>", "detail": shown(text(event, "why"), 200)}
            return cause_of(Why.SECTION_REFUSES, source=text(event, "source"), **told)
    return None


def _is_passed_on(case: Case, exchange: RecordedExchange) -> bool:
    """Say whether the request was forwarded with exactly the path and query of the client, as by a rule for
    all requests.
    """
    site = case.site(exchange)
    asked = exchange.request.target.removeprefix(site.site.path if site else "")
    return unquote(path_of(case.backend_url(exchange))) == unquote(asked)


def _backends_own(case: Case, exchange: RecordedExchange, status: int, where: Named | None) -> tuple[str, str, Cause]:
    site = case.site(exchange)
    page_site = case.site(case.page)
    if site and page_site and site is not page_site:
        other = f'"{page_site.site.name}", published below {page_site.site.path or "/"}'
        why = f'it went to the site "{site.site.name}", but the page belongs to the site {other}'
        return "wrong-site", why, Cause("", str(site.site.source), why)
    by_page = f", as its page names it in {where[1].place}" if where else ""
    known, besides = what_to_try(case, exchange, status)
    url = shown(case.backend_url(exchange), 120)
    if status in (401, 403):
        return "refused", sentences(f"the backend refuses it{by_page}", besides), known
    if status >= 500:
        return "backend-error", sentences(f"the backend itself fails{by_page}", besides), known
    if status not in (404, 410):
        why = f"the backend rejects the request for {url}{by_page}; no rule changed it"
        return "refused", sentences(why, besides), known
    why = f"the backend has nothing at {url}{by_page}; no rule changed it"
    return "backend-404", sentences(why, besides), known


def _refused_by_us(case: Case, exchange: RecordedExchange, error: Event) -> Cause:
    """Return what an error of the trace says, with the rule that it names, or else the one that was running."""
    name = text(error, "rule")
    if not name:
        began = [event for event in case.reading(exchange).events if name_of(event) == Name.RULE_EVALUATION_START]
        ended = [event for event in case.reading(exchange).events if name_of(event) == Name.RULE_EVALUATION_END]
        name = text(began[-1], "rule") if len(began) > len(ended) else ""
    code = reason_of(error)
    source = case.rule_source(name, exchange) if name else ""
    return Cause(name, source, text(error, "message"), _ADVICE.get(code, "") if code else "", code)


def _evidence(case: Case, exchange: RecordedExchange, where: Named | None) -> Iterator[tuple[str, str]]:
    yield "requested", exchange.request.url
    if target := case.backend_url(exchange):
        yield "requested from the backend", target
    if exchange.original is None and (failure := farm_failure(case.reading(exchange))):
        yield from failure.evidence
    if where:
        page, after, before = where
        yield f"named in {after.place} of {page.request.target}", after.written
        if before and before.written != after.written:
            yield "in the backend's page", before.written
    if reason := response_field(exchange, "content-type"):
        yield "response", reason


def _breakage(
    case: Case,
    exchange: RecordedExchange,
    kind: str,
    title: str,
    cause: Cause,
    *,
    evidence: list[tuple[str, str]] | None = None,
    reference: Reference | None = None,
) -> Breakage:
    flows = (exchange.flow_id,) if exchange is case.page else (exchange.flow_id, case.page.flow_id)
    detail = tuple(evidence if evidence is not None else _evidence(case, exchange, None))
    return Breakage(kind, loss_of(case, exchange, reference), title, flows, detail, **cause.concerned)
