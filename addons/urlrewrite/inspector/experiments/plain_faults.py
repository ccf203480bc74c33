"""What is plainly wrong with a rule, whatever the backend has: a group that is not there, conditions of which all must
hold and never can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.routes import acting_blocks
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.edits import edit_of
from urlrewrite.inspector.experiments.judging import Grade
from urlrewrite.inspector.experiments.rule_changes import Change
from urlrewrite.inspector.experiments.rule_edits import ChangeKind, groups
from urlrewrite.inspector.experiments.rule_places import Rule, inbound_rules
from urlrewrite.inspector.experiments.rule_trials import Trial, distance
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import Condition, LogicalGrouping
from urlrewrite.patterns.literals import Anchoring, required_literals
from urlrewrite.patterns.pattern import Pattern, PatternError, PatternTimeout, compile_pattern
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import inbound_blocks, text
from urlrewrite.trace.text import shown

_DEADLINE = 0.05


def plainly_wrong(case: Case, exchange: RecordedExchange, trials: list[Trial]) -> Iterator[Cause]:
    """Yield what is wrong with a rule whatever the backend has, the surest first, with what a change leads to."""
    unknown = [each for each in trials if each.verdict.grade is Grade.UNKNOWN and each.verdict.url]
    acted = {block.name for block in acting_blocks(case, exchange)}
    rules = _rules(case, exchange)
    for each in sorted(unknown, key=lambda trial: distance(exchange, trial)):
        change = each.change
        values = {"was": change.was, "becomes": change.becomes, "url": shown(each.verdict.url, 120)}
        rule = rules.get(change.rule)
        if rule is None:
            continue
        if change.kind is ChangeKind.BACK_REFERENCE and change.rule in acted and change.was not in groups(rule):
            name = "its pattern" if change.was.startswith("{R") else "no condition of it"
            why = Why.NO_SUCH_GROUP
            yield _written(case, exchange, cause(why, change.rule, str(change.source), name=name, **values), change)
        joined = change.kind is ChangeKind.GROUPING and change.was == LogicalGrouping.MATCH_ALL
        if joined and change.rule not in acted and (both := _alternatives(case, exchange, rule)):
            found = cause(Why.NEVER_ALL, change.rule, str(change.source), **both, **values)
            yield _written(case, exchange, found, change)


def _written(case: Case, exchange: RecordedExchange, found: Cause, change: Change) -> Cause:
    compiled = case.site(exchange)
    edit = edit_of(change, compiled.site.name if compiled else "")
    return replace(found, yaml=edit.yaml, site=edit.site if edit.yaml else "")


def _rules(case: Case, exchange: RecordedExchange) -> Mapping[str, Rule]:
    compiled = case.site(exchange)
    if compiled is None or case.rules is None:
        return {}
    rule_set = case.rules.rules.rule_set
    return {rule.name: rule for place in inbound_rules(rule_set, compiled.site.name) if (rule := place.find(rule_set))}


def _alternatives(case: Case, exchange: RecordedExchange, rule: Rule) -> dict[str, str] | None:
    """Return two conditions of a rule that no text fulfils at once, of which one holds for a request."""
    items = rule.conditions.items
    blocks = [block for block in inbound_blocks(case.reading(exchange).request) if block.name == rule.name]
    evaluated = next((event for block in blocks for event in block.all(Name.CONDITION_EVALUATION)), None)
    if evaluated is None or len({item.input for item in items}) != 1 or any(item.negate for item in items):
        return None
    value = text(evaluated, "expanded_input")
    patterns = [_compiled(rule, item) for item in items]
    holds = [pattern is not None and _matches(pattern, value) for pattern in patterns]
    for one, other in product(range(len(items)), repeat=2):
        if holds[one] and not holds[other] and _never_both(patterns[one], patterns[other]):
            held, failed = shown(items[one].pattern, 60), shown(items[other].pattern, 60)
            return {"template": items[one].input, "held": held, "failed": failed}
    return None


def _compiled(rule: Rule, item: Condition) -> Pattern | None:
    try:
        return compile_pattern(item.pattern, str(rule.pattern_syntax), ignore_case=item.ignore_case)
    except PatternError:
        return None


def _matches(pattern: Pattern, value: str) -> bool:
    try:
        return pattern.search(value, _DEADLINE) is not None
    except PatternTimeout:
        return False


def _never_both(one: Pattern | None, other: Pattern | None) -> bool:
    """Say whether two patterns are proved to match no text in common: they ask for different beginnings."""
    beginnings = [_beginnings(each) for each in (one, other) if each is not None]
    if len(beginnings) != 2 or not all(beginnings):
        return False
    return not any(a.startswith(b) or b.startswith(a) for a, b in product(*beginnings))


def _beginnings(pattern: Pattern) -> frozenset[str]:
    found = (each for each in required_literals(pattern.tree) if each.anchoring is not Anchoring.ANYWHERE)
    return next((each.texts for each in found), frozenset())
