"""Which sites a Host field names: by host and port, by a wildcard above the host, or by a binding for every name.

As http.sys chooses among bindings (Microsoft, "Routing incoming requests"): a name in full counts more than a wildcard,
a longer wildcard more than a shorter one, and any of them more than a binding without a host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from urlrewrite.model import Origin, Site
from urlrewrite.model.origin import parse_authority


class SiteNames[Named]:
    """The names of all sites, to be asked by dictionary: a request costs no more with thousands of sites than with one.

    `sites` may be of any type, of which `site_of` gives the site.
    """

    def __init__(self, sites: Iterable[Named], site_of: Callable[[Named], Site]) -> None:
        self._site_of = site_of
        self._by_host: dict[str, list[tuple[int, Named]]] = {}
        self._below: dict[str, list[tuple[int, Named]]] = {}
        self._bound: dict[tuple[str, int], Named] = {}
        self._rest: list[Named] = []
        for item in sites:
            site = site_of(item)
            for origin in site.public:
                by, name = (self._below, origin.host[1:]) if origin.is_wildcard else (self._by_host, origin.host)
                by.setdefault(name, []).append((origin.port, item))
            for binding in site.bound or ():
                self._bound.setdefault(binding, item)
            if not site.public and site.bound != () and not self._rest:
                self._rest.append(item)

    def named(self, scheme: str, authority: str) -> list[Named]:
        """Return the sites that a Host field names; several share a name where they are mounted below paths of it.

        Host and port decide; where the port is one that no site lists (a forwarded port), a host is enough if only one
        site has it at a path. A site that lists no name serves those that no other does.
        """
        parsed = parse_authority(authority)
        if parsed is None:
            return []
        host, port = parsed[0], parsed[1] or (443 if scheme == "https" else 80)
        names = self._covering(host)
        for items in names:
            if found := _each_once(item for own_port, item in items if own_port == port):
                return found
        if (scheme, port) in self._bound:
            return [self._bound[scheme, port]]
        found = _each_once(item for _, item in names[0]) if names else []
        if found and len({self._site_of(item).path.lower() for item in found}) == len(found):
            return found
        return self._rest[:]

    def _covering(self, host: str) -> list[list[tuple[int, Named]]]:
        """Return ports and sites of each name that covers a host, the name that says most first."""
        found = [self._by_host.get(host)]
        at = host.find(".", 1)
        while at > 0:
            found.append(self._below.get(host[at:]))
            at = host.find(".", at + 1)
        return [items for items in found if items]


def _each_once[Named](items: Iterable[Named]) -> list[Named]:
    return list({id(item): item for item in items}.values())


def asked_by(site: Site, host: str) -> Site:
    """Return a site with the name that a client asked for in the place of its wildcards, in its backend, too."""
    covering = [origin for origin in site.public if origin.is_wildcard and origin.covers(host)]
    if not covering or any(origin.host == host for origin in site.public):
        return replace(site, public=tuple(origin for origin in site.public if not origin.is_wildcard))
    widest = max(covering, key=lambda origin: len(origin.host))
    part = host.removesuffix(widest.host[1:])
    public = tuple(
        replace(origin, host=host) if origin.is_wildcard else origin
        for origin in site.public
        if not origin.is_wildcard or origin.covers(host)
    )
    return replace(site, public=public, backend=_filled(site.backend, host, part))


def _filled(backend: Origin | None, host: str, part: str) -> Origin | None:
    if backend is None:
        return None
    return replace(backend, host=backend.host.replace("{C:0}", host).replace("{C:1}", part))
