"""The link maps of a site: what becomes of the URLs in its responses, and of those that browsers send back."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.links.mounts import Mount
from urlrewrite.engine.rule_mounts import PublishedOrigin, RuleMount
from urlrewrite.model import Farm, Site
from urlrewrite.model.origin import Origin

type Farms = Mapping[str, Farm]
type Published = tuple[PublishedOrigin, ...]

NO_FARMS: Farms = MappingProxyType({})


class LinkMaps(NamedTuple):
    """The maps of one site, for one public name and one target.

    `outbound` makes backend URLs public, in responses; `inbound` makes public URLs those of backends, in requests, and
    `returns` does so in addresses to which a browser is sent back (`queries.py`). `origins` is what public origins are
    for the backend where no path says which site is meant.
    """

    outbound: LinkMap
    inbound: LinkMap
    returns: LinkMap
    origins: Mapping[Origin, Origin]


def link_maps(
    site: Site,
    others: Iterable[Site],
    public: Origin,
    target: Origin,
    farms: Farms = NO_FARMS,
    *,
    keeps_host: bool = False,
    rule_mount: RuleMount | None = None,
    published: Published = (),
) -> LinkMaps:
    """Make the maps for responses (backend to public) and for requests (public to backend).

    The site's own backend, under all its names, and the target that a rule chose become the public name that the client
    used; backends of other sites become theirs, so that links from one published application to another work as well.
    On the way back, the name of every site becomes its backend, unless that one knows its public name. What is mapped
    back is what `outbound` mapped, and nothing else: a site whose backend is this site's own, too, stays foreign.
    Of a server farm all servers are meant: a link of one may come from another. `farms` are all farms, by name in
    lower case; `keeps_host` is what `<proxy preserveHostHeader>` says. `rule_mount` is how the rule that chose the
    target publishes it, `published` what other rules publish.
    """
    others = list(others)
    farm = farms.get(target.host)
    taken = {public, *(name for each in (site, *others) for name in each.public)}
    site, *others = (_with_servers(each, farms, taken) for each in (site, *others))
    preserves = site.keeps_host(farm, keeps_host)
    mount = _mount(site, target) if rule_mount is None else _of_rule(site, rule_mount)
    own = dict.fromkeys((site.backend, *site.backend_names, target, *_servers(farm, taken)))
    of_rules = [(target, rule_mount)] if rule_mount else []
    of_rules += [(each.origin, each.mount) for each in published]
    pairs = [
        replace(pair, alone=origin.host not in farms)
        for origin, of_rule in of_rules
        for pair in _by_mount(origin, public, _of_rule(site, of_rule))
    ]
    pairs += [
        replace(pair, alone=origin.host not in farms) for origin in own if origin for pair in _own(site, origin, public)
    ]
    pairs = list({(pair.origin, pair.path): pair for pair in reversed(pairs)}.values())[::-1]
    if preserves:
        own_mount = mount if rule_mount else _mount(site, site.backend) if site.backend else None
        pairs += _of_public_names(site, others, public, own_mount)
    base, path = (mount.base, mount.path) if mount else ("", "")
    back = {site.name: [Pair(name, name if preserves else target, path, base) for name in site.public or (public,)]}
    known = {(pair.origin, pair.path) for pair in pairs}
    for other in others:
        path, new_path = _paths(other)
        own_farm = farms.get(other.backend.host) if other.backend else None
        asked = None if other.keeps_host(own_farm, keeps_host) else _asked(other, own_farm)
        for origin in (other.backend, *other.backend_names):
            if origin and other.public and (origin, path) not in known:
                known.add((origin, path))
                becomes = _alike(other.public, public)
                pairs.append(Pair(origin, becomes, path, new_path, alone=origin.host not in farms))
                if origin == asked:
                    back[other.name] = [Pair(name, origin, new_path, path) for name in other.public]
    # A backend that is reached under its public name needs no map, and must not be mapped to itself.
    outbound = LinkMap(_that_change(pairs), mount, site.root_paths)
    of_rules = [(each.origin, each.mount) for each in published if each.origin != target]
    by_rules = [Pair(name, origin, by.path, by.base) for origin, by in of_rules for name in site.public or (public,)]
    inbound = LinkMap(_that_change(chain(*back.values(), () if preserves else by_rules)))
    return LinkMaps(outbound, inbound, _returns((site, *others), back), _origins(back))


def at_first_server(link_map: LinkMap, farm: Farm, origin: Origin) -> LinkMap:
    """Give a map for requests with the name of a farm's first server in place of the farm's own, `origin`."""
    if not farm.servers:
        return link_map
    server = farm.servers[0].origin(origin.scheme)
    return LinkMap(replace(pair, becomes=server) if pair.becomes == origin else pair for pair in link_map.pairs)


def _asked(site: Site, farm: Farm | None) -> Origin | None:
    """Give the name by which a site's backend is asked: that of its first server where it is a farm."""
    if farm is None or site.backend is None:
        return site.backend
    return farm.servers[0].origin(site.backend.scheme) if farm.servers else None


