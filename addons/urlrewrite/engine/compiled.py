"""Rules as they run: patterns, conditions and templates ready."""

from __future__ import annotations

from dataclasses import dataclass

from urlrewrite.engine.conditions import CompiledConditions
from urlrewrite.engine.template import Template
from urlrewrite.model import InboundRule, OutboundActionType, OutboundRule, TagReplacement
from urlrewrite.patterns.pattern import Pattern


@dataclass(frozen=True, slots=True)
class CompiledVariable:
    """A `<set>` with its template ready."""

    name: str
    value: Template
    replace: bool


@dataclass(frozen=True, slots=True)
class CompiledInboundRule:
    """An inbound rule with patterns and templates ready.

    `directory` is where it was written, decoded and without slashes at its ends; `base` is that directory as the
    beginning of a URL path, encoded and with slashes.
    """

    rule: InboundRule
    pattern: Pattern
    conditions: CompiledConditions
    server_variables: tuple[CompiledVariable, ...]
    url: Template
    directory: str = ""
    base: str = "/"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledOutboundRule:
    """An outbound rule with patterns and templates ready; compared by identity.

    `tags` are the (tag, attribute) pairs it examines; `pre_condition` is the name in lower case, "" for none.
    `names_type` tells that its precondition, or its conditions, let only some types of content through.
    """

    rule: OutboundRule
    pattern: Pattern
    conditions: CompiledConditions
    value: Template
    tags: frozenset[tuple[str, str]]
    pre_condition: str
    tag_replacement: TagReplacement
    names_type: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether an item that is not empty gets a new value."""
        return self.rule.action.type is OutboundActionType.REWRITE and self.rule.action.replace
