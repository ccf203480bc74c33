"""The values of one attribute as its rules rewrite them in one response: each by itself, or many at once."""

from __future__ import annotations

from collections import Counter

from urlrewrite.engine.index.tag_rules import Pair, PrefixOutcome, ValueRules
from urlrewrite.engine.rule_runner import RuleRunner
from urlrewrite.trace.trace import TRACED_ITEMS, clip

_MAX_SHOWN = 64
"""Changes of values replaced many at once that are traced one by one."""


class TagValues:
    """The rules for one attribute of a tag at work on a response: they rewrite, count and trace its values.

    `where` names the attribute for the trace. Pairs with the same `rules` may be counted together.
    """

    __slots__ = ("_ended", "_misses_traced", "_runner", "_settled", "_shown", "_tallies", "rules", "where")

    def __init__(self, runner: RuleRunner, pair: Pair, rules: ValueRules) -> None:
        self.where = f"<{pair[0]} {pair[1]}>"
        self._runner = runner
        self.rules = rules
        self._tallies = [runner.tallies[compiled.rule.name] for compiled in rules.rules]
        self._ended = Counter[int]()  # values by the position behind the last rule that was tried
        self._shown = 0  # changes of values with an outcome
        self._settled: set[PrefixOutcome | None] = set()  # not traced any more
        self._misses_traced = not runner.scope.trace.on  # enough values that a rule does not match

    def rewrite(self, text: str) -> str | None:
        """Return what the rules make of a value; None if it stays as it is.

        Raises:
            PatternTimeout: a pattern took longer than the scope's deadline.
        """
        outcome = self.rules.outcome(text)
        if outcome is None or self._wants_trace(outcome):
            return self._one_by_one(text)
        self._count(outcome, 1)
        if not outcome.changes:
            return None
        self._shown += 1
        rest = text[len(outcome.prefix) :]
        trace = self._runner.scope.trace
        for at, before, after in outcome.changes:
            if trace.count_change():
                rule = self.rules.rules[at].rule.name
                trace.tell_change(rule=rule, where=self.where, before=clip(before + rest), after=clip(after + rest))
        return outcome.becomes + rest

    def wants_trace(self, prefix: str) -> bool:
        """Say whether the trace wants each value that begins with `prefix`; "" stands for those that no
        rule matches.
        """
        outcome = self.rules.outcomes[prefix] if prefix else None
        changes = outcome is not None and bool(outcome.changes) and self._shown < _MAX_SHOWN
        return (changes and self._runner.scope.trace.tells_changes) or self._wants_trace(outcome)

    def count(self, prefix: str, number: int) -> None:
        """Count values that were replaced without `rewrite`, or with the prefix "" those that no rule matches."""
        outcome = self.rules.outcomes[prefix] if prefix else None
        self._count(outcome, number)
        if outcome is not None:
            self._runner.scope.trace.changes += number * len(outcome.changes)

    def count_examined(self) -> None:
        """Add the values not yet counted to the tallies; to be called once."""
        for end, number in self._ended.items():
            for tally in self._tallies[:end]:
                tally.examined += number

    def _wants_trace(self, outcome: PrefixOutcome | None) -> bool:
        """Say whether the trace wants to see how the rules are evaluated."""
        if outcome in self._settled:
            return False
        trace, tallies, misses = self._runner.scope.trace, self._tallies, self._runner.traced_misses
        if trace.on:
            matched = outcome.matched if outcome else ()
            if any(tallies[at].matched < TRACED_ITEMS for at in matched):
                return True
            end = outcome.end if outcome else len(tallies)
            if any(tallies[at].examined < misses for at in range(end) if at not in matched):
                return True
        self._settled.add(outcome)
        return False

    def _count(self, outcome: PrefixOutcome | None, number: int) -> None:
        self._ended[outcome.end if outcome else len(self._tallies)] += number
        if outcome is None:
            return
        for at in outcome.matched:
            self._tallies[at].matched += number
        for at, _, _ in outcome.changes:
            self._tallies[at].changed += number

    def _one_by_one(self, text: str) -> str | None:
        runner, rules = self._runner, self.rules.rules
        if not self._misses_traced:
            changed = runner.rewrite_item(rules, text, self.where)
            self._misses_traced = all(tally.examined >= runner.traced_misses for tally in self._tallies)
            return changed
        before, start, end = text, 0, len(rules)
        again = True
        while again:
            again = False
            for at in self.rules.candidates(text, start):
                value = runner.try_rule(rules[at], self._tallies[at], text, self.where, tell_miss=False)
                if value is None:
                    continue
                start = at + 1
                if rules[at].rule.stop_processing:
                    text, end = value, start
                    break
                if value != text:
                    # Another text is for other rules; of those that were to be tried none is behind it yet.
                    text, again = value, True
                    break
        self._ended[end] += 1
        return None if text == before else text
