"""What kind of content a media type is, as far as links are concerned."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """How a body is looked at. `OTHER_TEXT` is rewritten only where rules or somebody ask for it, `BINARY` never."""

    HTML = "html"
    XHTML = "xhtml"
    SVG = "svg"
    XML = "xml"
    CSS = "css"
    JAVASCRIPT = "javascript"
    JSON = "json"
    MANIFEST = "web app manifest"
    ADDRESSES = "address map"
    """JSON in which a string that begins with a slash is an address: import maps, speculation rules."""
    EVENT_STREAM = "event stream"
    PLAYLIST = "playlist"
    """Lines of URLs: HLS and other playlists, `text/uri-list`, `robots.txt`."""
    MULTIPART = "multipart"
    """Parts with fields of their own: batches (`multipart/mixed`), saved pages (`multipart/related`)."""
    PAGE_UPDATE = "partial page update"
    """A page in pieces, each with its length: what ASP.NET's UpdatePanel loads (`content/counted.py`)."""
    ADDRESS = "address"
    """One URL and nothing else, perhaps percent-encoded: a part of a partial page update."""
    OTHER_TEXT = "text"
    """Text without a syntax in which links could be distinguished from prose: plain text, CSV, YAML, Markdown."""
    BINARY = "binary"

    @property
    def is_markup(self) -> bool:
        """Whether it has tags and attributes."""
        return self in (Kind.HTML, Kind.XHTML, Kind.SVG, Kind.XML)

    @property
    def charset_rules(self) -> str:
        """The rules by which its encoding is found: the `kind` of `charset.detect`."""
        match self:
            case Kind.HTML | Kind.CSS | Kind.JSON:
                return self.value
            case Kind.XHTML | Kind.SVG | Kind.XML:
                return "xml"
            case Kind.JAVASCRIPT:
                return "js"
            case Kind.MANIFEST | Kind.ADDRESSES | Kind.MULTIPART | Kind.EVENT_STREAM:
                return "json"  # UTF-8; other bytes survive
            case _:
                return "text"


JAVASCRIPT = frozenset(
    """
    text/javascript text/ecmascript text/x-javascript text/x-ecmascript text/jscript text/livescript text/javascript1.0
    text/javascript1.1 text/javascript1.2 text/javascript1.3 text/javascript1.4 text/javascript1.5
    application/javascript application/x-javascript application/ecmascript application/x-ecmascript
    """.split()
)
"""The types that browsers take for JavaScript where the type counts (MIME Sniffing, "JavaScript MIME type")."""

_TYPES = {
    Kind.HTML: "text/html text/html-sandboxed text/x-server-parsed-html text/x-component text/vnd.turbo-stream.html",
    Kind.XHTML: "application/xhtml+xml application/vnd.wap.xhtml+xml",
    Kind.SVG: "image/svg+xml",
    Kind.XML: """text/xml application/xml text/xsl text/x-opml text/x-cross-domain-policy text/vnd.wap.wml
        application/xml-external-parsed-entity text/xml-external-parsed-entity application/x-java-jnlp-file
        application/vnd.ms-wpl application/x-plist application/smil video/x-ms-asx audio/x-ms-wax video/x-ms-wvx""",
    Kind.CSS: "text/css",
    # And what servers say besides.
    Kind.JAVASCRIPT: " ".join(JAVASCRIPT) + " application/node text/jsx text/typescript application/typescript",
    Kind.JSON: """application/json text/json text/x-json application/x-json application/json5 application/ndjson
        application/x-ndjson application/jsonl application/x-jsonl application/jsonlines application/x-jsonlines
        application/json-seq application/x-json-stream application/source-map""",
    Kind.MANIFEST: "application/manifest+json",
    Kind.ADDRESSES: "application/importmap+json application/speculationrules+json",
    Kind.EVENT_STREAM: "text/event-stream",
    Kind.PLAYLIST: """application/vnd.apple.mpegurl application/vnd.apple.mpegurl.audio application/x-mpegurl
        application/mpegurl audio/mpegurl audio/x-mpegurl video/mpegurl video/vnd.mpegurl audio/x-scpls
        text/uri-list text/cache-manifest""",
    Kind.MULTIPART: "multipart/mixed multipart/related",
    Kind.OTHER_TEXT: """application/x-www-form-urlencoded application/graphql application/yaml application/x-yaml
        application/toml""",
}
_KINDS = {media: kind for kind, types in _TYPES.items() for media in types.split()}
FILES_OF_URLS = frozenset({"/robots.txt", "/security.txt", "/.well-known/security.txt", "/llms.txt", "/llms-full.txt"})
"""Plain text by its type, whose lines name addresses for programs (RFC 9309; sitemaps.org; RFC 9116)."""

_SUFFIXES = {"+json": Kind.JSON, "+json-seq": Kind.JSON, "+xml": Kind.XML, "+yaml": Kind.OTHER_TEXT}
_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--|<!doctype html|<html|<head|<body|<title|<script|<h1)", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type field, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def content_kind(content_type: str, path: str = "") -> Kind:
    """Return the kind of content that a Content-Type field declares for a request of this path."""
    declared = media_type(content_type)
    kind = _KINDS.get(declared) or next((_SUFFIXES[end] for end in _SUFFIXES if declared.endswith(end)), None)
    if kind is None:
        kind = Kind.OTHER_TEXT if declared.startswith("text/") else Kind.BINARY
    return Kind.PLAYLIST if kind is Kind.OTHER_TEXT and path in FILES_OF_URLS else kind


def sniff_kind(data: bytes) -> Kind:
    """Return the kind of a body that came without Content-Type: HTML if it begins like HTML, as browsers judge it."""
    return Kind.HTML if _LOOKS_LIKE_HTML.match(data[:512].lstrip(b"\xef\xbb\xbf")) else Kind.BINARY
