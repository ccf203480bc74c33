"""Where links are looked for in each kind of content.

`LinkMap` knows spellings and nothing of places; here are the places. `everywhere` covers every attribute, scripts,
style sheets, JSON and XML text. `tags` covers the attributes that HTML defines as URLs.
"""

from __future__ import annotations

from urlrewrite.content.changes import Links, Values
from urlrewrite.content.kinds import Kind
from urlrewrite.content.link_stream import LinkStream
from urlrewrite.content.markup import Markup
from urlrewrite.content.stream import BodyRewriter, Lines
from urlrewrite.content.style_sheet import StyleSheet


def rewrite_content(data: bytes, kind: Kind, *, links: Links | None = None, values: Values | None = None) -> bytes:
    """`data`, in an encoding that contains ASCII, with links mapped and attribute values changed; else as it was.

    `values` sees attributes of markup before the link map does, and nothing of other content.
    """
    if links and not links.link_map.names_in(data):
        links = None
    rewriter = content_rewriter(kind, links=links, values=values)
    return data if rewriter is None else rewriter.feed(data) + rewriter.finish()


def content_rewriter(kind: Kind, *, links: Links | None = None, values: Values | None = None) -> BodyRewriter | None:
    """The same for content that comes in chunks; None where nothing is to be done.

    All that is held back are an unfinished tag, script or style block (up to some megabytes), an unfinished rule of a
    style sheet, and otherwise some hundred bytes.
    """
    if kind.is_markup:
        return Markup(kind, links, values) if links or values else None
    if links is None or not links.everywhere:
        return None
    match kind:
        case Kind.CSS:
            return StyleSheet(links.link_map, links.tell(str(kind)))
        case Kind.JAVASCRIPT | Kind.JSON:
            return LinkStream(links.link_map, bare=True, on_change=links.tell(str(kind)))
        case Kind.EVENT_STREAM:
            return Lines(lambda data, base: links.link_map.map(data, bare=True, on_change=links.tell(str(kind), base)))
        case _:
            return None
