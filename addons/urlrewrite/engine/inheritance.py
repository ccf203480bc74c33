"""Levels of configuration: what a directory of a site inherits, adds and takes away.

IIS has one `<rewrite>` section a level: the server, the site, and each directory with a `<location>` or a `web.config`
of its own. What is in force for a request is one list, the parent's rules first and the child's last (IIS URL Rewrite
Module configuration reference, "Distributed rules"). A level says with `<clear/>` and `<remove>` what it does not
inherit; that happens before it adds anything.

Each rule keeps the directory in which it was written, because it sees URLs relative to that; those of a `<location>`
keep the application.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote

from urlrewrite.model import (
    Collection,
    CustomTags,
    InboundRule,
    Location,
    OutboundRule,
    PreCondition,
    Provider,
    Removal,
    RewriteMap,
    RuleSet,
    Section,
    Site,
    Source,
)
from urlrewrite.model.web_server import NOTHING_SAID, HttpRedirect, WebServer, inherited


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """An inbound rule and the directory in which it was written ("" for server and site)."""

    rule: InboundRule
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A name that a level inherits and defines again without removing the inherited entry."""

    collection: Collection
    name: str
    source: Source
    inherited_from: Source


@dataclass(frozen=True, slots=True)
class Effective:
    """All that is in force at one level. Names are in lower case.

    `directory` is the level's path, "" for server and site. `allowed_server_variables` is None where every variable may
    be set. `overridden` has what this level, or one above it, defined again. `redirect_directory` is where
    `<httpRedirect>` was said.
    """

    directory: str = ""
    rules: tuple[PlacedRule, ...] = ()
    outbound_rules: tuple[OutboundRule, ...] = ()
    pre_conditions: Mapping[str, PreCondition] = field(default_factory=lambda: MappingProxyType({}))
    custom_tags: Mapping[str, CustomTags] = field(default_factory=lambda: MappingProxyType({}))
    rewrite_maps: Mapping[str, RewriteMap] = field(default_factory=lambda: MappingProxyType({}))
    providers: Mapping[str, Provider] = field(default_factory=lambda: MappingProxyType({}))
    allowed_server_variables: frozenset[str] | None = None
    use_original_url_encoding: bool = True
    rewrite_before_cache: bool = False
    overridden: tuple[Overridden, ...] = ()
    web_server: WebServer = NOTHING_SAID
    redirect_directory: str = ""


def server_level(rule_set: RuleSet) -> Effective:
    """Return what every site inherits."""
    return inherit(Effective(), rule_set, "")


def site_levels(server: Effective, site: Site) -> Mapping[str, Effective]:
    """Return the levels of a site by their path in lower case; "" is the site itself.

    A site that is mounted below a path is what an application is in IIS: the directory of its rules is that path.
    """
    mount = unquote(site.path.removeprefix("/"))
    levels = {"": inherit(server, site, mount)}
    for location in sorted(site.locations, key=_depth):
        path = _joined(mount, location.path)
        base = path if location.relative_to is None else _joined(mount, location.relative_to)
        parent = find_level(levels, path)
        # Two sections for one path, as of a <location> and of the folder's own web.config, are both in force.
        levels[path.lower()] = inherit(parent, location, path, base)
    return MappingProxyType(levels)


def find_level[Level](levels: Mapping[str, Level], path: str) -> Level:
    """Return the level of the deepest directory that contains or equals a path (decoded, without its leading slash)."""
    found = levels.get("") if len(levels) == 1 else None
    if found is not None:
        return found
    path = path.lower()
    while path and path not in levels:
        path = path.rpartition("/")[0]
    return levels[path]


