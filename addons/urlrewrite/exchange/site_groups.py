"""Which sites have to do with each other: those that share a host, be it a public one or a backend's.

What the link maps of a site have of a site that it shares no host with, they have of it whichever site they are of; so
that is made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from urlrewrite.content.links.host_spellings import host_spellings
from urlrewrite.model import Farm, Site


class SiteGroups:
    """Sites in groups; no host of a site, in any spelling, is one of a site in another group."""

    def __init__(self, sites: Sequence[Site], farms: Mapping[str, Farm]) -> None:
        self._above: dict[bytes, bytes] = {}
        places: list[bytes] = []
        for site in sites:
            first, *others = self._spellings(hosts_of(site, farms))
            for other in others:
                self._join(first, other)
            places.append(first)
        self._sites: dict[bytes, list[Site]] = {}
        for site, place in zip(sites, places, strict=True):
            self._sites.setdefault(self._top(place), []).append(site)
        self._hosts: dict[bytes, list[bytes]] = {}
        for host in self._above:
            self._hosts.setdefault(self._top(host), []).append(host)

    def with_hosts(self, hosts: Iterable[str]) -> tuple[list[Site], frozenset[bytes]]:
        """Return the sites of all groups that have one of some hosts, and these with all hosts of the groups."""
        spellings = self._spellings(hosts)
        tops = dict.fromkeys(self._top(host) for host in spellings if host in self._above)
        sites = [site for top in tops for site in self._sites[top]]
        return sites, frozenset(spellings).union(*(self._hosts[top] for top in tops))

    @staticmethod
    def _spellings(hosts: Iterable[str]) -> list[bytes]:
        return [spelling for host in hosts for spelling in host_spellings(host)]

    def _top(self, host: bytes) -> bytes:
        above = self._above
        while (next_ := above.setdefault(host, host)) != host:
            above[host] = above[next_]
            host = next_
        return host

    def _join(self, one: bytes, other: bytes) -> None:
        self._above[self._top(other)] = self._top(one)


def hosts_of(site: Site, farms: Mapping[str, Farm]) -> list[str]:
    """Return the hosts of a site: its public ones, those of its backend, and of a farm all servers."""
    origins = [*site.public, *site.backend_names]
    if site.backend:
        farm = farms.get(site.backend.host)
        origins += [site.backend, *(farm.origins if farm else ())]
    return list(dict.fromkeys(origin.host for origin in origins))
