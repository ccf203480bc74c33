"""Changes of one part of a rule: its pattern, its value or URL, a condition, a switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from urlrewrite.inspector.experiments.rule_places import Rule
from urlrewrite.model import Condition, Conditions, InboundRule, LogicalGrouping, OutboundRule, RedirectType

type Change = Callable[[Rule], Rule | None]
"""Returns the changed rule, None where the rule has no such part."""


def pattern_set(pattern: str) -> Change:
    """Give a rule another pattern."""

    def change(rule: Rule) -> Rule:
        if isinstance(rule, OutboundRule):
            return replace(rule, match=replace(rule.match, pattern=pattern))
        return replace(rule, match=replace(rule.match, url=pattern))

    return change


def value_set(value: str) -> Change:
    """Give a rule another value, or another URL."""

    def change(rule: Rule) -> Rule:
        if isinstance(rule, OutboundRule):
            return replace(rule, action=replace(rule.action, value=value))
        return replace(rule, action=replace(rule.action, url=value))

    return change


def both_set(pattern: str, value: str) -> Change:
    """Give a rule another pattern and another value, or another URL."""

    def change(rule: Rule) -> Rule | None:
        changed = pattern_set(pattern)(rule)
        return value_set(value)(changed) if changed else None

    return change


def condition_added(item: Condition) -> Change:
    """Let a rule act only if one more condition holds. Where its conditions are alternatives, none can be added."""

    def change(rule: Rule) -> Rule | None:
        known = rule.conditions
        if known.items and known.logical_grouping is not LogicalGrouping.MATCH_ALL:
            return None
        return replace(rule, conditions=Conditions((*known.items, item), track_all_captures=known.track_all_captures))

    return change


def condition_changed(number: int, **values: object) -> Change:
    """Change one condition of a rule."""

    def change(rule: Rule) -> Rule:
        items = list(rule.conditions.items)
        items[number] = replace(items[number], **values)  # type: ignore[arg-type]
        return replace(rule, conditions=replace(rule.conditions, items=tuple(items)))

    return change


def switched_off(rule: Rule) -> Rule:
    """Switch a rule off."""
    return replace(rule, enabled=False)


def switched_on(rule: Rule) -> Rule:
    """Switch a rule on."""
    return replace(rule, enabled=True)


def in_any_case(rule: Rule) -> Rule:
    """Let the letter case of what a rule matches not count."""
    if isinstance(rule, OutboundRule):
        return replace(rule, match=replace(rule.match, ignore_case=True))
    return replace(rule, match=replace(rule.match, ignore_case=True))


def query_appended(*, appended: bool) -> Change:
    """Let a rule append the query of the request to its URL, or not."""

    def change(rule: Rule) -> Rule | None:
        if not isinstance(rule, InboundRule):
            return None
        return replace(rule, action=replace(rule.action, append_query_string=appended))

    return change


def redirecting_by(kind: RedirectType) -> Change:
    """Let a rule redirect by another status."""

    def change(rule: Rule) -> Rule | None:
        return replace(rule, action=replace(rule.action, redirect_type=kind)) if isinstance(rule, InboundRule) else None

    return change


def without_variable(name: str) -> Change:
    """Let a rule not set a server variable; a rule that does nothing else is switched off."""

    def change(rule: Rule) -> Rule | None:
        if not isinstance(rule, InboundRule):
            return None
        left = tuple(each for each in rule.server_variables if each.name.upper() != name)
        if len(left) == len(rule.server_variables):
            return None
        if not left and not rule.action.url and not rule.action.status_code:
            return switched_off(rule)
        return replace(rule, server_variables=left)

    return change
