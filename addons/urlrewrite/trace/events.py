"""What a trace is made of: the name of every event, and how an event is declared.

Names are those of IIS's failed-request tracing where it has one (IIS docs, "Using Failed Request Tracing to trace
rewrite rules"), and in its style where it has none. What each event says stands in `request_events.py` and
`response_events.py`, why something is as it is in `reasons.py`. Emitters give a declared event to the trace, so that a
type checker sees a wrong name or key; readers compare names and reasons, and never read a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Name(StrEnum):
    """The names of events."""

    # Of both sides.
    WARNING = "WARNING"
    ERROR = "ERROR"
    URL_REWRITE_START = "URL_REWRITE_START"
    RULE_DISABLED = "RULE_DISABLED"
    CONDITIONS_EVALUATION_START = "CONDITIONS_EVALUATION_START"
    CONDITION_EVALUATION = "CONDITION_EVALUATION"
    CONDITIONS_EVALUATION_END = "CONDITIONS_EVALUATION_END"
    REWRITE_MAP_LOOKUP = "REWRITE_MAP_LOOKUP"

    # Of the request.
    SITE_CHOSEN = "SITE_CHOSEN"
    SECTION_PASSED = "SECTION_PASSED"
    SECTION_ANSWERED = "SECTION_ANSWERED"
    RULES_RULED_OUT = "RULES_RULED_OUT"
    RULE_OUTSIDE_LOCATION = "RULE_OUTSIDE_LOCATION"
    RULE_EVALUATION_START = "RULE_EVALUATION_START"
    PATTERN_MATCH = "PATTERN_MATCH"
    RESPONSE_CACHE_DIRECTIVE = "RESPONSE_CACHE_DIRECTIVE"
    SERVER_VARIABLE_KEPT = "SERVER_VARIABLE_KEPT"
    SERVER_VARIABLE_SET = "SERVER_VARIABLE_SET"
    NONE_ACTION = "NONE_ACTION"
    REWRITE_ACTION = "REWRITE_ACTION"
    REDIRECT_ACTION = "REDIRECT_ACTION"
    CUSTOM_RESPONSE_ACTION = "CUSTOM_RESPONSE_ACTION"
    ABORT_REQUEST_ACTION = "ABORT_REQUEST_ACTION"
    RULE_EVALUATION_END = "RULE_EVALUATION_END"
    URL_REWRITE_END = "URL_REWRITE_END"
    GENERAL_SET_REQUEST_HEADER = "GENERAL_SET_REQUEST_HEADER"
    QUERY_MAPPED_BACK = "QUERY_MAPPED_BACK"
    SAML_LEFT = "SAML_LEFT"
    REQUEST_BODY = "REQUEST_BODY"
    REQUEST_BODY_CHANGE = "REQUEST_BODY_CHANGE"
    REQUEST_ROUTED = "REQUEST_ROUTED"
    ANSWERED = "ANSWERED"
    REQUEST_QUEUED = "REQUEST_QUEUED"
    ARR_SERVER_ROUTED = "ARR_SERVER_ROUTED"
    SERVER_FAILED = "SERVER_FAILED"
    EARLY_HINTS = "EARLY_HINTS"
    NO_SERVER = "NO_SERVER"
    SERVER_STATE = "SERVER_STATE"

    # Of the response.
    IIS_DIFFERS = "IIS_DIFFERS"
    PRECONDITION_EVALUATION_START = "PRECONDITION_EVALUATION_START"
    PRECONDITION_EVALUATION_END = "PRECONDITION_EVALUATION_END"
    OUTBOUND_RULE_SKIPPED = "OUTBOUND_RULE_SKIPPED"
    OUTBOUND_PATTERN_MATCH = "OUTBOUND_PATTERN_MATCH"
    OUTBOUND_RULE_END = "OUTBOUND_RULE_END"
    RESPONSE_FIELD_REMOVED = "RESPONSE_FIELD_REMOVED"
    GENERAL_SET_RESPONSE_HEADER = "GENERAL_SET_RESPONSE_HEADER"
    BODY_PLAN = "BODY_PLAN"
    BODY_DECODED = "BODY_DECODED"
    BODY_RELEASED = "BODY_RELEASED"
    BODY_WINDOWS = "BODY_WINDOWS"
    CONTENT_CHANGE = "CONTENT_CHANGE"
    MESSAGE_CHANGE = "MESSAGE_CHANGE"
    INTEGRITY = "INTEGRITY"
    NAMES_LEFT = "NAMES_LEFT"
    PATHS_LEFT = "PATHS_LEFT"


class EventType[**Keys]:
    """A declared event: its name, and the TypedDict of its keys (without "event", which holds the name)."""

    __slots__ = ("keys", "name")

    def __init__(self, name: Name, keys: Callable[Keys, object]) -> None:
        self.name = str(name)
        """A plain string, so that a trace is plain data."""
        self.keys = keys