def inherit(parent: Effective, section: Section, directory: str, base: str | None = None) -> Effective:
    """Return what is in force where a section adds to its parent level.

    `base` is the directory to which the URLs of its rules are relative, where that is another one.
    """
    base = directory if base is None else base
    overridden: list[Overridden] = []
    removed = {collection: _removed(section.removals, collection) for collection in Collection}

    def merge[Entry: _Named](collection: Collection, inherited: Iterable[Entry], own: Iterable[Entry]) -> list[Entry]:
        """Return inherited entries in order, then the level's own; one defined again replaces the inherited one."""
        own = tuple(own)
        left = [entry for entry in inherited if not _is_removed(entry.name, removed[collection])]
        again = {entry.name.lower(): entry for entry in own if entry.name}
        for entry in left:
            if successor := again.get(entry.name.lower()):
                overridden.append(Overridden(collection, successor.name, successor.source, entry.source))
        return [*(entry for entry in left if entry.name.lower() not in again), *own]

    directories = {id(placed.rule): placed.directory for placed in parent.rules}
    rules = merge(Collection.RULES, [placed.rule for placed in parent.rules], section.rules)
    own_rules = {id(rule) for rule in section.rules}
    return replace(
        parent,
        directory=directory,
        rules=tuple(PlacedRule(rule, base if id(rule) in own_rules else directories[id(rule)]) for rule in rules),
        outbound_rules=tuple(merge(Collection.OUTBOUND_RULES, parent.outbound_rules, section.outbound_rules)),
        pre_conditions=_by_name(
            merge(Collection.PRE_CONDITIONS, parent.pre_conditions.values(), section.pre_conditions.values())
        ),
        custom_tags=_by_name(merge(Collection.CUSTOM_TAGS, parent.custom_tags.values(), section.custom_tags.values())),
        rewrite_maps=_by_name(
            merge(Collection.REWRITE_MAPS, parent.rewrite_maps.values(), section.rewrite_maps.values())
        ),
        providers=_by_name(merge(Collection.PROVIDERS, parent.providers.values(), section.providers.values())),
        allowed_server_variables=_allowed(
            parent.allowed_server_variables,
            section.allowed_server_variables,
            removed[Collection.ALLOWED_SERVER_VARIABLES],
        ),
        use_original_url_encoding=_or(section.use_original_url_encoding, parent.use_original_url_encoding),
        rewrite_before_cache=_or(section.rewrite_before_cache, parent.rewrite_before_cache),
        overridden=(*parent.overridden, *overridden),
        web_server=_inherited(section.web_server, parent.web_server),
        redirect_directory=parent.redirect_directory
        if section.web_server.http_redirect == HttpRedirect()
        else directory,
    )


def _inherited(own: WebServer, parent: WebServer) -> WebServer:
    """Return what is in force; most levels say nothing of the kind."""
    if own == NOTHING_SAID:
        return parent
    return own if parent == NOTHING_SAID else inherited(own, parent)


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def source(self) -> Source: ...


def _joined(mount: str, path: str) -> str:
    return "/".join(filter(None, (mount, path.strip("/"))))


def _depth(location: Location) -> int:
    return len(location.path.strip("/").split("/")) if location.path.strip("/") else 0


def _removed(removals: Iterable[Removal], collection: Collection) -> frozenset[str]:
    """Return the names in lower case that a level removes; "" stands for all."""
    return frozenset(removal.name.lower() for removal in removals if removal.collection is collection)


def _is_removed(name: str, removed: frozenset[str]) -> bool:
    return "" in removed or name.lower() in removed


def _allowed(
    inherited: frozenset[str] | None, own: tuple[str, ...] | None, removed: frozenset[str]
) -> frozenset[str] | None:
    """Return the allowed variables: a level's list adds to the inherited one; a cleared list is an empty one."""
    if own is None and inherited is None and "" not in removed:
        return None
    left = frozenset() if "" in removed else (inherited or frozenset()) - removed
    return left | {name.lower() for name in own or ()}


def _or(own: bool | None, inherited: bool) -> bool:
    return inherited if own is None else own


def _by_name[Entry: _Named](entries: Iterable[Entry]) -> Mapping[str, Entry]:
    return MappingProxyType({entry.name.lower(): entry for entry in entries})
