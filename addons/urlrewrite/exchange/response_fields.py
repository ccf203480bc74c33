"""Field lines of the backend made true for the public name: those of responses, of interim ones, and of trailers."""

from __future__ import annotations

from urlrewrite.exchange.request import ForwardedRequest
from urlrewrite.exchange.reverse_rewrite import reverse_rewritten
from urlrewrite.fields.names import Change
from urlrewrite.fields.urls import rewrite_response_fields
from urlrewrite.model import LinkMode, LinkPlace
from urlrewrite.model.field_lines import FieldLines


def map_response_fields(forwarded: ForwardedRequest, lines: FieldLines) -> tuple[FieldLines, list[Change]]:
    """Map the names of the backend in field lines; where the site maps no links, only those that ARR does."""
    site = forwarded.served.site
    if site.links is LinkMode.OFF:
        # In mode iis that was done before any rule saw the response.
        return (lines, []) if forwarded.served.scope.iis else reverse_rewritten(forwarded, lines)
    links = forwarded.maps.outbound
    mount = links.mount
    return rewrite_response_fields(
        lines,
        map_text=links.map_text,
        map_bare=links.map_authority,
        public=forwarded.served.public,
        backend=forwarded.target,
        map_path=mount.map_path if mount else None,
        map_cookie_path=mount.map_cookie_path if mount else None,
        map_cookie_value=links.map_text if LinkPlace.COOKIE_VALUES in site.links_also else None,
    )
