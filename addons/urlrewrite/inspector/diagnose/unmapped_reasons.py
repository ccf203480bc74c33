"""Why a link that names the backend came through: the body was passed, a rule was left out, missed or took too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.inspector.diagnose.case import Case, origin_of_url
from urlrewrite.inspector.diagnose.page_references import Reference
from urlrewrite.inspector.diagnose.routes import RuleCause, condition_words
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode, OutboundActionType
from urlrewrite.patterns.pattern import PatternError, PatternTimeout, compile_pattern
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, flag, name_of, text
from urlrewrite.trace.text import shown

_DEADLINE = 0.05
_MAX_RULES = 200
_MAX_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class _Place:
    """A link as an outbound rule would see it; `near` is what of the body stands around it, for whole-body rules."""

    reference: Reference
    value: str
    near: str


def why_unmapped(case: Case, seen: RecordedExchange, reference: Reference) -> RuleCause:
    """The cause, as a clause that may stand behind "because", with the rule that is concerned if one is."""
    if passed := _passed(case, seen):
        return passed
    if too_much := _took_too_much(case, seen, reference):
        return too_much
    place = _Place(reference, reference.written, case.body(seen) or "")
    level = case.level(seen)
    rules = list(level.outbound_rules)[:_MAX_RULES] if level else []
    meant = [rule for rule in rules if _is_meant(rule)]
    for compiled in meant:
        if cause := _why_not(case, seen, compiled, meant, place):
            return cause
    site = case.site(seen)
    mode = site.site.links if site else LinkMode.OFF
    if mode is LinkMode.EVERYWHERE:
        if case.public_url(reference.url, seen):
            why = "links: everywhere maps it now, and did not when this exchange went through"
            return RuleCause("", "", why, "Load the page again.")
        return RuleCause("", "", "this spelling is none that links: everywhere reads", "Add an outbound rule for it.")
    if mode is LinkMode.TAGS and not reference.tag:
        why = f"links: tags maps the attributes that HTML defines as URLs, and this is in {reference.place}"
        return RuleCause("", str(site.site.source) if site else "", why, "Set links: everywhere.")
    where = reference.place
    why = f"the site has links: {mode}, and no outbound rule examines {where}"
    source = str(site.site.source) if site else ""
    return RuleCause("", source, why, "Set links: everywhere, or add an outbound rule for it.")


def _passed(case: Case, seen: RecordedExchange) -> RuleCause | None:
    """The body went by as it came though something concerned it."""
    for event in case.reading(seen).problems():
        message = text(event, "message")
        if "passed as it came" in message:
            return RuleCause("", "", message, _PASSED_ADVICE)
    return None


_PASSED_ADVICE = "Let the backend answer otherwise: an inbound rule can take Range or Accept-Encoding from the request."


def _took_too_much(case: Case, seen: RecordedExchange, reference: Reference) -> RuleCause | None:
    """A rule that replaced a text in which the backend is still named: it matched several links at once."""
    host = _host(reference)
    for event in case.changes(seen):
        rule, before, after = text(event, "rule"), text(event, "before"), text(event, "after")
        if not rule or not host or host not in after.lower():
            continue
        source = case.rule_source(rule, seen)
        if before.lower().count(host) > after.lower().count(host):
            why = (
                f'the rule "{rule}" took {before.lower().count(host)} links for one: its pattern is greedy, and '
                f"matched {shown(before, 160)}"
            )
            todo = "Let the pattern end at the quote: write [^\"']* for .* in it."
            return RuleCause(rule, source, why, todo)
        if host not in before.lower():
            why = f'the rule "{rule}" writes the backend\'s name itself: {shown(before, 80)} became {shown(after, 80)}'
            return RuleCause(rule, source, why, "Correct the value of the rule.")
    return None


def _host(reference: Reference) -> str:
    origin = origin_of_url(reference.url)
    return origin.host if origin else ""


def _is_meant(compiled: CompiledOutboundRule) -> bool:
    """Whether a rule is for links in bodies: it works on bodies, and rewrites."""
    rule = compiled.rule
    return not rule.match.server_variable and rule.action.type is OutboundActionType.REWRITE


def _why_not(
    case: Case, seen: RecordedExchange, compiled: CompiledOutboundRule, rules: list[CompiledOutboundRule], place: _Place
) -> RuleCause | None:
    """Why one rule left a link alone that it seems to be meant for; None if it does not seem so."""
    rule = compiled.rule
    source = str(rule.source)
    examined = not compiled.tags or (place.reference.tag, place.reference.attribute) in compiled.tags
    subject = place.value if compiled.tags else place.near
    matches = _matches(compiled, subject)
    host = _host(place.reference)
    if examined and matches:
        if not rule.enabled:
            return RuleCause(rule.name, source, f'the rule "{rule.name}" is not enabled', "Remove enabled: false.")
        if skipped := _skipped(case, seen, rule.name):
            return RuleCause(rule.name, source, *skipped)
        if failed := _failed_condition(case, seen, rule.name):
            why = f'of the rule "{rule.name}" {failed}'
            return RuleCause(rule.name, source, why, "Correct the condition, or remove it.")
        if stopper := _stopped_before(compiled, rules, place):
            why = f'the rule "{stopper}" comes before the rule "{rule.name}", matches too, and has stopProcessing'
            return RuleCause(stopper, case.rule_source(stopper, seen), why, "Remove stopProcessing, or move the rule.")
        return None
    if not host or host not in rule.match.pattern.lower().replace("\\", ""):
        return None
    if examined:
        if near := _nearly(compiled, subject):
            return RuleCause(
                rule.name, source, f'the rule "{rule.name}" does not match it: {near}', "Correct its pattern."
            )
        reached = _stopped_at(case, seen, rule.name, place.value)
        why = f'the pattern {shown(rule.match.pattern, 100)} of the rule "{rule.name}" does not match {reached}'
        return RuleCause(rule.name, source, why, "Correct its pattern.")
    tags = ", ".join(sorted(rule.match.filter_by_tags) or ["tags of its own"])
    if _matches(compiled, place.value):
        why = f'the rule "{rule.name}" maps such links in {tags} only, and this is {place.reference.place}'
        todo = "Add the tag to filterByTags or customTags, or set links: everywhere."
        return RuleCause(rule.name, source, why, todo)
    return None


def _matches(compiled: CompiledOutboundRule, value: str) -> bool:
    try:
        return compiled.pattern.search(value[:_MAX_LENGTH], _DEADLINE) is not None
    except PatternTimeout:
        return False


def _skipped(case: Case, seen: RecordedExchange, name: str) -> tuple[str, str] | None:
    """A precondition that did not hold."""
    events = case.reading(seen).response
    skipped = next(
        (event for event in events if name_of(event) == Name.OUTBOUND_RULE_SKIPPED and text(event, "rule") == name),
        None,
    )
    if skipped is None:
        return None
    precondition = text(skipped, "pre_condition")
    why = f'the rule "{name}" was left out, since its precondition "{precondition}" does not hold'
    inside = False
    for event in events:
        if name_of(event) == Name.PRECONDITION_EVALUATION_START:
            inside = text(event, "pre_condition").lower() == precondition.lower()
        elif inside and name_of(event) == Name.CONDITION_EVALUATION and not flag(event, "succeeded"):
            value, pattern = shown(text(event, "expanded_input"), 80), shown(text(event, "pattern"), 80)
            verb = "matches" if flag(event, "negate") else "does not match"
            negated = ", and is negated" if flag(event, "negate") else ""
            why += f": {text(event, 'input')} is {value}, which {verb} {pattern}{negated}"
            break
    return why, f'Name another precondition in the rule, or correct "{precondition}".'


def _failed_condition(case: Case, seen: RecordedExchange, name: str) -> str:
    """The condition that kept a rule which matched from acting, as a clause."""
    matched = False
    for event in case.reading(seen).response:
        if name_of(event) == Name.OUTBOUND_PATTERN_MATCH:
            matched = text(event, "rule") == name and flag(event, "succeeded")
        elif matched and name_of(event) == Name.CONDITION_EVALUATION and not flag(event, "succeeded"):
            return condition_words(event).replace("its ", "the ", 1)
    return ""


def _stopped_before(compiled: CompiledOutboundRule, rules: list[CompiledOutboundRule], place: _Place) -> str:
    """An earlier rule for the same value after which no further one is tried."""
    if not compiled.tags:
        return ""
    for other in rules:
        if other is compiled:
            return ""
        pair = (place.reference.tag, place.reference.attribute)
        if other.rule.stop_processing and other.rule.enabled and pair in other.tags and _matches(other, place.value):
            return other.rule.name
    return ""


def _nearly(compiled: CompiledOutboundRule, value: str) -> str:
    """The one thing that keeps a pattern from matching, if it is one that people get wrong often."""
    rule = compiled.rule
    if not rule.match.ignore_case:
        try:
            loose = compile_pattern(
                rule.match.pattern, str(rule.pattern_syntax), ignore_case=True, substring=not compiled.tags
            )
            if loose.search(value[:_MAX_LENGTH], _DEADLINE):
                return "the letter case differs, and ignoreCase is false"
        except (PatternError, PatternTimeout):
            return ""
    for before, after in (("http:", "https:"), ("https:", "http:")):
        if _matches(compiled, value.replace(before, after)):
            return f"its pattern has {after}// where the link has {before}//"
    if _matches(compiled, f"{value}/"):
        return f"its pattern asks for a slash behind {shown(value, 80)}"
    return ""


def _stopped_at(case: Case, seen: RecordedExchange, name: str, value: str) -> str:
    """The link, with the place where the pattern stopped matching if the trace tells it."""
    for event in case.reading(seen).response:
        if (
            name_of(event) == Name.OUTBOUND_PATTERN_MATCH
            and text(event, "rule") == name
            and text(event, "input") == value
        ):
            reached = event.get("matched_up_to")
            if isinstance(reached, int) and 0 <= reached <= len(value):
                return f"{shown(value, 100)}: it matches up to {shown(value[:reached], 100)}"
    return shown(value, 100)


def field_reason(case: Case, seen: RecordedExchange, name: str) -> RuleCause:
    """Why a field of a response still names the backend, or names what it must not."""
    for event in _field_changes(case, seen, name):
        rule = text(event, "rule")
        if rule:
            before, after = shown(text(event, "before"), 100), shown(text(event, "after"), 100)
            why = f'the rule "{rule}" wrote it: {before} became {after}'
            return RuleCause(rule, case.rule_source(rule, seen), why, "Correct the value of the rule.")
    level = case.level(seen)
    variable = f"response_{name.lower().replace('-', '_')}"
    for compiled in level.outbound_rules if level else ():
        rule_of = compiled.rule
        if rule_of.match.server_variable.lower().replace("-", "_") != variable:
            continue
        source = str(rule_of.source)
        if not rule_of.enabled:
            return RuleCause(
                rule_of.name, source, f'the rule "{rule_of.name}" is not enabled', "Remove enabled: false."
            )
        if skipped := _skipped(case, seen, rule_of.name):
            return RuleCause(rule_of.name, source, *skipped)
        if failed := _failed_condition(case, seen, rule_of.name):
            return RuleCause(rule_of.name, source, f'of the rule "{rule_of.name}" {failed}', "Correct the condition.")
        why = f'the pattern {shown(rule_of.match.pattern, 100)} of the rule "{rule_of.name}" does not match it'
        return RuleCause(rule_of.name, source, why, "Correct its pattern.")
    site = case.site(seen)
    mode = site.site.links if site else LinkMode.OFF
    source = str(site.site.source) if site else ""
    if mode is LinkMode.OFF:
        why = f"the site has links: off, and no outbound rule examines RESPONSE_{name.replace('-', '_')}"
        return RuleCause("", source, why, "Set links: everywhere, or add an outbound rule for the field.")
    return RuleCause("", source, "the backend sent it so", "Add an outbound rule for the field.")


def _field_changes(case: Case, seen: RecordedExchange, name: str) -> Iterator[Event]:
    for event in case.changes(seen):
        if text(event, "where").lower() == name.lower():
            yield event
