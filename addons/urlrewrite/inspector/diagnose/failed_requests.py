"""Documents and sub-resources that were not answered as they should: 404, 5xx, refusals, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from urlrewrite.inspector.diagnose.addresses import difference
from urlrewrite.inspector.diagnose.case import Case, path_of
from urlrewrite.inspector.diagnose.finding import Finding, Harm, Severity
from urlrewrite.inspector.diagnose.page_loads import destination, is_navigation, is_websocket, response_field, url_of
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.routes import local_response, near_misses, taken_by
from urlrewrite.inspector.diagnose.why import Cause, Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, name_of, number, reason_of, text
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.text import shown

KINDS = frozenset(
    """
    aborted answered-by-rule backend-404 backend-down backend-error given-up near-miss own-answer proxy-error refused
    shadowed wrong-link wrong-site wrong-target
    """.split()
)
"""The kinds of findings that are made here."""

_HARM = {
    "script": Harm.FUNCTION,
    "frame": Harm.FUNCTION,
    "iframe": Harm.FUNCTION,
    "connect": Harm.FUNCTION,
    "form": Harm.FUNCTION,
    "empty": Harm.FUNCTION,
    "style": Harm.LOOK,
}
_ENCODED = (
    "Let the backend answer plainly: an inbound rule with the server variable HTTP_ACCEPT_ENCODING set to an empty "
    "value, or mode: helpful, which decodes, rewrites and encodes again."
)
_ADVICE: dict[Reason, str] = {
    Reason.VARIABLE_NOT_ALLOWED: "Add the server variable to allowedServerVariables.",
    Reason.CONTENT_ENCODED: _ENCODED,
}
_CONDITIONS = frozenset({Why.CONDITION, Why.NEGATED_CONDITION, Why.NO_FILE})
_NOBODY = Cause("", "", "")
"""No rule has to do with it."""

_UNIMPORTANT = ("/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/.well-known/")


def failed_requests(case: Case) -> Iterator[Finding]:
    """What failed, the document first."""
    for seen in (case.page, *case.load.resources):
        if is_websocket(seen):
            continue
        status = seen.answer.status if seen.answer else None
        if status is None:
            if seen.failed or text(case.reading(seen).data, "action") == "AbortRequest":
                yield _not_answered(case, seen)
        elif status >= 400:
            yield _refused(case, seen, status)


def harm_of(case: Case, seen: RecordedExchange, reference: Reference | None = None) -> Harm:
    """How much of the page is lost with this exchange."""
    if seen is case.page:
        return Harm.PAGE
    use = destination(seen) or (reference.use if reference else "")
    return _HARM.get(use, Harm.FUNCTION if is_navigation(seen) else Harm.PART)


def _what(case: Case, seen: RecordedExchange) -> str:
    path = shown(seen.request.target, 100)
    if seen is case.page:
        return f"The page {path}"
    kind = {"style": "style sheet", "empty": "request of a script for", "iframe": "frame"}.get(
        destination(seen), destination(seen)
    )
    return f"The {kind} {path}" if kind else path


def _not_answered(case: Case, seen: RecordedExchange) -> Finding:
    cause = local_response(case, seen)
    target = case.backend_url(seen)
    if cause:
        title = f'{_what(case, seen)} is not answered: the rule "{cause.rule}" {cause.why}'
        return _finding(case, seen, "aborted", title, cause)
    if seen.given_up:
        title = f"{_what(case, seen)} was not waited for: the client broke it off ({seen.failed})"
        found = _finding(case, seen, "given-up", title, _NOBODY)
        return replace(found, harm=Harm.HINT, severity=Severity.NOTE)
    reason = seen.failed or "the exchange was broken off"
    title = f"{_what(case, seen)} is not answered: no response came from the backend {shown(target, 120)} ({reason})"
    todo = "Look whether the backend runs, and whether its address (backend:, connect:) is right."
    return _finding(case, seen, "backend-down", title, Cause("", "", "", todo))


def _refused(case: Case, seen: RecordedExchange, status: int) -> Finding:
    where = case.named(url_of(seen))
    reference = where[1] if where else None
    evidence = list(_evidence(case, seen, where))
    kind, title, cause = _cause(case, seen, status, where)
    title = f"{_what(case, seen)} is answered {_status(case, seen, status)}: {title}"
    finding = _finding(case, seen, kind, title, cause, evidence=evidence, reference=reference)
    trifle = any(seen.request.target.startswith(path) for path in _UNIMPORTANT) and seen is not case.page
    if trifle and not cause.rule:
        return Finding(
            finding.kind, Harm.HINT, title, finding.flows, finding.evidence, todo=finding.todo, severity=Severity.NOTE
        )
    return finding


def _status(case: Case, seen: RecordedExchange, status: int) -> str:
    sub_status = number(case.reading(seen).data, "sub_status")
    return f"{status}.{sub_status}" if sub_status else str(status)


type _Named = tuple[RecordedExchange, Reference, Reference | None]


def _cause(case: Case, seen: RecordedExchange, status: int, where: _Named | None) -> tuple[str, str, Cause]:
    """A word for the kind of failure, why it failed, and the rule concerned."""
    if where and (wrong := _wrong_link(case, where)):
        return wrong
    reading = case.reading(seen)
    error = next((event for event in reading.problems() if name_of(event) == Name.ERROR), None)
    if error is not None:
        return "proxy-error", text(error, "message"), _refused_by_us(case, seen, error)
    answered = local_response(case, seen)
    if answered:
        return "answered-by-rule", f'the rule "{answered.rule}" {answered.why}', answered
    if not case.backend_url(seen):
        return "own-answer", "the proxy answered it itself", _NOBODY
    if status in (502, 503, 504) and (seen.original is None):
        todo = "Look whether the backend runs, and whether its address (backend:, connect:) is right."
        return (
            "backend-down",
            f"no response came from {shown(case.backend_url(seen), 120)}",
            Cause("", "", "", todo),
        )
    if taken := taken_by(case, seen):
        others = [miss for miss in near_misses(case, seen) if miss.code is Why.COMES_AFTER]
        if others and taken.code is Why.SENT:
            miss = others[0]
            why = (
                f'the rule "{taken.rule}" took it ({taken.why}); the rule "{miss.rule}" would match, but comes after it'
            )
            return "shadowed", why, Cause(taken.rule, taken.source, why, miss.todo, miss.code)
        if not (taken.code is Why.SENT and _is_passed_on(case, seen)):
            return "wrong-target", f'the rule "{taken.rule}" took it: {taken.why}', taken
    for miss in sorted(near_misses(case, seen), key=lambda each: each.code in _CONDITIONS):
        return "near-miss", f'the rule "{miss.rule}" did not take it: {miss.why}', miss
    return _backends_own(case, seen, status, where)


def _is_passed_on(case: Case, seen: RecordedExchange) -> bool:
    """Whether the backend was asked for the very path and query that the client asked for, as by a rule for all."""
    site = case.site(seen)
    asked = seen.request.target.removeprefix(site.site.path if site else "")
    return unquote(path_of(case.backend_url(seen))) == unquote(asked)


def _wrong_link(case: Case, where: _Named) -> tuple[str, str, Cause] | None:
    """A link of the page that is not what it should be: the page's backend meant another address."""
    page, after, before = where
    if before is None:
        return _unprefixed(case, page, after)
    right = case.public_url(before.url, page) if case.names_backend(before.url, page) else ""
    if not right or path_of(right) == path_of(after.url):
        return None
    changer = case.changer(page, before.written, after.written)
    what = difference(path_of(right), path_of(after.url))
    told = f": {what}" if what else f", where {shown(path_of(right), 100)} would be right"
    if changer:
        why = f'the rule "{changer}" made {shown(after.written, 100)} of {shown(before.written, 100)}{told}'
        source = case.rule_source(changer, page)
        return "wrong-link", why, Cause(changer, source, why, "Correct the value of the rule.")
    why = f"the page has {shown(after.written, 100)}{told}; no rule made it so"
    return "wrong-link", why, Cause("", "", "", "Add an outbound rule for it, or links: everywhere.")


