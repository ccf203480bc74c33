"""What the checks look at: rules, conditions and levels, with patterns compiled and templates parsed.

A pattern that cannot be read is None here, and a template that cannot be read is plain text: the compiler has reported
both. Rules that are switched off are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.engine.inheritance import Effective
from urlrewrite.engine.template import Template
from urlrewrite.engine.variables import normal_name
from urlrewrite.model import (
    NOWHERE,
    Action,
    ActionType,
    Condition,
    Farm,
    InboundRule,
    LogicalGrouping,
    Match,
    Mode,
    Origin,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PatternSyntax,
    PreCondition,
    RuleSet,
    Section,
    SetServerVariable,
    Site,
    Source,
)
from urlrewrite.model.web_server import WebServer
from urlrewrite.patterns.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Context:
    """Where a rule is in force: the server (no `site`), a site or a directory of it, or among the global rules.

    `variables` are the names of all variables that a rule sets, normalised. `proxies` says whether requests are
    forwarded to another host, `keeps_host` whether every one of them keeps the host that the client asked for.
    `encodes_again` is `useOriginalURLEncoding`. `published` are the public names of all sites, none where one of them
    is published under any name.
    """

    site: Site | None
    effective: Effective
    is_global: bool
    variables: frozenset[str]
    proxies: bool
    keeps_host: bool
    encodes_again: bool
    published: frozenset[Origin]

    @property
    def elsewhere(self) -> frozenset[Origin]:
        """The public names of other sites; none for rules of the server."""
        return self.published.difference(self.site.public) if self.site else frozenset()

    @property
    def is_strict(self) -> bool:
        """Whether the site does as IIS does, mistakes of the rules included."""
        return self.site is not None and self.site.mode is Mode.IIS


@dataclass(frozen=True, slots=True)
class ConditionView:
    """A condition; `pattern` is None for IsFile and IsDirectory, too."""

    item: Condition
    input: Template
    pattern: Pattern | None

    def asks(self, *names: str) -> bool:
        """Say whether the input is one of these variables and nothing else."""
        text = self.input.source.strip()
        return text[:1] == "{" and text[-1:] == "}" and normal_name(text[1:-1]) in names

    @property
    def captures(self) -> int:
        """How many groups it captures where it holds; -1 if it captures nothing at all, not even {C:0}."""
        return -1 if self.pattern is None or self.item.negate else self.pattern.groups


@dataclass(frozen=True, slots=True)
class InboundView:
    """An inbound rule. `directory` is where it was written, "" for the site."""

    item: InboundRule
    pattern: Pattern | None
    conditions: tuple[ConditionView, ...]
    url: Template
    variables: tuple[tuple[SetServerVariable, Template], ...]
    context: Context
    directory: str

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.item.name

    @property
    def source(self) -> Source:
        """Where it was written."""
        return self.item.source

    @property
    def ends(self) -> bool:
        """Whether no rule of its set runs any more once it has acted."""
        return self.item.stop_processing or self.item.action.type not in (ActionType.NONE, ActionType.REWRITE)


@dataclass(frozen=True, slots=True)
class OutboundView:
    """An outbound rule; `tags` are the (tag, attribute) pairs it examines."""

    item: OutboundRule
    pattern: Pattern | None
    conditions: tuple[ConditionView, ...]
    value: Template
    tags: frozenset[tuple[str, str]]
    pre_condition: PreConditionView | None
    context: Context

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.item.name

    @property
    def source(self) -> Source:
        """Where it was written."""
        return self.item.source

    @property
    def variable(self) -> str:
        """The variable it works on, normalised (`RESPONSE_SET_COOKIE`), or ""."""
        return normal_name(self.item.match.server_variable)

    @property
    def rewrites(self) -> bool:
        """Whether its action is Rewrite."""
        return self.item.action.type is OutboundActionType.REWRITE


@dataclass(frozen=True, slots=True)
class PreConditionView:
    """A preCondition."""

    item: PreCondition
    conditions: tuple[ConditionView, ...]
    context: Context
    rule: str = ""

    @property
    def source(self) -> Source:
        """Where it was written."""
        return self.item.source


@dataclass(frozen=True, slots=True)
class PatternView:
    """A pattern, wherever it stands; `condition` is None for that of a rule's match."""

    text: str
    syntax: PatternSyntax
    pattern: Pattern | None
    condition: ConditionView | None
    owner: Owner
    source: Source

    @property
    def rule(self) -> str:
        """The rule's name; "" for a preCondition."""
        return self.owner.rule

    @property
    def name(self) -> str:
        """What a message calls the pattern."""
        if self.condition is None:
            return f"the pattern {quoted(self.text)}"
        return f"the pattern {quoted(self.text)} for {self.condition.input.source}"


