"""Conditions of rules and of preConditions, from YAML."""

from __future__ import annotations

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.yaml.fields import Table, items_of, table_of
from urlrewrite.formats.yaml.nodes import Mapping, Node
from urlrewrite.model import Condition, Conditions, LogicalGrouping, MatchType

CONDITION_KEYS = ("input", "matchType", "pattern", "ignoreCase", "negate")
CONDITIONS_KEYS = ("logicalGrouping", "trackAllCaptures", "add")


def conditions_of(rule: Table) -> Conditions:
    """The `conditions` of a rule, a list or a mapping."""
    node = rule.get("conditions")
    if node is None:
        return Conditions()
    label = rule.label("conditions")
    if not isinstance(node, Mapping):
        return Conditions(condition_list(node, rule.report, label))
    table = Table(node, CONDITIONS_KEYS, rule.report, label)
    items = table.get("add")
    return Conditions(
        condition_list(items, rule.report, table.label("add")) if items else (),
        table.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
        table.boolean("trackAllCaptures", False) if "trackAllCaptures" in table else None,
    )


def condition_list(node: Node, report: Report, label: str) -> tuple[Condition, ...]:
    """The conditions of a list."""
    tables = [
        table_of(item, CONDITION_KEYS, report, f"{label}[{number}]")
        for number, item in enumerate(items_of(node, report, label), 1)
    ]
    return tuple(_condition(table) for table in tables if table)


def _condition(table: Table) -> Condition:
    match_type = table.choice("matchType", MatchType.PATTERN)
    if table.is_wrong("matchType"):
        input, pattern = table.text("input"), table.text("pattern")
    elif match_type is MatchType.PATTERN:
        input = table.given("input", "a text with {...}, such as '{HTTP_HOST}'")
        pattern = table.given("pattern", "a pattern")
    else:
        # Without an input IIS asks for the file that the URL stands for (URL Rewrite Module configuration reference).
        input, pattern = table.text("input", "{REQUEST_FILENAME}"), table.text("pattern")
        if "pattern" in table:
            table.warning("pattern", ProblemId.NO_EFFECT, f"has no effect with matchType {match_type}")
    return Condition(
        input,
        pattern,
        match_type,
        table.boolean("ignoreCase", True),
        table.boolean("negate", False),
        table.report.source(table.node.line),
    )
