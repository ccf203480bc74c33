"""RewriteRules as rules of IIS.

The flags S and C, which concern other rules, become server variables: a rule with [S] sets one, and the rules that it
skips have a condition that it is not set. The rules of IIS that a RewriteRule became have its line as their source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from urlrewrite.formats.apache.actions import Actions, redirects, status_of
from urlrewrite.formats.apache.conditions import Alternative, ConditionConverter, Ready, uses_groups
from urlrewrite.formats.apache.expressions import read_expression
from urlrewrite.formats.apache.parts import Context, NotConverted, RewriteRule
from urlrewrite.formats.apache.slash import without_slash
from urlrewrite.formats.apache.strings import ConditionGroup, Part, RuleGroup, ServerVariable, parse_template
from urlrewrite.formats.apache.syntax import DirectiveError, Flag, parse_cookie
from urlrewrite.formats.apache.templates import Templates
from urlrewrite.formats.apache.variables import check_variables, environment_variable
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown
from urlrewrite.model import (
    ActionType,
    Condition,
    InboundRule,
    Match,
    SetServerVariable,
)
from urlrewrite.patterns import characters
from urlrewrite.patterns.pcre import Expression, parse_pcre
from urlrewrite.patterns.spelling import ecmascript_source, written_numbers
from urlrewrite.patterns.tree import Chars, Node, Repeat

_LEFT_OUT = {
    Flag.COOKIE: "no inbound rule of IIS sets a cookie; an outbound rule for RESPONSE_Set_Cookie could",
    Flag.HANDLER: "there are no handlers here",
    Flag.TYPE: "the content type is the backend's; an outbound rule for RESPONSE_Content_Type could change it",
    Flag.DISCARD_PATH: "there is no PATH_INFO here",
    Flag.BACKREF_NOT_ESCAPED: "every character is escaped",
}
_MAX_SKIPPED = 10_000
_MAX_SKIPS = 20


@dataclass(slots=True)
class Numbering:
    """Numbers the rules and the server variables of a file."""

    rules: Iterator[int] = field(default_factory=lambda: count(1))
    variables: Iterator[int] = field(default_factory=lambda: count(1))

    def name(self) -> str:
        """Return the next name, as IIS Manager names imported rules."""
        return f"Imported Rule {next(self.rules)}"

    def variable(self, purpose: str) -> str:
        return f"REWRITE_{purpose}_{next(self.variables)}"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A rule's pattern.

    Attributes:
        match: for the URL without its slash.
        ready: the condition for the URL with its slash, where the pattern needs it.
        group: returns the template for `$n`.
    """

    match: Match
    ready: tuple[Ready, ...]
    group: Callable[[int], str]


