"""A rewriter of HTML or XML as a byte stream: tags, attribute values and raw texts are changed in place.

Everything here speaks of *spans of the input*. No tree is built and nothing is serialised, so that a page in which no
value changes comes out byte for byte, however broken it was.

How it works
------------
The tokenisation is WHATWG's (https://html.spec.whatwg.org/multipage/parsing.html#tokenization), folded into regular
expressions. A tag is `<name`, then any mix of white space, `/` and attributes, then `>`; an attribute is a name with
or without `=value`. That holds for the strangest tag a browser accepts, so one possessive expression takes a whole tag
and fails only where the tag is not yet complete. A prefix of the input decides all the same as the whole input would:
this is what makes the scanner safe for chunks. Everything else (comments, raw text, CDATA, ...) runs up to an end mark
that is searched for, the search being resumed where it stopped.

Where a caller wants a few tags only, a third expression runs over text and unwanted tags in one match.

What a browser decides with its tree
------------------------------------
Whether `<style>` holds raw text, and whether `<![CDATA[` means anything, depends on whether the element stands in SVG
or MathML. `ForeignContent` follows the open elements from the outermost `<svg>` or `<math>` on. Where only the
elements outside could tell (a `</div>` inside `<svg>`), it is in doubt until that root ends, and the reading that
leaves more bytes alone is taken: raw text is raw, CDATA reaches to `]]>`. `<noscript>` is read as by a client without
scripts, because its links are for such clients.

Encodings: any in which the bytes of `< > / = " '` and white space mean these characters only. UTF-8, ISO-8859-x,
windows-125x, Shift_JIS, EUC, Big5 and GB18030 are; UTF-16, UTF-7 and ISO-2022-JP have to be decoded before.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from urlrewrite.content.held import Held
from urlrewrite.content.html.scanner import HtmlScanner, Plain, Wanted
from urlrewrite.content.html.tokens import Attribute, Token, TokenKind

__all__ = [
    "RAW_KINDS",
    "Attribute",
    "HtmlRewriter",
    "HtmlScanner",
    "OnAttribute",
    "OnPlain",
    "OnSpan",
    "OnTag",
    "Token",
    "TokenKind",
    "Wanted",
]

RAW_KINDS = frozenset(
    {TokenKind.COMMENT, TokenKind.DOCTYPE, TokenKind.RAW_TEXT, TokenKind.RCDATA, TokenKind.CDATA, TokenKind.INSTRUCTION}
)
"""The kinds that `HtmlRewriter` hands to `on_raw`."""

type OnAttribute = Callable[[Token, Attribute, bytes], bytes | None]
type OnSpan = Callable[[Token, bytes], bytes | None]
type OnPlain = Callable[[bytes, int], bytes]
type OnTag = Callable[[Token], None]

type _Change = tuple[int, int, bytes]  # start, end, new bytes
_START_TAG = TokenKind.START_TAG
_TAGS = (TokenKind.START_TAG, TokenKind.END_TAG)
_EVERY_KIND = frozenset(TokenKind)
_OF_ATTRIBUTES = frozenset({TokenKind.START_TAG})
_OF_TEXT = frozenset({TokenKind.TEXT})
_OF_TAGS = frozenset(_TAGS)
_NEEDS_QUOTES = re.compile(rb"""[ \t\n\f\r"'=<>`]""")


