"""Where requests may be forwarded: the hosts that the rule files name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from urlrewrite.model import DEFAULT_PORTS, ActionType, RuleSet, Section
from urlrewrite.model.origin import origin_of, parse_authority

_URL_AUTHORITY = re.compile(r"(https?|wss?)://([^/?#{}\s]+)(?=[/?#]|$)", re.IGNORECASE)
_DYNAMIC_SCHEME_AUTHORITY = re.compile(r"\}://([^/?#{}\s]+)(?=[/?#]|$)")


def allowed_hosts(rule_set: RuleSet) -> frozenset[tuple[str, int]]:
    """Return the (host, port) pairs of every target that a rule file names.

    Those are backends, URLs in Rewrite actions, the values of rewrite maps and of the files of providers, and server
    farms with all their servers.
    """
    return frozenset(_named_hosts(rule_set))


def _named_hosts(rule_set: RuleSet) -> Iterable[tuple[str, int]]:
    for rule in rule_set.global_rules:
        yield from hosts_in(rule.action.url if rule.action.type is ActionType.REWRITE else "")
    yield from _hosts_of_section(rule_set)
    for farm in rule_set.farms.values():
        yield from ((farm.name.lower(), port) for port in DEFAULT_PORTS.values())
        yield from ((origin.host, origin.port) for origin in farm.origins)
    for site in rule_set.sites:
        if site.backend:
            yield site.backend.host, site.backend.port
        for section in (site, *site.locations):
            yield from _hosts_of_section(section)


def _hosts_of_section(section: Section) -> Iterable[tuple[str, int]]:
    for rule in section.rules:
        yield from hosts_in(rule.action.url if rule.action.type is ActionType.REWRITE else "")
    values = [(*item.entries.values(), item.default_value) for item in section.rewrite_maps.values()]
    values += [tuple(item.entries.values()) for item in section.providers.values()]
    for value in (value for group in values for value in group):
        yield from hosts_in(value)
        if parsed := parse_authority(value):
            yield from ((parsed[0], port) for port in ([parsed[1]] if parsed[1] else [80, 443]))


def hosts_in(text: str) -> Iterable[tuple[str, int]]:
    """Yield the (host, port) pairs that the URLs in a text name."""
    for scheme, authority in _URL_AUTHORITY.findall(text):
        if origin := origin_of(scheme, authority):
            yield origin.host, origin.port
    for authority in _DYNAMIC_SCHEME_AUTHORITY.findall(text):
        for scheme in ("http", "https"):
            if origin := origin_of(scheme, authority):
                yield origin.host, origin.port
