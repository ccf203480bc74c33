"""One change of the rules of a site: the rule set as it would be, and what to write into the rule file, as YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from types import MappingProxyType

from urlrewrite.formats.yaml.export_rules import inbound_rules as written_rules
from urlrewrite.formats.yaml.export_text import Map, document
from urlrewrite.inspector.experiments.rule_changes import Change
from urlrewrite.inspector.experiments.rule_places import Rule, RulePlace, inbound_rules, outbound_rules
from urlrewrite.inspector.site_yaml import site_yaml
from urlrewrite.model import OutboundRule, PreCondition, RuleSet, Section, Site

_YAML = frozenset({".yaml", ".yml"})
_NO_PRE_CONDITIONS: Mapping[str, PreCondition] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed rule set; `yaml` is what the site named `site` is to have, "" where its file is no YAML."""

    rule_set: RuleSet
    yaml: str
    site: str


def find_rule(rule_set: RuleSet, site: str, name: str) -> RulePlace | None:
    """Return where a rule of a site stands, None where there is no such rule, or more than one."""
    every: Iterable[RulePlace] = (*inbound_rules(rule_set, site), *outbound_rules(rule_set, site))
    found = [place for place in every if place.find(rule_set).name == name]
    return found[0] if len(found) == 1 else None


def edit_rule(
    rule_set: RuleSet,
    site: str,
    name: str,
    change: Callable[[Rule], Rule | None],
    pre_conditions: Mapping[str, PreCondition] = _NO_PRE_CONDITIONS,
) -> Edit | None:
    """Return the rules with one of them changed, and with more preconditions; None where it cannot be changed so."""
    place = find_rule(rule_set, site, name)
    changed = change(place.find(rule_set)) if place else None
    if place is None or changed is None or changed == place.find(rule_set):
        return None
    edited = place.changed(rule_set, changed)
    if pre_conditions:
        known = place.section.find(edited).pre_conditions
        edited = place.section.changed(edited, pre_conditions=MappingProxyType({**known, **pre_conditions}))
    return Edit(edited, _written(place, changed, pre_conditions), site)


def edit_pre_condition(rule_set: RuleSet, site: str, name: str, pattern: str) -> Edit | None:
    """Return the rules with another pattern in a precondition of a site that has one condition."""
    of = next((each for each in rule_set.sites if each.name == site), None)
    key = next((key for key, each in of.pre_conditions.items() if each.name == name), None) if of else None
    if of is None or key is None or len(of.pre_conditions[key].items) != 1:
        return None
    was = of.pre_conditions[key]
    changed = replace(was, items=(replace(was.items[0], pattern=pattern),))
    known = MappingProxyType({**of.pre_conditions, key: changed})
    yaml = site_yaml({}, Section(pre_conditions={key: changed}))
    return _edit_site(rule_set, site, lambda each: replace(each, pre_conditions=known), yaml)


def _written(place: RulePlace, rule: Rule, pre_conditions: Mapping[str, PreCondition]) -> str:
    if not _is_yaml(rule.source.file):
        return ""
    if isinstance(rule, OutboundRule):
        return site_yaml({}, Section(outbound_rules=(rule,), pre_conditions=pre_conditions))
    if place.collection == "rules":
        return site_yaml({}, Section(rules=(rule,)))
    root = Map(block=True)
    root.add("globalRules", written_rules([rule]))
    return document(root)


def _is_yaml(file: str) -> bool:
    return PurePath(file).suffix.lower() in _YAML


def add_rule(
    rule_set: RuleSet, site: str, rule: OutboundRule, pre_conditions: Mapping[str, PreCondition] = _NO_PRE_CONDITIONS
) -> Edit | None:
    """Return the rules with one more outbound rule in a site, the last one."""

    def change(of: Site) -> Site:
        known = MappingProxyType({**of.pre_conditions, **pre_conditions})
        return replace(of, outbound_rules=(*of.outbound_rules, rule), pre_conditions=known)

    return _edit_site(
        rule_set, site, change, site_yaml({}, Section(outbound_rules=(rule,), pre_conditions=pre_conditions))
    )


def edit_site(
    rule_set: RuleSet, site: str, change: Callable[[Site], Site], settings: Mapping[str, str | tuple[str, ...]]
) -> Edit | None:
    """Return the rules with other settings of a site, which are written as `settings`."""
    return _edit_site(rule_set, site, change, site_yaml(settings))


def _edit_site(rule_set: RuleSet, site: str, change: Callable[[Site], Site], yaml: str) -> Edit | None:
    number = next((number for number, each in enumerate(rule_set.sites) if each.name == site), None)
    if number is None:
        return None
    was = rule_set.sites[number]
    sites = (*rule_set.sites[:number], change(was), *rule_set.sites[number + 1 :])
    return Edit(replace(rule_set, sites=sites), yaml if _is_yaml(was.source.file) else "", site)


def edit_of(change: Change, site: str) -> Edit:
    """Return a change that was tried as an edit."""
    if not change.rule:
        of_yaml = _is_yaml(change.source.file)
        return Edit(change.rule_set, f"{change.becomes}\n" if of_yaml else "", site)
    place = find_rule(change.rule_set, site, change.rule)
    rule = place.find(change.rule_set) if place else None
    if place is None or rule is None:
        return Edit(change.rule_set, "", site)
    if not isinstance(rule, OutboundRule) or not rule.match.custom_tags or not _is_yaml(rule.source.file):
        return Edit(change.rule_set, _written(place, rule, _NO_PRE_CONDITIONS), site)
    known = place.section.find(change.rule_set).custom_tags
    tags = {key: each for key, each in known.items() if each.name.lower() == rule.match.custom_tags.lower()}
    return Edit(change.rule_set, site_yaml({}, Section(outbound_rules=(rule,), custom_tags=tags)), site)