class HtmlRewriter:
    """A rewriter that passes a document on, with the values changed that its callbacks change and all else as it was.

    Args:
        on_attribute: is given a start tag, an attribute of it and the raw value; returns the new raw value, or None to
            leave it. It is not asked about attributes without a value. Duplicates are reported too, and marked.
        on_raw: the same for the tokens of `RAW_KINDS`, with their bytes. What it returns replaces the whole token.
        on_text: the same for text between tags.
        xml, wanted: as with `HtmlScanner`; `on_attribute` is asked about the wanted attributes only.
        plain: an expression as for `HtmlScanner`, and what is to be made of the spans that it takes, given their
            offset. The other callbacks are not asked about them.
        on_tag: is told of every start and end tag, before the other callbacks are asked about it.
        limit: as with `HtmlScanner`.

    A new attribute value stands in the quotes of the old one; if it holds that quote, the quote is written as a
    character reference. An unquoted value gets quotes if it cannot do without. Nothing else is escaped.
    """

    def __init__(
        self,
        on_attribute: OnAttribute | None,
        on_raw: OnSpan | None = None,
        on_text: OnSpan | None = None,
        *,
        xml: bool = False,
        wanted: Wanted | None = None,
        plain: tuple[Plain, OnPlain] | None = None,
        on_tag: OnTag | None = None,
        limit: int = 8 << 20,
    ) -> None:
        kinds: frozenset[TokenKind] = frozenset()
        if plain:
            kinds = _EVERY_KIND
        else:
            kinds |= _OF_ATTRIBUTES if on_attribute else kinds
            kinds |= RAW_KINDS if on_raw else kinds
            kinds |= _OF_TEXT if on_text else kinds
            kinds |= _OF_TAGS if on_tag else kinds
        self._on_tag = on_tag
        self._on_attribute = on_attribute
        self._on_raw = on_raw
        self._on_text = on_text
        self._wanted = None if wanted is None else {tag: frozenset(names) for tag, names in wanted.items()}
        self.start_tag: Token | None = None
        """The last start tag that was reported."""
        expression = plain[0] if plain else None
        self._on_plain = plain[1] if plain else None
        self._scanner = HtmlScanner(
            xml=xml, wanted=wanted, kinds=kinds, whole_text=on_text is not None, plain=expression, limit=limit
        )

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        return self._scanner.held

    def feed(self, data: bytes, final: bool = False) -> bytes:
        """Take the next chunk and return what can be sent now. Raises ValueError after the final one."""
        scanner, on_plain, on_tag = self._scanner, self._on_plain, self._on_tag
        sent = done = scanner.position
        pieces: list[bytes] = []
        for token in scanner.feed(data, final=final):
            changes = self._plain(done, token.start) if on_plain else []
            done = token.end
            if on_tag and token.kind in _TAGS:
                on_tag(token)
            if token.kind is _START_TAG:
                self.start_tag = token
                changes += self._attributes(token)
            else:
                changes += self._span(token)
            for start, end, changed in changes:
                pieces += (scanner.slice(sent, start), changed)
                sent = end
        for start, end, changed in self._plain(done, scanner.position) if on_plain else ():
            pieces += (scanner.slice(sent, start), changed)
            sent = end
        rest = scanner.slice(sent, scanner.position)
        return b"".join([*pieces, rest]) if pieces else rest

    def finish(self) -> bytes:
        """End the document and return all that was held back."""
        return self.feed(b"", final=True)

    def _plain(self, start: int, end: int) -> list[_Change]:
        if start == end or self._on_plain is None:
            return []
        span = self._scanner.slice(start, end)
        changed = self._on_plain(span, start)
        return [] if changed is span else [(start, end, changed)]

    def _attributes(self, token: Token) -> list[_Change]:
        changes: list[_Change] = []
        names = None if self._wanted is None else self._wanted[token.name]
        callback = self._on_attribute
        for attribute in token.attributes:
            value = attribute.value
            if value is None or callback is None or (names is not None and attribute.name not in names):
                continue
            changed = callback(token, attribute, value)
            if changed is not None and changed != value:
                changed = written(changed, attribute.quote)
                changes.append((attribute.value_start, attribute.value_end, changed))
        return changes

    def _span(self, token: Token) -> list[_Change]:
        data = self._scanner.slice(token.start, token.end)
        callback = self._on_text if token.kind is TokenKind.TEXT else self._on_raw
        changed = callback(token, data) if callback else None
        return [] if changed is None or changed == data else [(token.start, token.end, changed)]


def written(value: bytes, quote: bytes) -> bytes:
    """Return a raw value as it may stand between those quotes, with quotes if there were none and it needs them."""
    if quote == b"'":
        return value.replace(b"'", b"&#39;")
    if quote or not value or _NEEDS_QUOTES.search(value):
        value = value.replace(b'"', b"&quot;")
        return value if quote else b'"%b"' % value
    return value
