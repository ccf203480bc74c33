"""A site with all that it inherits from the server, for formats that have one level only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from urlrewrite.model import Collection, RuleSet, Section, Site


class _Entry(Protocol):
    @property
    def name(self) -> str: ...


def with_server(rule_set: RuleSet, site: Site) -> Site:
    """The site with the server's entries before its own, but for those that it removes or gives again.

    Its removals stay, since a real server may have more than this rule set knows.
    """

    def merged[T: _Entry](collection: Collection, inherited: Iterable[T], own: Sequence[T]) -> list[T]:
        removed = {item.name.casefold() for item in site.removals if item.collection is collection}
        again = {item.name.casefold() for item in own}
        kept = () if "" in removed else inherited
        return [*(item for item in kept if item.name.casefold() not in removed | again), *own]

    server: Section = rule_set
    return replace(
        site,
        rules=tuple(merged(Collection.RULES, server.rules, site.rules)),
        outbound_rules=tuple(merged(Collection.OUTBOUND_RULES, server.outbound_rules, site.outbound_rules)),
        pre_conditions=_by_name(
            merged(Collection.PRE_CONDITIONS, server.pre_conditions.values(), [*site.pre_conditions.values()])
        ),
        custom_tags=_by_name(merged(Collection.CUSTOM_TAGS, server.custom_tags.values(), [*site.custom_tags.values()])),
        rewrite_maps=_by_name(
            merged(Collection.REWRITE_MAPS, server.rewrite_maps.values(), [*site.rewrite_maps.values()])
        ),
        providers=_by_name(merged(Collection.PROVIDERS, server.providers.values(), [*site.providers.values()])),
        use_original_url_encoding=_or(site.use_original_url_encoding, server.use_original_url_encoding),
        rewrite_before_cache=_or(site.rewrite_before_cache, server.rewrite_before_cache),
    )


def _by_name[T: _Entry](items: Iterable[T]) -> Mapping[str, T]:
    return MappingProxyType({item.name: item for item in items})


def _or(own: bool | None, inherited: bool | None) -> bool | None:
    return inherited if own is None else own
