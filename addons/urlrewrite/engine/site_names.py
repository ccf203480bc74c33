"""Which sites a Host field names: by host and port, by a wildcard above the host, or by a binding for every name.

As http.sys chooses among bindings (Microsoft, "Routing incoming requests"): a name in full counts more than a wildcard,
a longer wildcard more than a shorter one, and any of them more than a binding without a host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from urlrewrite.model import Origin, Site
from urlrewrite.model.origin import parse_authority


class Namesakes[Named]:
    """Sites that share a name, in the order of the file; where each is mounted, it is found by."""

    def __init__(self, sites: Sequence[Named], site_of: Callable[[Named], Site]) -> None:
        self.sites = sites
        self._by_directory: dict[tuple[int, str], Named] = {}
        for item in sites:
            directory = directory_of(site_of(item))
            self._by_directory.setdefault((len(directory), directory.lower()), item)
        self._deepest = max((depth for depth, _ in self._by_directory), default=0)

    def above(self, path: str) -> Named | None:
        """Return the site that is mounted deepest above a path, which is decoded and without its leading slash."""
        depth = self._deepest + 1
        while depth > 0:
            depth = len(path) if depth > len(path) else path.rfind("/", 0, depth)
            if found := self._by_directory.get((depth, path[:depth].lower())):
                return found
        return self._by_directory.get((0, ""))


class SiteNames[Named]:
    """The names of all sites, to be asked by dictionary: a request costs no more with thousands of sites than with one.

    `sites` may be of any type, of which `site_of` gives the site.
    """

    def __init__(self, sites: Iterable[Named], site_of: Callable[[Named], Site]) -> None:
        by_host, below = dict[str, list[tuple[int, Named]]](), dict[str, list[tuple[int, Named]]]()
        rest = list[Named]()
        self._bound: dict[tuple[str, int], Namesakes[Named]] = {}
        for item in sites:
            site = site_of(item)
            for origin in site.public:
                by, name = (below, origin.host[1:]) if origin.is_wildcard else (by_host, origin.host)
                by.setdefault(name, []).append((origin.port, item))
            for binding in site.bound or ():
                self._bound.setdefault(binding, Namesakes([item], site_of))
            if not site.public and site.bound != () and not rest:
                rest.append(item)
        self._rest = Namesakes(rest, site_of)
        self._by_host = {name: _Name(items, site_of) for name, items in by_host.items()}
        self._below = {name: _Name(items, site_of) for name, items in below.items()}

    def named(self, scheme: str, authority: str) -> Namesakes[Named]:
        """Return the sites that a Host field names; several share a name where they are mounted below paths of it.

        Host and port decide; where the port is one that no site lists (a forwarded port), a host is enough if only one
        site has it at a path. A site that lists no name serves those that no other does.
        """
        parsed = parse_authority(authority)
        if parsed is None:
            return _NONE
        host, port = parsed[0], parsed[1] or (443 if scheme == "https" else 80)
        names = self._covering(host)
        for name in names:
            if port in name.at_port:
                return name.at_port[port]
        if (scheme, port) in self._bound:
            return self._bound[scheme, port]
        return names[0].at_any_port if names and names[0].at_any_port.sites else self._rest

    def _covering(self, host: str) -> list[_Name[Named]]:
        """Return each name that covers a host, the one that says most first."""
        found = [self._by_host.get(host)]
        at = host.find(".", 1)
        while at > 0:
            found.append(self._below.get(host[at:]))
            at = host.find(".", at + 1)
        return [name for name in found if name]


class _Name[Named]:
    """One name: its sites by port, and all of them if their paths tell them apart, else none."""

    def __init__(self, items: Sequence[tuple[int, Named]], site_of: Callable[[Named], Site]) -> None:
        ports: dict[int, dict[int, Named]] = {}
        for port, item in items:
            ports.setdefault(port, {})[id(item)] = item
        self.at_port = {port: Namesakes(list(found.values()), site_of) for port, found in ports.items()}
        every = list({id(item): item for _, item in items}.values())
        is_clear = len({site_of(item).path.lower() for item in every}) == len(every)
        self.at_any_port = Namesakes(every if is_clear else [], site_of)


_NONE = Namesakes[Any]([], lambda item: item)


def directory_of(site: Site) -> str:
    """Return where a site is mounted, decoded and without slashes at its ends."""
    return unquote(site.path.removeprefix("/"))


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
