"""Parts of rules that every format says with the same names, read from a `Reader`."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.formats.reader import Reader
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.vocabulary import (
    ACTION_ATTRIBUTES,
    FILTER_BY_TAGS,
    FINAL_STATUS,
    INT64,
    NOT_CUSTOM,
    REDIRECT_NUMBERS,
    check_variable_name,
)
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.model import (
    Action,
    ActionType,
    Condition,
    Conditions,
    LogicalGrouping,
    Match,
    MatchType,
    OutboundMatch,
    PatternSyntax,
    RedirectType,
    SetServerVariable,
)

CONDITION_KEYS = ("input", "matchType", "pattern", "ignoreCase", "negate")
MATCH_KEYS = ("url", "ignoreCase", "negate")
VARIABLE_KEYS = ("name", "value", "replace")
ACTION_KEYS = ("type", *dict.fromkeys(key for keys in ACTION_ATTRIBUTES.values() for key in keys))
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


def conditions(fields: Reader, items: tuple[Condition, ...]) -> Conditions:
    """Read how the items are taken together."""
    return Conditions(
        items,
        fields.choice("logicalGrouping", LogicalGrouping.MATCH_ALL),
        fields.optional_boolean("trackAllCaptures"),
    )


def condition(fields: Reader, expected_input: str, expected_pattern: str, comment: str = "") -> Condition:
    """Read a condition; the two texts say in messages what an input and a pattern look like."""
    match_type = fields.choice("matchType", MatchType.PATTERN)
    if fields.is_invalid("matchType"):
        input, pattern = fields.text("input"), fields.text("pattern")
    elif match_type is MatchType.PATTERN:
        input, pattern = fields.given("input", expected_input), fields.given("pattern", expected_pattern)
    else:
        # Without an input IIS asks for the file that the URL stands for (URL Rewrite Module configuration reference).
        input, pattern = fields.text("input", "{REQUEST_FILENAME}"), fields.text("pattern")
        if fields.is_given("pattern"):
            fields.warning("pattern", ProblemId.NO_EFFECT, f"has no effect with matchType {match_type}")
    return Condition(
        input,
        pattern,
        match_type,
        fields.boolean("ignoreCase", True),
        fields.boolean("negate", False),
        fields.source(),
        comment,
    )


def match(fields: Reader) -> Match:
    """Read the match of an inbound rule."""
    example, every = fields.quoted("^news/(.*)"), fields.quoted(".*")
    url = fields.required("url", f"a pattern for the path, such as {example} ({every} for every path)")
    return Match(url, fields.boolean("ignoreCase", True), fields.boolean("negate", False), fields.source("url"))


def server_variable(fields: Reader, comment: str = "") -> SetServerVariable:
    """Read what a rule sets a server variable to."""
    return SetServerVariable(
        fields.trimmed("name", "the name of a server variable"),
        fields.text("value"),
        fields.boolean("replace", True),
        fields.source(),
        comment,
    )


def check_server_variables(found: Iterable[SetServerVariable], report: Report, label: str) -> None:
    """Report the names that are written as references, and those that occur twice."""
    found = [variable for variable in found if variable.name]
    for variable in found:
        check_variable_name(variable.name, report, variable.source.line, label)
    report.problems.extend(duplicate_names("server variable", ((item.name, item.source) for item in found)))


def action(fields: Reader, type: ActionType, *, checks_status: bool = True) -> Action:
    """Read the rest of an action of a known type.

    Without `checks_status`, any number that IIS's schema admits is a status code, unless the action sends it.
    """
    sends_status = type is ActionType.CUSTOM_RESPONSE
    for key in () if fields.is_invalid("type") else ACTION_KEYS[1:]:
        if key in fields and key not in ACTION_ATTRIBUTES[type]:
            fields.warning(key, ProblemId.NO_EFFECT, f"has no effect with the action {type}")
    if sends_status and "statusCode" not in fields:
        fields.error("statusCode", ProblemId.MISSING, "got nothing, expected a status such as 403")
    needs_url = "url" in ACTION_ATTRIBUTES[type]
    return Action(
        type,
        fields.trimmed("url", "the URL to go to") if needs_url else fields.text("url"),
        fields.boolean("appendQueryString", True),
        fields.choice("redirectType", RedirectType.PERMANENT, REDIRECT_NUMBERS),
        fields.boolean("logRewrittenUrl", False),
        _status_code(fields) if checks_status or sends_status else fields.integer("statusCode", 0, range(1000)),
        fields.integer("subStatusCode", 0, range(1000)),
        fields.text("statusReason"),
        fields.text("statusDescription"),
        fields.source("url"),
    )


def _status_code(fields: Reader) -> int:
    """Read `statusCode`; 300 to 307 are not for CustomResponse (rewrite_schema.xml), and 1xx are not final."""
    status = fields.integer("statusCode", 0, FINAL_STATUS)
    if status in NOT_CUSTOM:
        expected = "expected a status outside 300 to 307; the action Redirect sends those"
        fields.error("statusCode", ProblemId.BAD_VALUE, f"got {status}, {expected}{fields.refusal(', and ')}")
    return status


def outbound_match(
    fields: Reader, rule: Reader, variable: str, syntax: PatternSyntax, expected_tags: str
) -> OutboundMatch:
    """Read the match of an outbound rule.

    Args:
        fields: the match.
        rule: the rule that it belongs to.
        variable: its `serverVariable`, "" if it has none.
        syntax: the rule's `patternSyntax`.
        expected_tags: says in messages what `customTags` names.
    """
    check_variable_name(variable, fields.report, fields.line("serverVariable"), fields.label("serverVariable"))
    flags = _tag_flags(fields)
    has_tags = fields.is_given("customTags")
    if variable and flags:
        message = "has no effect, because serverVariable is given: the rule works on that variable only"
        fields.warning("filterByTags", ProblemId.NO_EFFECT, message)
    if "CustomTags" in flags and not has_tags:
        fields.error("customTags", ProblemId.MISSING, f"got nothing, expected {expected_tags}")
    if has_tags and "CustomTags" not in flags:
        fields.warning("customTags", ProblemId.NO_EFFECT, "has no effect without the flag CustomTags in filterByTags")
    if syntax is PatternSyntax.WILDCARD and not variable and not flags:
        message = (
            "got Wildcard for the whole body, expected ECMAScript or ExactMatch, or filterByTags, or serverVariable"
        )
        rule.error("patternSyntax", ProblemId.NOT_POSSIBLE, message)
    return OutboundMatch(
        fields.given("pattern", f"a pattern ({fields.quoted('.*')} for everything)"),
        variable,
        flags,
        fields.text("customTags"),
        fields.integer("occurrences", 0, INT64),
        fields.boolean("ignoreCase", True),
        fields.boolean("negate", False),
        fields.source("pattern"),
    )


def _tag_flags(fields: Reader) -> tuple[str, ...]:
    """Read `filterByTags`, spelled as IIS does; `None` is the explicit form of "no tags"."""
    known = {flag.casefold(): flag for flag in FILTER_BY_TAGS}
    flags: dict[str, None] = {}
    for item in fields.texts("filterByTags"):
        for word in filter(None, map(str.strip, item.text.split(","))):
            if flag := known.get(word.casefold()):
                flags[flag] = None
            else:
                expected = f"expected {listed(FILTER_BY_TAGS)}{suggestion(word, FILTER_BY_TAGS)}{fields.refusal()}"
                message = f"{fields.label('filterByTags')}: got {shown(word)}, {expected}"
                fields.report.error(item.line, ProblemId.BAD_VALUE, message)
    flags.pop("None", None)
    return tuple(flags)
