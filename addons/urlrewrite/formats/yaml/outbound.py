"""Outbound rules with what they name, preConditions and customTags, from YAML."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf

from urlrewrite.formats import rule_parts
from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.rule_parts import OUTBOUND_ACTION_KEYS, OUTBOUND_MATCH_KEYS
from urlrewrite.formats.yaml.conditions import condition_list, conditions_of
from urlrewrite.formats.yaml.fields import Table, describe, items_of, named, pairs
from urlrewrite.formats.yaml.inbound import rules_of, silenced
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar
from urlrewrite.model import (
    CustomTags,
    LogicalGrouping,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
)

OUTBOUND_KEYS = (
    "name",
    "preCondition",
    "enabled",
    "patternSyntax",
    "stopProcessing",
    "silence",
    "match",
    "conditions",
    "action",
)
PRE_CONDITION_KEYS = ("logicalGrouping", "patternSyntax", "conditions")


def pre_conditions_of(site: Table) -> MappingOf[str, PreCondition]:
    """Read `preConditions`: names to a list of conditions, or to a mapping that also says how they are taken."""
    report = site.report

    def read(name: Scalar, node: Node, label: str) -> PreCondition:
        source = report.source(name.line)
        if not isinstance(node, Mapping):
            return PreCondition(name.text, condition_list(node, report, label), source=source)
        table = Table(node, PRE_CONDITION_KEYS, report, label)
        items = table.get("conditions")
        if items is None:
            table.error("conditions", ProblemId.MISSING, "got nothing, expected a list of conditions")
        return PreCondition(
            name.text,
            condition_list(items, report, table.label("conditions")) if items else (),
            table.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
            table.pattern_syntax(),
            source,
        )

    return named(site, "preConditions", "preCondition", read)


def custom_tags_of(site: Table) -> MappingOf[str, CustomTags]:
    """Read `customTags`: names to lists of `{tag: attribute}` or `tag/attribute`."""
    report = site.report

    def read(name: Scalar, node: Node, label: str) -> CustomTags:
        tags = (pair for item in items_of(node, report, label) for pair in _tags(item, report, label))
        return CustomTags(name.text, tuple(tags), report.source(name.line))

    return named(site, "customTags", "customTags", read)


def _tags(node: Node, report: Report, label: str) -> list[tuple[str, str]]:
    """Read tag and attribute of one item; IIS's own `{name: tag, attribute: attribute}` is read too."""
    written: list[tuple[str, Node | None]] = []
    report.ask(node, Kind.NAMES if isinstance(node, Mapping) else Kind.TEXT)
    if isinstance(node, Scalar):
        tag, slash, attribute = node.text.partition("/")
        written = [(tag, Scalar(attribute, node.line) if slash else None)]
    elif isinstance(node, Mapping):
        values = {key.text: value for key, value in pairs(node, report, label)}
        name = values.get("name")
        if isinstance(name, Scalar) and set(values) == {"name", "attribute"}:
            written = [(name.text, values["attribute"])]
        else:
            written = list(values.items())
        for value in values.values():
            report.ask(value, Kind.TEXT)
    found = [
        (tag.strip().lower(), attribute.text.strip().lower())
        for tag, attribute in written
        if isinstance(attribute, Scalar) and tag.strip() and attribute.text.strip()
    ]
    if len(found) < len(written) or not written:
        message = f"{label}: got {describe(node)}, expected {{tag: attribute}} or tag/attribute, such as img/data-src"
        report.error(node.line, ProblemId.BAD_VALUE, message)
    return found


def outbound_rules(nodes: SequenceOf[Node], report: Report, path: str) -> tuple[OutboundRule, ...]:
    """Read the rules of `outboundRules`.

    What they name (preConditions, customTags) may be inherited, so that only the engine knows whether it is there.
    """
    return rules_of(nodes, OUTBOUND_KEYS, _rule, report, path)


def _rule(table: Table) -> OutboundRule:
    syntax = table.pattern_syntax()
    return OutboundRule(
        table.required("name", "a name"),
        _match(table, syntax),
        table.text("preCondition"),
        conditions_of(table),
        _action(table),
        table.boolean("enabled", True),
        syntax,
        table.boolean("stopProcessing", False),
        silenced(table),
        source=table.source(),
    )


def _match(rule: Table, syntax: PatternSyntax) -> OutboundMatch:
    table = rule.table("match", OUTBOUND_MATCH_KEYS)
    if table is None:
        if "match" not in rule:
            rule.error("match", ProblemId.MISSING, "got nothing, expected a mapping with pattern")
        return OutboundMatch("")
    variable = table.text("serverVariable")
    return rule_parts.outbound_match(table, rule, variable, syntax, "a name out of the customTags of the site")


def _action(rule: Table) -> OutboundAction:
    node = rule.get("action")
    if node is None:
        return OutboundAction()
    if isinstance(node, Scalar):
        type = rule.choice("action", OutboundActionType.NONE)
        if type is OutboundActionType.REWRITE:
            rule.error("action", ProblemId.MISSING, 'got "Rewrite", expected a mapping with type and value')
        return OutboundAction(type, source=rule.source("action"))
    table = rule.table("action", OUTBOUND_ACTION_KEYS)
    if not table:
        return OutboundAction()
    type = table.required_choice("type", OutboundActionType.NONE)
    if type is OutboundActionType.REWRITE and "value" not in table:
        table.error("value", ProblemId.MISSING, "got nothing, expected the new value ('' for an empty one)")
    return OutboundAction(type, table.text("value"), table.boolean("replace", True), table.source("value"))
