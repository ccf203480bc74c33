"""The events of a request, and those that the rules of both sides have in common."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from urlrewrite.trace.events import EventType, Name


class Reached(TypedDict, total=False):
    """`matched_up_to` is how many characters of the input a pattern took before it failed."""

    matched_up_to: int


class UrlRewriteStart(TypedDict):
    """A set of rules begins.

    `scope` is "Global" or "Distributed", `type` "Inbound" or "Outbound". Inbound rules have the `url` that they begin
    with and, below the root of the site, the directory they were written in, `location`; outbound ones the `status`.
    """

    scope: str
    type: str
    url: NotRequired[str]
    location: NotRequired[str]
    status: NotRequired[int]


class RuleDisabled(TypedDict):
    """A rule has enabled="false"."""

    rule: str


class ConditionsEvaluationStart(TypedDict):
    """The conditions of a rule, or a precondition, begin; `logical_grouping` is MatchAll or MatchAny."""

    logical_grouping: str
    track_all_captures: bool


class ConditionEvaluation(TypedDict):
    """One condition: `input` is its template, `expanded_input` what that was.

    `matched` tells of the pattern (or file) alone, `succeeded` whether the condition holds.
    """

    input: str
    expanded_input: str
    match_type: str
    pattern: str
    negate: bool
    matched: bool
    succeeded: bool
    captures: list[str]
    matched_up_to: NotRequired[int]


class ConditionsEvaluationEnd(TypedDict):
    """The conditions hold, or do not."""

    succeeded: bool


class RewriteMapLookup(TypedDict):
    """A rewrite map or a provider was looked up with a `key`."""

    map: str
    key: str
    value: str


class SiteChosen(TypedDict):
    """The site that serves the request, and the `public` name and path that the request came by."""

    site: str
    public: str


class SectionPassed(TypedDict):
    """A section beside `<rewrite>` looked at the request and lets it through; `source` is its file and line."""

    section: str
    source: str


class SectionAnswered(TypedDict):
    """A section beside `<rewrite>` gives the response; `reason` is a code of `reasons.py`, `why` its sentence.

    `source` is the file and line of the entry that decided. `iis_status` is status and sub-status, "" where the
    connection is closed.
    """

    section: str
    source: str
    iis_status: str
    reason: str
    why: str


class RulesRuledOut(TypedDict):
    """Rules that cannot match, from `first` to `last`, which an index left out.

    `reasons` has, by what of the request rules them out ("disabled", "{R:0}", an input of a condition), how many.
    """

    first: str
    last: str
    count: int
    reasons: dict[str, int]


class RuleOutsideLocation(TypedDict):
    """A rule was written in a directory, `location`, that the URL is no longer in."""

    rule: str
    location: str


class RuleEvaluationStart(TypedDict):
    """An inbound rule begins; `source` is its file and line, `input` the path as its pattern sees it."""

    rule: str
    source: str
    input: str
    query_string: str
    pattern_syntax: str


class PatternMatch(TypedDict):
    """The pattern of an inbound rule; `succeeded` takes `negate` into account."""

    pattern: str
    input: str
    negate: bool
    matched: bool
    succeeded: bool
    captures: list[str]
    matched_up_to: NotRequired[int]


class ResponseCacheDirective(TypedDict):
    """A rule has responseCacheDirective, which has no effect here."""

    rule: str
    directive: str


class ServerVariableKept(TypedDict):
    """A server variable has a value, and replace="false" keeps it."""

    name: str
    value: str


class ServerVariableSet(TypedDict):
    """A rule set a server variable."""

    name: str
    before: str
    after: str


class NoneAction(TypedDict):
    """A rule with the action None acted."""


class RewriteAction(TypedDict):
    """A rule rewrote the URL.

    `iis_url` is what IIS would send where that is another URL, `log_rewritten_url` what IIS would write into its log.
    """

    substitution: str
    rewrite_url: str
    append_query_string: bool
    iis_url: NotRequired[str]
    log_rewritten_url: NotRequired[str]


class RedirectAction(TypedDict):
    """A rule redirects; without `append_query_string` it is the redirect to a mount's own slash."""

    substitution: str
    location: str
    status: int
    append_query_string: NotRequired[bool]


