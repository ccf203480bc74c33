"""Why a link or a field that names the backend came through: the body was passed, a rule was left out, missed or took
too much, or nothing maps such a place.
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.exchange_case import ExchangeCase
from urlrewrite.inspector.diagnose.outbound_rules import (
    kept_back,
    kept_back_though_it_matches,
    matches,
    nearly,
    of_rule,
    rules_for,
)
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode, OutboundActionType, OutboundRule
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Reading, name_of, text
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.text import shown

_MAX_RULES = 200
_PASSED = (Reason.BODY_PASSED, Reason.REST_PASSED)


@dataclass(frozen=True, slots=True)
class _Place:
    """A link as an outbound rule would see it; `near` is the part of the body around it, for whole-body rules."""

    reference: Reference
    value: str
    near: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.reference.tag, self.reference.attribute


def body_passed(reading: Reading) -> Cause | None:
    """Return the cause if the body was passed unchanged though something concerned it."""
    for event in reading.problems():
        if name_of(event) == Name.WARNING and text(event, "reason") in _PASSED:
            forbidden = text(event, "cause") == Reason.NO_TRANSFORM
            return cause(Why.NO_TRANSFORM if forbidden else Why.BODY_PASSED, detail=text(event, "message"))
    return None


def why_unmapped(case: Case, exchange: RecordedExchange, reference: Reference) -> Cause:
    """Return the cause, as a clause that may follow "because", with the rule concerned if there is one."""
    of_one = case.of(exchange)
    if found := body_passed(of_one.reading) or _took_too_much(case, exchange, reference):
        return found
    place = _Place(reference, reference.written, case.body(exchange) or "")
    rules = list(of_one.level.outbound_rules)[:_MAX_RULES] if of_one.level else []
    meant = [rule for rule in rules if _is_meant(rule)]
    for compiled in meant:
        if found := _why_not(of_one, compiled, meant, place):
            return found
    source = str(of_one.site.source) if of_one.site else ""
    if of_one.links is LinkMode.EVERYWHERE:
        went_by_these = text(of_one.reading.data, "rules") == of_one.rules.fingerprint
        return cause(Why.SPELLING if went_by_these else Why.LINKS_MAP_IT_NOW)
    if of_one.links is LinkMode.TAGS and not reference.tag:
        return cause(Why.TAGS_END, source=source, place=reference.place, rules="")
    return cause(Why.NO_RULE, source=source, mode=of_one.links, place=reference.place)


def _took_too_much(case: Case, exchange: RecordedExchange, reference: Reference) -> Cause | None:
    """Return the rule that replaced a text in which the backend is still named: it matched several links at once."""
    host = _host(reference)
    for event in case.changes(exchange):
        rule, before, after = text(event, "rule"), text(event, "before"), text(event, "after")
        if not rule or not host or host not in after.lower():
            continue
        source, count = case.rule_source(rule, exchange), before.lower().count(host)
        if count > after.lower().count(host):
            return cause(Why.TOOK_SEVERAL, rule, source, count=count, value=shown(before, 160))
        if not count:
            return cause(Why.WRITES_BACKEND, rule, source, before=shown(before, 80), after=shown(after, 80))
    return None


def _host(reference: Reference) -> str:
    origin = origin_of_url(reference.url)
    return origin.host if origin else ""


def _is_meant(compiled: CompiledOutboundRule) -> bool:
    """Say whether a rule is for links in bodies: it works on bodies, and rewrites."""
    rule = compiled.rule
    return not rule.match.server_variable and rule.action.type is OutboundActionType.REWRITE


def _why_not(
    case: ExchangeCase, compiled: CompiledOutboundRule, rules: list[CompiledOutboundRule], place: _Place
) -> Cause | None:
    """Return why one rule left a link alone that it seems to be meant for; None if it does not seem so."""
    rule = compiled.rule
    source = str(rule.source)
    examined = not compiled.tags or place.pair in compiled.tags
    subject = place.value if compiled.tags else place.near
    if examined and matches(compiled, subject):
        if found := kept_back_though_it_matches(case, compiled):
            return of_rule(found, compiled)
        if stopper := _stopped_before(compiled, rules, place):
            return cause(Why.STOPPED_BEFORE, stopper.name, str(stopper.source), other=rule.name)
        return None
    host = _host(place.reference)
    if not host or host not in rule.match.pattern.lower().replace("\\", ""):
        return None
    if examined:
        pattern, reach = shown(rule.match.pattern, 100), f"does not match {shown(place.value, 100)}"
        found = nearly(compiled, subject) or _pattern_miss(case, rule.name)
        return of_rule(found or cause(Why.PATTERN, pattern=pattern, reach=reach), compiled)
    if matches(compiled, place.value):
        tags = ", ".join(sorted(rule.match.filter_by_tags) or ["tags of its own"])
        return cause(Why.OTHER_TAGS, rule.name, source, tags=tags, place=place.reference.place)
    return None


def _pattern_miss(case: ExchangeCase, rule: str) -> Cause | None:
    """Return where the pattern of a rule stopped matching, if the trace says so."""
    miss = case.misses.get(rule)
    return miss.cause if miss and miss.cause.code is Why.PATTERN_IN_PLACE else None


def _stopped_before(
    compiled: CompiledOutboundRule, rules: list[CompiledOutboundRule], place: _Place
) -> OutboundRule | None:
    """Return an earlier rule for the same value with stopProcessing."""
    for other in rules if compiled.tags else ():
        if other is compiled:
            return None
        stops = other.rule.stop_processing and other.rule.enabled
        if stops and place.pair in other.tags and matches(other, place.value):
            return other.rule
    return None


def field_cause(case: Case, exchange: RecordedExchange, name: str) -> Cause:
    """Return why a field of a response still names the backend, or something else that it must not."""
    for event in case.changes(exchange):
        rule = text(event, "rule")
        if rule and text(event, "where").lower() == name.lower():
            return _wrote_field(
                rule, case.rule_source(rule, exchange), name, text(event, "before"), text(event, "after")
            )
    of_one = case.of(exchange)
    variable = f"RESPONSE_{name.replace('-', '_')}"
    for compiled in rules_for(of_one, variable, None):
        pattern = shown(compiled.rule.match.pattern, 100)
        found = kept_back(of_one, compiled) or cause(Why.PATTERN, pattern=pattern, reach="does not match it")
        return of_rule(found, compiled)
    source = str(of_one.site.source) if of_one.site else ""
    if of_one.links is LinkMode.OFF:
        return cause(Why.NO_RULE, source=source, mode=LinkMode.OFF, place=variable)
    return cause(Why.BACKENDS_OWN, source=source, name=name)


def _wrote_field(rule: str, source: str, name: str, before: str, after: str) -> Cause:
    """Return the cause where a rule wrote a field. The values of cookies may be secrets, and stand in the evidence."""
    if not before:
        what, todo = "added it", f"Let the rule write another value, or switch it off: without it, {name} is not sent."
    elif not after:
        what, todo = "removed it", "Switch the rule off, or let it keep what the backend sent."
    else:
        what, todo = "changed it", "Let the rule keep what the backend sent there, or switch it off."
    if before and after and name.lower() != "set-cookie":
        what += f" from {shown(before, 100)} to {shown(after, 100)}"
    return cause(Why.WROTE_FIELD, rule, source, what=what, todo=todo)
