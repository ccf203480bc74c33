"""IIS's words that no enumeration of the model has."""

from __future__ import annotations

from urlrewrite.content.carriers import TAG_FLAGS
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import ActionType, RedirectType

FILTER_BY_TAGS = ("None", *TAG_FLAGS, "CustomTags")
"""What may stand in `filterByTags` (rewrite_schema.xml)."""

ACTION_ATTRIBUTES = {
    ActionType.NONE: (),
    ActionType.REWRITE: ("url", "appendQueryString", "logRewrittenUrl"),
    ActionType.REDIRECT: ("url", "appendQueryString", "redirectType"),
    ActionType.CUSTOM_RESPONSE: ("statusCode", "subStatusCode", "statusReason", "statusDescription"),
    ActionType.ABORT_REQUEST: (),
}
"""The attributes that have an effect with each type of action."""

REDIRECT_NUMBERS = {str(kind.status): kind for kind in RedirectType}
"""`redirectType` as a number."""

FINAL_STATUS = range(200, 1000)
"""What `statusCode` can be: 1xx are not final."""

NOT_CUSTOM = range(300, 308)
"""Status codes that CustomResponse cannot send (rewrite_schema.xml)."""

INT64 = range(2**63)
"""What `occurrences` can be."""

TEMPLATE_NAMES = ("R", "C", "ToLower", "UrlEncode", "UrlDecode", "HtmlEncode")
"""What stands before the colon in `{...:...}` already, so that no rewrite map or provider can have the name."""


def check_variable_name(name: str, report: Report, line: int, label: str) -> None:
    """Report a name that is written as a reference to it, or with blanks."""
    if any(character in "{}:" or character.isspace() or not character.isprintable() for character in name):
        message = f"{label}: got the name {shown(name)}, expected a bare name such as HTTP_X_FORWARDED_PROTO"
        report.error(line, ProblemId.BAD_VALUE, message)


def check_template_name(name: str, report: Report, line: int, label: str) -> None:
    """Report the name of a rewrite map or provider if it means something else in a template."""
    if name.casefold() in map(str.casefold, TEMPLATE_NAMES):
        message = f"{label}: got {shown(name)}, expected a name that is not one of {', '.join(TEMPLATE_NAMES)}"
        report.error(line, ProblemId.BAD_VALUE, message)
