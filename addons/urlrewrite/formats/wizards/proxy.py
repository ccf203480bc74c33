"""The template "Reverse Proxy" as rules, for a web.config; in YAML `backend` and `links` say it."""

from __future__ import annotations

from urlrewrite.formats.wizards.parts import Draft, Parameters, authority_pattern, publication_of, same_scheme
from urlrewrite.model import LinkMode


def reverse_proxy_rules(given: Parameters) -> Draft:
    """Make "Reverse Proxy". Raises ValueError."""
    published = publication_of(given)
    return published.draft(
        "reverse-proxy",
        f"{published.public} is served by {published.backend}.",
        LinkMode.OFF,
        offload=given.ssl_offload,
        same_scheme=not given.ssl_offload,
        links=given.links,
        authority=published.server.authority,
        target=str(published.server if given.ssl_offload else same_scheme(published.names[0], published.server)),
        host_pattern=authority_pattern(published.server),
    )
