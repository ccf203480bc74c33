"""Sections of several levels made one, for formats that have one place for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from urlrewrite.model import Collection, Location, RuleSet, Section, Site
from urlrewrite.model.web_server import inherited


class _Entry(Protocol):
    @property
    def name(self) -> str: ...


def with_server(rule_set: RuleSet, site: Site) -> Site:
    """Return the site with the server's entries before its own, but for those that it removes or gives again.

    Its removals stay, since a real server may have more than this rule set knows. So does its list of allowed
    variables, and its comments.
    """
    return replace(site, **_joined(rule_set, site))


def moved(location: Location, directory: str) -> Location:
    """Return a location as it is where its site is below a directory, "" for the root."""
    if not directory:
        return location
    base = location.relative_to
    return replace(
        location,
        path=f"{directory}/{location.path}",
        relative_to=None if base is None else f"{directory}/{base}".rstrip("/"),
    )


def one_section_a_path(site: Site) -> Site:
    """Return the site with one section for each path, where a directory has several (`<location>`, `web.config`)."""
    sections: dict[tuple[str, str | None], Location] = {}
    for location in site.locations:
        key = location.path.strip("/").lower(), location.relative_to
        if not key[0]:
            site = replace(site, **_joined(site, location), **_kept(site, location))
        elif upper := sections.get(key):
            sections[key] = replace(upper, **_joined(upper, location), **_kept(upper, location))
        else:
            sections[key] = location
    return replace(site, locations=tuple(sections.values()))


def _joined(upper: Section, lower: Section) -> dict[str, Any]:
    """Return what is in force of both, as fields of a `Section`: all that are not those of `_kept`."""

    def merged[T: _Entry](collection: Collection, inherited: Iterable[T], own: Sequence[T]) -> list[T]:
        removed = {item.name.casefold() for item in lower.removals if item.collection is collection}
        again = {item.name.casefold() for item in own}
        kept = () if "" in removed else inherited
        return [*(item for item in kept if item.name.casefold() not in removed | again), *own]

    def named[T: _Entry](collection: Collection, inherited: Mapping[str, T], own: Mapping[str, T]) -> Mapping[str, T]:
        items = merged(collection, inherited.values(), [*own.values()])
        return MappingProxyType({item.name: item for item in items})

    return {
        "rules": tuple(merged(Collection.RULES, upper.rules, lower.rules)),
        "outbound_rules": tuple(merged(Collection.OUTBOUND_RULES, upper.outbound_rules, lower.outbound_rules)),
        "pre_conditions": named(Collection.PRE_CONDITIONS, upper.pre_conditions, lower.pre_conditions),
        "custom_tags": named(Collection.CUSTOM_TAGS, upper.custom_tags, lower.custom_tags),
        "rewrite_maps": named(Collection.REWRITE_MAPS, upper.rewrite_maps, lower.rewrite_maps),
        "providers": named(Collection.PROVIDERS, upper.providers, lower.providers),
        "use_original_url_encoding": _or(lower.use_original_url_encoding, upper.use_original_url_encoding),
        "rewrite_before_cache": _or(lower.rewrite_before_cache, upper.rewrite_before_cache),
        "web_server": inherited(lower.web_server, upper.web_server),
    }


def _kept(upper: Section, lower: Section) -> dict[str, Any]:
    """Return removals, allowed variables, comments and silences of both."""
    collection = Collection.ALLOWED_SERVER_VARIABLES
    removed = {item.name.casefold() for item in lower.removals if item.collection is collection}
    allowed = upper.allowed_server_variables
    if allowed is not None:
        allowed = () if "" in removed else tuple(name for name in allowed if name.casefold() not in removed)
    if lower.allowed_server_variables is not None:
        allowed = tuple(dict.fromkeys((*(allowed or ()), *lower.allowed_server_variables)))
    elements = dict.fromkeys((*upper.comments, *lower.comments))
    texts = {
        element: [part.comments[element] for part in (upper, lower) if element in part.comments] for element in elements
    }
    return {
        "removals": tuple(dict.fromkeys((*upper.removals, *lower.removals))),
        "allowed_server_variables": allowed,
        "silenced": tuple(dict.fromkeys((*upper.silenced, *lower.silenced))),
        "comments": MappingProxyType({element: "\n".join(found) for element, found in texts.items()}),
    }


def _or(own: bool | None, inherited: bool | None) -> bool | None:
    return inherited if own is None else own
