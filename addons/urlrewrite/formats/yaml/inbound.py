"""Inbound rules, from YAML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.vocabulary import (
    ACTION_ATTRIBUTES,
    FINAL_STATUS,
    NOT_CUSTOM,
    REDIRECT_NUMBERS,
    check_variable_name,
)
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.conditions import conditions_of
from urlrewrite.formats.yaml.fields import Table, describe, table_of, text_of
from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar
from urlrewrite.model import (
    Action,
    ActionType,
    InboundRule,
    Match,
    RedirectType,
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
MATCH_KEYS = ("url", "ignoreCase", "negate")
VARIABLE_KEYS = ("name", "value", "replace")

_ACTION_KEYS = ("type", *dict.fromkeys(key for keys in ACTION_ATTRIBUTES.values() for key in keys))
_FINDING = re.compile(r"UR\d{3}")


def rule_name(node: Node) -> str:
    """The name that a rule's problems are told with; "" where it has none."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            if key.text == "name" and isinstance(value, Scalar):
                return value.text
    return ""


def inbound_rules(nodes: Sequence[Node], report: Report, path: str) -> tuple[InboundRule, ...]:
    """The rules of `rules` or `globalRules`; a name that occurs twice is an error."""
    rules = tuple(
        _rule(table)
        for node in nodes
        if (table := table_of(node, RULE_KEYS, report.of_rule(rule_name(node)), "" if rule_name(node) else path))
    )
    report.problems.extend(
        duplicate_names("rule", ((rule.name, rule.source) for rule in rules if rule.name), rules=True)
    )
    return rules


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
        source=table.report.source(table.node.line),
    )


def silenced(rule: Table) -> tuple[str, ...]:
    """`silence`: the ids of findings that the author of a rule does not want to be told of it."""
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
    url = table.required("url", "a pattern for the path, such as '^news/(.*)' ('.*' for every path)")
    return Match(url, table.boolean("ignoreCase", True), table.boolean("negate", False), table.source("url"))


def server_variables(rule: Table) -> tuple[SetServerVariable, ...]:
    """`serverVariables`: a mapping of names to values, or a list that can say `replace`."""
    node = rule.get("serverVariables")
    report = rule.report
    label = rule.label("serverVariables")
    if isinstance(node, Mapping):
        found = [
            SetServerVariable(key.text, text_of(value, report, f"{label}.{key.text}"), source=report.source(key.line))
            for key, value in rule.mapping("serverVariables")
        ]
    else:
        tables = [
            table_of(item, VARIABLE_KEYS, report, f"{label}[{number}]")
            for number, item in enumerate(rule.nodes("serverVariables"), 1)
        ]
        found = [
            SetServerVariable(
                table.trimmed("name", "the name of a server variable"),
                table.text("value"),
                table.boolean("replace", True),
                report.source(table.node.line),
            )
            for table in tables
            if table
        ]
    for variable in found:
        check_variable_name(variable.name, report, variable.source.line, label)
    report.problems.extend(
        duplicate_names("server variable", ((item.name, item.source) for item in found if item.name))
    )
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
    table = rule.table("action", _ACTION_KEYS)
    if not table:
        return Action()
    type = table.required_choice("type", ActionType.NONE)
    for key in _ACTION_KEYS[1:]:
        if key in table and "type" in table and not table.is_wrong("type") and key not in ACTION_ATTRIBUTES[type]:
            table.warning(key, ProblemId.NO_EFFECT, f"has no effect with the action {type}")
    needs_url = "url" in ACTION_ATTRIBUTES[type]
    return Action(
        type,
        table.trimmed("url", "the URL to go to") if needs_url else table.text("url"),
        table.boolean("appendQueryString", True),
        table.choice("redirectType", RedirectType.PERMANENT, REDIRECT_NUMBERS),
        table.boolean("logRewrittenUrl", False),
        _status_code(table, type),
        table.integer("subStatusCode", 0, range(1000)),
        table.text("statusReason"),
        table.text("statusDescription"),
        table.source("url"),
    )


def _status_code(table: Table, type: ActionType) -> int:
    """`statusCode`; 300 to 307 are not for CustomResponse (rewrite_schema.xml), and 1xx are not final."""
    if type is ActionType.CUSTOM_RESPONSE and "statusCode" not in table:
        table.error("statusCode", ProblemId.MISSING, "got nothing, expected a status such as 403")
    status = table.integer("statusCode", 0, FINAL_STATUS)
    if status in NOT_CUSTOM:
        message = f"got {status}, expected a status outside 300 to 307; the action Redirect sends those"
        table.error("statusCode", ProblemId.BAD_VALUE, message)
    return status
