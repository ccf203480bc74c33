"""One exchange under the rules in force: site, level, public name, backend, link map, and what its trace says."""

from __future__ import annotations

import re
from functools import cached_property
from weakref import WeakKeyDictionary

from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.compile import CompiledLevel, CompiledSite
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.rule_mounts import RuleMount
from urlrewrite.engine.url_path import CookedPath
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.rule_misses import Miss, outbound_misses
from urlrewrite.inspector.names.names import Names
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model import LinkMode, Site
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Event, Reading, name_of, read, text, texts

_MAX_NAMES = 1000
"""Public names for which those of backends are kept."""

_TARGET = re.compile(r"(https?)://([^/?#]+)", re.IGNORECASE)
_cached: WeakKeyDictionary[RulesInForce, _KeptNames] = WeakKeyDictionary()


class ExchangeCase:
    """An exchange under the rules in force; each property is computed once, when it is first read."""

    def __init__(self, exchange: RecordedExchange, rules: RulesInForce) -> None:
        self.exchange = exchange
        self.rules = rules

    @cached_property
    def reading(self) -> Reading:
        """Its trace."""
        return read(self.exchange.trace)

    @cached_property
    def compiled(self) -> CompiledSite | None:
        """The site that served it, if a site of that name still exists, else the one that would serve it now; None if
        none would.
        """
        request, named = self.exchange.request, text(self.reading.data, "site")
        rules = self.rules.rules
        return rules.site_called(named) or rules.find_site(request.scheme, request.host, request.target)

    @property
    def site(self) -> Site | None:
        """That site as its file has it."""
        return self.compiled.site if self.compiled else None

    @cached_property
    def level(self) -> CompiledLevel | None:
        """The level of the site's configuration that is in force for the request."""
        if self.compiled is None:
            return None
        return self.compiled.level_of(CookedPath(self.exchange.request.target.partition("?")[0]).text)

    @cached_property
    def public(self) -> Origin:
        """The origin that the client requested, as the site publishes it."""
        return _public(self.compiled, self.exchange.request, self.rules)

    @cached_property
    def target(self) -> Origin:
        """The origin that the request was forwarded to; the site's backend if it was not forwarded."""
        found = _TARGET.match(text(self.reading.data, "target"))
        target = origin_of(found[1], found[2]) if found else None
        return target or (self.site.backend if self.site else None) or self.public

    @cached_property
    def link_map(self) -> LinkMap:
        """What would become of the backend's URLs in the response if every link were mapped."""
        if self.compiled is None:
            return LinkMap(())
        mount = texts(self.reading.data, "mount")
        level = self.compiled.level_of(CookedPath(self.exchange.request.target.partition("?")[0]).text)
        by_rule = RuleMount(*mount) if len(mount) == 2 else None
        return self.rules.link_maps(self.compiled, self.public, self.target, by_rule, level.published)[0]

    @property
    def back(self) -> LinkMap:
        """What would become of public URLs in the request if every one of them were mapped back."""
        if self.compiled is None:
            return LinkMap(())
        return self.rules.link_maps(self.compiled, self.public, self.target).inbound

    @cached_property
    def names(self) -> Names:
        """The names of backends that the response should not contain."""
        return names_of(self.rules, self.compiled, self.public)

    @property
    def links(self) -> LinkMode:
        """How far links are mapped."""
        return self.site.links if self.site else LinkMode.OFF

    @cached_property
    def misses(self) -> dict[str, Miss]:
        """Why outbound rules left things as they were, as far as the trace says, by the rules' names."""
        return {miss.rule: miss for miss in outbound_misses(self.reading, of_items=True)}

    def event(self, name: Name) -> Event:
        """Return the first event of a name; an empty one where there is none."""
        return next((event for event in self.reading.events if name_of(event) == name), {})


def _public(compiled: CompiledSite | None, request: RequestFacts, rules: RulesInForce) -> Origin:
    if compiled:
        return rules.public_origin(compiled, request)
    used = origin_of(request.scheme, request.host) if request.host else None
    return used or Origin(request.scheme, "localhost", 443 if request.scheme == "https" else 80)


def site_and_public_name(request: RequestFacts, rules: RulesInForce) -> tuple[CompiledSite | None, Origin]:
    """Return the site that serves a request, and the public name that it came by."""
    compiled = rules.rules.find_site(request.scheme, request.host, request.target) if request.host else None
    return compiled, _public(compiled, request, rules)


def names_of(rules: RulesInForce, compiled: CompiledSite | None, public: Origin) -> Names:
    """Return the names of backends that no response of a site should contain: of this site's and of every other one
    that rules name, except those that are public names as well. Kept as long as the rules are.
    """
    kept = _cached.get(rules)
    if kept is None:
        kept = _cached[rules] = _KeptNames(rules)
    return kept.of_site(rules, compiled, public)


class _KeptNames:
    """The names of all backends, made ready once for all sites; few sites have others than these, or fewer."""

    def __init__(self, rules: RulesInForce) -> None:
        sites, farms = [each.site for each in rules.rules.sites], rules.rules.farms
        backends = [origin for site in sites for origin in (site.backend, *site.backend_names) if origin]
        servers = [
            origin
            for site in sites
            if site.backend and (farm := farms.get(site.backend.host))
            for origin in farm.origins
        ]
        allowed = [Origin("http", host, port) for host, port in sorted(rules.rules.allowed_hosts.hosts)]
        # No backend knows the name of its farm, which may be a word that pages are full of.
        self._no_names = frozenset(farms)
        origins = [origin for origin in (*backends, *servers, *allowed) if self._is_name(origin)]
        known = {(origin.host, origin.port) for origin in origins}
        publics = [name for site in sites for name in site.public]
        self._all = Names(origins, publics, {site.connect for site in sites if site.connect} - known)
        self._of_sites: dict[tuple[str, Origin], Names] = {}

    def of_site(self, rules: RulesInForce, compiled: CompiledSite | None, public: Origin) -> Names:
        """Return the names for a site that is asked by a public name."""
        key = (compiled.site.name if compiled else "", public)
        found = self._of_sites.get(key)
        if found is None:
            if len(self._of_sites) >= _MAX_NAMES:
                self._of_sites.clear()
            found = self._of_sites[key] = self._all.with_more(
                filter(self._is_name, _own_origins(rules, compiled, public)), public
            )
        return found

    def _is_name(self, origin: Origin) -> bool:
        # A backend with a part of the name that is asked for is known when that is.
        return origin.host not in self._no_names and "{" not in origin.host


def _own_origins(rules: RulesInForce, compiled: CompiledSite | None, public: Origin) -> list[Origin]:
    """Return what the backend of a site may be called in its responses."""
    if compiled is None or compiled.site.backend is None:
        return []
    # With preserveHostHeader, that of the public name without TLS is among them.
    link_map = rules.link_maps(compiled, public, compiled.site.backend)[0]
    return [compiled.site.backend, *(pair.origin for pair in link_map.table.own_pairs)]
