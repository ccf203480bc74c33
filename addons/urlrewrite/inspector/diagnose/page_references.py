"""What a page names and a browser requests: scripts, pictures, frames, links, forms, by the URL that it requests.

Pages are arbitrary input: what cannot be read has no references.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.content.canonical_url import canonical_url
from urlrewrite.content.carriers import CARRIERS, Carrier, Use, Value
from urlrewrite.content.html.rewriter import HtmlScanner, Token, TokenKind
from urlrewrite.content.kinds import Kind, content_kind, sniff_kind
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.inspector.diff.bodies_decoded import MAX_LENGTH, decoded_body
from urlrewrite.model.field_lines import field_values

LOADED: frozenset[Use] = frozenset(
    {"script", "style", "image", "media", "font", "frame", "object", "manifest", "connect"}
)
"""What a browser requests by itself; the others wait for a click."""

MAX_REFERENCES = 5000

_CARRIERS = {(each.tag, each.attribute): each for each in CARRIERS if each.use}
_STYLES = {each.attribute for each in CARRIERS if each.value is Value.STYLE}
_LINKS: dict[str, Use] = {
    "stylesheet": "style",
    "icon": "image",
    "apple-touch-icon": "image",
    "mask-icon": "image",
    "manifest": "manifest",
    "modulepreload": "script",
}
_PRELOADS: dict[str, Use] = {"script": "script", "style": "style", "image": "image", "font": "font", "fetch": "connect"}
_CSS_URL = re.compile(
    r"""@import\s*["']([^"'\n]*)["']|url\(\s*+(?:"([^"\n]*+)"|'([^'\n]*+)'"""
    r"""|((?:\\[0-9a-f]{1,6}\s?|\\[^\n]|[^\s"'()\\])*+))\s*+\)""",
    re.I,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|([^\n]))", re.I)
_SCRIPT_URL = re.compile(r"""(["'`])((?:https?|wss?)://[^"'`\s\\]+)\1""", re.I)
_WORD = re.compile(r"[^\s,]+")
_REFRESH = re.compile(r"""\s*+[\d.]*+\s*+[;,]\s*+(?:url\s*+=\s*+)?+["']?([^"'\s][^"']*+)""", re.I)
_CANDIDATE = re.compile(r"([^\s,](?:\S*[^\s,])?)(?:\s[^,]*+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A URL in a page: as `written` (character references resolved), and as a browser requests it, "" where it is
    invalid.

    `place` says where it is: `<img src>`, `<style>`, `<script>`.
    """

    url: str
    written: str
    use: Use
    place: str
    tag: str = ""
    attribute: str = ""
    integrity: str = ""
    crossorigin: bool = False


def body_text(response: ResponseFacts | None, body: bytes | None) -> str | None:
    """Return the text of a body, decoded as a browser would; None where it is not text, was not kept, or
    cannot be decoded.
    """
    return (decoded_body(response, body).text or None) if response and body else None


def is_html(response: ResponseFacts | None, body: bytes | None = None) -> bool:
    """Say whether a response is a page."""
    if response is None:
        return False
    declared = next(iter(field_values(response.fields, "content-type")), "")
    kind = content_kind(declared) if declared else sniff_kind(body or b"")
    return kind in (Kind.HTML, Kind.XHTML)


def references(page: str, url: str) -> list[Reference]:
    """Return what a page at `url` names, in the order of the page."""
    data = page.encode("utf-8", "replace")
    found: list[Reference] = []
    base = url
    tokens = HtmlScanner(kinds={TokenKind.START_TAG, TokenKind.RAW_TEXT}, limit=MAX_LENGTH).feed(data, final=True)
    based = False
    for token in tokens:
        if token.kind is TokenKind.RAW_TEXT:
            found += _raw(token, _text(data[token.start : token.end]), base)
        else:
            attributes = {
                _text(each.name).lower(): html.unescape(_text(each.value or b""))
                for each in token.attributes
                if not each.duplicate
            }
            found += _tag(_text(token.name), attributes, base)
            if token.name == b"base" and "href" in attributes and not based:
                based, base = True, canonical_url(attributes["href"], url) or url
        if len(found) >= MAX_REFERENCES:
            return found[:MAX_REFERENCES]
    return found


def style_references(sheet: str, url: str, place: str = "style sheet") -> list[Reference]:
    """Return what a style sheet at `url` loads."""
    found: list[Reference] = []
    for each in _CSS_URL.finditer(sheet):
        written = _CSS_ESCAPE.sub(_css_character, next(filter(None, each.groups()), ""))
        if written and not written.startswith(("data:", "#")):
            use: Use = "style" if each[0].startswith("@") else "image"
            found.append(Reference(canonical_url(written, url), written, use, place))
    return found


def _css_character(escape: re.Match[str]) -> str:
    """Return the character of an escape of CSS (CSS Syntax 3, 4.3.7)."""
    number = int(escape[1], 16) if escape[1] else ord(escape[2])
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def script_references(script: str, place: str = "the script") -> list[Reference]:
    """Return the absolute URLs in strings of a script."""
    return [
        Reference(canonical_url(found[2], found[2]), found[2], "connect", place)
        for found in _SCRIPT_URL.finditer(script)
    ]


def _tag(tag: str, attributes: dict[str, str], base: str) -> Iterator[Reference]:
    integrity, crossorigin = attributes.get("integrity", ""), "crossorigin" in attributes
    for name, value in attributes.items():
        if name in _STYLES:
            yield from style_references(value, base, f"<{tag} {name}>")
        carrier = _CARRIERS.get((tag, name))
        if carrier is None or carrier.use is None:
            continue
        use = _link_use(attributes) if (tag, name) == ("link", "href") else carrier.use
        for each in _urls(carrier, value, attributes):
            if not each.strip().lower().startswith(("data:", "javascript:", "mailto:", "blob:", "about:", "#", "tel:")):
                url = canonical_url(each, base)
                yield Reference(url, each, use, f"<{tag} {name}>", tag, name, integrity, crossorigin)


def _urls(carrier: Carrier, value: str, attributes: dict[str, str]) -> list[str]:
    """Return the URLs in a value, as they are written."""
    match carrier.value:
        case Value.CANDIDATES:
            return [each[1] for each in _CANDIDATE.finditer(value)]
        case Value.WORDS:
            return _WORD.findall(value)
        case Value.CONTENT:
            refresh = attributes.get("http-equiv", "").strip().lower() == "refresh" and _REFRESH.match(value)
            return [refresh[1]] if refresh else []
        case _:
            return [value]


def _link_use(attributes: dict[str, str]) -> Use:
    words = attributes.get("rel", "").lower().split()
    if "preload" in words or "prefetch" in words:
        return _PRELOADS.get(attributes.get("as", "").lower(), "link")
    return next((_LINKS[word] for word in words if word in _LINKS), "link")


def _raw(token: Token, text: str, base: str) -> list[Reference]:
    if token.name == b"style":
        return style_references(text, base, "<style>")
    if token.name == b"script" and token.get(b"src") is None:
        return script_references(text, "<script>")
    return []


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
