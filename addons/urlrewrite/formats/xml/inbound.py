"""Inbound rules and conditions, from XML."""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.vocabulary import (
    ACTION_ATTRIBUTES,
    FINAL_STATUS,
    NOT_CUSTOM,
    REDIRECT_NUMBERS,
    check_variable_name,
)
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
    LogicalGrouping,
    Match,
    MatchType,
    PatternSyntax,
    RedirectType,
    ResponseCacheDirective,
    SetServerVariable,
)

_RULE = ("name", "enabled", "patternSyntax", "stopProcessing", "responseCacheDirective")
_ACTION = ("type", *dict.fromkeys(name for names in ACTION_ATTRIBUTES.values() for name in names))
_ACTION_ALIASES = {"statusLine": "statusReason", "responseLine": "statusDescription"}
"""As the configuration reference of URL Rewrite calls them; rewrite_schema.xml has the other names."""


def inbound_rule(element: Element, report: Report, *, is_global: bool = False) -> InboundRule:
    """A `<rule>` of `<rules>` or `<globalRules>`."""
    name = element.attributes.get("name", "")
    report = report.of_rule(name)
    fields = Fields(element, report, _RULE)
    parts = single_children(element, report, ("match", "conditions", "serverVariables", "action"))
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
        report.source(element.line),
        remarks.comment,
    )


def conditions_of(element: Element | None, report: Report, *, unique: bool) -> Conditions:
    """The `<conditions>` of a rule. `unique` is for those that IIS wants to differ from each other."""
    if element is None:
        return Conditions()
    fields = Fields(element, report, ("logicalGrouping", "trackAllCaptures"))
    return Conditions(
        condition_list(element, report, unique=unique),
        fields.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
        fields.optional_boolean("trackAllCaptures"),
    )


def condition_list(element: Element, report: Report, *, unique: bool) -> tuple[Condition, ...]:
    """The `<add>` elements of `<conditions>` or `<preCondition>`.

    In `<rules>` they have no key; elsewhere all attributes together are one (rewrite_schema.xml).
    """
    conditions = tuple(_condition(child, report) for _, child in children_of(element, report, ("add",)))
    for number, condition in enumerate(conditions if unique else ()):
        if condition in conditions[:number]:
            message = f"<add>: got the same condition again, expected each once; {REFUSED}"
            report.warning(condition.source.line, ProblemId.REFUSED_BY_IIS, message)
    return conditions


def _condition(element: Element, report: Report) -> Condition:
    # The reference's own examples of the first version have `type` for `matchType`.
    fields = Fields(element, report, ("input", "matchType", "pattern", "ignoreCase", "negate"), {"type": "matchType"})
    match_type = fields.choice("matchType", MatchType.PATTERN)
    if fields.is_wrong("matchType"):
        input, pattern = fields.text("input"), fields.text("pattern")
    elif match_type is MatchType.PATTERN:
        input = fields.given("input", "a text with {...}, such as {HTTP_HOST}")
        pattern = fields.given("pattern", "a pattern, or a matchType that needs none")
    else:
        # Without an input IIS asks for the file that the URL stands for (URL Rewrite Module configuration reference).
        input, pattern = fields.text("input", "{REQUEST_FILENAME}"), fields.text("pattern")
        if pattern:
            fields.warning(ProblemId.NO_EFFECT, f"has no effect with matchType {match_type}", "pattern")
    return Condition(
        input,
        pattern,
        match_type,
        fields.boolean("ignoreCase", True),
        fields.boolean("negate", False),
        fields.source,
        plain_comment((*element.comments, *element.trailing), report),
    )


_EVERY_PATH = {PatternSyntax.ECMASCRIPT: ".*", PatternSyntax.WILDCARD: "*"}


