"""The vocabulary: what a rule file says, as plain frozen values.

Every format (YAML, IIS XML, mod_rewrite) is read into these classes and written from them; the engine compiles them.
Names and defaults are those of IIS (`rewrite_schema.xml`, IIS URL Rewrite 2.0 reference); what is ours is said so.
"""

from __future__ import annotations

from urlrewrite.model.choices import (
    IN_BODIES,
    ActionType,
    Collection,
    LinkMode,
    LinkPlace,
    LogicalGrouping,
    MatchType,
    Mode,
    OutboundActionType,
    PatternSyntax,
    RedirectType,
    ResponseCacheDirective,
    TagReplacement,
)
from urlrewrite.model.config_element import ConfigElement
from urlrewrite.model.farms import Connections, Farm, Server, Timeouts
from urlrewrite.model.origin import DEFAULT_PORTS, Origin
from urlrewrite.model.rules import (
    NOWHERE,
    Action,
    Condition,
    Conditions,
    CustomTags,
    InboundRule,
    Match,
    OutboundAction,
    OutboundMatch,
    OutboundRule,
    PreCondition,
    Provider,
    RewriteMap,
    SetServerVariable,
    Source,
)
from urlrewrite.model.sites import (
    Certificate,
    ErrorPage,
    Expectation,
    Location,
    Readings,
    Removal,
    RuleSet,
    RuleTest,
    Section,
    Site,
)

__all__ = [
    "DEFAULT_PORTS",
    "IN_BODIES",
    "NOWHERE",
    "Action",
    "ActionType",
    "Certificate",
    "Collection",
    "Condition",
    "Conditions",
    "ConfigElement",
    "Connections",
    "CustomTags",
    "ErrorPage",
    "Expectation",
    "Farm",
    "InboundRule",
    "LinkMode",
    "LinkPlace",
    "Location",
    "LogicalGrouping",
    "Match",
    "MatchType",
    "Mode",
    "Origin",
    "OutboundAction",
    "OutboundActionType",
    "OutboundMatch",
    "OutboundRule",
    "PatternSyntax",
    "PreCondition",
    "Provider",
    "Readings",
    "RedirectType",
    "Removal",
    "ResponseCacheDirective",
    "RewriteMap",
    "RuleSet",
    "RuleTest",
    "Section",
    "Server",
    "SetServerVariable",
    "Site",
    "Source",
    "TagReplacement",
    "Timeouts",
]
