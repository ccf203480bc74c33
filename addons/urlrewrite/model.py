"""The vocabulary: what a rule file says, as plain frozen values.

Every format (YAML, IIS XML, mod_rewrite) is read into these classes and written from them; the engine compiles them.
Names and defaults are those of IIS (`rewrite_schema.xml`, IIS URL Rewrite 2.0 reference); what is ours is said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from urlrewrite.origin import DEFAULT_PORTS, Origin

__all__ = ["DEFAULT_PORTS", "Origin"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was written: the file as the user named it, and the line, from 1; 0 is the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE = Source("<built in>", 0)


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
    """Ours: whether IIS's failures are answered as IIS does, or the author's meaning is served and those are told."""

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
    """Ours: places in which links are mapped only where they are asked for, since it is not certain to be right.

    `queries` are those of requests, in which public URLs are mapped back; `cookieValues` and `webSocketMessages` are
    mapped back as well.
    """

    COOKIE_VALUES = "cookieValues"
    QUERIES = "queries"
    REASON_PHRASE = "reasonPhrase"
    WEBSOCKET_MESSAGES = "webSocketMessages"


@dataclass(frozen=True, slots=True)
class Readings:
    """Ours: how a site reads what the sources of IIS's behaviour leave open.

    `outbound_track_all_captures` is what an outbound rule has that does not say: true by rewrite_schema.xml, false by
    the prose of the 2.0 configuration reference.
    """

    tag_replacement: TagReplacement = TagReplacement.VALUE
    outbound_track_all_captures: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """`<match>` of an inbound rule."""

    url: str
    ignore_case: bool = True
    negate: bool = False
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """`<add>` inside `<conditions>` or `<preCondition>`. `input` is a template."""

    input: str
    pattern: str = ""
    match_type: MatchType = MatchType.PATTERN
    ignore_case: bool = True
    negate: bool = False
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Conditions:
    """`<conditions>`. `track_all_captures` is None where the file does not say: False inbound, outbound as the site's
    `Readings` have it.
    """

    items: tuple[Condition, ...] = ()
    logical_grouping: LogicalGrouping = LogicalGrouping.MATCH_ALL
    track_all_captures: bool | None = None


@dataclass(frozen=True, slots=True)
class SetServerVariable:
    """`<set>` inside `<serverVariables>`. `replace=False` sets the variable only where it is not yet set."""

    name: str
    value: str
    replace: bool = True
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Action:
    """`<action>` of an inbound rule; which attributes count depends on `type`."""

    type: ActionType = ActionType.NONE
    url: str = ""
    append_query_string: bool = True
    redirect_type: RedirectType = RedirectType.PERMANENT
    log_rewritten_url: bool = False
    status_code: int = 0
    sub_status_code: int = 0
    status_reason: str = ""
    status_description: str = ""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class InboundRule:
    """`<rule>` inside `<rules>` or `<globalRules>`. `silenced`, ours: the ids of findings its author does not want."""

    name: str
    match: Match
    conditions: Conditions = Conditions()
    server_variables: tuple[SetServerVariable, ...] = ()
    action: Action = Action()
    enabled: bool = True
    pattern_syntax: PatternSyntax = PatternSyntax.ECMASCRIPT
    stop_processing: bool = False
    response_cache_directive: ResponseCacheDirective = ResponseCacheDirective.AUTO
    silenced: tuple[str, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class OutboundMatch:
    """`<match>` of an outbound rule. One scope applies, the first of: `server_variable`, `filter_by_tags`, whole body.

    `filter_by_tags` holds IIS's flag names as in the reference ("A", "Form", "CustomTags", ...).
    """

    pattern: str
    server_variable: str = ""
    filter_by_tags: tuple[str, ...] = ()
    custom_tags: str = ""
    occurrences: int = 0
    ignore_case: bool = True
    negate: bool = False
    source: Source = field(default=NOWHERE, compare=False)


class OutboundActionType(StrEnum):
    """Attribute `type` of an outbound action."""

    NONE = "None"
    REWRITE = "Rewrite"


@dataclass(frozen=True, slots=True)
class OutboundAction:
    """`<action>` of an outbound rule. `replace=False` leaves a field alone that is there already."""

    type: OutboundActionType = OutboundActionType.NONE
    value: str = ""
    replace: bool = True
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class OutboundRule:
    """`<rule>` inside `<outboundRules>`."""

    name: str
    match: OutboundMatch
    pre_condition: str = ""
    conditions: Conditions = Conditions()
    action: OutboundAction = OutboundAction()
    enabled: bool = True
    pattern_syntax: PatternSyntax = PatternSyntax.ECMASCRIPT
    stop_processing: bool = False
    silenced: tuple[str, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PreCondition:
    """`<preCondition>`: decides once per response whether the rules that name it apply."""

    name: str
    items: tuple[Condition, ...]
    logical_grouping: LogicalGrouping = LogicalGrouping.MATCH_ALL
    pattern_syntax: PatternSyntax = PatternSyntax.ECMASCRIPT
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CustomTags:
    """`<tags>` inside `<customTags>`: pairs of tag and attribute, both in lower case."""

    name: str
    tags: tuple[tuple[str, str], ...]
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RewriteMap:
    """`<rewriteMap>`. With `ignore_case` keys are compared without case; entries keep the spelling of the file."""

    name: str
    entries: Mapping[str, str]
    default_value: str = ""
    ignore_case: bool = True
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Ours: the PEM file with key, certificate and chain of a site; `file` is absolute."""

    file: str
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """`<provider>`: `{name:text}` in a template asks it. `type` and `settings` are those of the file, the type with its
    assembly. `answers` is what its file holds, read when the rules were loaded: text to what is given for it; texts are
    compared without case if `ignore_case`. `supported` is False where a provider cannot be honoured here.
    """

    name: str
    type: str
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    ignore_case: bool = field(default=True, compare=False)
    supported: bool = field(default=True, compare=False)
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


