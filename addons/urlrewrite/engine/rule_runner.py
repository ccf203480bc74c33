"""One outbound rule on one item: a field line, an attribute value, a match in a body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.conditions import stopped_at
from urlrewrite.engine.scope import Scope
from urlrewrite.model import OutboundActionType, TagReplacement
from urlrewrite.patterns.pattern import Captures
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import Reached
from urlrewrite.trace.response_events import OUTBOUND_PATTERN_MATCH
from urlrewrite.trace.trace import TRACED_ITEMS, clip

_FEW = 16
"""For up to this many rules the trace says how far a pattern got; for more, one item that each does not match."""

NO_MATCH = Captures("", -1, -1, (), ())
"""Stands for "pattern or conditions do not hold", since None means a negated pattern that holds."""


@dataclass(slots=True)
class Tally:
    """How often a rule was tried on a response, matched and changed something."""

    examined: int = 0
    matched: int = 0
    changed: int = 0


class RuleRunner:
    """Outbound rules at work on the items of one response: they are applied, counted, and for the first items traced.

    `tallies` has an entry for every rule that is run, by its name.
    """

    __slots__ = ("scope", "tallies", "tells_misses", "traced_misses")

    def __init__(self, scope: Scope, tallies: dict[str, Tally]) -> None:
        self.scope = scope
        self.tallies = tallies
        self.tells_misses = scope.trace.every_rule or len(tallies) <= _FEW
        """Whether the trace says how far a pattern got before it failed."""
        self.traced_misses = TRACED_ITEMS if self.tells_misses else 1
        """How many items that a rule does not match are traced."""

    def rewrite_item(self, rules: Iterable[CompiledOutboundRule], text: str, where: str) -> str | None:
        """Return what the rules make of one field line or attribute value; None if it stays as it is.

        A Rewrite replaces the whole value, not only what the pattern matched (2.0 configuration reference, "Action");
        of an attribute value only the match, where the site reads the sources so. `where` names the item for the trace.

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
        """Return what one rule makes of an item: an equal text if it matches and changes nothing, None if it fails.

        Raises:
            PatternTimeout: a pattern took longer than the scope's deadline.
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
        captures = self.matches(compiled, tally, text, where, tell_miss=tell_miss)
        if captures is NO_MATCH:
            return None
        if rule.action.type is not OutboundActionType.REWRITE or (text and not rule.action.replace):
            return text
        value = self.expand(compiled, tally)
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

    def matches(
        self, compiled: CompiledOutboundRule, tally: Tally, text: str, where: str, *, tell_miss: bool
    ) -> Captures | None:
        """Return the captures if pattern and conditions hold (None for a negated pattern), else `NO_MATCH`."""
        scope, negate = self.scope, compiled.rule.match.negate
        scope.rule_name = compiled.rule.name
        captures = compiled.pattern.search(text, scope.deadline)
        if (captures is None) is not negate:
            if tell_miss:
                self.trace_miss(compiled, text, where)
            return NO_MATCH
        tally.matched += 1
        scope.start_rule(None if negate else captures)
        if tally.matched <= TRACED_ITEMS:
            self.trace_match(compiled, captures, text, where)
        return captures if self.conditions_hold(compiled, tally) else NO_MATCH

    def conditions_hold(self, compiled: CompiledOutboundRule, tally: Tally) -> bool:
        """Say whether the conditions of a rule that has matched hold; traced for the first items."""
        return not compiled.conditions.items or self._evaluate(tally, compiled.conditions.evaluate, self.scope)

    def expand(self, compiled: CompiledOutboundRule, tally: Tally) -> str:
        """Return the value that a rule writes; traced for the first items."""
        return self._evaluate(tally, self.scope.expand, compiled.value)

    def _evaluate[Argument, Result](
        self, tally: Tally, evaluate: Callable[[Argument], Result], argument: Argument
    ) -> Result:
        trace = self.scope.trace
        if tally.matched <= TRACED_ITEMS:
            return evaluate(argument)
        # Not by `scope.tracing`, which takes longer than most conditions.
        was_on, trace.on = trace.on, False
        try:
            return evaluate(argument)
        finally:
            trace.on = was_on

    def trace_match(self, compiled: CompiledOutboundRule, captures: Captures | None, text: str, where: str) -> None:
        """Trace an item that a rule matches; `captures` is None for a negated pattern."""
        self.scope.trace.add(
            OUTBOUND_PATTERN_MATCH,
            rule=compiled.rule.name,
            where=where,
            pattern=compiled.rule.match.pattern,
            input=clip(text),
            matched=captures is not None,
            succeeded=True,
            captures=list(captures.groups) if captures else [],
        )

    def trace_miss(self, compiled: CompiledOutboundRule, text: str, where: str) -> None:
        """Trace an item that a rule does not match."""
        if not self.scope.trace.on:
            return
        negate = compiled.rule.match.negate
        reached: Reached = stopped_at(compiled.pattern, text, negate, self.scope) if self.tells_misses else {}
        self.scope.trace.add(
            OUTBOUND_PATTERN_MATCH,
            rule=compiled.rule.name,
            where=where,
            pattern=compiled.rule.match.pattern,
            input=clip(text),
            matched=negate,
            succeeded=False,
            captures=[],
            **reached,
        )

    def _warn_of_lost_tail(self, compiled: CompiledOutboundRule, captures: Captures, text: str, where: str) -> None:
        """Warn of the commonest slip: a pattern for a part of the value, whose rest then vanishes."""
        if text[captures.end :].strip():
            name, rest = compiled.rule.name, clip(text[captures.end :])
            self.scope.warn_once(Reason.LOST_TAIL, name, rule=name, where=where, rest=rest)
