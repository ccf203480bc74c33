"""Outbound rules: which apply to an answer, and what they make of a field, an attribute value or a body.

A rule works on one scope: a server variable or field, the values of some tags' attributes, or the whole body (IIS URL
Rewrite Module 2.0 configuration reference, "Outbound rules"). Every item, that is each field line, each attribute
value, each body, goes through the rules on its own: what one rule made of it is the input of the next, and
stopProcessing ends the walk for this item only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from urlrewrite.engine.conditions import CompiledConditions, stopped_at
from urlrewrite.engine.index.tag_rules import by_pair, steady_variables, value_rules
from urlrewrite.engine.index.tag_values import TagValues
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.template import Template
from urlrewrite.model import OutboundActionType, OutboundRule, TagReplacement
from urlrewrite.patterns.pattern import Captures, Pattern
from urlrewrite.trace.trace import TRACED_ITEMS, clip

TAG_FLAGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "A": (("a", "href"),),
    "Area": (("area", "href"),),
    "Base": (("base", "href"),),
    "Form": (("form", "action"),),
    "Frame": (("frame", "src"), ("frame", "longdesc")),
    "Head": (("head", "profile"),),
    "IFrame": (("iframe", "src"), ("iframe", "longdesc")),
    "Img": (("img", "src"), ("img", "longdesc"), ("img", "usemap")),
    "Input": (("input", "src"), ("input", "usemap")),
    "Link": (("link", "href"),),
    "Script": (("script", "src"),),
}
"""The attributes that each flag of `filterByTags` examines (2.0 configuration reference, "Filter by tags")."""

_FEW = 16
"""Of so many rules the trace tells how far a pattern got; of more only one item each that they do not match."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledOutboundRule:
    """An outbound rule with patterns and templates ready; the same only as itself.

    `tags` are the (tag, attribute) pairs it examines; `pre_condition` is the name in lower case, "" for none.
    """

    rule: OutboundRule
    pattern: Pattern
    conditions: CompiledConditions
    value: Template
    tags: frozenset[tuple[str, str]]
    pre_condition: str
    tag_replacement: TagReplacement

    @property
    def rewrites(self) -> bool:
        """Whether an item that is not empty gets a new value."""
        return self.rule.action.type is OutboundActionType.REWRITE and self.rule.action.replace


@dataclass(slots=True)
class Tally:
    """How often a rule was tried on an answer, matched and changed something."""

    examined: int = 0
    matched: int = 0
    changed: int = 0