def _match(element: Element | None, rule: Fields, syntax: PatternSyntax, *, has_action: bool) -> Match:
    if element is None:
        expected = 'expected <match url="..."> with a pattern for the path (".*" for every path)'
        every = _EVERY_PATH.get(syntax, "")
        if not every or not has_action:
            rule.error(ProblemId.MISSING, f"got no <match>, {expected}; IIS answers 500.50")
            return Match("", source=rule.source)
        # Sites made by Azure for Node.js have such rules.
        message = f"got no <match>, {expected}; IIS may answer 500.50, here it is every path"
        rule.warning(ProblemId.REFUSED_BY_IIS, message)
        return Match(every, source=rule.source)
    fields = Fields(element, rule.report, ("url", "ignoreCase", "negate"))
    list(children_of(element, rule.report, ()))
    return Match(
        fields.required("url", 'a pattern for the path, such as "^news/(.*)" (".*" for every path)'),
        fields.boolean("ignoreCase", True),
        fields.boolean("negate", False),
        fields.source,
    )


def _server_variables(element: Element | None, report: Report) -> tuple[SetServerVariable, ...]:
    if element is None:
        return ()
    Fields(element, report, ())
    found = []
    for _, child in children_of(element, report, ("set",)):
        fields = Fields(child, report, ("name", "value", "replace"))
        name = fields.trimmed("name", "the name of a server variable")
        check_variable_name(name, report, child.line, "<set> name")
        found.append(
            SetServerVariable(
                name,
                fields.text("value"),
                fields.boolean("replace", True),
                report.source(child.line),
                plain_comment((*child.comments, *child.trailing), report),
            )
        )
    report.problems.extend(
        duplicate_names("server variable", ((item.name, item.source) for item in found if item.name))
    )
    return tuple(found)


def _action(element: Element | None, report: Report, *, is_global: bool) -> Action:
    if element is None:
        return Action()
    fields = Fields(element, report, _ACTION, _ACTION_ALIASES)
    list(children_of(element, report, ()))
    type = fields.choice("type", ActionType.NONE)
    for name in () if fields.is_wrong("type") else _ACTION[1:]:
        if name in fields and name not in ACTION_ATTRIBUTES[type]:
            fields.warning(ProblemId.NO_EFFECT, f"has no effect with the action {type}", name)
    if is_global and "logRewrittenUrl" in fields:
        message = f"got it in a global rule, where IIS does not know it: {REFUSED}"
        fields.warning(ProblemId.REFUSED_BY_IIS, message, "logRewrittenUrl")
    needs_url = "url" in ACTION_ATTRIBUTES[type]
    return Action(
        type,
        fields.trimmed("url", "the URL to go to") if needs_url else fields.text("url"),
        fields.boolean("appendQueryString", True),
        _redirect_type(fields),
        fields.boolean("logRewrittenUrl", False),
        _status_code(fields, type),
        fields.integer("subStatusCode", 0, range(1000)),
        fields.text("statusReason"),
        fields.text("statusDescription"),
        fields.source,
    )


def _redirect_type(fields: Fields) -> RedirectType:
    kind = fields.choice("redirectType", RedirectType.PERMANENT, REDIRECT_NUMBERS)
    if kind is RedirectType.PERMANENT_REDIRECT:
        message = (
            f"got {shown(fields.text('redirectType'))}, which IIS does not know: {REFUSED}; "
            "a comment <!-- urlrewrite: redirectType=308 --> says it to us alone"
        )
        fields.warning(ProblemId.REFUSED_BY_IIS, message, "redirectType")
    return kind


def _status_code(fields: Fields, type: ActionType) -> int:
    if type is not ActionType.CUSTOM_RESPONSE:
        return fields.integer("statusCode", 0, range(1000))
    if "statusCode" not in fields:
        fields.error(ProblemId.MISSING, "got nothing, expected a status such as 403", "statusCode")
    status = fields.integer("statusCode", 0, FINAL_STATUS)
    if status in NOT_CUSTOM:
        message = f"got {status}, expected a status outside 300 to 307; the action Redirect sends those, and {REFUSED}"
        fields.error(ProblemId.BAD_VALUE, message, "statusCode")
    return status
