"""The views of a rule set: every level with what is in force there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from urlrewrite.engine.compile_rule import examined_tags
from urlrewrite.engine.inheritance import Effective, PlacedRule, server_level, site_levels
from urlrewrite.engine.targets import hosts_in
from urlrewrite.engine.template import Template, TemplateError, parse_template
from urlrewrite.engine.variables import normal_name
from urlrewrite.lint.views import (
    ConditionsView,
    ConditionView,
    Context,
    FarmsView,
    FarmView,
    InboundView,
    LevelView,
    OutboundView,
    Owner,
    PatternView,
    PreConditionView,
    SectionView,
    SiteView,
    Subject,
    place,
    quoted,
)
from urlrewrite.model import (
    NOWHERE,
    ActionType,
    Condition,
    InboundRule,
    Match,
    MatchType,
    Origin,
    OutboundRule,
    PatternSyntax,
    RuleSet,
    Site,
    Source,
)
from urlrewrite.model.web_server import inherited
from urlrewrite.patterns.pattern import Pattern, PatternError, compile_pattern

_KEPT_PATTERNS = 4096


def subjects(rule_set: RuleSet) -> Iterator[Subject]:
    """Yield everything that checks can look at. What is inherited comes once for each level that inherits it."""
    for site in rule_set.sites:
        own = (rule for section in (site, *site.locations) for rule in section.rules)
        web_server = inherited(site.web_server, rule_set.web_server)
        yield SiteView(site, (*rule_set.global_rules, *rule_set.rules, *own), web_server)
    yield from _sections(rule_set)
    yield FarmsView(rule_set)
    for farm in rule_set.farms.values():
        yield FarmView(farm, rule_set)
    for level in _levels(rule_set):
        yield level
        yield from level.patterns
        for rule in level.inbound:
            yield rule
            templates = tuple((template, place(item, rule)) for item, template in rule.variables)
            yield _conditions(
                rule, rule.item.match.negate, False, ((rule.url, place(rule.item.action, rule)), *templates)
            )
        for answer_rule in level.outbound:
            yield answer_rule
            tracks = level.context.site is None or level.context.site.readings.outbound_track_all_captures
            negated = answer_rule.item.match.negate
            value = answer_rule.value, place(answer_rule.item.action, answer_rule)
            yield _conditions(answer_rule, negated, tracks, (value,))
        for view in level.pre_conditions:
            yield view
            yield ConditionsView(view, view.conditions, view.item.logical_grouping, False, -1, ())


def _sections(rule_set: RuleSet) -> Iterator[SectionView]:
    of_server = frozenset(rule_set.silenced)
    yield SectionView(rule_set, "", of_server, NOWHERE)
    for site in rule_set.sites:
        name = f"the site {quoted(site.name)}: " if len(rule_set.sites) > 1 else ""
        of_site = of_server | frozenset(site.silenced)
        yield SectionView(site, name, of_site, site.source)
        for location in site.locations:
            silenced = of_site | frozenset(location.silenced)
            yield SectionView(location, f"{name}{quoted(location.path)}: ", silenced, location.source)


def _patterns_of(owners: Iterable[Owner]) -> tuple[PatternView, ...]:
    return tuple(view for owner in owners for view in _patterns(owner))


def _patterns(owner: Owner) -> Iterator[PatternView]:
    syntax = owner.item.pattern_syntax
    if not isinstance(owner, PreConditionView):
        match = owner.item.match
        text = match.url if isinstance(match, Match) else match.pattern
        yield PatternView(text, syntax, owner.pattern, None, owner, place(match, owner))
    for view in owner.conditions:
        if view.item.match_type is MatchType.PATTERN:
            yield PatternView(view.item.pattern, syntax, view.pattern, view, owner, place(view.item, owner))


def _conditions(
    owner: InboundView | OutboundView, negated: bool, tracks: bool, templates: tuple[tuple[Template, Source], ...]
) -> ConditionsView:
    conditions = owner.item.conditions
    track = tracks if conditions.track_all_captures is None else conditions.track_all_captures
    groups = -1 if negated or owner.pattern is None else owner.pattern.groups
    return ConditionsView(owner, owner.conditions, conditions.logical_grouping, track, groups, templates)


def _levels(rule_set: RuleSet) -> Iterator[LevelView]:
    everywhere = [*rule_set.global_rules, *rule_set.rules]
    for site in rule_set.sites:
        everywhere += (rule for section in (site, *site.locations) for rule in section.rules)
    assigned = frozenset(normal_name(item.name) for rule in everywhere for item in rule.server_variables)
    server = server_level(rule_set)
    names = [site.public for site in rule_set.sites]
    published = frozenset(name for public in names for name in public) if all(names) else frozenset[Origin]()

    def context(site: Site | None, effective: Effective, *, is_global: bool = False) -> Context:
        written = frozenset(normal_name(rule.match.server_variable) for rule in effective.outbound_rules)
        rules = (*rule_set.global_rules, *(placed.rule for placed in effective.rules))
        proxies = bool(site and site.backend) or any(
            rule.action.type is ActionType.REWRITE and "://" in rule.action.url for rule in rules if rule.enabled
        )
        encodes_again = effective.use_original_url_encoding
        if is_global:
            encodes_again = rule_set.global_use_original_url_encoding is not False
        keeps_host = bool(site and site.keeps_host(None, rule_set.preserve_host_header)) or _keep_host(
            rule_set, site, rules
        )
        return Context(site, effective, is_global, assigned | written, proxies, keeps_host, encodes_again, published)

    if rule_set.global_rules:
        yield _level(context(None, server, is_global=True), tuple(map(PlacedRule, rule_set.global_rules)))
    if not rule_set.sites:
        yield _level(context(None, server), server.rules)
    for site in rule_set.sites:
        for effective in site_levels(server, site).values():
            yield _level(context(site, effective), effective.rules)


def _keep_host(rule_set: RuleSet, site: Site | None, rules: Iterable[InboundRule]) -> bool:
    """Say whether requests are forwarded to server farms only, all of which keep the host that the client asked for."""
    farms = {farm.name.lower(): farm for farm in rule_set.farms.values()}
    hosts = {site.backend.host} if site and site.backend else set()
    for rule in rules:
        if rule.enabled and rule.action.type is ActionType.REWRITE and "://" in rule.action.url:
            hosts |= {host for host, _ in hosts_in(rule.action.url)} or {""}
    return bool(hosts) and all(host in farms and farms[host].preserve_host_header for host in hosts)


def _level(context: Context, rules: tuple[PlacedRule, ...]) -> LevelView:
    inbound = tuple(_inbound(placed.rule, placed.directory, context) for placed in rules if placed.rule.enabled)
    if context.is_global:
        return LevelView(context, inbound, (), (), _patterns_of(inbound))
    pre_conditions = {
        name: PreConditionView(item, _condition_views(item.items, item.pattern_syntax), context)
        for name, item in context.effective.pre_conditions.items()
    }
    outbound = tuple(
        _outbound(rule, pre_conditions.get(rule.pre_condition.lower()), context)
        for rule in context.effective.outbound_rules
        if rule.enabled
    )
    before = tuple(pre_conditions.values())
    return LevelView(context, inbound, outbound, before, _patterns_of((*inbound, *outbound, *before)))


def _inbound(rule: InboundRule, directory: str, context: Context) -> InboundView:
    return InboundView(
        rule,
        pattern_of(rule.match.url, rule.pattern_syntax, rule.match.ignore_case, dot_all=True),
        _condition_views(rule.conditions.items, rule.pattern_syntax, dot_all=True),
        template_of(rule.action.url),
        tuple((item, template_of(item.value)) for item in rule.server_variables),
        context,
        directory,
    )


def _outbound(rule: OutboundRule, pre_condition: PreConditionView | None, context: Context) -> OutboundView:
    match = rule.match
    tags, _ = examined_tags(match, context.effective)
    whole_body = not match.filter_by_tags and not match.server_variable
    return OutboundView(
        rule,
        pattern_of(match.pattern, rule.pattern_syntax, match.ignore_case, whole_body),
        _condition_views(rule.conditions.items, rule.pattern_syntax),
        template_of(rule.action.value),
        tags,
        pre_condition,
        context,
    )


def _condition_views(
    items: tuple[Condition, ...], syntax: PatternSyntax, *, dot_all: bool = False
) -> tuple[ConditionView, ...]:
    return tuple(
        ConditionView(
            item,
            template_of(item.input),
            pattern_of(item.pattern, syntax, item.ignore_case, dot_all=dot_all)
            if item.match_type is MatchType.PATTERN
            else None,
        )
        for item in items
    )


@lru_cache(_KEPT_PATTERNS)
def pattern_of(
    text: str, syntax: PatternSyntax, ignore_case: bool, substring: bool = False, *, dot_all: bool = False
) -> Pattern | None:
    """Compile the pattern; None where it is not valid."""
    try:
        return compile_pattern(text, syntax, ignore_case=ignore_case, substring=substring, dot_all=dot_all)
    except PatternError:
        return None


def template_of(text: str) -> Template:
    """Parse the template; without any reference where it is not valid."""
    try:
        return parse_template(text)
    except TemplateError:
        return Template(text, ())
