"""The RewriteConds of a RewriteRule as conditions of IIS, on one rule or on several.

Apache joins conditions with AND, and with OR where the flag says so: (a or b) and c. A rule of IIS has MatchAll or
MatchAny for all of its conditions. Mixed conditions become one pattern where the alternatives are patterns for the same
string, else several rules with the same action: the first with a and c, the second with b and c.

`%n` is what the last matching pattern captured, in Apache as in IIS. Comparisons capture nothing in Apache. Here they
are patterns; if a `%n` refers to a condition before them, they are written negated, so that they capture nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from urlrewrite.formats.apache.comparisons import comparison
from urlrewrite.formats.apache.expressions import read_expression
from urlrewrite.formats.apache.parts import NotConverted, RewriteCond
from urlrewrite.formats.apache.strings import ConditionGroup, Part, RuleGroup, ServerVariable, Test, references
from urlrewrite.formats.apache.syntax import DirectiveError, Flag
from urlrewrite.formats.apache.templates import Groups, Templates
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.model import Condition, Conditions, LogicalGrouping, MatchType
from urlrewrite.patterns.pcre import Expression
from urlrewrite.patterns.spelling import ecmascript_source, written_numbers
from urlrewrite.patterns.tree import Choice, Group, Node, Reference, nodes

MAX_RULES = 32
"""How many rules of IIS one RewriteRule may become."""

_PROPERTIES = {
    "-d": (MatchType.IS_DIRECTORY, ""),
    "-f": (MatchType.IS_FILE, ""),
    "-s": (MatchType.IS_FILE, "an empty file counts as well"),
    "-F": (MatchType.IS_FILE, "whether the file may be read is not asked"),
    "-l": (MatchType.IS_FILE, "a link counts as the file it leads to"),
    "-L": (MatchType.IS_FILE, "a link counts as the file it leads to"),
    "-h": (MatchType.IS_FILE, "a link counts as the file it leads to"),
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A condition that no RewriteCond stands for: one about what another rule did, or about the URL with its slash.

    `tree` is its pattern where `$n` refers to its groups.
    """

    condition: Condition
    tree: Node | None = None


type Item = RewriteCond | Ready


@dataclass(frozen=True, slots=True)
class Alternative:
    """The conditions of one rule of IIS, and the templates for `$n` and `%n` in its action."""

    conditions: Conditions
    groups: Groups


def uses_groups(parts: Iterable[Part], kind: type[RuleGroup | ConditionGroup]) -> frozenset[int]:
    """Return the numbers of the groups of this kind that a template refers to."""
    found = (part for part in references(parts) if isinstance(part, RuleGroup | ConditionGroup))
    return frozenset(part.number for part in found if isinstance(part, kind))


