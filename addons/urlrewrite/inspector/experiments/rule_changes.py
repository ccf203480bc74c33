"""Every change of the rules and settings that concern a site, one thing at a time.

A change is not yet a proposal: `rule_trials` runs what was recorded under each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from urlrewrite.content.carriers import CARRIERS
from urlrewrite.inspector.experiments.rule_edits import NO_HINTS, OF_RULES, OF_SITES, ChangeKind, Edit, Hints, Side
from urlrewrite.inspector.experiments.rule_places import (
    Rule,
    RulePlace,
    SectionPlace,
    inbound_rules,
    outbound_rules,
    sections,
    with_item,
)
from urlrewrite.model import CustomTags, OutboundRule, RuleSet, Source

_FLAGS = {(each.tag, each.attribute): each.flag for each in CARRIERS if each.flag}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is changed: `was` and `becomes` are as the rule file has them.

    `rule` is the rule that it concerns, "" for a setting of a site; `source` is where that stands.
    """

    kind: ChangeKind
    rule: str
    source: Source
    was: str
    becomes: str
    rule_set: RuleSet


def changes(
    rule_set: RuleSet,
    site: str,
    side: Side,
    hints: Hints = NO_HINTS,
    *,
    of: Callable[[str], bool] = lambda rule: True,
) -> Iterator[Change]:
    """Yield every change of the rules and settings that concern requests or responses of a site, in order of kind.

    `of` says of which rules, by their names; settings have the name "".
    """
    every = inbound_rules(rule_set, site) if side == "request" else outbound_rules(rule_set, site)
    places = [place for place in every if of(place.find(rule_set).name)]
    for kind in ChangeKind:
        yield from _of_rules(rule_set, kind, places)
        if side == "response":
            yield from _of_links(rule_set, site, kind, places, hints)
        if of(""):
            yield from _of_settings(rule_set, site, side, kind, hints)


def _of_rules(rule_set: RuleSet, kind: ChangeKind, places: Iterable[RulePlace]) -> Iterator[Change]:
    for place in places:
        rule = place.find(rule_set)
        edits: Iterable[Edit[Rule]] = OF_RULES[kind](rule) if kind in OF_RULES else ()
        for changed, was, becomes in edits:
            yield Change(kind, rule.name, rule.source, was, becomes, place.changed(rule_set, changed))


def _of_links(
    rule_set: RuleSet, site: str, kind: ChangeKind, places: Iterable[RulePlace], hints: Hints
) -> Iterator[Change]:
    """Yield the changes by which a rule for tags looks at more of them."""
    if kind is ChangeKind.TAG:
        for place in places:
            rule = place.find(rule_set)
            flags = rule.match.filter_by_tags if isinstance(rule, OutboundRule) else ()
            for flag in dict.fromkeys(_FLAGS.get(pair, "") for pair in hints.tags) if flags else ():
                if flag and flag not in flags and isinstance(rule, OutboundRule):
                    match = replace(rule.match, filter_by_tags=(*flags, flag))
                    was, becomes = (f"filterByTags: [{', '.join(each)}]" for each in (flags, (*flags, flag)))
                    changed = place.changed(rule_set, replace(rule, match=match))
                    yield Change(kind, rule.name, rule.source, was, becomes, changed)
    if kind is ChangeKind.CUSTOM_TAG:
        for section in sections(rule_set, site):
            yield from _of_custom_tags(rule_set, section, places, hints)


def _of_custom_tags(
    rule_set: RuleSet, section: SectionPlace, places: Iterable[RulePlace], hints: Hints
) -> Iterator[Change]:
    lists = section.find(rule_set).custom_tags
    users = [rule for place in places if isinstance(rule := place.find(rule_set), OutboundRule)]
    for key, tags in lists.items():
        used = [rule for rule in users if rule.match.custom_tags.lower() == tags.name.lower()]
        for pair in hints.tags if used else ():
            if pair not in tags.tags:
                more = CustomTags(tags.name, (*tags.tags, pair), tags.source, tags.comment)
                changed = section.changed(rule_set, custom_tags=MappingProxyType({**lists, key: more}))
                was, becomes = (
                    f'customTags "{tags.name}": {", ".join(map("/".join, each))}' for each in (tags.tags, more.tags)
                )
                yield Change(ChangeKind.CUSTOM_TAG, used[0].name, tags.source, was, becomes, changed)


def _of_settings(rule_set: RuleSet, site: str, side: Side, kind: ChangeKind, hints: Hints) -> Iterator[Change]:
    of_side, edit = OF_SITES.get(kind, (None, None))
    for number, each in enumerate(rule_set.sites):
        if edit and of_side == side and each.name == site:
            for changed, was, becomes in edit(each, hints):
                sites = with_item(rule_set.sites, number, changed)
                yield Change(kind, "", each.source, was, becomes, replace(rule_set, sites=sites))
