"""Conditions of rules and of preConditions, from YAML."""

from __future__ import annotations

from urlrewrite.formats import rule_parts
from urlrewrite.formats.reports import Report
from urlrewrite.formats.rule_parts import CONDITION_KEYS
from urlrewrite.formats.yaml.fields import Table, items_of, tables_of
from urlrewrite.formats.yaml.nodes import Mapping, Node
from urlrewrite.model import Condition, Conditions

CONDITIONS_KEYS = ("logicalGrouping", "trackAllCaptures", "add")


def conditions_of(rule: Table) -> Conditions:
    """Read the `conditions` of a rule, a list or a mapping."""
    node = rule.get("conditions")
    if node is None:
        return Conditions()
    label = rule.label("conditions")
    if not isinstance(node, Mapping):
        return Conditions(condition_list(node, rule.report, label))
    table = Table(node, CONDITIONS_KEYS, rule.report, label)
    items = table.get("add")
    return rule_parts.conditions(table, condition_list(items, rule.report, table.label("add")) if items else ())


def condition_list(node: Node, report: Report, label: str) -> tuple[Condition, ...]:
    """Read the conditions of a list."""
    tables = tables_of(items_of(node, report, label), CONDITION_KEYS, report, label)
    expected = "a text with {...}, such as '{HTTP_HOST}'"
    return tuple(rule_parts.condition(table, expected, "a pattern") for table in tables)
