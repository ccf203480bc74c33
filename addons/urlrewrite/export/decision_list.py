"""The decision list of a site: its inbound rules in the order in which they are tried, as every target is made from it.

Global rules come first, then those of the site. Disabled rules do nothing, and are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from urlrewrite.engine.compile import CompiledRules, CompiledSite
from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.scope import Lookup
from urlrewrite.engine.template import BackReference, Call, Literal, Template, Variable
from urlrewrite.engine.variables import normal_name
from urlrewrite.model import ActionType, InboundRule
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.patterns.tree import Node

_ENDING = frozenset({ActionType.REDIRECT, ActionType.CUSTOM_RESPONSE, ActionType.ABORT_REQUEST})
_SCHEMES = ("http://", "https://", "ws://", "wss://")


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule of the list. `lookups` are the rewrite maps and providers that it may use, by name in lower case."""

    compiled: CompiledInboundRule
    lookups: Mapping[str, Lookup]
    is_global: bool

    @property
    def rule(self) -> InboundRule:
        """The rule as it was written."""
        return self.compiled.rule

    @property
    def ends(self) -> bool:
        """Whether nothing at all comes after it where it acts: it answers the request, or breaks it off."""
        return self.rule.action.type in _ENDING

    @property
    def stops(self) -> bool:
        """Whether no rule of its set (the global ones, the site's) comes after it where it acts."""
        return self.ends or self.rule.stop_processing

    def templates(self) -> Iterator[Template]:
        """Yield every template that it may expand."""
        yield from (item.input for item in self.compiled.conditions.items)
        yield from (item.value for item in self.compiled.server_variables)
        yield self.compiled.url

    @property
    def reads(self) -> frozenset[str]:
        """The server variables that it reads, by their names in upper case."""
        references = (each for template in self.templates() for each in template.references())
        return frozenset(normal_name(each.name) for each in references if isinstance(each, Variable))

    @property
    def calls(self) -> frozenset[str]:
        """The functions, rewrite maps and providers that it asks, by their names in lower case."""
        references = (each for template in self.templates() for each in template.references())
        return frozenset(each.name.lower() for each in references if isinstance(each, Call))

    def trees(self) -> Iterator[Node]:
        """Yield the trees of its pattern and of those of its conditions."""
        yield self.compiled.pattern.tree
        yield from (item.pattern.tree for item in self.compiled.conditions.items if item.pattern)

    @property
    def hands_on(self) -> frozenset[int]:
        """The groups of its pattern, but for the whole match, that its URL has from the path as the client wrote it."""
        nodes = self.compiled.url.nodes
        return frozenset(node.number for node in nodes if isinstance(node, BackReference) and node.kind == "R") - {0}


@dataclass(frozen=True, slots=True)
class DecisionList:
    """All that decides about the requests of a site before its backend gets them."""

    site: CompiledSite
    entries: tuple[Entry, ...]


def decision_list(rules: CompiledRules, site: CompiledSite) -> DecisionList:
    """Return the rules of a site, with the global ones before them."""
    level = site.levels[""]
    entries = [Entry(each, rules.lookups, True) for each in rules.global_rules.rules]
    entries += [Entry(each, level.lookups, False) for each in level.inbound.rules]
    return DecisionList(site, tuple(entry for entry in entries if entry.rule.enabled))


@dataclass(frozen=True, slots=True)
class WrittenHost:
    """How the URL of a Rewrite begins that is absolute: `origin` is None where its host is only known at run time.

    `rest` are the nodes after the host, which is then written out.
    """

    origin: Origin | None
    rest: tuple[Literal | Variable | BackReference | Call, ...] = ()


class HostError(ValueError):
    """Raised for a URL whose host can be no host; the message has it."""


def written_host(template: Template, *, path_variables: frozenset[str]) -> WrittenHost | None:
    """Return what the URL of a Rewrite names as its host; None if it is surely a path.

    `path_variables` are those whose value begins with a slash.

    Raises:
        HostError: what is written in place of a host is none.
    """
    nodes = template.nodes
    if not nodes:
        return None
    first = nodes[0]
    if not isinstance(first, Literal):
        # Part of a path as rules see it has no '://'; all else may.
        surely_path = isinstance(first, BackReference) and first.kind == "R"
        surely_path |= isinstance(first, Variable) and normal_name(first.name) in path_variables
        return None if surely_path else WrittenHost(None)
    scheme, separator, after = first.text.partition("://")
    if f"{scheme.lower()}://" not in _SCHEMES:
        begins = any(each.startswith(first.text.lower()) for each in _SCHEMES)
        return WrittenHost(None) if not separator and begins and len(nodes) > 1 else None
    end = min((at for at in map(after.find, "/?#") if at >= 0), default=-1)
    if end < 0 and len(nodes) > 1:
        following = nodes[1]
        slash = isinstance(following, Variable) and normal_name(following.name) in path_variables
        if not slash:
            return WrittenHost(None)
        end = len(after)
    authority, rest = (after, "") if end < 0 else (after[:end], after[end:])
    origin = origin_of(scheme, authority)
    if origin is None:
        raise HostError(authority)
    return WrittenHost(origin, ((Literal(rest),) if rest else ()) + nodes[1:])
