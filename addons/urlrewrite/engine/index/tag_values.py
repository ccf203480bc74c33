"""The values of one attribute on their way through its rules, in one answer: each by itself, or many at once."""

from __future__ import annotations

from collections import Counter

from urlrewrite.engine.index.tag_rules import Pair, PrefixOutcome, ValueRules
from urlrewrite.engine.rule_runner import RuleRunner
from urlrewrite.trace.trace import TRACED_ITEMS, clip

_MAX_SHOWN = 64
"""Changes of many values at once that are told one by one."""


class TagValues:
    """Rewrites the values of one attribute of a tag, counts what the rules did, and tells of the first of them.

    `where` names the attribute for the trace. Pairs with the same `rules` may be counted together.
    """

    __slots__ = ("_ended", "_runner", "_settled", "_shown", "_tallies", "_told", "rules", "where")

    def __init__(self, runner: RuleRunner, pair: Pair, rules: ValueRules) -> None:
        self.where = f"<{pair[0]} {pair[1]}>"
        self._runner = runner
        self.rules = rules
        self._tallies = [runner.tallies[compiled.rule.name] for compiled in rules.rules]
        self._ended = Counter[int]()  # values by the position behind the last rule that was tried
        self._shown = 0  # changes of values with a walk
        self._settled: set[PrefixOutcome | None] = set()  # of which no more is to be told
        self._told = not runner.scope.trace.on  # of each rule enough values that it does not match

    def rewrite(self, text: str) -> str | None:
        """What the rules make of a value; None if it stays as it is.

        Raises:
            PatternTimeout: a pattern took longer than the scope's deadline.
        """
        walk = self.rules.walk(text)
        if walk is None or self._tells(walk):
            return self._one_by_one(text)
        self._count(walk, 1)
        if not walk.changes:
            return None
        self._shown += 1
        rest = text[len(walk.prefix) :]
        trace = self._runner.scope.trace
        for at, before, after in walk.changes:
            if trace.count_change():
                rule = self.rules.rules[at].rule.name
                trace.tell_change(rule=rule, where=self.where, before=clip(before + rest), after=clip(after + rest))
        return walk.becomes + rest

    def tells(self, prefix: str) -> bool:
        """Whether the trace is to tell of a value that begins so, "" for one that no rule matches, by itself."""
        walk = self.rules.walks[prefix] if prefix else None
        changes = walk is not None and bool(walk.changes) and self._shown < _MAX_SHOWN
        return (changes and self._runner.scope.trace.tells_changes) or self._tells(walk)

    def count(self, prefix: str, number: int) -> None:
        """Counts values that were replaced without `rewrite`, or with "" are such as no rule matches."""
        walk = self.rules.walks[prefix] if prefix else None
        self._count(walk, number)
        if walk is not None:
            self._runner.scope.trace.changes += number * len(walk.changes)

    def count_examined(self) -> None:
        """Adds to the tallies what was put off; to be called once."""
        for end, number in self._ended.items():
            for tally in self._tallies[:end]:
                tally.examined += number

    def _tells(self, walk: PrefixOutcome | None) -> bool:
        """Whether the trace is to tell how the rules were evaluated."""
        if walk in self._settled:
            return False
        trace, tallies, misses = self._runner.scope.trace, self._tallies, self._runner.traced_misses
        if trace.on:
            matched = walk.matched if walk else ()
            if any(tallies[at].matched < TRACED_ITEMS for at in matched):
                return True
            end = walk.end if walk else len(tallies)
            if any(tallies[at].examined < misses for at in range(end) if at not in matched):
                return True
        self._settled.add(walk)
        return False

    def _count(self, walk: PrefixOutcome | None, number: int) -> None:
        self._ended[walk.end if walk else len(self._tallies)] += number
        if walk is None:
            return
        for at in walk.matched:
            self._tallies[at].matched += number
        for at, _, _ in walk.changes:
            self._tallies[at].changed += number

    def _one_by_one(self, text: str) -> str | None:
        runner, rules = self._runner, self.rules.rules
        if not self._told:
            changed = runner.rewrite_item(rules, text, self.where)
            self._told = all(tally.examined >= runner.traced_misses for tally in self._tallies)
            return changed
        before, start, end = text, 0, len(rules)
        again = True
        while again:
            again = False
            for at in self.rules.to_try(text, start):
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
