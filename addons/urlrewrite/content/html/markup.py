"""One pass over a document of HTML or XML: attributes, scripts, style blocks, and the text of XML.

Left alone is what only looks like a link: namespaces, vocabularies, the identifiers of document types; and, unless they
are asked for, comments, and in HTML the text that a reader sees.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from urlrewrite.content.carriers import URL_ATTRIBUTES, Value, names
from urlrewrite.content.changes import Links
from urlrewrite.content.css import map_css
from urlrewrite.content.held import Held
from urlrewrite.content.html.attributes import NAMES_NOT_LINKS, is_name, map_value
from urlrewrite.content.html.nested import map_nested
from urlrewrite.content.html.plain import plain_pattern
from urlrewrite.content.html.plain_linear import LinearPlain, automaton
from urlrewrite.content.html.rewriter import Attribute, HtmlRewriter, OnPlain, OnTag, Token, TokenKind
from urlrewrite.content.html.scanner import Plain
from urlrewrite.content.json import map_json
from urlrewrite.content.kinds import Kind, content_kind
from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.link_map import OnChange, shifted

_DOCUMENTS = names(Value.DOCUMENT)
_OF_PROMISES = frozenset({b"integrity", b"http-equiv"})
"""Without these a page vouches for nothing (`integrity.py`)."""
_NEVER_PLAIN = _DOCUMENTS | _OF_PROMISES
# Those that most attributes with links have come first: they need not be looked up among the others.
_PLAIN_NAMES_EVERYWHERE = rb"(?:(?:href|src|class|id)(?==)|(?!%b)[^ \t\n\f\r/>=\"'<]++)" % any_of(
    {b"xmlns", *(name + b"=" for name in NAMES_NOT_LINKS | _DOCUMENTS)}
)
_PLAIN_NAMES_TAGS = any_of(URL_ATTRIBUTES)
_MAX_NESTED = 4
"""Documents inside of documents, by `srcdoc`, that are read as such; one that is deeper is mapped as any other text."""

MAX_PLAIN_LINKS = 64
"""Plain links of a body that are reported one by one; the others are counted."""

_CODE_ELEMENTS = frozenset({b"style", b"script"})
_OF_PARTIAL_RESPONSES = b"eval"
"""The element with a script in a partial response of Jakarta Faces (Jakarta Faces 4.0, 13.4.4)."""
_SHOWN_AS_TEXT = frozenset({b"xmp", b"plaintext"})
_STYLE_SHEET = re.compile(rb"<\?xml-stylesheet\s")
_CONDITIONAL_COMMENT = re.compile(rb"<!--\[if\b[^\]]*\]>(?P<inside>.*)<!\[endif\]-->", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(
    rb"<!ENTITY\s++(?:%\s++)?+[^\s\"']++\s++(?:\"(?P<a>[^\"]*+)\"|'(?P<b>[^']*+)')|<!--.*?(?:-->|\Z)", re.DOTALL
)


class Markup:
    """One pass over a document: attributes, scripts, style blocks, and the text of XML.

    One that is `nested` in so many others does not take the way of `plain.py`, on which not every link is reported by
    itself.
    """

    def __init__(self, kind: Kind, links: Links, *, nested: int = 0) -> None:
        self._kind = kind
        self._links = links
        self._depth = nested
        self._told_alone = MAX_PLAIN_LINKS if links.one_by_one else 0
        """Plain links that are still to be reported one by one."""
        self._code_tag: Token | None = None
        self._code_end = 0
        self._typed: tuple[Token | None, bytes] = (None, b"")
        self._linear: LinearPlain | None = None
        self._vouches = False
        self._rewriter = HtmlRewriter(
            self._attribute,
            self._raw if links.everywhere else None,
            self._text if links.everywhere else None,
            xml=kind is not Kind.HTML,
            plain=None if nested else self._plain(links),
            on_tag=self._on_tag(),
        )

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._rewriter.held

    @property
    def vouches(self) -> bool:
        """Whether the page may have digests of files, or policies of its own."""
        return self._vouches or self._linear is None

    def took_all_hosts(self, page: bytes) -> bool:
        """Say whether it is known of a page that was fed at once that no host of the map is left in it."""
        return self._linear is not None and self._linear.took_all_hosts(page)

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and return what can be sent now."""
        return self._rewriter.feed(chunk)

    def finish(self) -> bytes:
        """End the document and return all that was held back."""
        return self._rewriter.finish()

    def _on_tag(self) -> OnTag | None:
        """Return what is to be told of every tag."""
        return None

    def _plain(self, links: Links) -> tuple[Plain, OnPlain] | None:
        """Return the quick way for HTML; None if what links become could be taken for a link again."""
        link_map = links.link_map
        if self._kind is not Kind.HTML or not link_map.table.is_final:
            return None
        self._linear = self._linear_plain(links)
        if self._linear:
            return self._linear, partial(self._map_linear, self._linear)
        names = _PLAIN_NAMES_EVERYWHERE if links.everywhere else _PLAIN_NAMES_TAGS
        return self._plain_pattern(links, names), self._map_plain

    def _linear_plain(self, links: Links) -> LinearPlain | None:
        """Return the quickest way, if it can be had; it knows of no links but whole origins, and of none in texts."""
        if links.visible_text or not links.link_map.table.is_of_origins:
            return None
        names = NAMES_NOT_LINKS if links.everywhere else URL_ATTRIBUTES
        taken = automaton(names, are_links=not links.everywhere, never=_NEVER_PLAIN)
        return LinearPlain(taken, links.link_map.table, links.reading) if taken else None

    def _plain_pattern(self, links: Links, names: bytes) -> re.Pattern[bytes]:
        link_map = links.link_map
        return plain_pattern(link_map.table.search.signs, link_map.table.begins, names, whole_text=links.visible_text)

    def _map_plain(self, span: bytes, offset: int) -> bytes:
        """Map the links of a span that `plain_pattern` took, where whatever looks like a link is one."""
        for before, becomes in self._links.link_map.table.plain_in(span):
            link = b'="' + before
            count = span.count(link)
            if not count:
                continue
            position = 0
            for _ in range(min(count, self._told_alone)):
                position = span.index(link, position) + 2
                self._links.on_link(place_of(span, position), offset + position, before[:-1], becomes[:-1])
                self._told_alone -= 1
                count -= 1
            if count:
                self._links.on_more(count)
            span = span.replace(link, b'="' + becomes)
        return span

    def _map_linear(self, linear: LinearPlain, span: bytes, offset: int) -> bytes:
        """Map the links of a span that a `LinearPlain` took."""
        changed = linear.replaced(span)
        for before, becomes, count in changed.changes:
            position = 0
            tell = min(count, self._told_alone)
            for _ in range(tell):
                position = span.index(b'="' + before, position) + 2
                self._links.on_link(place_of(span, position), offset + position, before[:-1], becomes[:-1])
            self._told_alone -= tell
            if count > tell:
                self._links.on_more(count - tell)
        return changed.span

    def _attribute(self, tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        name = attribute.name.lower()
        if name in _OF_PROMISES and (name == b"integrity" or b"security-policy" in value.lower()):
            self._vouches = True
        if not self._maps(name):
            return None
        on_change = self._links.tell(f"<{_ascii(tag.name)} {_ascii(attribute.name)}>", attribute.value_start)
        if name in _DOCUMENTS and self._depth < _MAX_NESTED:
            return map_nested(value, self._nested, on_change)
        # Browsers heed the first attribute of a name only: what the others are need not be looked up.
        only = tag._replace(attributes=()) if attribute.duplicate else tag
        return map_value(only, name, value, self._links.link_map, code=self._links.everywhere, on_change=on_change)

    def _maps(self, name: bytes) -> bool:
        if self._links.everywhere:
            return not is_name(name, xml=self._kind is not Kind.HTML)
        return name in URL_ATTRIBUTES

    def _nested(self, document: bytes, on_change: OnChange) -> bytes:
        """Map a document of HTML inside this one."""
        links = replace(self._links, on_link=lambda where, *change: on_change(*change))
        inner = Markup(Kind.HTML, links, nested=self._depth + 1)
        return inner.feed(document) + inner.finish()

    def _raw(self, token: Token, data: bytes) -> bytes | None:
        """Map scripts and style blocks; a script of another type is a template, so links in it
        count too.
        """
        links = self._links
        name = token.name.lower()
        tag = self._element_of_code(token)
        match token.kind:
            case TokenKind.INSTRUCTION if _STYLE_SHEET.match(data):
                return links.link_map.map(data, on_change=links.tell("<?xml-stylesheet?>", token.start))
            case TokenKind.DOCTYPE if self._kind is not Kind.HTML:
                return self._entities(data, links, token.start)
            case TokenKind.COMMENT if links.comments:
                return self._comment(data, links, token.start)
            case TokenKind.RCDATA if links.visible_text:
                return links.link_map.map(data, on_change=links.tell(f"<{_ascii(name)}>", token.start))
            case TokenKind.RAW_TEXT if name not in _SHOWN_AS_TEXT or links.visible_text:
                return self._code(name, token, token, data, links)
            case TokenKind.CDATA:
                return self._code(tag.name.lower() if tag else b"", tag, token, data, links)
            case _:
                return None

    def _text(self, token: Token, data: bytes) -> bytes | None:
        """Map text of XML, and style and script of SVG, MathML and XHTML, which are text to a scanner."""
        if tag := self._element_of_code(token):
            return self._code(tag.name.lower(), tag, token, data, self._links)
        if self._kind is not Kind.XML and not self._links.visible_text:
            return None
        return self._links.link_map.map(data, on_change=self._links.tell("text", token.start))

    def _element_of_code(self, token: Token) -> Token | None:
        """Return the tag of the `<style>` or `<script>` of SVG, MathML or XHTML that a token stands in.

        To a scanner it holds text, comments and CDATA sections. They follow each other without a gap; what comes after
        an end tag does not.
        """
        tag = self._rewriter.start_tag
        if tag is None or tag.self_closing or token.kind is TokenKind.END_TAG:
            return None
        name = tag.name.lower()
        if name not in _CODE_ELEMENTS and not (self._kind is Kind.XML and name == _OF_PARTIAL_RESPONSES):
            return None
        if token.start != (self._code_end if tag is self._code_tag else tag.end):
            return None
        self._code_tag, self._code_end = tag, token.end
        return tag

    def _code(self, element: bytes, tag: Token | None, token: Token, data: bytes, links: Links) -> bytes:
        on_change = links.tell(f"<{_ascii(element)}>" if element else "CDATA", token.start)
        if element == b"style":
            return map_css(data, links.link_map, on_change, comments=links.comments)
        script = element in (b"script", _OF_PARTIAL_RESPONSES)
        if script and tag and content_kind(self._type_of(tag).decode("latin-1")) is Kind.JSON:
            return map_json(data, links.link_map, on_change)
        return links.link_map.map(data, bare=script, on_change=on_change)

    def _type_of(self, tag: Token) -> bytes:
        """Return the type that a tag declares; of one that holds many pieces of code it is looked up once."""
        if tag is not self._typed[0]:
            self._typed = tag, tag.get(b"type") or b""
        return self._typed[1]

    def _comment(self, data: bytes, links: Links, start: int) -> bytes:
        """Map a comment; one of HTML may contain tags ("About conditional comments", Microsoft)."""
        found = _CONDITIONAL_COMMENT.fullmatch(data) if self._kind is Kind.HTML else None
        if found is None:
            return links.link_map.map(data, on_change=links.tell("comment", start))
        changes: list[tuple[int, bytes, bytes]] = []
        begin = found.start("inside")
        inside = self._nested(found["inside"], lambda *change: changes.append(change))
        for offset, before, after in changes:
            links.on_link("conditional comment", start + begin + offset, before, after)
        return data[:begin] + inside + data[found.end("inside") :]

    def _entities(self, data: bytes, links: Links, start: int) -> bytes:
        """Map the texts of entities that a document declares; public and system identifiers are left alone."""
        on_change = links.tell("<!ENTITY>", start)
        pieces: list[bytes] = []
        done = 0
        for entity in _ENTITY.finditer(data):
            group = entity.lastgroup
            if group is None:
                continue
            first, last = entity.span(group)
            pieces += (data[done:first], links.link_map.map(data[first:last], on_change=shifted(on_change, first)))
            done = last
        return b"".join([*pieces, data[done:]])


def place_of(span: bytes, position: int) -> str:
    """Tag and attribute whose value begins at a position, in double quotes and with nothing around the `=`."""
    tag = span[span.rindex(b"<", 0, position) + 1 : position - 2].split()
    return f"<{_ascii(tag[0])} {_ascii(tag[-1])}>"


def _ascii(name: bytes) -> str:
    return name.decode("ascii", "replace")
