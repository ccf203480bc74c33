"""Field lines of the backend made true for the public name: those of responses, of interim ones, and of trailers."""

from __future__ import annotations

from urlrewrite.exchange.request import ForwardedRequest
from urlrewrite.exchange.reverse_rewrite import reverse_rewritten
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.fields.urls import rewrite_response_fields
from urlrewrite.model import LinkMode, LinkPlace, Origin
from urlrewrite.model.field_lines import FieldLine, FieldLines, field_values


def map_response_fields(forwarded: ForwardedRequest, lines: FieldLines) -> tuple[FieldLines, list[Change]]:
    """Map the names of the backend in field lines; where the site maps no links, only those that ARR does."""
    site = forwarded.served.site
    if site.links is LinkMode.OFF:
        # In mode iis that was done before any rule saw the response.
        return (lines, []) if forwarded.served.scope.iis else reverse_rewritten(forwarded, lines)
    links = forwarded.maps.outbound
    mount = links.mount
    lines, allowed = _allow_who_asked(forwarded, lines)
    lines, changes = rewrite_response_fields(
        lines,
        map_text=links.map_text,
        map_bare=links.map_authority,
        public=forwarded.served.public,
        backend=forwarded.target,
        map_path=mount.map_path if mount else None,
        map_cookie_path=mount.map_cookie_path if mount else None,
        map_cookie_value=links.map_text if LinkPlace.COOKIE_VALUES in site.links_also else None,
    )
    return lines, allowed + changes


def _allow_who_asked(forwarded: ForwardedRequest, lines: FieldLines) -> tuple[FieldLines, list[Change]]:
    """Make Access-Control-Allow-Origin the Origin that the client sent where it allows the one that the backend got.

    A site may have several public names, of which the client had one mapped back.
    """
    sent = next(iter(field_values(forwarded.served.request.fields, "origin")), "").strip(" \t")
    origin = Origin.parse(sent)
    mapped = forwarded.maps.origins.get(origin) if origin else None
    if mapped is None:
        return lines, []
    allowed: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in lines:
        after = value
        if name.lower() == "access-control-allow-origin" and Origin.parse(value.strip(" \t")) == mapped:
            after = sent
            changes.append(Change(name, value, after, because(FieldReason.ORIGIN_LIST)))
        allowed.append((name, after))
    return tuple(allowed), changes