class OutboundRun:
    """The outbound rules of one answer: those whose precondition holds, by scope, in the order of the file."""

    __slots__ = ("_few", "_tag_values", "body_passes", "field_rules", "scope", "tallies", "traced_misses")

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
                scope.trace.add("RULE_DISABLED", rule=rule.name)
                continue
            name = compiled.pre_condition
            if name and name not in held:
                scope.start_rule(None)
                scope.rule_name = rule.name
                scope.trace.add("PRECONDITION_EVALUATION_START", pre_condition=rule.pre_condition)
                held[name] = pre_conditions[name].evaluate(scope)
                scope.trace.add("PRECONDITION_EVALUATION_END", pre_condition=rule.pre_condition, succeeded=held[name])
            if name and not held[name]:
                scope.trace.add("OUTBOUND_RULE_SKIPPED", rule=rule.name, pre_condition=rule.pre_condition)
                continue
            self.tallies[rule.name] = Tally()
            if rule.match.server_variable:
                self.field_rules.append(compiled)
            elif compiled.tags and self.body_passes and self.body_passes[-1][0].tags:
                self.body_passes[-1].append(compiled)
            else:
                self.body_passes.append([compiled])
        self._few = scope.trace.every_rule or len(self.tallies) <= _FEW
        self.traced_misses = TRACED_ITEMS if self._few else 1
        """Items that a rule does not match which are traced."""

    def tag_values(self, rules: Sequence[CompiledOutboundRule]) -> Mapping[tuple[str, str], TagValues]:
        """The rules of a pass over tags, by the pairs of tag and attribute that they examine."""
        whole = tuple(rules)
        variables = tuple(
            (name, self.scope.variables[name])
            for name in steady_variables(whole)
            if self.scope.variables.is_known(name)
        )
        values = {
            pair: TagValues(self, pair, value_rules(of_pair, variables)) for pair, of_pair in by_pair(whole).items()
        }
        self._tag_values += values.values()
        return values

    def rewrite_item(self, rules: Iterable[CompiledOutboundRule], text: str, where: str) -> str | None:
        """What the rules make of one field line or attribute value; None if it stays as it is.

        A Rewrite replaces the whole value, not only what the pattern matched (2.0 configuration reference, "Action");
        of an attribute value only the match, where the site reads the sources so.
        `where` names the item for the trace.

        Raises:
            PatternTimeout: a pattern took longer than the scope's deadline.
        """
        before = text
        for compiled in rules:
            tally = self.tallies[compiled.rule.name]
            tally.examined += 1
            value = self.try_rule(compiled, tally, text, where, tell_miss=tally.examined <= self.traced_misses)
            if value is None:
                continue
            text = value
            if compiled.rule.stop_processing:
                break
        return None if text == before else text

    def try_rule(
        self, compiled: CompiledOutboundRule, tally: Tally, text: str, where: str, *, tell_miss: bool
    ) -> str | None:
        """What one rule makes of an item: the same text where it matches and changes nothing, None where it does not.

        Raises:
            PatternTimeout: as `rewrite_item`.
        """
        if not self.scope.trace.on:
            return self._try_rule(compiled, tally, text, where, tell_miss=tell_miss)
        began = perf_counter()
        try:
            return self._try_rule(compiled, tally, text, where, tell_miss=tell_miss)
        finally:
            self.scope.trace.spend("outbound", compiled.rule.name, began)

    def _try_rule(
        self, compiled: CompiledOutboundRule, tally: Tally, text: str, where: str, *, tell_miss: bool
    ) -> str | None:
        rule, scope = compiled.rule, self.scope
        captures = self._matches(compiled, tally, text, where, tell_miss=tell_miss)
        if captures is _NO_MATCH:
            return None
        if rule.action.type is not OutboundActionType.REWRITE or (text and not rule.action.replace):
            return text
        value = self._expand(compiled, tally)
        whole = True
        if captures and compiled.tags and compiled.tag_replacement is TagReplacement.MATCH:
            value = text[: captures.start] + value + text[captures.end :]
            whole = False
        if value != text:
            tally.changed += 1
            if captures and whole and captures.end < len(text):
                self._warn_of_lost_tail(compiled, captures, text, where)
            if not compiled.tags:
                scope.trace.count_field(where)
            if scope.trace.count_change():
                scope.trace.tell_change(rule=rule.name, where=where, before=clip(text), after=clip(value))
        return value

    def rewrite_body(self, compiled: CompiledOutboundRule, text: str) -> str | None:
        """What a whole-body rule makes of the body: each match is replaced; None if nothing changed.

        Called for one part of a body after the other, it goes on counting occurrences.

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
                self._trace_match(compiled, captures, captures.groups[0], "body")
            if self._conditions_hold(compiled, tally) and rule.action.type is OutboundActionType.REWRITE:
                value = self._expand(compiled, tally)
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
            self._trace_miss(compiled, text[:2000], "body")
        return "".join((*pieces, text[position:])) if pieces else None

    def report(self) -> None:
        """Adds the tally of every rule to the trace; to be called once."""
        for values in self._tag_values:
            values.count_examined()
        for name, tally in self.tallies.items():
            self.scope.trace.add(
                "OUTBOUND_RULE_END", rule=name, examined=tally.examined, matched=tally.matched, changed=tally.changed
            )

    def _rewrite_unmatched_body(self, compiled: CompiledOutboundRule, text: str) -> str | None:
        """A negated whole-body rule has no match to replace, so it replaces the body that does not match."""
        tally = self.tallies[compiled.rule.name]
        captures = self._matches(compiled, tally, text, "body", tell_miss=True)
        if captures is _NO_MATCH or compiled.rule.action.type is not OutboundActionType.REWRITE:
            return None
        value = self.scope.expand(compiled.value)
        tally.changed += value != text
        self.scope.trace.change(rule=compiled.rule.name, where="body", before=clip(text), after=clip(value))
        return value if value != text else None

    def _matches(
        self, compiled: CompiledOutboundRule, tally: Tally, text: str, where: str, *, tell_miss: bool
    ) -> Captures | None:
        """The captures if pattern and conditions hold (None for a negated pattern), else `_NO_MATCH`."""
        scope, negate = self.scope, compiled.rule.match.negate
        scope.rule_name = compiled.rule.name
        captures = compiled.pattern.search(text, scope.deadline)
        if (captures is None) is not negate:
            if tell_miss:
                self._trace_miss(compiled, text, where)
            return _NO_MATCH
        tally.matched += 1
        scope.start_rule(None if negate else captures)
        if tally.matched <= TRACED_ITEMS:
            self._trace_match(compiled, captures, text, where)
        return captures if self._conditions_hold(compiled, tally) else _NO_MATCH

    def _conditions_hold(self, compiled: CompiledOutboundRule, tally: Tally) -> bool:
        """Whether the conditions of a rule that has matched hold; traced for the first items."""
        scope = self.scope
        if not compiled.conditions.items or tally.matched <= TRACED_ITEMS:
            return compiled.conditions.evaluate(scope)
        # Not by `scope.tracing`, which takes longer than most conditions.
        was_on, scope.trace.on = scope.trace.on, False
        try:
            return compiled.conditions.evaluate(scope)
        finally:
            scope.trace.on = was_on

    def _expand(self, compiled: CompiledOutboundRule, tally: Tally) -> str:
        scope = self.scope
        if tally.matched <= TRACED_ITEMS:
            return scope.expand(compiled.value)
        was_on, scope.trace.on = scope.trace.on, False
        try:
            return scope.expand(compiled.value)
        finally:
            scope.trace.on = was_on

    def _trace_match(self, compiled: CompiledOutboundRule, captures: Captures | None, text: str, where: str) -> None:
        self.scope.trace.add(
            "OUTBOUND_PATTERN_MATCH",
            rule=compiled.rule.name,
            where=where,
            pattern=compiled.rule.match.pattern,
            input=clip(text),
            matched=captures is not None,
            succeeded=True,
            captures=list(captures.groups) if captures else [],
        )

    def _trace_miss(self, compiled: CompiledOutboundRule, text: str, where: str) -> None:
        if self.scope.trace.on:
            self.scope.trace.add(
                "OUTBOUND_PATTERN_MATCH",
                rule=compiled.rule.name,
                where=where,
                pattern=compiled.rule.match.pattern,
                input=clip(text),
                matched=compiled.rule.match.negate,
                succeeded=False,
                captures=[],
                **(stopped_at(compiled.pattern, text, compiled.rule.match.negate, self.scope) if self._few else {}),
            )

    def _warn_of_lost_tail(self, compiled: CompiledOutboundRule, captures: Captures, text: str, where: str) -> None:
        """The commonest slip: a pattern for a part of the value, whose rest then vanishes."""
        if text[captures.end :].strip():
            self.scope.warn_once(
                f'rule "{compiled.rule.name}" replaced the whole of {where}, though its pattern ended before '
                f"{clip(text[captures.end :])!r}: add (.*) to the pattern and a back-reference to the value to keep it",
                key=f"tail {compiled.rule.name}",
                iis="does the same",
            )


_NO_MATCH = Captures("", -1, -1, (), ())
"""Stands for "pattern or conditions do not hold", since None means a negated pattern that holds."""