type Owner = InboundView | OutboundView | PreConditionView


@dataclass(frozen=True, slots=True)
class ConditionsView:
    """The conditions of a rule or of a preCondition.

    `groups` is the highest `{R:n}`, -1 if there is none at all. `track` is what `trackAllCaptures` comes to.
    `templates` are those of the action, which may refer to what the conditions capture.
    """

    owner: Owner
    items: tuple[ConditionView, ...]
    grouping: LogicalGrouping
    track: bool
    groups: int
    templates: tuple[tuple[Template, Source], ...]

    @property
    def rule(self) -> str:
        """The rule's name; "" for a preCondition."""
        return self.owner.rule

    @property
    def source(self) -> Source:
        """Where rule or preCondition was written."""
        return self.owner.source

    @property
    def context(self) -> Context:
        """Where they are in force."""
        return self.owner.context

    @property
    def syntax(self) -> PatternSyntax:
        """The syntax of all their patterns."""
        return self.owner.item.pattern_syntax


@dataclass(frozen=True, slots=True)
class LevelView:
    """The rules that are in force together, in their order."""

    context: Context
    inbound: tuple[InboundView, ...]
    outbound: tuple[OutboundView, ...]
    pre_conditions: tuple[PreConditionView, ...]
    patterns: tuple[PatternView, ...]
    rule: str = ""
    source: Source = NOWHERE


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site. `rules` are all inbound rules that a request for it may meet, whatever its path; `web_server` is in force
    for the whole of it.
    """

    site: Site
    rules: tuple[InboundRule, ...]
    web_server: WebServer
    rule: str = ""

    @property
    def source(self) -> Source:
        """Where it was written."""
        return self.site.source


@dataclass(frozen=True, slots=True)
class FarmView:
    """A server farm, and all that is in force beside it."""

    farm: Farm
    rule_set: RuleSet
    rule: str = ""

    @property
    def source(self) -> Source:
        """Where it was written."""
        return self.farm.source


@dataclass(frozen=True, slots=True)
class FarmsView:
    """All that is in force, for what a rule set says of farms and of its proxy."""

    rule_set: RuleSet
    rule: str = ""
    source: Source = NOWHERE


@dataclass(frozen=True, slots=True)
class SectionView:
    """What one level says: the server, a site, or a directory of one.

    `name` begins messages about it, "" where there is one site only; `silenced` are the findings that it, or a level
    above it, wants to hear nothing of.
    """

    section: Section
    name: str
    silenced: frozenset[str]
    source: Source
    rule: str = ""


type Subject = Owner | ConditionsView | PatternView | LevelView | SiteView | SectionView | FarmView | FarmsView


def heading(subject: Subject) -> str:
    """Return what a message about a preCondition begins with, since such a message names no rule."""
    owner = subject.owner if isinstance(subject, ConditionsView | PatternView) else subject
    return f'preCondition "{owner.item.name}": ' if isinstance(owner, PreConditionView) else ""


def quoted(text: str) -> str:
    """Quote a text of the rules for a message: as it stands, on one line."""
    return f"'{text if text.isprintable() else text.encode('unicode_escape').decode()}'"


def place(
    item: Match | Action | OutboundMatch | OutboundAction | Condition | SetServerVariable, owner: Subject
) -> Source:
    """Return where a part was written; the owner's source if that is not known."""
    return item.source if item.source.line else owner.source