def _unprefixed(case: Case, page: RecordedExchange, reference: Reference) -> tuple[str, str, Cause] | None:
    site = case.site(page)
    path = site.site.path if site else ""
    if not path or path_of(reference.url).startswith(f"{path}/") or not reference.written.startswith("/"):
        return None
    why = (
        f"{shown(reference.written, 100)} in {reference.place} lacks the path {path}, below which the site is published"
    )
    return "wrong-link", why, Cause("", "", why, "Map it by links: everywhere, rootPaths:, or an outbound rule.")


def _backends_own(case: Case, seen: RecordedExchange, status: int, where: _Named | None) -> tuple[str, str, Cause]:
    site = case.site(seen)
    page_site = case.site(case.page)
    if site and page_site and site is not page_site:
        other = f'"{page_site.site.name}", published below {page_site.site.path or "/"}'
        why = f'it went to the site "{site.site.name}", and the page is of the site {other}'
        return "wrong-site", why, Cause("", str(site.site.source), why)
    by_page = f", as its page names it in {where[1].place}" if where else ""
    if status in (401, 403):
        return "refused", f"the backend refuses it{by_page}", _NOBODY
    if status >= 500:
        return "backend-error", f"the backend itself fails{by_page}", _NOBODY
    url = shown(case.backend_url(seen), 120)
    if status not in (404, 410):
        return "refused", f"the backend does not take the request for {url}{by_page}; no rule changed it", _NOBODY
    return "backend-404", f"the backend has nothing at {url}{by_page}; no rule changed it", _NOBODY


def _refused_by_us(case: Case, seen: RecordedExchange, error: Event) -> Cause:
    """What an error of the trace says, with the rule that it is about, or else the one that was running."""
    name = text(error, "rule")
    if not name:
        began = [event for event in case.reading(seen).events if name_of(event) == Name.RULE_EVALUATION_START]
        ended = [event for event in case.reading(seen).events if name_of(event) == Name.RULE_EVALUATION_END]
        name = text(began[-1], "rule") if len(began) > len(ended) else ""
    code = reason_of(error)
    source = case.rule_source(name, seen) if name else ""
    return Cause(name, source, text(error, "message"), _ADVICE.get(code, "") if code else "", code)


def _evidence(case: Case, seen: RecordedExchange, where: _Named | None) -> Iterator[tuple[str, str]]:
    yield "asked for", seen.request.url
    if target := case.backend_url(seen):
        yield "the backend was asked for", target
    if where:
        page, after, before = where
        yield f"named in {after.place} of {page.request.target}", after.written
        if before and before.written != after.written:
            yield "as the backend's page has it", before.written
    if reason := response_field(seen, "content-type"):
        yield "answered with", reason


def _finding(
    case: Case,
    seen: RecordedExchange,
    kind: str,
    title: str,
    cause: Cause,
    *,
    evidence: list[tuple[str, str]] | None = None,
    reference: Reference | None = None,
) -> Finding:
    flows = (seen.flow_id,) if seen is case.page else (seen.flow_id, case.page.flow_id)
    told = tuple(evidence if evidence is not None else _evidence(case, seen, None))
    return Finding(kind, harm_of(case, seen, reference), title, flows, told, **cause.concerned)
