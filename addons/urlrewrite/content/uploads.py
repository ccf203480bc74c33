"""Bodies of requests in which links are mapped back: forms, JSON, XML, and messages of several parts.

Files are left as they are, whatever they hold: what a browser uploads by itself, and what a part of a form with the
name of a file holds.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.content.changes import Links
from urlrewrite.content.html.dav import DavRequest
from urlrewrite.content.kinds import Kind, content_kind, media_type
from urlrewrite.content.links.mounts import PathBack
from urlrewrite.content.mapping import content_rewriter, form_rewriter
from urlrewrite.content.stream import BodyRewriter

_FORM, _FORM_DATA = "application/x-www-form-urlencoded", "multipart/form-data"
_MAPPED = frozenset({Kind.JSON, Kind.XML, Kind.MULTIPART})


def upload_kind(content_type: str, *, plain_text: bool) -> Kind | None:
    """Return how a body of this type is looked at; None where it is left as it is.

    `plain_text` says that text without a syntax is looked at, too.
    """
    media = media_type(content_type)
    if media == _FORM_DATA:
        return Kind.MULTIPART
    kind = content_kind(content_type)
    mapped = kind in _MAPPED or media == _FORM or (plain_text and kind is Kind.OTHER_TEXT)
    return kind if mapped else None


def upload_rewriter(content_type: str, kind: Kind, links: Links, dav: PathBack | None = None) -> BodyRewriter:
    """Return a rewriter for a body of this type, whose `kind` is that of `upload_kind`.

    `dav` is given for what a client of WebDAV asks for in XML.
    """
    if dav:
        return DavRequest(links, dav)
    if media_type(content_type) == _FORM_DATA:
        return form_rewriter(links)
    rewriter = content_rewriter(kind, links=replace(links, plain_text=True))
    assert rewriter is not None
    return rewriter
