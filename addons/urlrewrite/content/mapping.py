"""Where links are looked for in each kind of content.

`LinkMap` knows how links are spelled; this module knows where they stand. `everywhere` covers every attribute, scripts,
style sheets, JSON, XML text, playlists and batches. `tags` covers the attributes that HTML defines as URLs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from urlrewrite.content.changes import AttributeRewrites, Links
from urlrewrite.content.charset.view import CannotEncode, View, detect
from urlrewrite.content.css import StyleSheet
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.html.markup_mounted import MountedMarkup
from urlrewrite.content.html.markup_values import MarkupValues
from urlrewrite.content.html.references import in_addresses, in_manifest, in_playlist
from urlrewrite.content.json import JsonText
from urlrewrite.content.kinds import Kind, content_kind
from urlrewrite.content.links.browser_urls import hides_host
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Paths
from urlrewrite.content.links.script_paths import Watched
from urlrewrite.content.links.stream import LinkStream
from urlrewrite.content.manifest import Manifest
from urlrewrite.content.multipart import MAX_DEPTH, Multipart
from urlrewrite.content.splicing import map_around
from urlrewrite.content.stream import BodyRewriter, Chain, Lines, Whole


def rewrite_content(
    data: bytes, kind: Kind, *, links: Links | None = None, values: AttributeRewrites | None = None
) -> bytes:
    """Return `data` with links mapped and attribute values changed; the same bytes where there is nothing to change.

    `data` is in an encoding that contains ASCII. `values` sees attributes of markup before the link map does, and
    nothing of other content.
    """
    if values and kind.is_markup:
        data = _all_of(data, MarkupValues(kind, values))
        values = None
    if links and not _may_concern(links, data, kind):
        return data
    if links and kind.is_markup:
        markup = _markup(kind, links)
        rewritten = _all_of(data, markup)
        links.reading.tell(rewritten, names_hosts=not markup.took_all_hosts(data), vouches=markup.vouches)
        return rewritten
    rewriter = content_rewriter(kind, links=links, values=values)
    return data if rewriter is None else _all_of(data, rewriter)


def content_rewriter(
    kind: Kind, *, links: Links | None = None, values: AttributeRewrites | None = None
) -> BodyRewriter | None:
    """Return the streaming counterpart of `rewrite_content`; None if nothing would change.

    All that is held back are an unfinished tag, script or style block (up to some megabytes), an unfinished rule of a
    style sheet or part of several, and otherwise some hundred bytes.
    """
    if kind.is_markup:
        of_values = [MarkupValues(kind, values)] if values else []
        of_links = [_markup(kind, links)] if links else []
        return Chain([*of_values, *of_links]) if of_values or of_links else None
    if links is None or not links.everywhere:
        return None
    on_change = links.tell(str(kind))
    paths = Paths(links.link_map.mount, links.page) if links.link_map.mount else None
    match kind:
        case Kind.CSS:
            return StyleSheet(links.link_map, on_change, paths, comments=links.comments)
        case Kind.JAVASCRIPT:
            script = LinkStream(links.link_map, bare=True, on_change=on_change)
            return Watched(script, paths.mount, links) if paths else script
        case Kind.MANIFEST if paths:
            return Manifest(links.link_map, paths, on_change, in_manifest)
        case Kind.ADDRESSES if paths:
            return Manifest(links.link_map, paths, on_change, in_addresses)
        case Kind.ADDRESS:
            return Whole(partial(_address, links.link_map, paths, on_change))
        case Kind.PLAYLIST if paths:
            return Lines(partial(_playlist, links.link_map, paths, on_change))
        case Kind.JSON if paths:
            return Watched(JsonText(links.link_map, on_change), paths.mount, links)
        case Kind.JSON | Kind.MANIFEST | Kind.ADDRESSES:
            return JsonText(links.link_map, on_change)
        case Kind.PLAYLIST:
            return LinkStream(links.link_map, bare=False, on_change=on_change)
        case Kind.OTHER_TEXT if links.plain_text:
            return LinkStream(links.link_map, bare=False, on_change=on_change)
        case Kind.EVENT_STREAM:
            return Lines(lambda data, base: links.link_map.map(data, bare=True, on_change=links.tell(str(kind), base)))
        case Kind.MULTIPART:
            return _multipart(links, values, 0)
        case _:
            return None


def form_rewriter(links: Links) -> BodyRewriter:
    """Return a rewriter of `multipart/form-data` that maps the links in its fields, and leaves its files alone."""
    part = partial(_part, replace(links, plain_text=True), None, 0)
    return Multipart(links.link_map, links.tell("fields of a part"), part, form=True)


def _may_concern(links: Links, data: bytes, kind: Kind) -> bool:
    """Say, quickly, whether there may be a link in some content. Links without a host have no quick test."""
    link_map = links.link_map
    if link_map.mount is not None or link_map.names_in_lower(links.reading.lower(data)):
        return True
    links.reading.tell(data, names_hosts=False, vouches=True)
    return kind.is_markup and hides_host(data, link_map)


def _all_of(data: bytes, rewriter: BodyRewriter) -> bytes:
    return rewriter.feed(data) + rewriter.finish()


def _markup(kind: Kind, links: Links) -> Markup:
    mount = links.link_map.mount
    return MountedMarkup(kind, links, mount) if mount else Markup(kind, links)


def _playlist(link_map: LinkMap, paths: Paths, on_change: OnChange, lines: bytes, base: int) -> bytes:
    return map_around(lines, paths.changes(lines, in_playlist(lines)), link_map, shifted(on_change, base))


def _address(link_map: LinkMap, paths: Paths | None, on_change: OnChange, url: bytes) -> bytes:
    return map_around(url, paths.changes(url, iter((0,))) if paths else (), link_map, on_change)


def _multipart(links: Links, values: AttributeRewrites | None, depth: int) -> Multipart:
    """Return a rewriter for a body of several parts that stands in so many others."""
    return Multipart(links.link_map, links.tell("fields of a part"), partial(_part, links, values, depth))


def _part(
    links: Links, values: AttributeRewrites | None, depth: int, body: bytes, content_type: str, offset: int
) -> bytes:
    """Rewrite the body of a part, in its own encoding and kind; it stays as it is where that would damage it."""
    kind = content_kind(content_type)
    if kind is Kind.MULTIPART and depth == MAX_DEPTH:
        return body
    within = replace(links, on_link=lambda where, at, *change: links.on_link(where, offset + at, *change))
    view = View.of(body, detect(body, content_type, kind=kind.charset_rules), escapes=kind is not Kind.XML)
    if view is None:
        return body
    try:
        if kind is Kind.MULTIPART:
            return view.restore(_all_of(view.data, _multipart(within, values, depth + 1)))
        return view.restore(rewrite_content(view.data, kind, links=within, values=values))
    except CannotEncode:
        return body
