"""Where rules and settings stand in a rule set, and the same rule set with one of them replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from urlrewrite.model import InboundRule, OutboundRule, RuleSet, Section

type Rule = InboundRule | OutboundRule


@dataclass(frozen=True, slots=True)
class SectionPlace:
    """A section: of the server, where `site` is None; of a site; or of one of its locations, by number."""

    site: int | None = None
    location: int | None = None

    def find(self, rule_set: RuleSet) -> Section:
        """Return the section in a rule set."""
        if self.site is None:
            return rule_set
        site = rule_set.sites[self.site]
        return site if self.location is None else site.locations[self.location]

    def changed(self, rule_set: RuleSet, **values: Any) -> RuleSet:
        """Return the rule set with other values in the section."""
        section: Any = replace(self.find(rule_set), **values)
        if self.site is None:
            return section  # type: ignore[no-any-return]
        if self.location is not None:
            site = rule_set.sites[self.site]
            section = replace(site, locations=with_item(site.locations, self.location, section))
        return replace(rule_set, sites=with_item(rule_set.sites, self.site, section))


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A rule: the list of a section that has it, and its number there."""

    section: SectionPlace
    collection: str
    number: int

    def find(self, rule_set: RuleSet) -> Rule:
        """Return the rule in a rule set."""
        rules: tuple[Rule, ...] = getattr(self.section.find(rule_set), self.collection)
        return rules[self.number]

    def changed(self, rule_set: RuleSet, rule: Rule) -> RuleSet:
        """Return the rule set with another rule in the place."""
        rules: tuple[Rule, ...] = getattr(self.section.find(rule_set), self.collection)
        return self.section.changed(rule_set, **{self.collection: with_item(rules, self.number, rule)})


def sections(rule_set: RuleSet, site: str) -> Iterator[SectionPlace]:
    """Yield the sections that concern a site: those of its locations, its own, and the server's."""
    for number, each in enumerate(rule_set.sites):
        if each.name == site:
            yield from (SectionPlace(number, location) for location in range(len(each.locations)))
            yield SectionPlace(number)
    yield SectionPlace()


def inbound_rules(rule_set: RuleSet, site: str) -> Iterator[RulePlace]:
    """Yield the inbound rules that concern a site."""
    for place in sections(rule_set, site):
        yield from (RulePlace(place, "rules", number) for number in range(len(place.find(rule_set).rules)))
    yield from (RulePlace(SectionPlace(), "global_rules", number) for number in range(len(rule_set.global_rules)))


def outbound_rules(rule_set: RuleSet, site: str) -> Iterator[RulePlace]:
    """Yield the outbound rules that concern a site."""
    for place in sections(rule_set, site):
        count = len(place.find(rule_set).outbound_rules)
        yield from (RulePlace(place, "outbound_rules", number) for number in range(count))


def with_item[T](items: tuple[T, ...], number: int, item: T) -> tuple[T, ...]:
    """Return items with another one in a place."""
    return (*items[:number], item, *items[number + 1 :])
