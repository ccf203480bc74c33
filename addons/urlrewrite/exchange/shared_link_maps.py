"""The link maps of all sites: what they have in common is made once, and each is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from urlrewrite.content.links.host_spellings import host_spellings
from urlrewrite.engine.rule_mounts import RuleMount
from urlrewrite.exchange.link_maps import NO_FARMS, Farms, LinkMaps, Published, link_maps
from urlrewrite.exchange.site_groups import SiteGroups, hosts_of
from urlrewrite.model import Site
from urlrewrite.model.origin import Origin

MAX_LINK_MAPS = 1000
"""Pairs of maps that are kept for one set of rules: a site for every name gets one for each name that clients use."""

MAPS_A_SITE = 4
"""Pairs of maps that are kept besides for each site, which has a few names and schemes as a rule."""

FEW_SITES = 16
"""Sites of which every map has all."""

_NOBODY = "nobody.invalid"


class LinkMapCache:
    """A cache of link maps, which are slow to make; when full, it is emptied.

    To be used by several threads: two that miss at once make the same map twice, which does no harm.
    """

    def __init__(self, max_size: int = MAX_LINK_MAPS) -> None:
        self._max_size = max_size
        self._made: dict[tuple[str, Origin, Origin, RuleMount | None, Published], LinkMaps] = {}
        self._shared: SharedMaps | None = None

    def __len__(self) -> int:
        return len(self._made)

    def get(
        self,
        site: Site,
        sites: Iterable[Site],
        public: Origin,
        target: Origin,
        farms: Farms = NO_FARMS,
        *,
        keeps_host: bool = False,
        rule_mount: RuleMount | None = None,
        published: Published = (),
    ) -> LinkMaps:
        """Give the maps of `site`, which is one of `sites`; see `link_maps`."""
        key = (site.name, public, target, rule_mount, published)
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= self._max_size:
                self._made.clear()
            if self._shared is None:
                # One with a wildcard may be asked by any of many names: nobody knows to which a link would lead.
                named = [other for other in sites if not any(origin.is_wildcard for origin in other.public)]
                self._shared = SharedMaps(named, farms, keeps_host=keeps_host)
                self._max_size += MAPS_A_SITE * len(named)
            found = self._made[key] = self._shared.of(site, public, target, rule_mount, published)
        return found


class SharedMaps:
    """What the link maps of all sites have in common, made once for each scheme by which clients ask."""

    def __init__(self, sites: Sequence[Site], farms: Farms, *, keeps_host: bool) -> None:
        self._sites = sites
        self._places = {site.name: place for place, site in enumerate(sites)}
        self._farms = farms
        self._keeps_host = keeps_host
        self._groups = SiteGroups([site for site in sites if site.public or site.backend], farms)
        self._for_nobody: dict[str, LinkMaps] = {}

    def of(
        self, site: Site, public: Origin, target: Origin, rule_mount: RuleMount | None, published: Published
    ) -> LinkMaps:
        """Make the maps of a site: what `link_maps` makes of it and all others."""
        farm = self._farms.get(target.host)
        named = [public, target, *(farm.origins if farm else ()), *(each.origin for each in published)]
        akin, hosts = self._groups.with_hosts([*hosts_of(site, self._farms), *(origin.host for origin in named)])
        is_shared = len(self._sites) > FEW_SITES and 2 * len(akin) < len(self._sites)
        # They are told in the order of the file: of two with one backend the first is meant.
        akin = sorted(akin, key=lambda other: self._places[other.name]) if is_shared else list(self._sites)
        own = link_maps(
            site,
            [other for other in akin if other.name != site.name],
            public,
            target,
            self._farms,
            keeps_host=self._keeps_host,
            rule_mount=rule_mount,
            published=published,
        )
        if not is_shared:
            return own
        shared = self._shared(public.scheme)
        return LinkMaps(
            own.outbound.over(shared.outbound, hosts),
            own.inbound.over(shared.inbound, hosts),
            own.returns.over(shared.returns, hosts) if site.map_return_addresses else own.returns,
            _Origins(own.origins, shared.origins, hosts),
        )

    def _shared(self, scheme: str) -> LinkMaps:
        """Give the maps of a site that shares no host with any other."""
        if scheme not in self._for_nobody:
            public = Origin(scheme, _NOBODY, 443)
            nobody = Site(name=_NOBODY, public=(public,), preserve_host_header=False)
            made = link_maps(nobody, self._sites, public, public, self._farms, keeps_host=self._keeps_host)
            self._for_nobody[scheme] = made
        return self._for_nobody[scheme]


class _Origins(Mapping[Origin, Origin]):
    """What `own` says of origins with some hosts, and `shared` of others."""

    def __init__(self, own: Mapping[Origin, Origin], shared: Mapping[Origin, Origin], hosts: frozenset[bytes]) -> None:
        self._own = own
        self._shared = shared
        self._hosts = hosts

    def __getitem__(self, origin: Origin) -> Origin:
        return self._own[origin] if self._is_own(origin) else self._shared[origin]

    def __iter__(self) -> Iterator[Origin]:
        yield from self._own
        yield from (origin for origin in self._shared if not self._is_own(origin))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_own(self, origin: Origin) -> bool:
        return not self._hosts.isdisjoint(host_spellings(origin.host))
