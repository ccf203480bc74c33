"""What a remedy is made from, and what it is: words, and a change of the rules that is tried before it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.experiments.edits import Edit, add_rule, edit_rule, edit_site, find_rule
from urlrewrite.inspector.experiments.rule_places import Rule
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import (
    Condition,
    Conditions,
    InboundRule,
    LinkMode,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PreCondition,
    RuleSet,
    Site,
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, in words that are enough by themselves; `edit` is the same as a change of the rules.

    `succeeds` says whether the edit does what it is for, None where nothing that was recorded can say. Without it, the
    error has to be gone from what was recorded. `cause` is the rule that the edit changes, where that is another one
    than the breakage is about.
    """

    todo: str
    edit: Edit | None = None
    succeeds: Callable[[Edit], bool | None] | None = None
    cause: Cause | None = None


class About:
    """A breakage, with what its remedy is made from."""

    def __init__(self, case: Case, breakage: Breakage) -> None:
        assert case.rules is not None
        by_flow = {each.flow_id: each for each in (*case.load.all, *case.earlier)}
        self.case = case
        self.breakage = breakage
        self.exchanges: list[RecordedExchange] = [by_flow[flow] for flow in breakage.flows if flow in by_flow]
        self.rule_set: RuleSet = case.rules.rules.rule_set

    @property
    def exchange(self) -> RecordedExchange:
        """The exchange that tells most of it."""
        return self.exchanges[0]

    @cached_property
    def site(self) -> Site | None:
        """The site that served it."""
        compiled = self.case.site(self.exchange)
        return compiled.site if compiled else None

    @property
    def site_name(self) -> str:
        """The name of that site."""
        return self.site.name if self.site else ""

    @cached_property
    def rule(self) -> Rule | None:
        """The rule concerned."""
        place = find_rule(self.rule_set, self.site_name, self.breakage.rule) if self.breakage.rule else None
        return place.find(self.rule_set) if place else None

    @property
    def inbound(self) -> InboundRule | None:
        """The rule concerned, where it is for requests."""
        return self.rule if isinstance(self.rule, InboundRule) else None

    @property
    def outbound(self) -> OutboundRule | None:
        """The rule concerned, where it is for responses."""
        return self.rule if isinstance(self.rule, OutboundRule) else None

    @property
    def path(self) -> str:
        """The path that was requested."""
        return self.exchange.request.target.partition("?")[0]

    def changed(self, change: Callable[[Rule], Rule | None], **pre_conditions: PreCondition) -> Edit | None:
        """Return the rules with the rule concerned changed."""
        named = {each.name: each for each in pre_conditions.values()}
        return edit_rule(self.rule_set, self.site_name, self.breakage.rule, change, named)

    def with_links(self) -> Iterator[tuple[LinkMode, Edit]]:
        """Yield the rules with links mapped further than they are, the smaller change first."""
        modes = list(LinkMode)
        for mode in modes[modes.index(self.site.links) + 1 :] if self.site else ():
            edit = edit_site(self.rule_set, self.site_name, _linked(mode), {"links": str(mode)})
            if edit:
                yield mode, edit

    def with_rule(
        self, name: str, match: OutboundMatch, value: str, conditions: tuple[Condition, ...] = ()
    ) -> Edit | None:
        """Return the rules with one more outbound rule."""
        taken = {each.name.casefold() for each in (self.site.outbound_rules if self.site else ())}
        number = next(number for number in range(1, len(taken) + 2) if _numbered(name, number).casefold() not in taken)
        action = OutboundAction(OutboundActionType.REWRITE, value)
        rule = OutboundRule(_numbered(name, number), match, conditions=Conditions(conditions), action=action)
        return add_rule(self.rule_set, self.site_name, rule)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def _linked(mode: LinkMode) -> Callable[[Site], Site]:
    return lambda site: replace(site, links=mode)


def variable_of(name: str) -> str:
    """Return the server variable of a header of a response."""
    return f"RESPONSE_{name.replace('-', '_')}"


def folder_pattern(path: str) -> str:
    """Return the pattern of what a path belongs to: its first folder, or else all files of its kind."""
    first, slash, rest = path.lstrip("/").partition("/")
    if slash and rest:
        return f"^/{escaped(first)}/"
    kind = re.search(r"\.(\w{1,8})$", path)
    return rf"\.{kind[1]}$" if kind else f"^{escaped(path)}$"