def _returns(sites: Iterable[Site], back: Mapping[str, list[Pair]]) -> LinkMap:
    """Make the map for return addresses; `back` are the pairs of each site for requests, by its name.

    A site that has them mapped neither in its requests nor in those of others is one that knows its public name.
    """
    own, *others = sites
    if not own.map_return_addresses:
        return LinkMap(())
    mapped = (back.get(site.name, ()) for site in (own, *others) if site.map_return_addresses)
    return LinkMap(_that_change(chain(*mapped)))


def _origins(back: Mapping[str, list[Pair]]) -> Mapping[Origin, Origin]:
    """Give what a public origin without a path is for the backend.

    Where several sites have one name it is the site's own, else that of the site at the root. No other name becomes
    the site's own backend: pages under it may be kept apart from it for a reason.
    """
    own, *others = back.values()
    origins = {pair.origin: pair.becomes for pair in own}
    ours = set(origins.values())
    for pair in sorted(chain(*others), key=lambda pair: len(pair.path)):
        if pair.becomes not in ours:
            origins.setdefault(pair.origin, pair.becomes)
    return {name: becomes for name, becomes in origins.items() if name != becomes}


def _with_servers(site: Site, farms: Farms, taken: Container[Origin]) -> Site:
    """Give a site whose backend is a farm the servers of it as further names of the backend."""
    servers = _servers(farms.get(site.backend.host), taken) if site.backend else ()
    return replace(site, backend_names=(*site.backend_names, *servers)) if servers else site


def _servers(farm: Farm | None, taken: Container[Origin]) -> tuple[Origin, ...]:
    """Give the origins of a farm's servers, but for those that are public names: a server may be asked by one."""
    return tuple(origin for origin in farm.origins if origin not in taken) if farm else ()


def _mount(site: Site, origin: Origin) -> Mount | None:
    """Give how paths of an origin become public ones; None if they are the same.

    A target that a rule chose has its paths from the rule, so its root stands for the mount.
    """
    base, path = site.backend_path if origin in (site.backend, *site.backend_names) else "", site.path
    return None if base == path else Mount(base, path, aware=site.forward_prefix)


def _paths(site: Site) -> tuple[str, str]:
    """Give the path behind and the public one; two empty ones if every path is the same on both sides."""
    return ("", "") if site.backend_path == site.path else (site.backend_path, site.path)


def _of_rule(site: Site, mount: RuleMount) -> Mount | None:
    return None if mount.base == mount.path else Mount(mount.base, mount.path, aware=site.forward_prefix)


def _own(site: Site, origin: Origin, public: Origin) -> list[Pair]:
    return _by_mount(origin, public, _mount(site, origin))


def _by_mount(origin: Origin, public: Origin, mount: Mount | None) -> list[Pair]:
    return [Pair(origin, public, *change) for change in mount.changes] if mount else [Pair(origin, public)]


def _of_public_names(site: Site, others: Iterable[Site], public: Origin, mount: Mount | None) -> list[Pair]:
    """Give pairs for a backend that sees the public name, and writes it into links with the scheme it speaks itself.

    Below its mount, and those of others, such a link is a public one already.
    """
    twin = _plain_twin(public)
    names = [] if twin in site.public else [twin]
    if mount is None:
        return [Pair(name, public) for name in names]
    names += site.public or (public,)
    paths = {mount.path, *(other.path for other in others if public in other.public)} - {""}
    pairs = [Pair(name, public, path, path) for name in names for path in sorted(paths)]
    return pairs + [Pair(name, public, mount.base, mount.path) for name in names if mount.base not in paths]


def _that_change(pairs: Iterable[Pair]) -> list[Pair]:
    """Give the pairs of all origins that any pair changes: a longer path may keep a part of one as it is."""
    pairs = list(pairs)
    changing = {pair.origin for pair in pairs if (pair.origin, pair.path) != (pair.becomes, pair.new_path)}
    return [pair for pair in pairs if pair.origin in changing]


def _plain_twin(public: Origin) -> Origin:
    """Give what a backend without TLS takes the public origin for when it is told the public host."""
    return Origin("http", public.host, 80 if public.has_default_port else public.port)


def _alike(origins: tuple[Origin, ...], used: Origin) -> Origin:
    """Give the origin that the client uses now, or one with its scheme, or the first."""
    if used in origins:
        return used
    return next((origin for origin in origins if origin.scheme == used.scheme), origins[0])
