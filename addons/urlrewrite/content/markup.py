"""One pass over a document of HTML or XML: attributes, scripts, style blocks, and the text of XML.

Left alone is what only looks like a link: namespaces, vocabularies, document types, comments, and in HTML the text that
a reader sees.
"""

from __future__ import annotations

import re

from urlrewrite.content.changes import Links, Values
from urlrewrite.content.html import Attribute, HtmlRewriter, OnPlain, Token
from urlrewrite.content.html import Kind as TokenKind
from urlrewrite.content.html_plain import plain_pattern
from urlrewrite.content.kinds import Kind
from urlrewrite.content.style_sheet import map_css

URL_ATTRIBUTES = frozenset(
    b"""action archive background cite classid code codebase content data dynsrc formaction href icon imagesrcset
    longdesc lowsrc manifest ping poster profile src srcset usemap xlink:href""".split()
)
"""Attributes whose value is a URL, or a list with URLs, wherever HTML or SVG has them; what `links: tags` maps."""

_NAMES_NOT_LINKS = frozenset(b"integrity itemtype nonce prefix typeof vocab xsi:schemalocation".split())
"""Attributes that hold identifiers, not addresses, though they may look like URLs."""

_CODE_ATTRIBUTE = re.compile(rb"on|data-|x-|v-|ng-|:|@")
"""Attributes whose values are scripts or JSON, so that a quoted host in them is meant as one."""

_PLAIN_NAMES_EVERYWHERE = rb"(?!(?:%b)=|xmlns)[^ \t\n\f\r/>=\"'<]++" % b"|".join(sorted(_NAMES_NOT_LINKS))
_PLAIN_NAMES_TAGS = b"|".join(sorted(URL_ATTRIBUTES))
_TOLD_PLAIN = 64
"""Plain links of a body that are told one by one; the others are counted."""

_SHOWN_AS_TEXT = frozenset({b"xmp", b"plaintext"})
_STYLE_SHEET = re.compile(rb"<\?xml-stylesheet\s")


class Markup:
    """One pass over a document: attributes, scripts, style blocks, and the text of XML."""

    def __init__(self, kind: Kind, links: Links | None, values: Values | None) -> None:
        self._kind = kind
        self._links = links
        self._values = values
        self._told = 0
        everywhere = links is not None and links.everywhere
        plain = self._plain(links) if links else None
        self._rewriter = HtmlRewriter(
            self._attribute,
            self._raw if everywhere else None,
            self._text if everywhere else None,
            xml=kind is not Kind.HTML,
            # Names in XML are wanted as they are written, and the rules' are in lower case.
            wanted=values.wanted if values and not links and kind is Kind.HTML else None,
            plain=plain,
        )

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next bytes; returns what can be sent now."""
        return self._rewriter.feed(chunk)

    def finish(self) -> bytes:
        """The document is complete: returns all that was held back."""
        return self._rewriter.finish()

    def _plain(self, links: Links) -> tuple[re.Pattern[bytes], OnPlain] | None:
        """The quick way for HTML, unless what links become could be taken for a link once more."""
        link_map = links.link_map
        if self._kind is not Kind.HTML or any(link_map.names_in(becomes) for _, becomes in link_map.plain):
            return None
        names = _PLAIN_NAMES_EVERYWHERE if links.everywhere else _PLAIN_NAMES_TAGS
        prefixes = tuple(before for before, _ in link_map.plain)
        tags = frozenset(self._values.wanted) if self._values else frozenset()
        return plain_pattern(link_map.hosts, prefixes, names, tags), self._map_plain

    def _map_plain(self, span: bytes, offset: int) -> bytes:
        """A span that `plain_pattern` took: a plain link can only stand where it is one."""
        assert self._links is not None
        for before, becomes in self._links.link_map.plain:
            link = b'="' + before
            count = span.count(link)
            if not count:
                continue
            position = 0
            for _ in range(min(count, _TOLD_PLAIN - self._told)):
                position = span.index(link, position) + 2
                tag = span[span.rindex(b"<", 0, position) + 1 : position - 2].split()
                where = f"<{_ascii(tag[0])} {_ascii(tag[-1])}>"
                self._links.on_link(where, offset + position, before[:-1], becomes[:-1])
                self._told += 1
                count -= 1
            if count:
                self._links.on_more(count)
            span = span.replace(link, b'="' + becomes)
        return span

    def _attribute(self, tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        changed = None
        if self._values and attribute.name.lower() in self._values.wanted.get(tag.name.lower(), ()):
            changed = self._values.on_value(tag.name.lower(), attribute.name.lower(), value)
        if self._links and self._maps(attribute.name.lower()):
            told = self._links.tell(f"<{_ascii(tag.name)} {_ascii(attribute.name)}>", attribute.value_start)
            before = value if changed is None else changed
            code = _CODE_ATTRIBUTE.match(attribute.name) is not None
            mapped = self._links.link_map.map(before, bare=code and self._links.everywhere, on_change=told)
            if mapped is not before:
                return mapped
        return changed

    def _maps(self, name: bytes) -> bool:
        if self._links and self._links.everywhere:
            return name not in _NAMES_NOT_LINKS and not name.startswith(b"xmlns")
        return name in URL_ATTRIBUTES

    def _raw(self, token: Token, data: bytes) -> bytes | None:
        """Scripts and style blocks; a script of a type that is no script is a template, so links in it count too."""
        if self._links is None:
            return None
        if token.kind is TokenKind.INSTRUCTION and _STYLE_SHEET.match(data):
            return self._links.link_map.map(data, on_change=self._links.tell("<?xml-stylesheet?>", token.start))
        if token.kind not in (TokenKind.RAW_TEXT, TokenKind.CDATA):
            return None
        name = token.name.lower()
        return None if name in _SHOWN_AS_TEXT else self._code(name, token, data, self._links)

    def _text(self, token: Token, data: bytes) -> bytes | None:
        """Text of XML, and style and script of SVG, MathML and XHTML, which are text to a scanner."""
        if self._links is None:
            return None
        tag = self._rewriter.start_tag
        if tag and tag.end == token.start and tag.name.lower() in (b"style", b"script"):
            return self._code(tag.name.lower(), token, data, self._links)
        if self._kind is not Kind.XML:
            return None
        return self._links.link_map.map(data, on_change=self._links.tell("text", token.start))

    def _code(self, element: bytes, token: Token, data: bytes, links: Links) -> bytes:
        told = links.tell(f"<{_ascii(element)}>" if element else "CDATA", token.start)
        if element == b"style":
            return map_css(data, links.link_map, told)
        return links.link_map.map(data, bare=element == b"script", on_change=told)


def _ascii(name: bytes) -> str:
    return name.decode("ascii", "replace")
