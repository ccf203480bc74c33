"""Outbound rules: which apply to a response, and what they make of a field, an attribute value or a body.

A rule works on one scope: a server variable or field, the values of some tags' attributes, or the whole body (IIS URL
Rewrite Module 2.0 configuration reference, "Outbound rules"). Every item, that is each field line, each attribute
value, each body, goes through the rules on its own: what one rule made of it is the input of the next, and
stopProcessing ends the walk for this item only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.conditions import CompiledConditions
from urlrewrite.engine.index.tag_rules import by_pair, constant_variables, value_rules
from urlrewrite.engine.index.tag_values import TagValues
from urlrewrite.engine.rule_runner import NO_MATCH, RuleRunner, Tally
from urlrewrite.engine.scope import Scope
from urlrewrite.model import OutboundActionType
from urlrewrite.trace.request_events import RULE_DISABLED
from urlrewrite.trace.response_events import (
    OUTBOUND_RULE_END,
    OUTBOUND_RULE_SKIPPED,
    PRECONDITION_EVALUATION_END,
    PRECONDITION_EVALUATION_START,
)
from urlrewrite.trace.trace import TRACED_ITEMS, clip


class OutboundRun:
    """The outbound rules of one response: those whose precondition holds, by scope, in the order of the file."""

    __slots__ = ("_tag_values", "body_passes", "field_rules", "runner", "scope", "tallies")

    def __init__(
        self,
        rules: Iterable[CompiledOutboundRule],
        pre_conditions: Mapping[str, CompiledConditions],
        scope: Scope,
    ) -> None:
        self.scope = scope
        self.tallies: dict[str, Tally] = {}
        self.field_rules: list[CompiledOutboundRule] = []
        self.body_passes: list[list[CompiledOutboundRule]] = []
        """Passes over the body: a whole-body rule alone, or tag rules that stand together in the file."""
        self._tag_values: list[TagValues] = []
        held: dict[str, bool] = {}
        for compiled in rules:
            rule = compiled.rule
            if not rule.enabled:
                scope.trace.add(RULE_DISABLED, rule=rule.name)
                continue
            name = compiled.pre_condition
            if name and name not in held:
                scope.start_rule(None)
                scope.rule_name = rule.name
                scope.trace.add(PRECONDITION_EVALUATION_START, pre_condition=rule.pre_condition)
                held[name] = pre_conditions[name].evaluate(scope)
                scope.trace.add(PRECONDITION_EVALUATION_END, pre_condition=rule.pre_condition, succeeded=held[name])
            if name and not held[name]:
                scope.trace.add(OUTBOUND_RULE_SKIPPED, rule=rule.name, pre_condition=rule.pre_condition)
                continue
            self.tallies[rule.name] = Tally()
            if rule.match.server_variable:
                self.field_rules.append(compiled)
            elif compiled.tags and self.body_passes and self.body_passes[-1][0].tags:
                self.body_passes[-1].append(compiled)
            else:
                self.body_passes.append([compiled])
        self.runner = RuleRunner(scope, self.tallies)

    def tag_values(self, rules: Sequence[CompiledOutboundRule]) -> Mapping[tuple[str, str], TagValues]:
        """Return the rules of a pass over tags, by the pairs of tag and attribute that they examine."""
        whole = tuple(rules)
        variables = tuple(
            (name, self.scope.variables[name])
            for name in constant_variables(whole)
            if self.scope.variables.is_known(name)
        )
        values = {
            pair: TagValues(self.runner, pair, value_rules(of_pair, variables))
            for pair, of_pair in by_pair(whole).items()
        }
        self._tag_values += values.values()
        return values

    def rewrite_body(self, compiled: CompiledOutboundRule, text: str) -> str | None:
        """Return what a whole-body rule makes of the body: each match is replaced; None if nothing changed.

        Where it is called for the parts of a body, one after another, it goes on counting occurrences.

        Raises:
            PatternTimeout: the pattern took longer than the scope's deadline.
        """
        began = perf_counter()
        try:
            return self._rewrite_body(compiled, text)
        finally:
            if self.scope.trace.on:
                self.scope.trace.spend("outbound", compiled.rule.name, began)

    def _rewrite_body(self, compiled: CompiledOutboundRule, text: str) -> str | None:
        rule, scope = compiled.rule, self.scope
        scope.rule_name = rule.name
        tally = self.tallies[rule.name]
        tally.examined += 1
        if rule.match.negate:
            return self._rewrite_unmatched_body(compiled, text)
        if rule.match.occurrences and tally.matched >= rule.match.occurrences:
            return None
        pieces: list[str] = []
        position = 0
        for captures in compiled.pattern.finditer(text, scope.deadline):
            tally.matched += 1
            scope.start_rule(captures)
            if tally.matched <= TRACED_ITEMS:
                self.runner.trace_match(compiled, captures, captures.groups[0], "body")
            if self.runner.conditions_hold(compiled, tally) and rule.action.type is OutboundActionType.REWRITE:
                value = self.runner.expand(compiled, tally)
                if value != captures.groups[0]:
                    tally.changed += 1
                    if scope.trace.count_change():
                        scope.trace.tell_change(
                            rule=rule.name,
                            where="body",
                            offset=captures.start,
                            before=clip(captures.groups[0]),
                            after=clip(value),
                        )
                pieces += (text[position : captures.start], value)
                position = captures.end
            if tally.matched == rule.match.occurrences:
                break
        if not tally.matched:
            self.runner.trace_miss(compiled, text[:2000], "body")
        return "".join((*pieces, text[position:])) if pieces else None

    def report(self) -> None:
        """Add the tally of every rule to the trace; to be called once."""
        for values in self._tag_values:
            values.count_examined()
        for name, tally in self.tallies.items():
            self.scope.trace.add(
                OUTBOUND_RULE_END, rule=name, examined=tally.examined, matched=tally.matched, changed=tally.changed
            )

    def _rewrite_unmatched_body(self, compiled: CompiledOutboundRule, text: str) -> str | None:
        """Replace the body that does not match: a negated whole-body rule has no match to replace."""
        tally = self.tallies[compiled.rule.name]
        captures = self.runner.matches(compiled, tally, text, "body", tell_miss=True)
        if captures is NO_MATCH or compiled.rule.action.type is not OutboundActionType.REWRITE:
            return None
        value = self.scope.expand(compiled.value)
        tally.changed += value != text
        self.scope.trace.change(rule=compiled.rule.name, where="body", before=clip(text), after=clip(value))
        return value if value != text else None