class CustomResponseAction(TypedDict):
    """A rule gives the response; `status_reason` is the reason phrase."""

    status: int
    sub_status: int
    status_reason: str
    description: str


class AbortRequestAction(TypedDict):
    """A rule closes the connection."""


class RuleEvaluationEnd(TypedDict):
    """An inbound rule is done; `succeeded` says whether it acted, `url` is what the next rule sees."""

    rule: str
    succeeded: bool
    stop_processing: bool
    url: str


class UrlRewriteEnd(TypedDict):
    """A set of inbound rules is done."""

    url: str


class FieldSet(TypedDict):
    """A field line was changed, added (`before` is "") or removed (`after` is "").

    `reasons` are codes of `fields/reasons.py`, `why` the sentences that go with them, in the same order.
    """

    name: str
    before: str
    after: str
    reasons: list[str]
    why: list[str]


class QueryMappedBack(TypedDict):
    """A parameter of the query got the backend's name; `protocol` is where its name is from ("" for linksAlso)."""

    name: str
    before: str
    after: str
    protocol: str


class SamlLeft(TypedDict):
    """The parameter `name` of the query is a deflated message of SAML, which is left as it is; what it names."""

    name: str
    addresses: list[str]


class RequestBodyMapped(TypedDict):
    """The body of the request was looked at, as content of this `kind`; `way` is whole or stream.

    `links` counts those that were mapped back; of a stream nobody knows them yet.
    """

    way: str
    kind: str
    links: NotRequired[int]


class RequestBodyChange(TypedDict):
    """A link in the body of the request was mapped back; `offset` is in the body."""

    where: str
    offset: int
    before: str
    after: str


class RequestRouted(TypedDict):
    """The request goes to the backend; `connect` is the host and port to connect to instead of the URL's."""

    url: str
    host: str
    connect: list[str | int]


class Answered(TypedDict):
    """The response is the proxy's own."""

    status: int
    sub_status: int


class RequestQueued(TypedDict):
    """No server had room for the request, so that it waited in the farm's queue, with `ahead` others before it."""

    farm: str
    ahead: int
    milliseconds: int


class ArrServerRouted(TypedDict):
    """A server of a farm was chosen; `why` is a `ChoiceReason` of the farms, `attempt` counts the servers from 1."""

    farm: str
    server: str
    why: str
    attempt: int


class ServerFailed(TypedDict):
    """A server was turned to and failed: the `attempt` by its number, and what it took.

    `cause` is a code of `RetryCause` (connect, tls, closed, timeout), `fault` one of `BackendFault`, or "" where there
    was no connection or no head in time; `detail` says more.
    """

    server: str
    cause: str
    fault: str
    detail: str
    attempt: int
    milliseconds: int


class EarlyHintsCame(TypedDict):
    """A backend sent a 103 in front of its response: the values of its Link fields, and whether the client got it.

    The links are as the client got them. `reason` is a code of `reasons.py` for why it did not, or "".
    """

    links: list[str]
    forwarded: bool
    reason: str
    why: str


class NoServerLeft(TypedDict):
    """No server of a farm can take the request; `why` is a code of `farms.choose.NoServer`."""

    farm: str
    why: str


class ServerStateTold(TypedDict):
    """How a server was when the request could not have it: where no server was left, or the client is bound to it.

    `state` is a code of `ServerState`; `reason` one of `HealthReason`, and `detail` what came instead of what the test
    of its URL expects; `live` counts the requests under way there. `bound` says that the client's cookie names it.
    """

    farm: str
    server: str
    state: str
    healthy: bool
    reason: str
    detail: str
    live: int
    bound: bool


