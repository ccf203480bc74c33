"""A model made ready to run: patterns and templates compiled, every fault of the rules found at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from urlrewrite.engine.conditions import CompiledCondition, CompiledConditions
from urlrewrite.engine.inbound import CompiledInboundRule, CompiledVariable
from urlrewrite.engine.outbound import TAG_FLAGS, CompiledOutboundRule
from urlrewrite.engine.pattern import Pattern, PatternError, compile_pattern
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Template, TemplateError, parse_template
from urlrewrite.model import (
    ActionType,
    Condition,
    Conditions,
    InboundRule,
    LogicalGrouping,
    MatchType,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    RewriteMap,
    RuleSet,
    Site,
    Source,
)
from urlrewrite.origin import origin_of, parse_authority
from urlrewrite.problems import Problem, RuleFileError, Severity

_URL_AUTHORITY = re.compile(r"(https?|wss?)://([^/?#{}\s]+)(?=[/?#]|$)", re.IGNORECASE)
_DYNAMIC_SCHEME_AUTHORITY = re.compile(r"\}://([^/?#{}\s]+)(?=[/?#]|$)")
_UNCOMPILED = compile_pattern("", "ExactMatch", ignore_case=False)


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """A site ready to serve."""

    site: Site
    rules: tuple[CompiledInboundRule, ...]
    outbound_rules: tuple[CompiledOutboundRule, ...]
    pre_conditions: Mapping[str, CompiledConditions]
    maps: Mapping[str, Lookup]


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """All rules in force. `allowed_hosts` are the (host, port) pairs that requests may be sent to.

    `linear` tells that every pattern is proved to be quick, so that no evaluation needs a thread.
    """

    rule_set: RuleSet
    global_rules: tuple[CompiledInboundRule, ...]
    maps: Mapping[str, Lookup]
    sites: tuple[CompiledSite, ...]
    allowed_hosts: frozenset[tuple[str, int]]
    linear: bool

    def find_site(self, scheme: str, host: str) -> CompiledSite | None:
        """The site that a Host field names.

        Host and port decide; where the port is one that no site lists (a forwarded port), a host that only one site has
        is enough. A site that lists no name serves those that no other does.
        """
        parsed = parse_authority(host)
        if parsed is None:
            return None
        name, port = parsed
        port = port or (443 if scheme == "https" else 80)
        same_host = []
        for_every_name = next((site for site in self.sites if not site.site.public), None)
        for site in self.sites:
            hosts = [origin for origin in site.site.public if origin.host == name]
            if any(origin.port == port for origin in hosts):
                return site
            if hosts:
                same_host.append(site)
        return same_host[0] if len(same_host) == 1 else for_every_name


def compile_rules(rule_set: RuleSet) -> tuple[CompiledRules, tuple[Problem, ...]]:
    """Compiles a rule set. The second part are the warnings.

    Raises:
        RuleFileError: with every pattern, template and name that cannot be used.
    """
    compiler = _Compiler()
    maps = compiler.lookups(rule_set.rewrite_maps)
    global_rules = tuple(compiler.inbound(rule, maps, None) for rule in rule_set.global_rules)
    sites = tuple(compiler.site(site, maps) for site in rule_set.sites)
    if any(problem.severity is Severity.ERROR for problem in compiler.problems):
        raise RuleFileError(compiler.problems)
    compiled = CompiledRules(
        rule_set, global_rules, maps, sites, frozenset(_allowed_hosts(rule_set)), all(compiler.linear)
    )
    return compiled, tuple(compiler.problems)


def _allowed_hosts(rule_set: RuleSet) -> Iterable[tuple[str, int]]:
    """Every host that a rule file names as a target: backends, URLs in Rewrite actions, values of rewrite maps."""
    rules = [*rule_set.global_rules, *(rule for site in rule_set.sites for rule in site.rules)]
    maps = [*rule_set.rewrite_maps.values(), *(m for site in rule_set.sites for m in site.rewrite_maps.values())]
    for site in rule_set.sites:
        if site.backend:
            yield site.backend.host, site.backend.port
    for rule in rules:
        if rule.action.type is ActionType.REWRITE:
            yield from _hosts_in(rule.action.url)
    for rewrite_map in maps:
        for value in (*rewrite_map.entries.values(), rewrite_map.default_value):
            yield from _hosts_in(value)
            if parsed := parse_authority(value):
                yield from ((parsed[0], port) for port in ([parsed[1]] if parsed[1] else [80, 443]))


def _hosts_in(text: str) -> Iterable[tuple[str, int]]:
    for scheme, authority in _URL_AUTHORITY.findall(text):
        if origin := origin_of(scheme, authority):
            yield origin.host, origin.port
    for authority in _DYNAMIC_SCHEME_AUTHORITY.findall(text):
        for scheme in ("http", "https"):
            if origin := origin_of(scheme, authority):
                yield origin.host, origin.port


class _Compiler:
    """Compiles one part after another and keeps what is wrong; a part that is wrong gets a placeholder."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.linear: list[bool] = []

    def lookups(self, maps: Mapping[str, RewriteMap]) -> dict[str, Lookup]:
        return {name.lower(): Lookup(rewrite_map) for name, rewrite_map in maps.items()}

    def site(self, site: Site, shared: Mapping[str, Lookup]) -> CompiledSite:
        maps = {**shared, **self.lookups(site.rewrite_maps)}
        return CompiledSite(
            site,
            tuple(self.inbound(rule, maps, site.allowed_server_variables) for rule in site.rules),
            tuple(self.outbound(rule, site, maps) for rule in site.outbound_rules),
            {name: self.pre_condition(item, maps) for name, item in site.pre_conditions.items()},
            maps,
        )

    def inbound(
        self, rule: InboundRule, maps: Mapping[str, Lookup], allowed: tuple[str, ...] | None
    ) -> CompiledInboundRule:
        where = (rule.source, rule.name)
        pattern = self.pattern(rule.match.url, rule.pattern_syntax, rule.match.ignore_case, *where)
        conditions = self.conditions(rule.conditions, rule.pattern_syntax, maps, *where)
        variables = []
        for item in rule.server_variables:
            if allowed is not None and item.name.lower() not in {name.lower() for name in allowed}:
                self.error(
                    item.source,
                    rule.name,
                    "UR123",
                    f'the server variable "{item.name}" is not allowed to be set: '
                    "add it to allowedServerVariables of the site, or leave that list out",
                )
            variables.append(
                CompiledVariable(item.name, self.template(item.value, maps, item.source, rule.name), item.replace)
            )
        url = self.template(rule.action.url, maps, *where)
        groups = -1 if rule.match.negate else pattern.groups
        self.check_references([url, *(item.value for item in variables)], groups, conditions, *where)
        return CompiledInboundRule(rule, pattern, conditions, tuple(variables), url)

    def outbound(self, rule: OutboundRule, site: Site, maps: Mapping[str, Lookup]) -> CompiledOutboundRule:
        where = (rule.source, rule.name)
        outbound_conditions = rule.conditions
        if outbound_conditions.track_all_captures is None:
            tracked = site.readings.outbound_track_all_captures
            outbound_conditions = replace(outbound_conditions, track_all_captures=tracked)
        tags = {pair for flag in rule.match.filter_by_tags for pair in TAG_FLAGS.get(flag, ())}
        if "CustomTags" in rule.match.filter_by_tags and rule.match.custom_tags in site.custom_tags:
            tags.update(site.custom_tags[rule.match.custom_tags].tags)
        whole_body = not tags and not rule.match.server_variable
        pattern = self.pattern(
            rule.match.pattern, rule.pattern_syntax, rule.match.ignore_case, *where, substring=whole_body
        )
        conditions = self.conditions(outbound_conditions, rule.pattern_syntax, maps, *where)
        value = self.template(rule.action.value, maps, *where)
        self.check_references([value], -1 if rule.match.negate else pattern.groups, conditions, *where)
        return CompiledOutboundRule(rule, pattern, conditions, value, frozenset(tags))

    def pre_condition(self, item: PreCondition, maps: Mapping[str, Lookup]) -> CompiledConditions:
        conditions = Conditions(item.items, item.logical_grouping)
        return self.conditions(conditions, item.pattern_syntax, maps, item.source, "")

    def conditions(
        self, conditions: Conditions, syntax: PatternSyntax, maps: Mapping[str, Lookup], source: Source, rule: str
    ) -> CompiledConditions:
        items = tuple(self.condition(item, syntax, maps, source, rule) for item in conditions.items)
        return CompiledConditions(
            items, LogicalGrouping(conditions.logical_grouping), bool(conditions.track_all_captures)
        )

    def condition(
        self, item: Condition, syntax: PatternSyntax, maps: Mapping[str, Lookup], source: Source, rule: str
    ) -> CompiledCondition:
        source = item.source if item.source.line else source
        pattern = None
        if item.match_type is MatchType.PATTERN:
            pattern = self.pattern(item.pattern, syntax, item.ignore_case, source, rule)
        return CompiledCondition(item, self.template(item.input, maps, source, rule), pattern)

    def pattern(
        self,
        text: str,
        syntax: PatternSyntax,
        ignore_case: bool,
        source: Source,
        rule: str,
        *,
        substring: bool = False,
    ) -> Pattern:
        try:
            pattern = compile_pattern(text, syntax, ignore_case=ignore_case, substring=substring)
        except PatternError as error:
            hint = "; '*' alone is a Wildcard pattern: set patternSyntax: Wildcard, or write .*" if text == "*" else ""
            self.error(source, rule, "UR110", f"got the pattern {text!r}, offset {error.offset}: {error}{hint}")
            return _UNCOMPILED
        self.linear.append(pattern.linear)
        for warning, offset in pattern.warnings:
            self.warn(source, rule, "UR111", f"the pattern {text!r}, offset {offset}: {warning}")
        return pattern

    def template(self, text: str, maps: Mapping[str, Lookup], source: Source, rule: str) -> Template:
        try:
            template = parse_template(text)
        except TemplateError as error:
            self.error(source, rule, "UR120", f"got {text!r}, offset {error.offset}: {error}")
            return Template(text, ())
        for reference in template.references():
            if not isinstance(reference, Call) or reference.name.lower() in FUNCTIONS or reference.name.lower() in maps:
                continue
            known = [lookup.name for lookup in maps.values()] + ["ToLower", "UrlEncode", "UrlDecode", "HtmlEncode"]
            near = get_close_matches(reference.name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(
                source,
                rule,
                "UR121",
                f"got {{{reference.name}:...}}, expected a rewrite map or one of {', '.join(known)}{hint}",
            )
        return template

    def check_references(
        self, templates: list[Template], groups: int, conditions: CompiledConditions, source: Source, rule: str
    ) -> None:
        """Warns of back-references to groups that no pattern has; they are always empty."""
        of_conditions = [item.pattern.groups for item in conditions.items if item.pattern]
        tracked = sum(of_conditions) if conditions.track_all_captures else max(of_conditions, default=-1)
        for template in templates:
            for reference in template.references():
                if not isinstance(reference, BackReference):
                    continue
                limit = groups if reference.kind == "R" else tracked
                if reference.number > limit:
                    has = "nothing is captured" if limit < 0 else f"the highest group is {limit}"
                    self.warn(
                        source,
                        rule,
                        "UR122",
                        f"{{{reference.kind}:{reference.number}}} in {template.source!r} is always empty: {has}",
                    )

    def error(self, source: Source, rule: str, id: str, message: str) -> None:
        self.problems.append(Problem(source, message, id, rule))

    def warn(self, source: Source, rule: str, id: str, message: str) -> None:
        self.problems.append(Problem(source, message, id, rule, Severity.WARNING))
