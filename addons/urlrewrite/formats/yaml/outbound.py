"""Outbound rules with what they name, preConditions and customTags, from YAML."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from types import MappingProxyType

from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.vocabulary import FILTER_BY_TAGS, INT64, check_variable_name
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.formats.yaml.conditions import condition_list, conditions_of
from urlrewrite.formats.yaml.fields import Table, describe, items_of, pairs, table_of
from urlrewrite.formats.yaml.inbound import rule_name, silenced
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
OUTBOUND_MATCH_KEYS = (
    "serverVariable",
    "filterByTags",
    "customTags",
    "pattern",
    "occurrences",
    "ignoreCase",
    "negate",
)
OUTBOUND_ACTION_KEYS = ("type", "value", "replace")
PRE_CONDITION_KEYS = ("logicalGrouping", "patternSyntax", "conditions")


def pre_conditions_of(site: Table) -> MappingOf[str, PreCondition]:
    """`preConditions`: names to a list of conditions, or to a mapping that also says how they are taken."""
    found = []
    for key, node in site.mapping("preConditions"):
        report, label = site.report, f"{site.label('preConditions')}.{key.text}"
        source = report.source(key.line)
        if not isinstance(node, Mapping):
            found.append(PreCondition(key.text, condition_list(node, report, label), source=source))
            continue
        table = Table(node, PRE_CONDITION_KEYS, report, label)
        items = table.get("conditions")
        if items is None:
            table.error("conditions", ProblemId.MISSING, "got nothing, expected a list of conditions")
        found.append(
            PreCondition(
                key.text,
                condition_list(items, report, table.label("conditions")) if items else (),
                table.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
                table.pattern_syntax(),
                source,
            )
        )
    site.report.problems.extend(duplicate_names("preCondition", ((item.name, item.source) for item in found)))
    return MappingProxyType({item.name: item for item in found})


def custom_tags_of(site: Table) -> MappingOf[str, CustomTags]:
    """`customTags`: names to lists of `{tag: attribute}` or `tag/attribute`."""
    found = []
    for key, node in site.mapping("customTags"):
        label = f"{site.label('customTags')}.{key.text}"
        tags = [pair for item in items_of(node, site.report, label) for pair in _tags(item, site.report, label)]
        found.append(CustomTags(key.text, tuple(tags), site.report.source(key.line)))
    site.report.problems.extend(duplicate_names("customTags", ((item.name, item.source) for item in found)))
    return MappingProxyType({item.name: item for item in found})


def _tags(node: Node, report: Report, label: str) -> list[tuple[str, str]]:
    """Tag and attribute of one item; IIS's own `{name: tag, attribute: attribute}` is read too."""
    written: list[tuple[str, Node | None]] = []
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
    """The rules of `outboundRules`; a name that occurs twice is an error.

    What they name (preConditions, customTags) may be inherited, so that only the engine knows whether it is there.
    """
    rules = tuple(
        _rule(table)
        for node in nodes
        if (table := table_of(node, OUTBOUND_KEYS, report.of_rule(rule_name(node)), "" if rule_name(node) else path))
    )
    report.problems.extend(
        duplicate_names("rule", ((rule.name, rule.source) for rule in rules if rule.name), rules=True)
    )
    return rules


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
        source=table.report.source(table.node.line),
    )


def _match(rule: Table, syntax: PatternSyntax) -> OutboundMatch:
    table = rule.table("match", OUTBOUND_MATCH_KEYS)
    if table is None:
        if "match" not in rule:
            rule.error("match", ProblemId.MISSING, "got nothing, expected a mapping with pattern")
        return OutboundMatch("")
    variable = table.text("serverVariable")
    check_variable_name(variable, table.report, table.at("serverVariable").line, table.label("serverVariable"))
    flags = _flags(table)
    if variable and flags:
        message = "has no effect, because serverVariable is given: the rule works on that variable only"
        table.warning("filterByTags", ProblemId.NO_EFFECT, message)
    if "CustomTags" in flags and "customTags" not in table:
        table.error("customTags", ProblemId.MISSING, "got nothing, expected a name out of the customTags of the site")
    if "customTags" in table and "CustomTags" not in flags:
        table.warning("customTags", ProblemId.NO_EFFECT, "has no effect without the flag CustomTags in filterByTags")
    if syntax is PatternSyntax.WILDCARD and not variable and not flags:
        message = (
            "got Wildcard for the whole body, expected ECMAScript or ExactMatch, or filterByTags, or serverVariable"
        )
        rule.error("patternSyntax", ProblemId.NOT_POSSIBLE, message)
    return OutboundMatch(
        table.given("pattern", "a pattern ('.*' for everything)"),
        variable,
        flags,
        table.text("customTags"),
        table.integer("occurrences", 0, INT64),
        table.boolean("ignoreCase", True),
        table.boolean("negate", False),
        table.source("pattern"),
    )


def _flags(match: Table) -> tuple[str, ...]:
    """`filterByTags` as IIS spells its flags; `None` is the explicit form of "no tags"."""
    known = {flag.casefold(): flag for flag in FILTER_BY_TAGS}
    flags: dict[str, None] = {}
    for item in match.texts("filterByTags"):
        for word in filter(None, map(str.strip, item.text.split(","))):
            if flag := known.get(word.casefold()):
                flags[flag] = None
            else:
                message = f"got {shown(word)}, expected {listed(FILTER_BY_TAGS)}{suggestion(word, FILTER_BY_TAGS)}"
                match.report.error(item.line, ProblemId.BAD_VALUE, f"{match.label('filterByTags')}: {message}")
    flags.pop("None", None)
    return tuple(flags)


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
