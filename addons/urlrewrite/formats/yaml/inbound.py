"""Inbound rules, from YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from urlrewrite.formats import rule_parts
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.rule_parts import ACTION_KEYS, MATCH_KEYS, VARIABLE_KEYS
from urlrewrite.formats.vocabulary import ACTION_ATTRIBUTES
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.conditions import conditions_of
from urlrewrite.formats.yaml.fields import Table, describe, table_of, tables_of, text_of
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar
from urlrewrite.model import (
    Action,
    ActionType,
    InboundRule,
    Match,
    OutboundRule,
    ResponseCacheDirective,
    SetServerVariable,
)

RULE_KEYS = (
    "name",
    "enabled",
    "patternSyntax",
    "stopProcessing",
    "responseCacheDirective",
    "silence",
    "match",
    "conditions",
    "serverVariables",
    "action",
)

_FINDING = re.compile(r"UR\d{3}")


def rules_of[R: (InboundRule, OutboundRule)](
    nodes: Sequence[Node], keys: Sequence[str], read: Callable[[Table], R], report: Report, path: str
) -> tuple[R, ...]:
    """Read the rules of a list; report names that occur twice as errors.

    Problems have the name of their rule; those of a rule without a name begin with `path`.
    """
    names = [_name(node) for node in nodes]
    tables = (
        table_of(node, keys, report.of_rule(name), "" if name else path)
        for node, name in zip(nodes, names, strict=True)
    )
    rules = tuple(read(table) for table in tables if table)
    report.problems.extend(
        duplicate_names("rule", ((rule.name, rule.source) for rule in rules if rule.name), rules=True)
    )
    return rules


def _name(node: Node) -> str:
    if isinstance(node, Mapping):
        for key, value in node.entries:
            if key.text == "name" and isinstance(value, Scalar):
                return value.text
    return ""


def inbound_rules(nodes: Sequence[Node], report: Report, path: str) -> tuple[InboundRule, ...]:
    """Read the rules of `rules` or `globalRules`."""
    return rules_of(nodes, RULE_KEYS, _rule, report, path)


def _rule(table: Table) -> InboundRule:
    return InboundRule(
        table.required("name", "a name"),
        _match(table),
        conditions_of(table),
        server_variables(table),
        _action(table),
        table.boolean("enabled", True),
        table.pattern_syntax(),
        table.boolean("stopProcessing", False),
        table.choice("responseCacheDirective", ResponseCacheDirective.AUTO),
        silenced(table),
        source=table.source(),
    )


def silenced(rule: Table) -> tuple[str, ...]:
    """Read `silence`: the ids of findings that are not to be reported for a rule."""
    found = []
    for item in rule.texts("silence"):
        if _FINDING.fullmatch(item.text):
            found.append(item.text)
        else:
            message = f"got {shown(item.text)}, expected the id of a finding such as UR131"
            rule.report.error(item.line, ProblemId.BAD_VALUE, f"{rule.label('silence')}: {message}")
    return tuple(found)


def _match(rule: Table) -> Match:
    node = rule.get("match")
    if node is None or isinstance(node, Scalar):
        url = rule.required("match", "a pattern for the path, or a mapping with url")
        return Match(url, source=rule.source("match"))
    table = rule.table("match", MATCH_KEYS)
    if not table:
        return Match("", source=rule.source("match"))
    return rule_parts.match(table)


def server_variables(rule: Table) -> tuple[SetServerVariable, ...]:
    """Read `serverVariables`: a mapping of names to values, or a list that can say `replace`."""
    report, label = rule.report, rule.label("serverVariables")
    if isinstance(rule.get("serverVariables"), Mapping):
        found = [
            SetServerVariable(key.text, text_of(value, report, f"{label}.{key.text}"), source=report.source(key.line))
            for key, value in rule.mapping("serverVariables")
        ]
    else:
        tables = tables_of(rule.nodes("serverVariables"), VARIABLE_KEYS, report, label)
        found = [rule_parts.server_variable(table) for table in tables]
    rule_parts.check_server_variables(found, report, label)
    return tuple(found)


def _action(rule: Table) -> Action:
    node = rule.get("action")
    if node is None:
        return Action()
    if isinstance(node, Scalar):
        type = rule.choice("action", ActionType.NONE)
        if ACTION_ATTRIBUTES[type]:
            needed = "url" if "url" in ACTION_ATTRIBUTES[type] else "statusCode"
            rule.error("action", ProblemId.MISSING, f"got {describe(node)}, expected a mapping with type and {needed}")
        return Action(type, source=rule.source("action"))
    table = rule.table("action", ACTION_KEYS)
    return rule_parts.action(table, table.required_choice("type", ActionType.NONE)) if table else Action()
