"""The events of a response, and the problems of both sides."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from urlrewrite.trace.events import EventType, Name
from urlrewrite.trace.request_events import FieldSet


class Precondition(TypedDict):
    """A precondition begins."""

    pre_condition: str


class PreconditionEnd(TypedDict):
    """A precondition holds, or does not."""

    pre_condition: str
    succeeded: bool


class OutboundRuleSkipped(TypedDict):
    """The precondition of a rule does not hold."""

    rule: str
    pre_condition: str


class OutboundPatternMatch(TypedDict):
    """An outbound rule on one item; `where` is the name of a field, `<tag attribute>` or "body"."""

    rule: str
    where: str
    pattern: str
    input: str
    matched: bool
    succeeded: bool
    captures: list[str]
    matched_up_to: NotRequired[int]


class OutboundRuleEnd(TypedDict):
    """How many items a rule examined, matched and changed."""

    rule: str
    examined: int
    matched: int
    changed: int


class ResponseFieldRemoved(TypedDict):
    """A rule made a field empty, and it is left out."""

    name: str
    iis: str


class PlannedBody(TypedDict):
    """What is to be done with the body: `way` is pass, whole or stream, `reason` a code of `reasons.py`.

    `kind` is the kind of content, "" where nobody knows it yet; `threshold` the bytes up to which a body is held.
    """

    way: str
    reason: str
    why: str
    kind: str
    threshold: int


class BodyDecoded(TypedDict):
    """How the body was read; sizes in bytes, without `bytes` and `decoded` it was read as it came."""

    codings: list[str]
    charset: str
    charset_source: str
    bytes: NotRequired[int]
    decoded: NotRequired[int]


class BodyReleased(TypedDict):
    """A body that was held is rewritten as it comes, now that `held` bytes have come."""

    held: int
    reason: str
    why: str
    milliseconds: int


class BodyWindows(TypedDict):
    """A rule for whole bodies saw the body in windows of `size` bytes; None for groups of lines."""

    rule: str
    windows: int
    size: int | None


class ContentChange(TypedDict):
    """An outbound rule, or with `link` the link map, changed something; `offset` is in the body."""

    where: str
    before: str
    after: str
    rule: NotRequired[str]
    link: NotRequired[bool]
    offset: NotRequired[int]


class MessageChange(TypedDict):
    """A link was mapped in a message of a WebSocket; `where` is "to client" or "from client"."""

    where: str
    message: int
    offset: int
    before: str
    after: str


class Integrity(TypedDict):
    """Digests of files in a page: `mended` were made true, files whose digest is `kept` are left as they are."""

    mended: int
    kept: list[str]


class NamesLeft(TypedDict):
    """The body still names the backend, `count` times."""

    count: int
    around: list[str]


class PathsLeft(TypedDict):
    """Paths from the root in scripts, which `rootPaths` does not name."""

    paths: list[str]


class Problem(TypedDict):
    """A warning, an error, or what IIS would do differently: `message` is the sentence of the code `reason`.

    `cause` is a second code where a reason has several: why a body was passed, what is wrong with a field. `rule` is
    the rule concerned, `field` and `value` the field line concerned. `iis_status` is IIS's status and sub-status
    ("500.52"), `iis` what IIS does if it does not respond with that.
    """

    reason: str
    message: str
    cause: NotRequired[str]
    rule: NotRequired[str]
    field: NotRequired[str]
    value: NotRequired[str]
    iis: NotRequired[str]
    iis_status: NotRequired[str]


PRECONDITION_EVALUATION_START = EventType(Name.PRECONDITION_EVALUATION_START, Precondition)
PRECONDITION_EVALUATION_END = EventType(Name.PRECONDITION_EVALUATION_END, PreconditionEnd)
OUTBOUND_RULE_SKIPPED = EventType(Name.OUTBOUND_RULE_SKIPPED, OutboundRuleSkipped)
OUTBOUND_PATTERN_MATCH = EventType(Name.OUTBOUND_PATTERN_MATCH, OutboundPatternMatch)
OUTBOUND_RULE_END = EventType(Name.OUTBOUND_RULE_END, OutboundRuleEnd)
RESPONSE_FIELD_REMOVED = EventType(Name.RESPONSE_FIELD_REMOVED, ResponseFieldRemoved)
GENERAL_SET_RESPONSE_HEADER = EventType(Name.GENERAL_SET_RESPONSE_HEADER, FieldSet)
BODY_PLAN = EventType(Name.BODY_PLAN, PlannedBody)
BODY_DECODED = EventType(Name.BODY_DECODED, BodyDecoded)
BODY_RELEASED = EventType(Name.BODY_RELEASED, BodyReleased)
BODY_WINDOWS = EventType(Name.BODY_WINDOWS, BodyWindows)
CONTENT_CHANGE = EventType(Name.CONTENT_CHANGE, ContentChange)
MESSAGE_CHANGE = EventType(Name.MESSAGE_CHANGE, MessageChange)
INTEGRITY = EventType(Name.INTEGRITY, Integrity)
NAMES_LEFT = EventType(Name.NAMES_LEFT, NamesLeft)
PATHS_LEFT = EventType(Name.PATHS_LEFT, PathsLeft)
IIS_DIFFERS = EventType(Name.IIS_DIFFERS, Problem)

WARNING = EventType(Name.WARNING, Problem)
ERROR = EventType(Name.ERROR, Problem)
