"""The kind of content that a request asks for, as far as that is known before there is a response."""

from __future__ import annotations

import re
from collections.abc import Iterable

from urlrewrite.content.kinds import FILES_OF_URLS, Kind

_EXTENSION = re.compile(r"\.([a-z0-9]{1,12})(?:[;?#]|$)", re.IGNORECASE)
_KINDS = {
    extension: kind
    for kind, extensions in {
        Kind.HTML: "html htm shtml",
        Kind.XHTML: "xhtml xht",
        Kind.SVG: "svg",
        Kind.XML: "xml rss atom xsl xslt xsd wsdl mpd opml jnlp",
        Kind.CSS: "css",
        Kind.JAVASCRIPT: "js mjs cjs",
        Kind.JSON: "json map webmanifest geojson jsonld",
        Kind.PLAYLIST: "m3u8 m3u pls",
        Kind.OTHER_TEXT: "txt text md csv tsv yaml yml toml ini log ics vcf vtt srt",
    }.items()
    for extension in extensions.split()
}
_PROGRAMS = frozenset("php asp aspx ashx asmx axd jsp jspx jsf do action cfm cgi pl py dll".split())
"""Extensions of programs, whose responses may be anything."""

_DESTINATIONS = {
    "document": Kind.HTML,
    "iframe": Kind.HTML,
    "frame": Kind.HTML,
    "style": Kind.CSS,
    "script": Kind.JAVASCRIPT,
    "worker": Kind.JAVASCRIPT,
    "sharedworker": Kind.JAVASCRIPT,
    "serviceworker": Kind.JAVASCRIPT,
    "audioworklet": Kind.JAVASCRIPT,
    "paintworklet": Kind.JAVASCRIPT,
    "manifest": Kind.JSON,
    "json": Kind.JSON,
    "xslt": Kind.XML,
}


def kind_by_path(target: str) -> Kind | None:
    """Return the kind of content that the extension of a request's path names; None where it names none or any."""
    path = target.partition("?")[0]
    if path in FILES_OF_URLS:
        return Kind.PLAYLIST
    extension = _EXTENSION.search(path.rpartition("/")[2])
    if extension is None or extension[1].lower() in _PROGRAMS:
        return None
    return _KINDS.get(extension[1].lower(), Kind.BINARY)


def kind_by_request(target: str, fields: Iterable[tuple[str, str]]) -> Kind | None:
    """Return the kind of content by the path, by Fetch Metadata or by the client's Accept; None if unknown."""
    kind = kind_by_path(target)
    if kind is not None:
        return kind
    accept = ""
    for name, value in fields:
        if name.lower() == "sec-fetch-dest" and value.strip().lower() != "empty":
            return _DESTINATIONS.get(value.strip().lower(), Kind.BINARY)
        if name.lower() == "accept":
            accept = value.strip().lower()
    return Kind.HTML if accept.startswith("text/html") else None