class RuleConverter:
    """Converts the RewriteRules of one context, in order. `base` is put before relative URLs."""

    def __init__(
        self, context: Context, templates: Templates, numbering: Numbering, *, document_root: str, base: str = ""
    ) -> None:
        self.context = context
        self.templates = templates
        self.report = templates.report
        self.numbering = numbering
        self.actions = Actions(templates, document_root, base)
        self.enabled = context.engine is not False
        self.skips: list[tuple[str, int]] = []
        self.chained_to = ""
        self.rewritten_at = 0

    def convert(self) -> list[tuple[RewriteRule, tuple[InboundRule, ...]]]:
        """Convert every RewriteRule; one that cannot be converted is reported and becomes no rule."""
        converted = []
        for position, rule in enumerate(self.context.rules):
            try:
                rules = self._rule(rule, is_last=position + 1 == len(self.context.rules))
            except NotConverted as error:
                self.report.error(error.line, ProblemId.APACHE_NOT_CONVERTED, str(error))
                rules = ()
            converted.append((rule, rules))
        return converted

    def _rule(self, rule: RewriteRule, *, is_last: bool) -> tuple[InboundRule, ...]:
        guards = self._guards()
        flow = self._flow(rule)
        self._tell_of_flags(rule, is_last=is_last)
        blocking = rule.has(Flag.FORBIDDEN, Flag.GONE) or not redirects(status_of(rule))
        sets = [*self._environment(rule)]
        used = self._templates_of(rule, sets)
        pattern = self._pattern(rule, uses_groups(used, RuleGroup), blocking=blocking)
        captures = bool(uses_groups(used, ConditionGroup))
        ready = (*guards, *pattern.ready)
        converter = ConditionConverter(
            self.templates, self.report, ready, pattern.group, captures=captures, blocking=blocking
        )
        alternatives = converter.convert(rule.conditions)
        self._tell_of_request_uri(rule, used)
        rules = [self._inbound(rule, pattern, alternative, sets, flow) for alternative in alternatives]
        if len(rules) > 1:
            rules = self._once(rules)
        if rules[0].action.type is ActionType.REWRITE and not rules[0].stop_processing:
            self.rewritten_at = self.rewritten_at or rule.line
        rules[0] = replace(rules[0], comment=rule.comment)
        return tuple(replace(item, name=self.numbering.name()) for item in rules)

    def _guards(self) -> tuple[Ready, ...]:
        """Return the conditions that no rule before skips this one, and count it as passed."""
        guards = [Ready(Condition(f"{{{name}}}", "^1$", ignore_case=False, negate=True)) for name, _ in self.skips]
        if self.chained_to:
            guards.append(Ready(Condition(f"{{{self.chained_to}}}", "^1$", ignore_case=False)))
        self.skips = [(name, left - 1) for name, left in self.skips if left > 1]
        self.chained_to = ""
        return tuple(guards)

    def _flow(self, rule: RewriteRule) -> tuple[SetServerVariable, ...]:
        """Return the server variables by which the rules that follow know that this one matched.

        Raises:
            NotConverted: the flag N, or a flag S without a valid number.
        """
        if rule.has(Flag.NEXT):
            message = "the flag N starts again from the first rule, which IIS cannot: write rules that need one run"
            raise NotConverted(message, rule.line)
        sets = []
        if rule.has(Flag.SKIP):
            number = rule.value(Flag.SKIP)
            if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) <= _MAX_SKIPPED):
                raise NotConverted(f"got [S={number}], expected how many rules to skip", rule.line)
            if len(self.skips) == _MAX_SKIPS:
                raise NotConverted(f"got a rule under {_MAX_SKIPS} flags S, expected fewer", rule.line)
            name = self.numbering.variable("SKIP")
            self.skips.append((name, int(number)))
            sets.append(name)
        if rule.has(Flag.CHAIN):
            self.chained_to = self.numbering.variable("CHAIN")
            sets.append(self.chained_to)
        source = self.report.source(rule.line)
        return tuple(SetServerVariable(name, "1", source=source) for name in sets)

    def _tell_of_flags(self, rule: RewriteRule, *, is_last: bool) -> None:
        for flag, value in rule.flags:
            if flag is Flag.COOKIE:
                try:
                    parse_cookie(value)
                except DirectiveError as fault:
                    self.report.error(rule.line, ProblemId.APACHE_SYNTAX, str(fault))
            if flag in _LEFT_OUT:
                message = f"the flag {flag.name.lower()} is not converted: {_LEFT_OUT[flag]}"
                self.report.warning(rule.line, ProblemId.APACHE_LEFT_OUT, message)
            if flag is Flag.BACKREF_ESCAPE and value:
                message = (
                    f"[B={value}] escapes only these characters; here everything except letters and digits is escaped"
                )
                self.report.warning(rule.line, ProblemId.APACHE_NEAREST, message)
        goes_on = rule.has(Flag.REDIRECT) and not rule.has(Flag.LAST, Flag.END, Flag.FORBIDDEN, Flag.GONE, Flag.PROXY)
        if goes_on and not is_last and redirects(status_of(rule)):
            message = "[R] without [L]: Apache goes on with the rules that follow, IIS and this proxy redirect at once"
            self.report.warning(rule.line, ProblemId.APACHE_GOES_ON, message)

    def _environment(self, rule: RewriteRule) -> Iterator[tuple[str, tuple[Part, ...]]]:
        """Return the names and values of the flags E; the value is empty for a name with `!`.

        Raises:
            NotConverted: a value is not valid.
        """
        for flag, value in rule.flags:
            if flag is Flag.ENV:
                name, _, text = value.partition(":")
                try:
                    parts = parse_template(text)
                    check_variables(parts)
                except DirectiveError as fault:
                    raise NotConverted(str(fault), rule.line) from fault
                yield environment_variable(name.removeprefix("!")), parts

    def _templates_of(self, rule: RewriteRule, sets: Sequence[tuple[str, tuple[Part, ...]]]) -> tuple[Part, ...]:
        """Return everything in the rule that may refer to groups."""
        tests = [part for condition in rule.conditions for part in condition.test]
        return (*(rule.substitution or ()), *tests, *(part for _, value in sets for part in value))

    def _pattern(self, rule: RewriteRule, used: frozenset[int], *, blocking: bool) -> _Pattern:
        expression = self._expression(rule, blocking=blocking)
        tree, ignore_case = expression.tree, expression.ignore_case
        if self.templates.server_level:
            stripped = without_slash(tree, frozenset() if rule.negate else used)
            if stripped is None:
                source = self.report.source(rule.line)
                whole = Condition(
                    "{URL}", ecmascript_source(tree), ignore_case=ignore_case, negate=rule.negate, source=source
                )
                ready = Ready(whole, None if rule.negate else tree)
                return _Pattern(Match(".*", ignore_case), (ready,), lambda number: "")
            tree, lost = stripped.tree, stripped.groups
        else:
            lost = frozenset()
            if rule.pattern.startswith("^/") and not rule.pattern.startswith(("^/?", "^/*")):
                message = (
                    f"got the pattern {shown(rule.pattern)}, which in a directory never matches: URLs begin without /"
                )
                self.report.warning(rule.line, ProblemId.APACHE_NO_EFFECT, message)
        numbers = written_numbers(tree)

        def group(number: int) -> str:
            if rule.negate or number not in numbers:
                return ""
            return f"{'/' if number in lost else ''}{{R:{numbers[number]}}}"

        return _Pattern(Match(ecmascript_source(tree), ignore_case, rule.negate), (), group)

    def _expression(self, rule: RewriteRule, *, blocking: bool) -> Expression:
        ignore_case = rule.has(Flag.NO_CASE)
        found = read_expression(
            rule.pattern, rule.line, self.report, ignore_case=ignore_case, dot_takes_line_ends=blocking
        )
        return parse_pcre(rule.pattern, ignore_case=ignore_case) if found.tree == _ANYTHING else found

    def _tell_of_request_uri(self, rule: RewriteRule, used: Sequence[Part]) -> None:
        names = {part.name.upper() for part in used if isinstance(part, ServerVariable)}
        if self.rewritten_at and "REQUEST_URI" in names:
            message = (
                f"%{{REQUEST_URI}} is the URL as the rules before have left it (line {self.rewritten_at} rewrites "
                "without [L]), in Apache the one that came"
            )
            self.report.warning(rule.line, ProblemId.APACHE_NEAREST, message)

    def _inbound(
        self,
        rule: RewriteRule,
        pattern: _Pattern,
        alternative: Alternative,
        sets: Sequence[tuple[str, tuple[Part, ...]]],
        flow: tuple[SetServerVariable, ...],
    ) -> InboundRule:
        groups = alternative.groups
        source = self.report.source(rule.line)
        variables = tuple(
            SetServerVariable(name, self.templates.convert(value, groups, rule.line), source=source)
            for name, value in sets
        )
        action, stops = self.actions.convert(rule, groups)
        return InboundRule(
            "",
            pattern.match,
            alternative.conditions,
            (*variables, *flow),
            action,
            self.enabled,
            stop_processing=stops or rule.has(Flag.LAST, Flag.END),
            source=source,
        )

    def _once(self, rules: list[InboundRule]) -> list[InboundRule]:
        """Guard several rules so that only the first that matches acts."""
        ends = rules[0].stop_processing or rules[0].action.type in (ActionType.REDIRECT, ActionType.CUSTOM_RESPONSE)
        if ends or (rules[0].action.type is ActionType.NONE and not rules[0].server_variables):
            return rules
        name = self.numbering.variable("DONE")
        guard = Condition(f"{{{name}}}", "^1$", ignore_case=False, negate=True)
        done = SetServerVariable(name, "1")
        return [
            replace(
                rule,
                conditions=replace(rule.conditions, items=(guard, *rule.conditions.items)),
                server_variables=(*rule.server_variables, done),
            )
            for rule in rules
        ]


_ANYTHING: Node = Repeat(Chars(characters.ALL), 0, None, lazy=False)
