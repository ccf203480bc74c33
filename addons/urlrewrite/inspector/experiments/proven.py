"""What experiments on rules add to a breakage: the change that makes it good, or what is plainly wrong with a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from urlrewrite.exchange.responses import Forward
from urlrewrite.inspector.diagnose.breakage import Breakage, Knowledge
from urlrewrite.inspector.diagnose.case import Case, field, origin_of_url
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.failed_requests import subject
from urlrewrite.inspector.diagnose.page_loads import redirect_target, url_of
from urlrewrite.inspector.diagnose.routes import told_by_rules
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.edits import edit_of
from urlrewrite.inspector.experiments.judging import Grade, Seen
from urlrewrite.inspector.experiments.plain_faults import plainly_wrong
from urlrewrite.inspector.experiments.rule_changes import Change
from urlrewrite.inspector.experiments.rule_edits import ChangeKind
from urlrewrite.inspector.experiments.rule_trials import RuleTrials, Trial
from urlrewrite.inspector.leaks.search import find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.text import sentences
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.text import shown

MAX_EXPLAINED = 6
"""Breakages of a page load on which experiments are made, the worst first."""

_KINDS = list(ChangeKind)
_SMALL = frozenset(
    {
        ChangeKind.GROUPING,
        ChangeKind.ANCHORED,
        ChangeKind.LETTER_CASE,
        ChangeKind.QUERY_STRING,
        ChangeKind.GOES_ON,
    }
)
"""Kinds of change that are often meant, so that they are told even if nobody knows whether they help."""
_MAX_TOLD = 2
_TOLD = ("x-forwarded-proto", "forwarded", "x-forwarded-host", "x-forwarded-port", "host", "x-forwarded-prefix")
"""Fields by which a backend knows how it is asked in public, the most telling first."""


def with_experiments(
    case: Case, breakages: list[Breakage], seen: Iterable[RecordedExchange], until: float
) -> list[Breakage]:
    """Return breakages with what experiments on the rules say of the worst of them; `until` is a reading of the
    monotonic clock in seconds.
    """
    if case.rules is None:
        return breakages
    trials = RuleTrials(case, case.rules, Seen(seen), until)
    return [_explained(case, trials, each) if number < MAX_EXPLAINED else each for number, each in enumerate(breakages)]


def _explained(case: Case, trials: RuleTrials, breakage: Breakage) -> Breakage:
    by_flow = {each.flow_id: each for each in (*case.load.all, *case.earlier)}
    exchanges = [by_flow[flow] for flow in breakage.flows if flow in by_flow]
    explain = _EXPLAIN.get(breakage.kind)
    return explain(case, trials, breakage, exchanges) or breakage if explain and exchanges else breakage


def _of_request(
    case: Case, trials: RuleTrials, breakage: Breakage, exchanges: list[RecordedExchange]
) -> Breakage | None:
    exchange = exchanges[0]
    status = exchange.response.status if exchange.response else None
    if status is None:
        return None
    made = _in_order(trials.of_request(exchange))
    good = [each for each in made if each.verdict.grade is Grade.GOOD]
    if len({each.change.rule for each in good}) == 1:
        found, known = _better(case, exchange, good[0]), Knowledge.EXPERIMENT
    elif not good and (plain := next(plainly_wrong(case, exchange, made), None)):
        found, known = plain, Knowledge.RECORD
    elif sent := next(_sent_here(case, trials, exchange), None):
        found, known = sent, Knowledge.RECORD
    else:
        return _with_trials(case, exchange, breakage, made)
    rule = f'the rule "{found.rule}" is the reason: ' if found.rule else ""
    title = sentences(subject(case, exchange, status), f"{rule}{found.why}")
    return replace(breakage, title=title, known=known, **found.concerned)


def _in_order(trials: Iterable[Trial]) -> list[Trial]:
    return sorted(trials, key=lambda trial: _KINDS.index(trial.change.kind))


def _sent_here(case: Case, trials: RuleTrials, exchange: RecordedExchange) -> Iterator[Cause]:
    """Yield what is wrong with the rule that redirected the client to what failed."""
    for before in case.load.redirects if exchange is case.page else ():
        if before.own and redirect_target(before) == url_of(exchange):
            yield from plainly_wrong(case, before, _in_order(trials.of_request(before)))


def _with_trials(case: Case, exchange: RecordedExchange, breakage: Breakage, trials: list[Trial]) -> Breakage | None:
    """Add to the evidence what the rule would do that is named already, if one small thing of it were otherwise: where
    nobody knows whether the backend has that.
    """
    told = [
        (
            each,
            f"with {shown(each.change.becomes, 100)} in place of {shown(each.change.was, 100)}, the backend is asked "
            f"for {shown(each.verdict.url, 120)}",
        )
        for each in trials
        if each.change.kind in _SMALL
        and each.change.rule == breakage.rule
        and each.verdict.grade is Grade.UNKNOWN
        and isinstance(each.routing, Forward)
        and each.verdict.url
    ]
    if not told:
        return None
    evidence = tuple(("tried", each) for each in dict.fromkeys(words for _, words in told))[:_MAX_TOLD]
    found = replace(breakage, evidence=(*breakage.evidence, *evidence))
    if breakage.code != Why.SENT:
        return found
    change, url = told[0][0].change, shown(told[0][0].verdict.url, 120)
    todo = (
        f"Write {shown(change.becomes, 100)} in place of {shown(change.was, 100)}, if the rule is not meant for this "
        f"request. The backend is then asked for {url}; whether it has that, nobody has seen."
    )
    compiled = case.site(exchange)
    edit = edit_of(change, compiled.site.name if compiled else "")
    return replace(found, todo=todo, yaml=edit.yaml, site=edit.site if edit.yaml else "")


def _better(case: Case, exchange: RecordedExchange, trial: Trial) -> Cause:
    change, verdict = trial.change, trial.verdict
    why = Why.TRIED_OTHERWISE if change.becomes else Why.TRIED_WITHOUT
    values = {"was": shown(change.was, 100), "becomes": shown(change.becomes, 100), "url": shown(verdict.url, 120)}
    found = cause(why, change.rule, str(change.source), **values, status=verdict.status)
    return _written(case, exchange, found, change)


def _written(case: Case, exchange: RecordedExchange, found: Cause, change: Change) -> Cause:
    """Return a cause with the change that was tried as what to write into the rule file."""
    compiled = case.site(exchange)
    edit = edit_of(change, compiled.site.name if compiled else "")
    return replace(found, yaml=edit.yaml, site=edit.site if edit.yaml else "")


def _of_circle(
    case: Case, trials: RuleTrials, breakage: Breakage, exchanges: list[RecordedExchange]
) -> Breakage | None:
    circle = sorted(exchanges, key=lambda exchange: exchange.began)
    if all(exchange.own for exchange in circle):
        good = [each for each in trials.of_circle(circle) if each.change.kind is not ChangeKind.RULE_OFF]
        rules = {each.change.rule for each in good}
        if len(rules) != 1 or not good[0].change.becomes or breakage.rule not in rules:
            return None
        change, url = good[0].change, shown(good[0].verdict.url, 120)
        was, becomes = shown(change.was, 100), shown(change.becomes, 100)
        found = cause(Why.TRIED_ON_CIRCLE, change.rule, str(change.source), was=was, becomes=becomes, url=url)
        found = _written(case, circle[0], found, change)
        known = Knowledge.EXPERIMENT
    elif (told := next(_told(trials, circle[-1]), None)) is not None:
        found, known = told, breakage.known
    else:
        return None
    result = found.why if known is Knowledge.EXPERIMENT else f"{found.why}; what it answers then is not recorded"
    evidence = (*breakage.evidence, ("tried", result))
    return replace(
        breakage,
        title=sentences(breakage.title, found.why),
        known=known,
        evidence=evidence,
        **found.concerned,
    )


def _told(trials: RuleTrials, exchange: RecordedExchange) -> Iterator[Cause]:
    """Yield the rules that hide from a backend that it is asked where it redirects to, with what it is told else."""
    with_rules = trials.control(exchange)
    location = next(iter(field(exchange, "location", original=True)), "")
    origin = origin_of_url(location)
    if origin is None or not isinstance(with_rules, Forward):
        return
    for each in trials.of_request(exchange):
        change, without = each.change, each.routing
        if change.kind is not ChangeKind.RULE_OFF or not isinstance(without, Forward) or with_rules.url != without.url:
            continue
        now, then = _told_fields(with_rules), _told_fields(without)
        for name in _TOLD:
            value, before = (told.get(name, (name, ""))[1] for told in (now, then))
            if {origin.scheme, origin.host} & (_parts(before) - _parts(value)):
                values = {"name": then[name][0], "value": shown(value, 80), "before": shown(before, 80)}
                yield cause(Why.TOLD_BY_RULE, change.rule, str(change.source), **values)


def _parts(value: str) -> set[str]:
    return set(re.split(r"[=;,:\s\"]+", value.lower()))


def _told_fields(forward: Forward) -> dict[str, tuple[str, str]]:
    """Return names as they are spelled and values of fields, by name; Host is as it is sent."""
    fields: FieldLines = (*(line for line in forward.fields if line[0].lower() != "host"), ("Host", forward.host))
    return {name.lower(): (name, value) for name, value in fields}


def _of_leak(case: Case, trials: RuleTrials, breakage: Breakage, exchanges: list[RecordedExchange]) -> Breakage | None:
    """Say which change maps a name that is left; its cause stays, but for one that knows no rule."""
    exchange, places = exchanges[0], {label for label, _ in breakage.evidence}
    leaks = find_leaks(exchange, case.rules) if case.rules else []
    leak = next((each for each in leaks if each.place in places), None)
    made = (each for each in trials.of_leak(exchange, leak) if each.change.becomes) if leak else iter(())
    good = next(made, None)
    if good is None:
        return None
    change = good.change
    was, becomes = shown(change.was, 100), shown(change.becomes, 100)
    tried = (
        f"with {becomes} in place of {was}, the link becomes {shown(good.verdict.url, 100)}, and nothing else changes"
    )
    compiled = case.site(exchange)
    edit = edit_of(change, compiled.site.name if compiled else "")
    found = replace(breakage, evidence=(*breakage.evidence, ("tried", tried)), yaml=edit.yaml, site=edit.site)
    if not change.rule and breakage.rule:
        # The rule that is named may be mended first.
        return replace(breakage, evidence=found.evidence)
    if not change.rule:
        todo = f"Set {becomes} for the site. Tried on what was recorded: it mends this, and nothing else changes."
        return replace(found, todo=todo)
    if breakage.rule not in ("", change.rule):
        return replace(breakage, evidence=found.evidence)
    todo = f"Write {becomes} in place of {was}. Tried on what was recorded: nothing else changes."
    code = breakage.code if breakage.rule else str(Why.TRIED_OTHERWISE)
    found = replace(found, rule=change.rule, source=str(change.source), todo=todo, code=code)
    return replace(found, known=Knowledge.EXPERIMENT)


def _of_links(case: Case, trials: RuleTrials, breakage: Breakage, exchanges: list[RecordedExchange]) -> Breakage | None:
    """Say which change of the rule that is named already makes its links right."""
    for exchange in exchanges:
        for each in trials.of_links(exchange) if breakage.rule else ():
            change = each.change
            if change.rule == breakage.rule and change.becomes and change.kind is not ChangeKind.RULE_OFF:
                was, becomes = shown(change.was, 100), shown(change.becomes, 100)
                tried = f"with {becomes} in place of {was}, the link leads to {shown(each.verdict.url, 100)}"
                todo = f"Write {becomes} in place of {was}. Tried on what was recorded: all links are right then."
                evidence = (*breakage.evidence, ("tried", tried))
                compiled = case.site(exchange)
                edit = edit_of(change, compiled.site.name if compiled else "")
                return replace(
                    breakage, evidence=evidence, todo=todo, yaml=edit.yaml, site=edit.site, known=Knowledge.EXPERIMENT
                )
    return None


def _of_name(case: Case, trials: RuleTrials, breakage: Breakage, exchanges: list[RecordedExchange]) -> Breakage | None:
    """Say which rule told the backend the name that it writes into its links, if one did."""
    written = next((value for _, value in breakage.evidence if origin_of_url(value)), "")
    origin = origin_of_url(written)
    for each in told_by_rules(case, exchanges[0]) if origin else ():
        if origin and each.name.lower() in _TOLD and origin.host in _parts(each.after) - _parts(each.before):
            found = cause(Why.NAME_TOLD, each.rule, each.source, name=each.name, value=shown(each.after, 80))
            return replace(breakage, title=sentences(breakage.title, found.why), **found.concerned)
    return None


type _Explain = Callable[[Case, RuleTrials, Breakage, list[RecordedExchange]], Breakage | None]

_EXPLAIN: Mapping[str, _Explain] = {
    "answered-by-rule": _of_request,
    "backend-404": _of_request,
    "near-miss": _of_request,
    "redirected": _of_request,
    "refused": _of_request,
    "shadowed": _of_request,
    "wrong-target": _of_request,
    "redirect": _of_name,
    "redirect-loop": _of_circle,
    "inner-name": _of_name,
    "leak": _of_leak,
    "no-url": _of_links,
    "unpublished": _of_links,
    "wrong-link": _of_links,
}
"""What is tried for each kind of breakage."""
