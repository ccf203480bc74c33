"""Rules and what they are made of: patterns, conditions, actions, preconditions, maps, providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from urlrewrite.model.choices import (
    ActionType,
    LogicalGrouping,
    MatchType,
    OutboundActionType,
    PatternSyntax,
    RedirectType,
    ResponseCacheDirective,
)


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a rule file: the file as the user named it, and the line, from 1; 0 is the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE = Source("<built in>", 0)


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
    """`<conditions>`.

    `track_all_captures` is None where the file does not say: False for inbound rules, for outbound ones as the site's
    `Readings` say.
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
    """`<rule>` inside `<rules>` or `<globalRules>`. `silenced`, ours: ids of findings not to report."""

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
class Provider:
    """`<provider>`: what `{name:text}` in a template looks up.

    `type` (with its assembly) and `settings` are as in the file. `entries` is what the provider's own file held when
    the rules were loaded: each text with its value; texts are compared without case if `ignore_case`. `supported` is
    False for a provider that cannot be honoured here.
    """

    name: str
    type: str
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    entries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    ignore_case: bool = field(default=True, compare=False)
    supported: bool = field(default=True, compare=False)
    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)
