"""Inbound rules and conditions, from XML."""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats import rule_parts
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.rule_parts import ACTION_KEYS, CONDITION_KEYS, MATCH_KEYS, VARIABLE_KEYS
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.comments import plain_comment, remarks_of
from urlrewrite.formats.xml.fields import REFUSED, Fields, children_of, single_children
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    InboundRule,
    Match,
    PatternSyntax,
    RedirectType,
    ResponseCacheDirective,
    SetServerVariable,
)

_RULE = ("name", "enabled", "patternSyntax", "stopProcessing", "responseCacheDirective")
_ACTION_ALIASES = {"statusLine": "statusReason", "responseLine": "statusDescription"}
"""As the configuration reference of URL Rewrite calls them; rewrite_schema.xml has the other names."""


def inbound_rule(element: Element, report: Report, *, is_global: bool = False) -> InboundRule:
    """Read a `<rule>` of `<rules>` or `<globalRules>`."""
    name = element.attributes.get("name", "")
    report = report.of_rule(name)
    fields = Fields(element, report, _RULE)
    parts = single_children(element, report, ("match", "conditions", "serverVariables", "action"), strict=True)
    remarks = remarks_of(element, report)
    action = _action(parts.get("action"), report, is_global=is_global)
    if remarks.redirect_type:
        action = replace(action, redirect_type=remarks.redirect_type)
    syntax = fields.pattern_syntax()
    return InboundRule(
        fields.required("name", "a name"),
        _match(parts.get("match"), fields, syntax, has_action="action" in parts),
        conditions_of(parts.get("conditions"), report, unique=is_global),
        _server_variables(parts.get("serverVariables"), report),
        action,
        fields.boolean("enabled", True),
        syntax,
        fields.boolean("stopProcessing", False),
        fields.choice("responseCacheDirective", ResponseCacheDirective.AUTO),
        remarks.silenced,
        fields.source(),
        remarks.comment,
    )


def conditions_of(element: Element | None, report: Report, *, unique: bool) -> Conditions:
    """Read the `<conditions>` of a rule. With `unique`, warn of those that repeat, which IIS refuses."""
    if element is None:
        return Conditions()
    fields = Fields(element, report, ("logicalGrouping", "trackAllCaptures"))
    return rule_parts.conditions(fields, condition_list(element, report, unique=unique))


def condition_list(element: Element, report: Report, *, unique: bool) -> tuple[Condition, ...]:
    """Read the `<add>` elements of `<conditions>` or `<preCondition>`.

    In `<rules>` they have no key; elsewhere all attributes together are one (rewrite_schema.xml).
    """
    conditions = tuple(_condition(child, report) for _, child in children_of(element, report, ("add",), strict=True))
    for number, condition in enumerate(conditions if unique else ()):
        if condition in conditions[:number]:
            message = f"<add>: got the same condition again, expected each once; {REFUSED}"
            report.warning(condition.source.line, ProblemId.REFUSED_BY_IIS, message, refused=True)
    return conditions


def _condition(element: Element, report: Report) -> Condition:
    # The reference's own examples of the first version have `type` for `matchType`.
    fields = Fields(element, report, CONDITION_KEYS, {"type": "matchType"})
    return rule_parts.condition(
        fields,
        "a text with {...}, such as {HTTP_HOST}",
        "a pattern, or a matchType that needs none",
        plain_comment((*element.comments, *element.trailing), report),
    )


_EVERY_PATH = {PatternSyntax.ECMASCRIPT: ".*", PatternSyntax.WILDCARD: "*"}


def _match(element: Element | None, rule: Fields, syntax: PatternSyntax, *, has_action: bool) -> Match:
    if element is None:
        expected = 'expected <match url="..."> with a pattern for the path (".*" for every path)'
        every = _EVERY_PATH.get(syntax, "")
        if not every or not has_action:
            rule.error("", ProblemId.MISSING, f"got no <match>, {expected}; IIS answers 500.50")
            return Match("", source=rule.source())
        # Sites made by Azure for Node.js have such rules.
        message = f"got no <match>, {expected}; IIS may answer 500.50, here it is every path"
        rule.warning("", ProblemId.REFUSED_BY_IIS, message)
        return Match(every, source=rule.source())
    list(children_of(element, rule.report, ()))
    return rule_parts.match(Fields(element, rule.report, MATCH_KEYS))


def _server_variables(element: Element | None, report: Report) -> tuple[SetServerVariable, ...]:
    if element is None:
        return ()
    Fields(element, report, ())
    found = [
        rule_parts.server_variable(
            Fields(child, report, VARIABLE_KEYS), plain_comment((*child.comments, *child.trailing), report)
        )
        for _, child in children_of(element, report, ("set",), strict=True)
    ]
    rule_parts.check_server_variables(found, report, "<set> name")
    return tuple(found)


def _action(element: Element | None, report: Report, *, is_global: bool) -> Action:
    if element is None:
        return Action()
    fields = Fields(element, report, ACTION_KEYS, _ACTION_ALIASES)
    list(children_of(element, report, ()))
    found = rule_parts.action(fields, fields.choice("type", ActionType.NONE), checks_status=False)
    if is_global and "logRewrittenUrl" in fields:
        message = f"got it in a global rule, where IIS does not know it: {REFUSED}"
        fields.warning("logRewrittenUrl", ProblemId.REFUSED_BY_IIS, message, refused=True)
    if found.redirect_type is RedirectType.PERMANENT_REDIRECT:
        message = (
            f"got {shown(fields.text('redirectType'))}, which IIS does not know: {REFUSED}; "
            "a comment <!-- urlrewrite: redirectType=308 --> says it to us alone"
        )
        fields.warning("redirectType", ProblemId.REFUSED_BY_IIS, message, refused=True)
    return found
