"""The rules in force, in the order in which they run, each with what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from urlrewrite.engine.inbound import InboundSet
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.figures.figures import Figures, LevelKey, RuleKey, RuleTally, name_kept, ruled_out
from urlrewrite.model import ActionType, InboundRule, OutboundActionType, OutboundRule, PatternSyntax

type Rule = InboundRule | OutboundRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that run one after the other.

    `location` is the directory of a location of the site, "" for the site itself; the global rules have no site.
    `fault` is the status with which IIS would respond to every request there.
    """

    side: str
    site: str
    location: str
    is_global: bool
    rules: tuple[Rule, ...]
    fault: str = ""

    @property
    def title(self) -> str:
        """The heading of the group."""
        if self.is_global:
            return "Global rules, for every site"
        where = f"{self.site}, /{self.location}" if self.location else self.site
        return f"{where}: {'requests' if self.side == 'inbound' else 'responses'}"


def groups(rules: RulesInForce) -> Iterator[Group]:
    """Yield all rules in force; those that a location inherits are yielded again with it."""
    compiled = rules.rules
    yield Group("inbound", "", "", True, tuple(item.rule for item in compiled.global_rules.rules))
    for site in compiled.sites:
        for path, level in site.levels.items():
            name, location = site.site.name, level.inbound.directory if path else ""
            fault = level.fault.iis_status if level.fault else ""
            yield Group("inbound", name, location, False, tuple(item.rule for item in level.inbound.rules), fault)
            yield Group("outbound", name, location, False, tuple(item.rule for item in level.outbound_rules), fault)


class Tallies:
    """What each rule did. Rules of the same name in one site are counted together, wherever they are."""

    def __init__(self, rules: RulesInForce, figures: Figures) -> None:
        self._rules = figures.rules
        self._sites = {key.site for key in figures.rules} | {key.site for key in figures.ruled_out}
        self._ruled_out = _ruled_out(rules, figures)
        self._owners = Counter[RuleKey]()
        # A location inherits the very same rule.
        owned = {(id(rule), _key(group, rule)) for group in groups(rules) for rule in group.rules}
        self._owners.update(key for _, key in owned)

    def of(self, group: Group, rule: Rule) -> RuleTally:
        """Return the tally of a rule, including the misses that only an index knows of."""
        sites = self._sites if group.is_global else (name_kept(group.site),)
        keys = [RuleKey(group.side, site, name_kept(rule.name)) for site in sites]
        total = RuleTally()
        for found in (self._rules[key] for key in keys if key in self._rules):
            total = _sum(total, found)
        return replace(total, misses=total.misses + sum(self._ruled_out[key] for key in keys))

    def is_shared(self, group: Group, rule: Rule) -> bool:
        """Say whether another rule of the same name is counted with it."""
        return self._owners[_key(group, rule)] > 1


def _key(group: Group, rule: Rule) -> RuleKey:
    return RuleKey(group.side, group.site, name_kept(rule.name))


def _sum(one: RuleTally, other: RuleTally) -> RuleTally:
    last = max((one, other), key=lambda tally: tally.last_hit or 0.0)
    return RuleTally(
        one.hits + other.hits,
        one.misses + other.misses,
        one.unchanged + other.unchanged,
        one.skipped + other.skipped,
        one.changes + other.changes,
        last.last_hit,
        last.last_trace,
        one.seconds + other.seconds,
        one.timed + other.timed,
    )


def _ruled_out(rules: RulesInForce, figures: Figures) -> Counter[RuleKey]:
    """Return how often each rule was ruled out by the index of its list, without being tried."""
    counted = Counter[RuleKey]()
    compiled = rules.rules
    lists: list[tuple[str | None, str, InboundSet]] = [(None, "Global", compiled.global_rules)]
    lists += [
        (site.site.name, "Distributed", level.inbound) for site in compiled.sites for level in site.levels.values()
    ]
    for name, scope, inbound in lists:
        names = [item.rule.name for item in inbound.rules]
        for key, runs in figures.ruled_out.items():
            if key == LevelKey(key.site if name is None else name_kept(name), scope, name_kept(inbound.directory)):
                for rule, number in zip(names, ruled_out(names, runs), strict=True):
                    counted[RuleKey("inbound", key.site, name_kept(rule))] += number
    return counted


def matches(rule: Rule) -> str:
    """Return what a rule looks for, and where, as a short text."""
    syntax = "" if rule.pattern_syntax is PatternSyntax.ECMASCRIPT else f" ({rule.pattern_syntax})"
    negated = "not " if rule.match.negate else ""
    conditions = len(rule.conditions.items)
    also = f", with {conditions} condition{'s' if conditions > 1 else ''}" if conditions else ""
    if isinstance(rule, InboundRule):
        return f"{negated}{rule.match.url}{syntax}{also}"
    match = rule.match
    where = match.server_variable or ", ".join(match.filter_by_tags) or "body"
    return f"{where}: {negated}{match.pattern}{syntax}{also}"


def acts(rule: Rule) -> str:
    """Return what a rule does where it matches, as a short text."""
    if isinstance(rule, OutboundRule):
        rewrites = rule.action.type is OutboundActionType.REWRITE
        return f"→ {rule.action.value or '(nothing)'}" if rewrites else str(rule.action.type)
    match rule.action.type:
        case ActionType.REWRITE:
            return f"Rewrite → {rule.action.url}"
        case ActionType.REDIRECT:
            return f"Redirect {rule.action.redirect_type.status} → {rule.action.url}"
        case ActionType.CUSTOM_RESPONSE:
            sub_status = f".{rule.action.sub_status_code}" if rule.action.sub_status_code else ""
            return f"respond with {rule.action.status_code}{sub_status}"
        case ActionType.ABORT_REQUEST:
            return "close the connection"
    names = ", ".join(item.name for item in rule.server_variables)
    return f"set {names}" if names else str(rule.action.type)


def ends(rule: Rule) -> bool:
    """Say whether the rules after it are skipped where it acts."""
    if isinstance(rule, OutboundRule):
        return rule.stop_processing
    return rule.stop_processing or rule.action.type not in (ActionType.NONE, ActionType.REWRITE)
