"""Paths that stand in a request without a name (`Destination: /app/x`), as the backend knows them."""

from __future__ import annotations

from urlrewrite.content.links.mounts import PathBack
from urlrewrite.exchange.link_maps import LinkMaps
from urlrewrite.model.origin import Origin


def path_back(maps: LinkMaps, public: Origin, target: Origin) -> PathBack:
    """Return the function that maps a public path from the root back; the client asked by `public`.

    A path that is published by another site, or by none, becomes a URL: taken for its own, the backend would move a
    file to where nobody meant it to be.
    """
    mount = maps.outbound.mount

    def mapped(path: str) -> str:
        absolute = f"{public}{path}"
        after = maps.inbound.map_text(absolute)
        if after == absolute:
            outside = mount and not f"{path}/".startswith(f"{mount.path}/")
            return absolute if outside else path
        for own in (str(target), str(public)):
            rest = after.removeprefix(own)
            if rest != after and rest[:1] in ("", "/"):
                return rest or "/"
        return after

    return mapped
