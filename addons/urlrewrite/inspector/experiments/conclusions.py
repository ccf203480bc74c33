"""What follows from asking a backend again: the change that made its answer good is the cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from urlrewrite.inspector.asking.answers import Asked
from urlrewrite.inspector.asking.request_changes import REFINES, AskedKind, Planned
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.failed_requests import subject
from urlrewrite.inspector.diagnose.page_loads import is_websocket
from urlrewrite.inspector.diagnose.statuses import MANY_COOKIES, cookie_bytes
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import counted, sentences
from urlrewrite.model.field_lines import field_values
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

ASKABLE = frozenset(
    """
    backend-404 backend-down backend-error near-miss redirect redirect-loop redirected refused shadowed wrong-target
    """.split()
)
"""The kinds of breakages of which a backend may know more than was recorded."""

_REDIRECTS = frozenset({"redirect", "redirect-loop"})
"""Those of them whose title says more than that a request failed."""


def can_be_asked(breakage: Breakage, exchange: RecordedExchange) -> bool:
    """Say whether a backend was asked for what is broken, so that it can be asked again."""
    return breakage.kind in ASKABLE and bool(text(exchange.trace, "target")) and not is_websocket(exchange)


def with_answers(case: Case, breakages: Iterable[Breakage], asked: Mapping[str, Asked]) -> list[Breakage]:
    """Return breakages with what came of asking backends again for them, by the ids of their flows."""
    by_flow = {each.flow_id: each for each in case.load.all}
    return [
        _with_answers(case, each, by_flow[flow], asked[flow])
        if (flow := each.flows[0] if each.flows else "") in asked and flow in by_flow and each.kind in ASKABLE
        else each
        for each in breakages
    ]


def _with_answers(case: Case, breakage: Breakage, exchange: RecordedExchange, asked: Asked) -> Breakage:
    found = replace(breakage, evidence=(*breakage.evidence, *_evidence(asked)))
    why = conclusion(asked)
    if why is None:
        return found
    status = exchange.response.status if exchange.response else None
    stays = breakage.kind in _REDIRECTS or status is None
    title = sentences(breakage.title if stays else subject(case, exchange, status or 0), why.why)
    return replace(found, title=title, known=Knowledge.EXPERIMENT, **why.concerned)


def _evidence(asked: Asked) -> Iterator[tuple[str, str]]:
    base, better = asked.base, asked.better()
    if base is None:
        return
    if not asked.is_reproduced:
        yield "asked again", f"as it was: {base.text}, which is another answer than the one that was recorded"
        return
    yield "asked again", f"as it was: {base.text}"
    for planned, answer in asked.answers[1:]:
        if planned in better and planned.kind not in _refined(better):
            yield f"asked {_LABELS[planned.kind].format(was=planned.was, becomes=planned.becomes)}", answer.text
    others = len(asked.answers) - 1 - len(better)
    if others:
        yield "asked with one thing changed", f"{counted(others, 'time')}, no better answer"


_LABELS: Mapping[AskedKind, str] = {
    AskedKind.OTHER_TLS: "by {becomes}",
    AskedKind.OTHER_VERSION: "by {becomes}",
    AskedKind.OTHER_HOST: "as Host {becomes}",
    AskedKind.OTHER_URL: "with {becomes}",
    AskedKind.WITHOUT_OURS: "without {was}",
    AskedKind.WITHOUT_FIELD: "without {was}",
    AskedKind.OTHER_SCHEME: "with {becomes}",
    AskedKind.WITHOUT_COOKIES: "without cookies",
    AskedKind.WITHOUT_COOKIE: "without the cookie {was}",
    AskedKind.FEWER_COOKIES: "with {becomes} of cookies",
    AskedKind.WITHOUT_CODING: "without {was}",
    AskedKind.OTHER_ORIGIN: "with Origin {becomes}",
}


def conclusion(asked: Asked) -> Cause | None:
    """Return what made the difference, as a cause that was tried; None where nothing did."""
    return next(_conclusions(asked), None)


def _conclusions(asked: Asked) -> Iterator[Cause]:
    better = asked.better()
    refined = _refined(better)
    statuses = {id(planned): answer.status for planned, answer in asked.answers}
    for each in better:
        if each.kind in refined or (each.kind in _ABOUT_COOKIES and not _ABOUT_COOKIES[each.kind](better, each)):
            continue
        why = _WHY[each.kind]
        if each.kind is AskedKind.OTHER_HOST:
            public = each.becomes == _public_host(each)
            why = Why.ASKED_AS_PUBLIC_HOST if public else Why.ASKED_AS_INNER_HOST
        rule, source = (each.other.rule, each.other.source) if each.other else ("", "")
        yield cause(
            why,
            rule,
            source,
            was=shown(each.was, 120),
            becomes=shown(each.becomes, 120),
            url=shown(each.sent.target, 120),
            variable=f"HTTP_{each.was.upper().replace('-', '_')}",
            status=statuses[id(each)],
        )


def _refined(better: list[Planned]) -> set[AskedKind]:
    """Return the larger changes of which a smaller one says more."""
    return {
        REFINES[each.kind]
        for each in better
        if each.kind in REFINES and (each.kind not in _ABOUT_COOKIES or _ABOUT_COOKIES[each.kind](better, each))
    }


def _is_length(better: list[Planned], planned: Planned) -> bool:
    """Say whether it is the length of the cookies: each half of them is taken."""
    halves = [each for each in better if each.kind is AskedKind.FEWER_COOKIES]
    return len(halves) == 2 and sum(cookie_bytes(each.sent.fields) for each in halves) >= MANY_COOKIES


def _is_the_only_one(better: list[Planned], planned: Planned) -> bool:
    """Say whether the answer is better without one cookie, and not without any of the others."""
    return sum(each.kind is AskedKind.WITHOUT_COOKIE for each in better) == 1


_ABOUT_COOKIES = {AskedKind.WITHOUT_COOKIE: _is_the_only_one, AskedKind.FEWER_COOKIES: _is_length}
"""What else has to be so for a smaller change of cookies to say more than the larger one."""


def _public_host(planned: Planned) -> str:
    return next(iter(field_values(planned.sent.fields, "x-forwarded-host")), "")


_WHY = {
    AskedKind.OTHER_TLS: Why.ASKED_OTHER_TLS,
    AskedKind.OTHER_VERSION: Why.ASKED_OTHER_VERSION,
    AskedKind.OTHER_HOST: Why.ASKED_AS_INNER_HOST,
    AskedKind.OTHER_URL: Why.ASKED_OTHER_URL,
    AskedKind.WITHOUT_OURS: Why.ASKED_WITHOUT_OURS,
    AskedKind.WITHOUT_FIELD: Why.ASKED_WITHOUT_FIELD,
    AskedKind.OTHER_SCHEME: Why.ASKED_OTHER_SCHEME,
    AskedKind.WITHOUT_COOKIES: Why.ASKED_WITHOUT_COOKIES,
    AskedKind.WITHOUT_COOKIE: Why.ASKED_WITHOUT_COOKIE,
    AskedKind.FEWER_COOKIES: Why.ASKED_FEWER_COOKIES,
    AskedKind.WITHOUT_CODING: Why.ASKED_WITHOUT_FIELD,
    AskedKind.OTHER_ORIGIN: Why.ASKED_OTHER_ORIGIN,
}
"""What each kind of change says if it makes the answer better."""
