"""The template "Reverse Proxy" as rules, for a web.config; in YAML `backend` and `links` say it."""

from __future__ import annotations

from urlrewrite.formats.wizards.parts import Draft, Parameters, authority_pattern, place_of, same_scheme
from urlrewrite.model import LinkMode


def reverse_proxy_rules(given: Parameters) -> Draft:
    """Make "Reverse Proxy". Raises ValueError."""
    place = place_of(given)
    return place.draft(
        "reverse-proxy",
        f"{place.public} is served by {place.backend}.",
        LinkMode.OFF,
        offload=given.ssl_offload,
        same_scheme=not given.ssl_offload,
        links=given.links,
        authority=place.server.authority,
        target=str(place.server if given.ssl_offload else same_scheme(place.names[0], place.server)),
        host_pattern=authority_pattern(place.server),
    )