URL_REWRITE_START = EventType(Name.URL_REWRITE_START, UrlRewriteStart)
RULE_DISABLED = EventType(Name.RULE_DISABLED, RuleDisabled)
CONDITIONS_EVALUATION_START = EventType(Name.CONDITIONS_EVALUATION_START, ConditionsEvaluationStart)
CONDITION_EVALUATION = EventType(Name.CONDITION_EVALUATION, ConditionEvaluation)
CONDITIONS_EVALUATION_END = EventType(Name.CONDITIONS_EVALUATION_END, ConditionsEvaluationEnd)
REWRITE_MAP_LOOKUP = EventType(Name.REWRITE_MAP_LOOKUP, RewriteMapLookup)

SITE_CHOSEN = EventType(Name.SITE_CHOSEN, SiteChosen)
SECTION_PASSED = EventType(Name.SECTION_PASSED, SectionPassed)
SECTION_ANSWERED = EventType(Name.SECTION_ANSWERED, SectionAnswered)
RULES_RULED_OUT = EventType(Name.RULES_RULED_OUT, RulesRuledOut)
RULE_OUTSIDE_LOCATION = EventType(Name.RULE_OUTSIDE_LOCATION, RuleOutsideLocation)
RULE_EVALUATION_START = EventType(Name.RULE_EVALUATION_START, RuleEvaluationStart)
PATTERN_MATCH = EventType(Name.PATTERN_MATCH, PatternMatch)
RESPONSE_CACHE_DIRECTIVE = EventType(Name.RESPONSE_CACHE_DIRECTIVE, ResponseCacheDirective)
SERVER_VARIABLE_KEPT = EventType(Name.SERVER_VARIABLE_KEPT, ServerVariableKept)
SERVER_VARIABLE_SET = EventType(Name.SERVER_VARIABLE_SET, ServerVariableSet)
NONE_ACTION = EventType(Name.NONE_ACTION, NoneAction)
REWRITE_ACTION = EventType(Name.REWRITE_ACTION, RewriteAction)
REDIRECT_ACTION = EventType(Name.REDIRECT_ACTION, RedirectAction)
CUSTOM_RESPONSE_ACTION = EventType(Name.CUSTOM_RESPONSE_ACTION, CustomResponseAction)
ABORT_REQUEST_ACTION = EventType(Name.ABORT_REQUEST_ACTION, AbortRequestAction)
RULE_EVALUATION_END = EventType(Name.RULE_EVALUATION_END, RuleEvaluationEnd)
URL_REWRITE_END = EventType(Name.URL_REWRITE_END, UrlRewriteEnd)
GENERAL_SET_REQUEST_HEADER = EventType(Name.GENERAL_SET_REQUEST_HEADER, FieldSet)
QUERY_MAPPED_BACK = EventType(Name.QUERY_MAPPED_BACK, QueryMappedBack)
SAML_LEFT = EventType(Name.SAML_LEFT, SamlLeft)
REQUEST_BODY = EventType(Name.REQUEST_BODY, RequestBodyMapped)
REQUEST_BODY_CHANGE = EventType(Name.REQUEST_BODY_CHANGE, RequestBodyChange)
REQUEST_ROUTED = EventType(Name.REQUEST_ROUTED, RequestRouted)
ANSWERED = EventType(Name.ANSWERED, Answered)
REQUEST_QUEUED = EventType(Name.REQUEST_QUEUED, RequestQueued)
ARR_SERVER_ROUTED = EventType(Name.ARR_SERVER_ROUTED, ArrServerRouted)
SERVER_FAILED = EventType(Name.SERVER_FAILED, ServerFailed)
EARLY_HINTS = EventType(Name.EARLY_HINTS, EarlyHintsCame)
NO_SERVER = EventType(Name.NO_SERVER, NoServerLeft)
SERVER_STATE = EventType(Name.SERVER_STATE, ServerStateTold)
