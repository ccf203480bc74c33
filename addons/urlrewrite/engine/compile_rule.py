"""One rule compiled to run, and what is wrong with it.

A rule is compiled once, however many levels inherit it, unless the names that it may use differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, cast
from urllib.parse import quote

from urlrewrite.content.carriers import TAG_FLAGS
from urlrewrite.engine.compiled import CompiledInboundRule, CompiledOutboundRule, CompiledVariable
from urlrewrite.engine.conditions import CompiledCondition, CompiledConditions
from urlrewrite.engine.inheritance import Effective, PlacedRule
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Template, TemplateError, Variable, parse_template
from urlrewrite.engine.variables import normal_name
from urlrewrite.model import (
    Condition,
    Conditions,
    LogicalGrouping,
    MatchType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    Readings,
    Source,
)
from urlrewrite.model.problems import Problem, Severity
from urlrewrite.patterns.pattern import Pattern, PatternError, PatternTimeout, compile_pattern

_NO_TYPE = "x-any/x-thing"
"""A type that no rule names: what matches it matches all."""
_DEADLINE = 0.05
_UNCOMPILED = compile_pattern("", "ExactMatch", ignore_case=False)


@dataclass(frozen=True, slots=True)
class Compiled[Item]:
    """A rule or precondition, and what is wrong with it. `linear` says that all its patterns are proved to be quick."""

    item: Item
    problems: tuple[Problem, ...]
    linear: bool


class RuleCompiler:
    """A compiler of rules; one that is wrong gets placeholders for what cannot be used."""

    def __init__(self) -> None:
        self._done: dict[tuple[object, ...], Compiled[Any]] = {}

    def inbound(self, placed: PlacedRule, lookups: Mapping[str, Lookup]) -> Compiled[CompiledInboundRule]:
        """Compile an inbound rule; `lookups` are the rewrite maps and providers that it may use."""
        return self._once(
            (id(placed.rule), placed.directory, frozenset(lookups)), lookups, lambda part: part.inbound(placed)
        )

    def outbound(
        self, rule: OutboundRule, level: Effective, readings: Readings, lookups: Mapping[str, Lookup]
    ) -> Compiled[CompiledOutboundRule]:
        """Compile an outbound rule as it is at a level."""
        tags, custom = examined_tags(rule.match, level)
        pre_condition = level.pre_conditions.get(rule.pre_condition.lower())
        key = (id(rule), frozenset(lookups), readings, tags, custom, id(pre_condition))
        return self._once(key, lookups, lambda part: part.outbound(rule, level, readings))

    def pre_condition(self, item: PreCondition, lookups: Mapping[str, Lookup]) -> Compiled[CompiledConditions]:
        """Compile a precondition."""
        return self._once((id(item), frozenset(lookups)), lookups, lambda part: part.pre_condition(item))

    def _once[Item](
        self, key: tuple[object, ...], lookups: Mapping[str, Lookup], compile_it: Callable[[_Part], Item]
    ) -> Compiled[Item]:
        if key not in self._done:
            part = _Part(lookups)
            item = compile_it(part)
            self._done[key] = Compiled(item, tuple(part.problems), all(part.linear))
        return cast("Compiled[Item]", self._done[key])


def examined_tags(match: OutboundMatch, level: Effective) -> tuple[frozenset[tuple[str, str]], bool]:
    """Return the pairs of tag and attribute that a rule examines, and whether the customTags that it names exist."""
    if match.server_variable:
        return frozenset(), True
    tags = {pair for flag in match.filter_by_tags for pair in TAG_FLAGS.get(flag, ())}
    if "CustomTags" not in match.filter_by_tags:
        return frozenset(tags), True
    custom = level.custom_tags.get(match.custom_tags.lower())
    return frozenset(tags.union(custom.tags if custom else ())), custom is not None


def names_a_type(conditions: CompiledConditions) -> bool:
    """Say whether conditions let only some types of content through."""
    return any(_names_a_type(item) for item in conditions.items)


def _names_a_type(item: CompiledCondition) -> bool:
    if item.pattern is None or item.condition.negate or len(item.input.nodes) != 1:
        return False
    node = item.input.nodes[0]
    if not isinstance(node, Variable) or normal_name(node.name) != "RESPONSE_CONTENT_TYPE":
        return False
    try:
        return item.pattern.search(_NO_TYPE, _DEADLINE) is None
    except PatternTimeout:
        return False


class _Part:
    """The compilation of one rule, which collects what is wrong with it."""

    def __init__(self, lookups: Mapping[str, Lookup]) -> None:
        self.lookups = lookups
        self.problems: list[Problem] = []
        self.linear: list[bool] = []
        self.source = Source("", 0)
        self.rule = ""

    def inbound(self, placed: PlacedRule) -> CompiledInboundRule:
        rule = placed.rule
        self.source, self.rule = rule.source, rule.name
        if not rule.match.url:
            message = "got no pattern for the URL, expected a match with url ('.*' for every URL)"
            self.error("UR124", message, rule.match.source)
        pattern = self.pattern(
            rule.match.url, rule.pattern_syntax, rule.match.ignore_case, dot_all=True, source=rule.match.source
        )
        conditions = self.conditions(rule.conditions, rule.pattern_syntax, dot_all=True)
        variables = tuple(
            CompiledVariable(item.name, self.template(item.value, item.source), item.replace)
            for item in rule.server_variables
        )
        url = self.template(rule.action.url, rule.action.source)
        groups = -1 if rule.match.negate else pattern.groups
        self.check_references([(url, rule.action.source)], groups, conditions)
        written = [(item.value, given.source) for item, given in zip(variables, rule.server_variables, strict=True)]
        self.check_references(written, groups, conditions)
        base = f"/{quote(placed.directory)}/" if placed.directory else "/"
        return CompiledInboundRule(rule, pattern, conditions, variables, url, placed.directory, base)

    def outbound(self, rule: OutboundRule, level: Effective, readings: Readings) -> CompiledOutboundRule:
        self.source, self.rule = rule.source, rule.name
        written = rule.conditions
        if written.track_all_captures is None:
            written = replace(written, track_all_captures=readings.outbound_track_all_captures)
        tags, has_custom_tags = examined_tags(rule.match, level)
        if rule.pre_condition and rule.pre_condition.lower() not in level.pre_conditions:
            self.unknown("UR125", "preCondition", rule.pre_condition, [i.name for i in level.pre_conditions.values()])
        if not has_custom_tags:
            names = [i.name for i in level.custom_tags.values()]
            self.unknown("UR126", "customTags", rule.match.custom_tags, names, rule.match.source)
        whole_body = not tags and not rule.match.server_variable
        pattern = self.pattern(
            rule.match.pattern,
            rule.pattern_syntax,
            rule.match.ignore_case,
            substring=whole_body,
            source=rule.match.source,
        )
        conditions = self.conditions(written, rule.pattern_syntax)
        value = self.template(rule.action.value, rule.action.source)
        groups = -1 if rule.match.negate else pattern.groups
        self.check_references([(value, rule.action.source)], groups, conditions)
        return CompiledOutboundRule(
            rule,
            pattern,
            conditions,
            value,
            tags,
            rule.pre_condition.lower(),
            readings.tag_replacement,
            names_a_type(conditions) or self.names_a_type(level.pre_conditions.get(rule.pre_condition.lower())),
        )

    def names_a_type(self, item: PreCondition | None) -> bool:
        """Say whether a precondition names types; what is wrong with it is told where it is compiled itself."""
        return item is not None and names_a_type(_Part(self.lookups).pre_condition(item))

    def pre_condition(self, item: PreCondition) -> CompiledConditions:
        self.source = item.source
        return self.conditions(Conditions(item.items, item.logical_grouping), item.pattern_syntax)

    def conditions(self, conditions: Conditions, syntax: PatternSyntax, *, dot_all: bool = False) -> CompiledConditions:
        items = tuple(self.condition(item, syntax, dot_all=dot_all) for item in conditions.items)
        return CompiledConditions(
            items, LogicalGrouping(conditions.logical_grouping), bool(conditions.track_all_captures)
        )

    def condition(self, item: Condition, syntax: PatternSyntax, *, dot_all: bool) -> CompiledCondition:
        pattern = None
        if item.match_type is MatchType.PATTERN:
            pattern = self.pattern(item.pattern, syntax, item.ignore_case, dot_all=dot_all, source=item.source)
        return CompiledCondition(item, self.template(item.input, item.source), pattern)

    def pattern(
        self,
        text: str,
        syntax: PatternSyntax,
        ignore_case: bool,
        *,
        substring: bool = False,
        dot_all: bool = False,
        source: Source | None = None,
    ) -> Pattern:
        """Compile a pattern; `dot_all` for what judges a request, where a line end is never more than an attack."""
        try:
            pattern = compile_pattern(text, syntax, ignore_case=ignore_case, substring=substring, dot_all=dot_all)
        except PatternError as error:
            wildcard = "; '*' at the beginning is a Wildcard pattern: set patternSyntax: Wildcard, or write .* for it"
            hint = wildcard if text.startswith("*") else ""
            self.error("UR110", f"got the pattern {text!r}, offset {error.offset}: {error}{hint}", source)
            return _UNCOMPILED
        self.linear.append(pattern.linear)
        for warning, offset in pattern.warnings:
            self.warn("UR111", f"the pattern {text!r}, offset {offset}: {warning}", source)
        return pattern

    def template(self, text: str, source: Source | None = None) -> Template:
        try:
            template = parse_template(text)
        except TemplateError as error:
            self.error("UR120", f"got {text!r}, offset {error.offset}: {error}", source)
            return Template(text, ())
        for reference in template.references():
            if not isinstance(reference, Call):
                continue
            if reference.name.lower() in FUNCTIONS or reference.name.lower() in self.lookups:
                continue
            known = [lookup.name for lookup in self.lookups.values()] + [
                "ToLower",
                "UrlEncode",
                "UrlDecode",
                "HtmlEncode",
            ]
            near = get_close_matches(reference.name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            expected = f"expected a rewrite map, a provider or one of {', '.join(known)}{hint}"
            self.error("UR121", f"got {{{reference.name}:...}}, {expected}", source)
        return template

    def check_references(
        self, templates: list[tuple[Template, Source]], groups: int, conditions: CompiledConditions
    ) -> None:
        """Warn of back-references to groups that no pattern has; they are always empty."""
        if any(problem.id == "UR110" for problem in self.problems):
            return  # It is unknown which groups the pattern is meant to have.
        of_conditions = [item.pattern.groups for item in conditions.items if item.pattern]
        tracked = sum(of_conditions) if conditions.track_all_captures else max(of_conditions, default=-1)
        for template, source in templates:
            for reference in template.references():
                if not isinstance(reference, BackReference):
                    continue
                limit = groups if reference.kind == "R" else tracked
                if reference.number > limit:
                    has = "nothing is captured" if limit < 0 else f"the highest group is {limit}"
                    self.warn(
                        "UR122",
                        f"{{{reference.kind}:{reference.number}}} in {template.source!r} is always empty: {has}",
                        source,
                    )

    def unknown(self, id: str, kind: str, name: str, known: list[str], source: Source | None = None) -> None:
        """Report a name that does not exist at the level where the rule is in force."""
        near = get_close_matches(name, known, 1)
        expected = f"one of {', '.join(known)}" if known else "none, since none is in force here"
        hint = f"; did you mean {near[0]}?" if near else ""
        self.error(id, f"got the {kind} {name!r}, expected {expected}{hint}", source)

    def error(self, id: str, message: str, source: Source | None = None) -> None:
        self.problems.append(Problem(self.where(source), message, id, self.rule))

    def warn(self, id: str, message: str, source: Source | None = None) -> None:
        self.problems.append(Problem(self.where(source), message, id, self.rule, Severity.WARNING))

    def where(self, source: Source | None) -> Source:
        """Return the line of a part of the rule, or that of the rule where the part has none of its own."""
        return source if source and source.line else self.source