class ConditionConverter:
    """Converts the conditions of one RewriteRule.

    Args:
        templates: converts the test strings.
        report: takes the problems.
        ready: conditions that come before those of the RewriteRule.
        rule_groups: the template for `$n`, unless the rule's pattern is one of `ready`.
        captures: whether anything in the rule refers to `%n`.
        blocking: whether the rule refuses requests, so that a line end must not get one past it.
    """

    def __init__(
        self,
        templates: Templates,
        report: Report,
        ready: Sequence[Ready],
        rule_groups: Callable[[int], str],
        *,
        captures: bool,
        blocking: bool,
    ) -> None:
        self.templates = templates
        self.report = report
        self.ready = ready
        self.rule_groups = rule_groups
        self.captures = captures
        self.blocking = blocking
        self.expressions: dict[int, Expression] = {}
        self.told: set[int] = set()

    def convert(self, conditions: tuple[RewriteCond, ...]) -> list[Alternative]:
        """Convert the conditions: an alternative for each rule of IIS that is needed, in order.

        Raises:
            NotConverted: no set of rules means the same.
        """
        groups: list[list[Item]] = [[item] for item in self.ready]
        starts_group = True
        for condition in conditions:
            if starts_group:
                groups.append([])
            groups[-1].append(condition)
            starts_group = not condition.has(Flag.OR_NEXT)
        if not starts_group:
            message = "got [OR] on the last RewriteCond, with which Apache applies the rule in any case: take it off"
            raise NotConverted(message, conditions[-1].line)
        if len(groups) == 1 and len(groups[0]) > 1:
            return [self._alternative(groups[0], LogicalGrouping.MATCH_ANY)]
        if not self.captures:
            groups = [self._merged(group) for group in groups]
        self._refuse_ambiguous(groups)
        return [self._alternative(list(items), LogicalGrouping.MATCH_ALL) for items in self._products(groups)]

    def _products(self, groups: list[list[Item]]) -> Iterable[tuple[Item, ...]]:
        count = 1
        for group in groups:
            count *= len(group)
            if count > MAX_RULES or (count > 1 and len(groups) > MAX_RULES):
                message = f"mixed [OR] conditions would take more than {MAX_RULES} rules: write several RewriteRules"
                raise NotConverted(message, next(item.line for item in group if isinstance(item, RewriteCond)))
        return product(*groups)

    def _refuse_ambiguous(self, groups: list[list[Item]]) -> None:
        """Refuse a test that uses what one of several alternatives before it captured.

        Raises:
            NotConverted: there is such a test; which alternative matched is not known when the rules are written.
        """
        choice = False
        for group in groups:
            for item in group:
                if choice and isinstance(item, RewriteCond) and uses_groups(item.test, ConditionGroup):
                    message = (
                        "a %n in a test behind mixed [OR] conditions cannot be converted: write several RewriteRules"
                    )
                    raise NotConverted(message, item.line)
            choice = choice or len(group) > 1

    def _merged(self, group: list[Item]) -> list[Item]:
        """Join alternatives that are patterns for the same string into one; return others as they are."""
        first = group[0]
        if len(group) == 1 or not isinstance(first, RewriteCond):
            return group
        expressions = []
        for item in group:
            if not isinstance(item, RewriteCond) or item.test != first.test or item.pattern.negate:
                return group
            if item.pattern.test is not Test.PATTERN:
                return group
            found = self._expression(item)
            if any(isinstance(node, Reference) and node.number > 0 for node in nodes(found.tree)):
                return group
            expressions.append(found)
        if len({found.ignore_case for found in expressions}) > 1:
            return group
        groups = Groups(self.rule_groups, lambda number: "")
        text = self.templates.convert(first.test, groups, first.line)
        source = self.report.source(first.line)
        ignore_case = expressions[0].ignore_case or text == "{HTTPS}"
        pattern = ecmascript_source(Choice(tuple(found.tree for found in expressions)))
        return [Ready(Condition(text, pattern, ignore_case=ignore_case, source=source))]

    def _alternative(self, items: list[Item], grouping: LogicalGrouping) -> Alternative:
        track = any(isinstance(item, Ready) and item.tree for item in items)
        scope = _Captured(self.rule_groups, track=track, unsure=grouping is LogicalGrouping.MATCH_ANY)
        converted = []
        for item in items:
            if isinstance(item, Ready):
                condition, tree = item.condition, item.tree
            else:
                condition, tree = self._condition(item, scope)
            converted.append(condition)
            matches = condition.match_type is MatchType.PATTERN and not condition.negate
            if matches:
                scope.matched(tree, item.line if isinstance(item, RewriteCond) else 0, ready=isinstance(item, Ready))
        conditions = Conditions(tuple(converted), grouping, track or None)
        return Alternative(conditions, Groups(scope.rule, scope.condition))

    def _condition(self, item: RewriteCond, scope: _Captured) -> tuple[Condition, Node | None]:
        test, source = item.pattern, self.report.source(item.line)
        groups = Groups(scope.rule, scope.condition)
        scope.line = item.line
        if test.test is Test.PROPERTY:
            if test.operator not in _PROPERTIES:
                message = f"IIS has no test like {test.operator}: ask for a file (-f) or a directory (-d)"
                raise NotConverted(message, item.line)
            match_type, difference = _PROPERTIES[test.operator]
            if difference and item.line not in self.told:
                self.told.add(item.line)
                message = f"{test.operator} becomes {match_type}: {difference}"
                self.report.warning(item.line, ProblemId.APACHE_NEAREST, message)
            text = self.templates.convert(item.test, groups, item.line, of_file=True)
            return Condition(text, "", match_type, False, test.negate, source), None
        text = self.templates.convert(item.test, groups, item.line)
        ignore_case = item.has(Flag.NO_CASE) or text == "{HTTPS}"
        if test.test is Test.PATTERN:
            expression = self._expression(item)
            pattern, ignore_case = ecmascript_source(expression.tree), ignore_case or expression.ignore_case
            return Condition(text, pattern, MatchType.PATTERN, ignore_case, test.negate, source), expression.tree
        try:
            found = comparison(test)
        except DirectiveError as fault:
            raise NotConverted(str(fault), item.line) from fault
        found = found.without_match() if self.captures and scope.anything_matched else found
        ignore_case = ignore_case and test.operator == "="
        return Condition(text, found.pattern, MatchType.PATTERN, ignore_case, found.negate, source), None

    def _expression(self, item: RewriteCond) -> Expression:
        if item.line not in self.expressions:
            names = {part.name.upper() for part in item.test if isinstance(part, ServerVariable)}
            decoded = not names.isdisjoint({"REQUEST_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME"})
            self.expressions[item.line] = read_expression(
                item.pattern.operand,
                item.line,
                self.report,
                ignore_case=item.has(Flag.NO_CASE),
                dot_takes_line_ends=self.blocking and decoded,
            )
        return self.expressions[item.line]


