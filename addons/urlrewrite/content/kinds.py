"""What kind of content a media type is, as far as links are concerned."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """How a body is looked at. `OTHER_TEXT` is rewritten by explicit rules only, `BINARY` never."""

    HTML = "html"
    XHTML = "xhtml"
    SVG = "svg"
    XML = "xml"
    CSS = "css"
    JAVASCRIPT = "javascript"
    JSON = "json"
    EVENT_STREAM = "event stream"
    OTHER_TEXT = "text"
    BINARY = "binary"

    @property
    def is_markup(self) -> bool:
        """Whether it has tags and attributes."""
        return self in (Kind.HTML, Kind.XHTML, Kind.SVG, Kind.XML)


_KINDS = {
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.XHTML,
    "image/svg+xml": Kind.SVG,
    "text/xml": Kind.XML,
    "application/xml": Kind.XML,
    "text/xsl": Kind.XML,
    "text/css": Kind.CSS,
    "text/javascript": Kind.JAVASCRIPT,
    "text/ecmascript": Kind.JAVASCRIPT,
    "text/x-javascript": Kind.JAVASCRIPT,
    "text/jscript": Kind.JAVASCRIPT,
    "application/javascript": Kind.JAVASCRIPT,
    "application/x-javascript": Kind.JAVASCRIPT,
    "application/ecmascript": Kind.JAVASCRIPT,
    "application/json": Kind.JSON,
    "text/json": Kind.JSON,
    "application/x-json": Kind.JSON,
    "application/x-ndjson": Kind.JSON,
    "application/json-seq": Kind.JSON,
    "application/importmap+json": Kind.JSON,
    "application/speculationrules+json": Kind.JSON,
    "text/event-stream": Kind.EVENT_STREAM,
    "application/x-www-form-urlencoded": Kind.OTHER_TEXT,
    "application/x-mpegurl": Kind.OTHER_TEXT,
    "application/vnd.apple.mpegurl": Kind.OTHER_TEXT,
}
_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--|<!doctype html|<html|<head|<body|<title|<script|<h1)", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """The media type of a Content-Type field, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def content_kind(content_type: str) -> Kind:
    """The kind of content that a Content-Type field declares."""
    declared = media_type(content_type)
    if kind := _KINDS.get(declared):
        return kind
    if declared.endswith("+json"):
        return Kind.JSON
    if declared.endswith("+xml"):
        return Kind.XML
    return Kind.OTHER_TEXT if declared.startswith("text/") else Kind.BINARY


def sniff_kind(data: bytes) -> Kind:
    """The kind of a body that came without Content-Type: HTML if it begins like it, as browsers judge it."""
    return Kind.HTML if _LOOKS_LIKE_HTML.match(data[:512].lstrip(b"\xef\xbb\xbf")) else Kind.BINARY
