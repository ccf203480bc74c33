"""Outbound rules with what they name, preConditions and customTags, from XML."""

from __future__ import annotations

from urlrewrite.formats import rule_parts
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.rule_parts import OUTBOUND_ACTION_KEYS, OUTBOUND_MATCH_KEYS
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.comments import plain_comment, remarks_of
from urlrewrite.formats.xml.fields import REFUSED, Fields, children_of, single_children
from urlrewrite.formats.xml.inbound import condition_list, conditions_of
from urlrewrite.formats.xml.nodes import Comment, Element
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

_RULE = ("name", "preCondition", "enabled", "patternSyntax", "stopProcessing")


def outbound_rule(element: Element, report: Report) -> OutboundRule:
    """Read a `<rule>` of `<outboundRules>`."""
    report = report.of_rule(element.attributes.get("name", ""))
    fields = Fields(element, report, _RULE)
    parts = single_children(element, report, ("match", "conditions", "action"), strict=True)
    remarks = remarks_of(element, report)
    if remarks.redirect_type:
        message = "got the directive redirectType in an outbound rule, expected it in an inbound rule"
        fields.warning("", ProblemId.BAD_DIRECTIVE, message)
    syntax = fields.pattern_syntax()
    return OutboundRule(
        fields.required("name", "a name"),
        _match(parts.get("match"), fields, syntax),
        fields.text("preCondition"),
        conditions_of(parts.get("conditions"), report, unique=True),
        _action(parts.get("action"), report),
        fields.boolean("enabled", True),
        syntax,
        fields.boolean("stopProcessing", False),
        remarks.silenced,
        fields.source(),
        remarks.comment,
    )


def _match(element: Element | None, rule: Fields, syntax: PatternSyntax) -> OutboundMatch:
    if element is None:
        rule.error("", ProblemId.MISSING, 'got no <match>, expected <match pattern="...">')
        return OutboundMatch("")
    fields = Fields(element, rule.report, OUTBOUND_MATCH_KEYS)
    list(children_of(element, rule.report, ()))
    variable = fields.text("serverVariable").strip()
    return rule_parts.outbound_match(fields, rule, variable, syntax, "a name out of <customTags>")


def _action(element: Element | None, report: Report) -> OutboundAction:
    if element is None:
        return OutboundAction()
    fields = Fields(element, report, OUTBOUND_ACTION_KEYS)
    list(children_of(element, report, ()))
    return OutboundAction(
        fields.choice("type", OutboundActionType.NONE),
        fields.text("value"),
        fields.boolean("replace", True),
        fields.source(),
    )


def pre_condition(element: Element, report: Report) -> PreCondition:
    """Read a `<preCondition>`."""
    fields = Fields(element, report, ("name", "logicalGrouping", "patternSyntax"))
    return PreCondition(
        fields.required("name", "a name"),
        condition_list(element, report, unique=True),
        fields.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
        fields.pattern_syntax(),
        fields.source(),
        plain_comment((*element.comments, *element.trailing), report),
    )


def custom_tags(element: Element, report: Report) -> CustomTags:
    """Read a `<tags>` of `<customTags>`."""
    fields = Fields(element, report, ("name",))
    tags: dict[tuple[str, str], None] = {}
    comments: list[Comment] = [*element.comments]
    for name, child in children_of(element, report, ("tag", "remove", "clear")):
        comments += (*child.comments, *child.trailing)
        if name == "clear":
            tags.clear()
            continue
        item = Fields(child, report, ("name", "attribute"))
        tag = item.required("name", "the name of an element, such as img").strip().lower()
        attribute = item.required("attribute", "the name of an attribute, such as data-src").strip().lower()
        if name == "remove":
            tags.pop((tag, attribute), None)
            continue
        if (tag, attribute) in tags:
            message = f"got {shown(f'{tag}/{attribute}')} again, expected each once; {REFUSED}"
            item.warning("", ProblemId.REFUSED_BY_IIS, message, refused=True)
        tags[tag, attribute] = None
    comments += element.trailing
    return CustomTags(
        fields.required("name", "a name"),
        tuple(tags),
        fields.source(),
        plain_comment(comments, report),
    )
