"""A site that is mounted below a path, as IIS has it: rules in a `<location>`, which see URLs relative to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from urllib.parse import unquote

from urlrewrite.formats.downlevel.levels import moved, with_server
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.model import (
    Action,
    ActionType,
    Collection,
    Condition,
    Conditions,
    InboundRule,
    Location,
    Match,
    Origin,
    Removal,
    RuleSet,
    Section,
    SetServerVariable,
    Site,
)

PREFIX_VARIABLE = "HTTP_X_FORWARDED_PREFIX"
_CLEARED = (
    Collection.RULES,
    Collection.OUTBOUND_RULES,
    Collection.PRE_CONDITIONS,
    Collection.CUSTOM_TAGS,
    Collection.REWRITE_MAPS,
    Collection.PROVIDERS,
)


def in_location(site: Site) -> Site:
    """Return the site at the root, with all that it says in the location where it is mounted."""
    if not site.path:
        return replace(site, backend_path="")
    path = directory(site)
    names = [field.name for field in fields(Section)]
    own = Location(path=path, source=site.source, **{name: getattr(site, name) for name in names})
    below = tuple(moved(item, path) for item in site.locations)
    empty = {name: getattr(Section(), name) for name in names}
    return replace(site, path="", backend_path="", locations=(own, *below), **empty)


def cut_off(rule_set: RuleSet, site: Site) -> Site:
    """Return a site that shares its names with others, as it is to stand below them.

    Nothing of theirs is inherited, and what is the server's is its own.
    """
    shares = any(other is not site and set(other.public) == set(site.public) for other in rule_set.sites)
    if not (shares and site.path):
        return site
    cleared = tuple(Removal(collection) for collection in _CLEARED)
    return replace(with_server(rule_set, site), removals=cleared)


def one_site_a_name(sites: Iterable[Site]) -> list[Site]:
    """Return sites for IIS, in which those below one name are locations of one site; the others come as they are."""
    by_name: dict[frozenset[Origin], list[Site]] = {}
    for site in sites:
        key = frozenset(site.public)
        if not key:
            # Each serves the names that no other has.
            key = frozenset({Origin(site.name, "", 0)})
        by_name.setdefault(key, []).append(site)
    return [_joined(group) for group in by_name.values()]


def _joined(group: list[Site]) -> Site:
    """Return the site that has rules of its own at the root, or the first one, with the locations of all."""
    main = next((site for site in group if site.rules or site.outbound_rules), group[0])
    others = (site for site in group if site is not main)
    return replace(main, locations=(*main.locations, *(item for site in others for item in site.locations)))


def directory(site: Site) -> str:
    """Where a site is mounted, as the path of a location."""
    return unquote(site.path.removeprefix("/"))


def slash_rule(site: Site, name: str) -> InboundRule:
    """Return the redirect from `/app` to `/app/`."""
    return InboundRule(
        name,
        Match("^$"),
        Conditions(
            (
                Condition("{URL}", f"^/{escaped(directory(site))}$"),
                Condition("{REQUEST_METHOD}", "^(?:GET|HEAD)$"),
            )
        ),
        action=Action(ActionType.REDIRECT, f"{site.path}/"),
        stop_processing=True,
        comment="Browsers read the links of a page from the last slash of its address.",
    )


def prefix_rule(site: Site, name: str) -> InboundRule:
    """Return the rule that tells the backend where it is mounted."""
    return InboundRule(
        name,
        Match(".*"),
        server_variables=(SetServerVariable(PREFIX_VARIABLE, site.path),),
        comment="IIS sends no X-Forwarded-Prefix by itself.",
    )
