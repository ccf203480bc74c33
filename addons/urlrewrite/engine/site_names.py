"""Which sites a Host field names: by host and port, by a wildcard above the host, or by a binding for every name.

As http.sys chooses among bindings (Microsoft, "Routing incoming requests"): a name in full counts more than a wildcard,
a longer wildcard more than a shorter one, and any of them more than a binding without a host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from urlrewrite.model import Origin, Site
from urlrewrite.model.origin import parse_authority


def named[Named](sites: Sequence[Named], site_of: Callable[[Named], Site], scheme: str, authority: str) -> list[Named]:
    """Return the sites that a Host field names; several share a name where they are mounted below paths of it.

    Host and port decide; where the port is one that no site lists (a forwarded port), a host is enough if only one
    site has it at a path. A site that lists no name serves those that no other does.
    """
    parsed = parse_authority(authority)
    if parsed is None:
        return []
    host, port = parsed[0], parsed[1] or (443 if scheme == "https" else 80)
    same_port, same_host = _Best[Named](), _Best[Named]()
    for named_site in sites:
        for origin in site_of(named_site).public:
            if origin.covers(host):
                same_host.take(origin, named_site)
                if origin.port == port:
                    same_port.take(origin, named_site)
    if same_port.found:
        return same_port.found
    bound = [item for item in sites if (scheme, port) in (site_of(item).bound or ())]
    if bound:
        return bound[:1]
    if same_host.found and len({site_of(item).path.lower() for item in same_host.found}) == len(same_host.found):
        return same_host.found
    return [item for item in sites if not site_of(item).public and site_of(item).bound != ()][:1]


class _Best[Named]:
    """The sites with the name that says most."""

    def __init__(self) -> None:
        self.found: list[Named] = []
        self._said = -1

    def take(self, origin: Origin, site: Named) -> None:
        said = len(origin.host) if origin.is_wildcard else 1000
        if said > self._said:
            self.found, self._said = [], said
        if said == self._said and not any(other is site for other in self.found):
            self.found.append(site)


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