class _Captured:
    """Keeps track of what is captured when the conditions up to here have matched."""

    def __init__(self, rule_groups: Callable[[int], str], *, track: bool, unsure: bool) -> None:
        self.rule_groups = rule_groups
        self.track = track
        self.unsure = unsure
        self.line = 0
        self.anything_matched = False
        self.count = 0
        self.rule_numbers: Mapping[int, int] | None = None
        self.last: tuple[Mapping[int, int], int] = ({}, 0)
        self.renumbered = False

    def matched(self, tree: Node | None, line: int, *, ready: bool) -> None:
        numbers = written_numbers(tree) if tree else {0: 0}
        if ready and tree:
            self.rule_numbers = numbers
        elif not ready and tree:
            self.anything_matched = True
            self.renumbered = self.renumbered or any(number != written for number, written in numbers.items())
            self.last = numbers, self.count
        self.count += sum(isinstance(node, Group) for node in nodes(tree)) if tree else 0

    def rule(self, number: int) -> str:
        """Return the template for `$n`."""
        if self.rule_numbers is None:
            return self.rule_groups(number)
        return f"{{C:{self.rule_numbers[number]}}}" if number in self.rule_numbers else ""

    def condition(self, number: int) -> str:
        """Return the template for `%n`.

        Raises:
            NotConverted: IIS has no reference that means the same.
        """
        numbers, before = self.last
        if self.track and not self.anything_matched:
            return ""
        if self.unsure:
            if self.renumbered:
                message = (
                    "a %n behind [OR] conditions with an atomic group cannot be converted: write several RewriteRules"
                )
                raise NotConverted(message, self.line)
            return f"{{C:{number}}}"
        if number not in numbers:
            return "" if self.anything_matched else f"{{C:{number}}}"
        if self.track and number == 0:
            message = "%0 cannot be converted in this rule: put the condition's pattern in a group and write %1"
            raise NotConverted(message, self.line)
        return f"{{C:{before + numbers[number] if self.track else numbers[number]}}}"