class Collection(StrEnum):
    """The collections of a `<rewrite>` section that are inherited entry by entry, by their element's name."""

    RULES = "rules"
    OUTBOUND_RULES = "outboundRules"
    PRE_CONDITIONS = "preConditions"
    CUSTOM_TAGS = "customTags"
    REWRITE_MAPS = "rewriteMaps"
    PROVIDERS = "providers"
    ALLOWED_SERVER_VARIABLES = "allowedServerVariables"


@dataclass(frozen=True, slots=True)
class Removal:
    """`<remove name="...">` in a collection, or `<clear/>` where `name` is "": what is not inherited."""

    collection: Collection
    name: str = ""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A `<rewrite>` section: what one level of the configuration (server, site, location) adds to the level above.

    `removals` come before what the level adds. None means "as inherited": for `allowed_server_variables` that is, where
    no level says anything, every variable; for the switches it is IIS's default. `use_original_url_encoding` is
    `useOriginalURLEncoding` of `<rules>`. `comments` holds comments that belong to no entry: element to text.
    """

    rules: tuple[InboundRule, ...] = ()
    outbound_rules: tuple[OutboundRule, ...] = ()
    pre_conditions: Mapping[str, PreCondition] = field(default_factory=lambda: MappingProxyType({}))
    custom_tags: Mapping[str, CustomTags] = field(default_factory=lambda: MappingProxyType({}))
    rewrite_maps: Mapping[str, RewriteMap] = field(default_factory=lambda: MappingProxyType({}))
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    allowed_server_variables: tuple[str, ...] | None = None
    removals: tuple[Removal, ...] = ()
    use_original_url_encoding: bool | None = None
    rewrite_before_cache: bool | None = None
    comments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Section):
    """The section of a directory of a site: a `<location path>`, or the `web.config` of a folder.

    `path` is relative to the site's root and decoded, without slashes at its ends (`shop/cart`). Its rules see URLs
    relative to it.
    """

    path: str
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Section):
    """Ours (IIS: site, bindings and the `<rewrite>` section in one): a public name, what is behind it, and its rules.

    `public` names the origins that browsers use; the first one is the one that redirects and links are made for when a
    request came by a name or scheme that is not listed. Without any, the site serves every name that no other has.
    `path` is where below these names the site is mounted, as an application is in IIS, and `backend_path` where it
    stands below the backend: "" for the root, else as in a URL, with a slash at the beginning and none at the end.
    `forward_prefix` tells the backend its public path in X-Forwarded-Prefix, so that links that begin with it are taken
    for public ones. `root_paths` are beginnings of paths of the backend that its scripts and JSON name without a host.
    `backend` is None where only rules say where requests go. `connect` is the `(host, port)` to dial for the backend
    where its own name does not resolve. `preserve_host_header` is ARR's `preserveHostHeader`. `trusted_proxies` lists
    addresses and networks of clients whose X-Forwarded-For is continued rather than replaced.
    """

    name: str
    public: tuple[Origin, ...] = ()
    path: str = ""
    backend: Origin | None = None
    backend_path: str = ""
    forward_prefix: bool = True
    root_paths: tuple[str, ...] = ()
    connect: tuple[str, int] | None = None
    links: LinkMode = LinkMode.EVERYWHERE
    links_also: frozenset[LinkPlace] = frozenset()
    mode: Mode = Mode.HELPFUL
    readings: Readings = Readings()
    preserve_host_header: bool = False
    trusted_proxies: tuple[str, ...] = ()
    certificate: Certificate | None = None
    document_root: str = ""
    locations: tuple[Location, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ConfigElement:
    """An element of `applicationHost.config` that is kept as it is: `<webFarm>`, `<proxy>`."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    children: tuple[ConfigElement, ...] = ()
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a rule file's own test expects; None means "not asked".

    `body_has` and `body_lacks` are texts; `fields` are response fields by lower-case name; `request_fields` are fields
    as the backend gets them, None standing for "must not be sent".
    """

    status: int | None = None
    location: str | None = None
    url: str | None = None
    action: str | None = None
    site: str | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)
    request_fields: Mapping[str, str | None] = field(default_factory=dict)
    body_has: tuple[str, ...] = ()
    body_lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A case under `tests:`: a request, optionally the answer of the backend, and what is expected of both."""

    method: str
    url: str
    expect: Expectation
    fields: tuple[tuple[str, str], ...] = ()
    response_status: int | None = None
    response_fields: tuple[tuple[str, str], ...] = ()
    response_body: str = ""
    name: str = ""
    source: Source = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Section):
    """All that is in force: the sites of every rule file, and as a section what all sites inherit from the server.

    `global_rules` run before the rules of any site and may use the rewrite maps and providers of this level.
    `web_farms` and `proxy` are `<webFarms>` and `<proxy>` of ARR. `fingerprint` is a short hash of the files' content;
    `files` are the files to watch, absolute.
    """

    sites: tuple[Site, ...] = ()
    global_rules: tuple[InboundRule, ...] = ()
    global_use_original_url_encoding: bool | None = None
    web_farms: tuple[ConfigElement, ...] = ()
    proxy: ConfigElement | None = None
    tests: tuple[RuleTest, ...] = ()
    files: tuple[str, ...] = ()
    fingerprint: str = ""
