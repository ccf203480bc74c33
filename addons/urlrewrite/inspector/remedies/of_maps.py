"""A rewrite map without a key: what it has, and where the key is to be added."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.inspector.diagnose.routes import acting_blocks
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.experiments.rule_places import sections
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import RewriteMap
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_KEYS = 6


def _no_key(about: About, trying: Trying) -> Iterator[Remedy]:
    lookups = [
        lookup
        for block in acting_blocks(about.case, about.exchange)
        if block.name == about.breakage.rule
        for lookup in block.all(Name.REWRITE_MAP_LOOKUP)
        if not text(lookup, "value")
    ]
    found = _map(about, text(lookups[0], "map")) if lookups else None
    if found is None:
        return
    key = shown(text(lookups[0], "key"), 80)
    keys = ", ".join(f"{shown(each, 30)}: {shown(value, 30)}" for each, value in list(found.entries.items())[:_KEYS])
    more = f", and {len(found.entries) - _KEYS:,} more" if len(found.entries) > _KEYS else ""
    has = f"It has {keys}{more}." if keys else "It has no keys yet."
    yield Remedy(
        f'Find out what the backend has in its path for "{key}". {has} Then add the key {key} with that value to the '
        f'rewrite map "{found.name}" ({found.source}). If nothing is called "{key}", the response is right as it is.'
    )


def _map(about: About, name: str) -> RewriteMap | None:
    maps = (
        each
        for place in sections(about.rule_set, about.site_name)
        for each in place.find(about.rule_set).rewrite_maps.values()
    )
    return next((each for each in maps if each.name.casefold() == name.casefold()), None)


OF_MAPS = table((Why.MAP_KEY, _no_key))
