"""Outbound rules with what they name, preConditions and customTags, from XML."""

from __future__ import annotations

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.vocabulary import FILTER_BY_TAGS, INT64, check_variable_name
from urlrewrite.formats.wording import listed, shown, suggestion
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
_MATCH = ("serverVariable", "filterByTags", "customTags", "pattern", "occurrences", "ignoreCase", "negate")


def outbound_rule(element: Element, report: Report) -> OutboundRule:
    """A `<rule>` of `<outboundRules>`."""
    report = report.of_rule(element.attributes.get("name", ""))
    fields = Fields(element, report, _RULE)
    parts = single_children(element, report, ("match", "conditions", "action"))
    remarks = remarks_of(element, report)
    if remarks.redirect_type:
        message = "got the directive redirectType in an outbound rule, expected it in an inbound rule"
        fields.warning(ProblemId.BAD_DIRECTIVE, message)
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
        report.source(element.line),
        remarks.comment,
    )


def _match(element: Element | None, rule: Fields, syntax: PatternSyntax) -> OutboundMatch:
    if element is None:
        rule.error(ProblemId.MISSING, 'got no <match>, expected <match pattern="...">')
        return OutboundMatch("")
    fields = Fields(element, rule.report, _MATCH)
    list(children_of(element, rule.report, ()))
    variable = fields.text("serverVariable").strip()
    check_variable_name(variable, rule.report, element.line, "<match> serverVariable")
    flags = _flags(fields)
    tags = fields.text("customTags")
    if variable and flags:
        message = "has no effect, because serverVariable is given: the rule works on that variable only"
        fields.warning(ProblemId.NO_EFFECT, message, "filterByTags")
    if "CustomTags" in flags and not tags:
        fields.error(ProblemId.MISSING, "got nothing, expected a name out of <customTags>", "customTags")
    if tags and "CustomTags" not in flags:
        fields.warning(ProblemId.NO_EFFECT, "has no effect without the flag CustomTags in filterByTags", "customTags")
    if syntax is PatternSyntax.WILDCARD and not variable and not flags:
        message = (
            "got Wildcard for the whole body, expected ECMAScript or ExactMatch, or filterByTags, or serverVariable"
        )
        rule.error(ProblemId.NOT_POSSIBLE, message, "patternSyntax")
    return OutboundMatch(
        fields.given("pattern", 'a pattern (".*" for everything)'),
        variable,
        flags,
        tags,
        fields.integer("occurrences", 0, INT64),
        fields.boolean("ignoreCase", True),
        fields.boolean("negate", False),
        fields.source,
    )


def _flags(match: Fields) -> tuple[str, ...]:
    """`filterByTags` as IIS spells its flags; `None` is the explicit form of "no tags"."""
    known = {flag.casefold(): flag for flag in FILTER_BY_TAGS}
    flags: dict[str, None] = {}
    for word in filter(None, map(str.strip, match.text("filterByTags").split(","))):
        if flag := known.get(word.casefold()):
            flags[flag] = None
        else:
            message = (
                f"got {shown(word)}, expected {listed(FILTER_BY_TAGS)}{suggestion(word, FILTER_BY_TAGS)}; {REFUSED}"
            )
            match.error(ProblemId.BAD_VALUE, message, "filterByTags")
    flags.pop("None", None)
    return tuple(flags)


def _action(element: Element | None, report: Report) -> OutboundAction:
    if element is None:
        return OutboundAction()
    fields = Fields(element, report, ("type", "value", "replace"))
    list(children_of(element, report, ()))
    return OutboundAction(
        fields.choice("type", OutboundActionType.NONE),
        fields.text("value"),
        fields.boolean("replace", True),
        fields.source,
    )


def pre_condition(element: Element, report: Report) -> PreCondition:
    """A `<preCondition>`."""
    fields = Fields(element, report, ("name", "logicalGrouping", "patternSyntax"))
    return PreCondition(
        fields.required("name", "a name"),
        condition_list(element, report, unique=True),
        fields.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
        fields.pattern_syntax(),
        report.source(element.line),
        plain_comment((*element.comments, *element.trailing), report),
    )


def custom_tags(element: Element, report: Report) -> CustomTags:
    """A `<tags>` of `<customTags>`."""
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
            item.warning(ProblemId.REFUSED_BY_IIS, message)
        tags[tag, attribute] = None
    comments += element.trailing
    return CustomTags(
        fields.required("name", "a name"),
        tuple(tags),
        report.source(element.line),
        plain_comment(comments, report),
    )
