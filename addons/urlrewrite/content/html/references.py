"""Where references begin in attributes, style sheets, manifests and playlists: the places that a mount path concerns.

A reference without a host (`/x`) is known as one by its place alone, so that only places are taken that the standards
define as URLs, and attributes for scripts whose names say so (`data-src`, `hx-get`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from urlrewrite.content.carriers import (
    CANDIDATES_FOR_SCRIPTS,
    FOR_SCRIPTS_NAMES,
    ONE_URL,
    ONE_URL_FOR_SCRIPTS,
    Value,
    names,
)
from urlrewrite.content.html.tokens import Token

_ONE_OF_XML = frozenset((b"href", b"src", b"xlink:href"))
_WORDS = names(Value.WORDS)
_CANDIDATES = names(Value.CANDIDATES)
_STYLES = names(Value.STYLE)
_ONE_FOR_SCRIPTS = re.compile(ONE_URL_FOR_SCRIPTS)
_CANDIDATES_FOR_SCRIPTS = re.compile(CANDIDATES_FOR_SCRIPTS)

ONE_URL_NAMES = b"|".join(sorted(ONE_URL))
"""An expression for the attributes that hold one URL."""
OTHER_NAMES = b"%b|(?:%b)%b" % (
    b"|".join(sorted(names(Value.WORDS, Value.CANDIDATES, Value.CONTENT, Value.STYLE))),
    FOR_SCRIPTS_NAMES,
    rb"[^ \t\n\f\r/>=\"'<]*+",
)
"""An expression for the other attributes in which a reference, or a script that has one, may stand."""

_BLANKS = re.compile(rb"[\x00-\x20]*+")
_WORD = re.compile(rb"[^\s,]++")
_CANDIDATE = re.compile(rb"(?P<url>[^\s,](?:\S*[^\s,])?),*+(?:\s[^,(]*+(?:\([^)]*+(?:\)|\Z)[^,(]*+)*+)?")
_STYLE = re.compile(
    rb"(?:\burl\([ \t\r\n\f]*+(?:[\"']|&(?:quot|apos|#0*3[49]|#x0*2[27]);)?|@import\s++[\"'])", re.IGNORECASE
)
# A string in the parentheses of image-set() is an image where it is the first of an option (CSS Images 4, 2.3).
_IMAGE_SET = re.compile(
    rb"\bimage-set\(((?:[^()\"']|\"[^\"]*\"|'[^']*'|\((?:[^()\"']|\"[^\"]*\"|'[^']*')*+\))*+)", re.IGNORECASE
)
_IMAGE = re.compile(rb"(?:\A|,)\s*+[\"']")
_REFRESH = re.compile(rb"\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?", re.IGNORECASE)
_TILES = re.compile(rb"msapplication-(?:config|starturl|tileimage|[\w]+logo)", re.IGNORECASE)
_PLAYLIST = re.compile(rb"^(?=/)|\bURI=\"", re.MULTILINE)
_MANIFEST = re.compile(rb'(?<!\\)"(?:action|id|scope|src|start_url|url)"\s*+:\s*+"')
_ADDRESSES = re.compile(rb'(?<![\\\w])"(?=\\?/)')
_XML_STYLE_SHEET = re.compile(rb"\bhref\s*=\s*[\"']")


def in_attribute(tag: Token, name: bytes, value: bytes, *, xml: bool, everywhere: bool) -> Iterator[int]:
    """Return where references may begin in the raw value of an attribute, its name in lower case.

    `xml` says that it is of XML without a known vocabulary; `everywhere` takes styles and attributes for scripts, too.
    """
    if name in (_ONE_OF_XML if xml else ONE_URL):
        return _one(value)
    if xml:
        return iter(())
    if name in _CANDIDATES:
        return _each(_CANDIDATE, "url")(value)
    if name in _WORDS:
        return _each(_WORD, 0)(value)
    if name == b"content":
        return _of_meta(tag, value)
    if not everywhere:
        return iter(())
    if name in _STYLES:
        return in_style(value)
    if _ONE_FOR_SCRIPTS.fullmatch(name):
        return _one(value)
    return _each(_CANDIDATE, "url")(value) if _CANDIDATES_FOR_SCRIPTS.fullmatch(name) else iter(())


def in_style(sheet: bytes) -> Iterator[int]:
    """Return where the URLs of `url()`, `@import` and `image-set()` begin in a style sheet without comments."""
    places = {found.end() for found in _STYLE.finditer(sheet)}
    for images in _IMAGE_SET.finditer(sheet):
        places.update(images.start(1) + found.end() for found in _IMAGE.finditer(images[1]))
    return iter(sorted(places))


def in_style_sheet_instruction(data: bytes) -> Iterator[int]:
    """Return where the URL of `<?xml-stylesheet?>` begins."""
    return (found.end() for found in _XML_STYLE_SHEET.finditer(data))


def in_manifest(data: bytes) -> Iterator[int]:
    """Return where the URLs of a web app manifest begin (W3C, "Web Application Manifest")."""
    return (found.end() for found in _MANIFEST.finditer(data))


def in_addresses(data: bytes) -> Iterator[int]:
    """Return where the addresses of an import map or of speculation rules begin that begin with a slash.

    WHATWG HTML, 8.1.6 and 7.6.
    """
    return (found.end() for found in _ADDRESSES.finditer(data))


def in_playlist(data: bytes) -> Iterator[int]:
    """Return where lines that are a path, and the URIs of tags, begin (RFC 8216, 4.1)."""
    return (found.end() for found in _PLAYLIST.finditer(data))


def _one(value: bytes) -> Iterator[int]:
    blanks = _BLANKS.match(value)
    yield blanks.end() if blanks else 0


def _each(pattern: re.Pattern[bytes], group: str | int) -> Callable[[bytes], Iterator[int]]:
    return lambda value: (found.start(group) for found in pattern.finditer(value))


def _of_meta(tag: Token, value: bytes) -> Iterator[int]:
    """Yield the URL of a refresh, and those of the tiles of Windows."""
    if (tag.get(b"http-equiv") or b"").strip().lower() == b"refresh":
        found = _REFRESH.match(value)
        yield found.end() if found else 0
    elif _TILES.fullmatch((tag.get(b"name") or b"").strip()):
        yield from _one(value)
