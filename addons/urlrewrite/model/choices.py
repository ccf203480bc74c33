"""The words that a rule file chooses from: IIS's, and ours where it is said so."""

from __future__ import annotations

from enum import StrEnum


class PatternSyntax(StrEnum):
    """Attribute `patternSyntax`."""

    ECMASCRIPT = "ECMAScript"
    WILDCARD = "Wildcard"
    EXACT_MATCH = "ExactMatch"


class LogicalGrouping(StrEnum):
    """Attribute `logicalGrouping`."""

    MATCH_ALL = "MatchAll"
    MATCH_ANY = "MatchAny"


class MatchType(StrEnum):
    """Attribute `matchType` of a condition."""

    PATTERN = "Pattern"
    IS_FILE = "IsFile"
    IS_DIRECTORY = "IsDirectory"


class ActionType(StrEnum):
    """Attribute `type` of an inbound action."""

    NONE = "None"
    REWRITE = "Rewrite"
    REDIRECT = "Redirect"
    CUSTOM_RESPONSE = "CustomResponse"
    ABORT_REQUEST = "AbortRequest"


class RedirectType(StrEnum):
    """Attribute `redirectType`. `PermanentRedirect` (308) is ours: IIS has no name for it."""

    PERMANENT = "Permanent"
    FOUND = "Found"
    SEE_OTHER = "SeeOther"
    TEMPORARY = "Temporary"
    PERMANENT_REDIRECT = "PermanentRedirect"

    @property
    def status(self) -> int:
        """The status code that is sent."""
        return _REDIRECT_STATUS[self]


_REDIRECT_STATUS = {
    RedirectType.PERMANENT: 301,
    RedirectType.FOUND: 302,
    RedirectType.SEE_OTHER: 303,
    RedirectType.TEMPORARY: 307,
    RedirectType.PERMANENT_REDIRECT: 308,
}


class Mode(StrEnum):
    """Ours: what becomes of a rule that fails in IIS: its author's intent, with a warning, or IIS's error response."""

    HELPFUL = "helpful"
    IIS = "iis"


class TagReplacement(StrEnum):
    """Ours: what the Rewrite of a tag rule replaces, the whole attribute value or what the pattern matched."""

    VALUE = "value"
    MATCH = "match"


class ResponseCacheDirective(StrEnum):
    """Attribute `responseCacheDirective` of a rule (URL Rewrite 2.1)."""

    AUTO = "Auto"
    ALWAYS = "Always"
    NEVER = "Never"
    NOT_IF_RULE_MATCHED = "NotIfRuleMatched"


class LinkMode(StrEnum):
    """Ours: how far the backend's URLs are mapped to the public ones without a rule."""

    OFF = "off"
    TAGS = "tags"
    EVERYWHERE = "everywhere"


class LinkPlace(StrEnum):
    """Ours: places in which links are mapped only on request, since that is not certain to be right.

    In `queries` and `requestBodies` public URLs are mapped back; in `cookieValues` and `webSocketMessages` they are
    mapped back as well. `comments` are those of markup and style sheets, `plainText` is text without a syntax (plain,
    CSV, YAML), `visibleText` what a reader of HTML sees.
    """

    COMMENTS = "comments"
    COOKIE_VALUES = "cookieValues"
    PLAIN_TEXT = "plainText"
    QUERIES = "queries"
    REASON_PHRASE = "reasonPhrase"
    REQUEST_BODIES = "requestBodies"
    VISIBLE_TEXT = "visibleText"
    WEBSOCKET_MESSAGES = "webSocketMessages"


IN_BODIES = frozenset({LinkPlace.COMMENTS, LinkPlace.PLAIN_TEXT, LinkPlace.VISIBLE_TEXT})
"""Places that only `links: everywhere` has."""


class OutboundActionType(StrEnum):
    """Attribute `type` of an outbound action."""

    NONE = "None"
    REWRITE = "Rewrite"


class Collection(StrEnum):
    """The collections of a `<rewrite>` section that are inherited entry by entry; each by its element's name."""

    RULES = "rules"
    OUTBOUND_RULES = "outboundRules"
    PRE_CONDITIONS = "preConditions"
    CUSTOM_TAGS = "customTags"
    REWRITE_MAPS = "rewriteMaps"
    PROVIDERS = "providers"
    ALLOWED_SERVER_VARIABLES = "allowedServerVariables"


IN_OUTBOUND_RULES = (Collection.PRE_CONDITIONS, Collection.CUSTOM_TAGS)
"""The collections that stand inside `<outboundRules>`, before the rules."""
