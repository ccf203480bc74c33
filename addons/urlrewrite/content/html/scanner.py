"""A scanner that cuts a stream of HTML or XML into tokens; `rewriter.py` explains how."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Protocol

from urlrewrite.content.held import Held, Unfinished
from urlrewrite.content.html import patterns
from urlrewrite.content.html.foreign import ROOTS, ForeignContent
from urlrewrite.content.html.tokens import Attribute, Token, TokenKind

type Wanted = Mapping[bytes, Collection[bytes]]
"""Tag name to names of the attributes that matter, all in lower case (in XML as written)."""


class Ended(Protocol):
    """What was matched."""

    def end(self) -> int:
        """Return where it ends."""


class Plain(Protocol):
    """What takes text and whole tags, from any place between tags on."""

    def match(self, data: bytes, position: int, /) -> Ended | None:
        """Return what can be taken from that place on, be it nothing."""


class _Open:
    """A token that has begun and whose end mark is being searched for."""

    __slots__ = ("attributes", "end", "kind", "name", "resume", "state")

    def __init__(
        self,
        kind: TokenKind,
        end: re.Pattern[bytes],
        resume: int,
        name: bytes = b"",
        attributes: tuple[Attribute, ...] = (),
    ) -> None:
        self.kind, self.end, self.name, self.attributes = kind, end, name, attributes
        self.resume = resume
        self.state = 0


_SOLIDUS = 0x2F
_START_TAG = TokenKind.START_TAG


def _with_duplicates_marked(attributes: list[Attribute]) -> list[Attribute]:
    seen: set[bytes] = set()
    marked = []
    for attribute in attributes:
        marked.append(attribute._replace(duplicate=True) if attribute.name in seen else attribute)
        seen.add(attribute.name)
    return marked


class HtmlScanner:
    """An incremental tokeniser whose tokens are spans of the input.

    Args:
        xml: the input is XHTML, SVG or other XML: names keep their case, no element holds raw text, CDATA sections and
            processing instructions are what they seem.
        wanted: report the start tags of these names only; None for all. Other attributes than these may be missing
            from their tokens.
        kinds: report these kinds only. The fewer, the faster; best without TEXT and END_TAG.
        whole_text: hold TEXT back until it ends, so that it comes as one token. Without it text is reported, and
            released, as it arrives.
        plain: takes text and whole tags that need not be reported, from any place between tags on; see `plain.py`.
            What it does not take is reported as `kinds` says.
        limit: number of bytes that a token may hold back. A longer text, comment or the like comes in pieces; with a
            longer tag the scanner gives up, and the rest of the input is IGNORED.

    The tokens do not depend on how the input is cut into chunks, except for TEXT without `whole_text` and for what is
    longer than the limit.
    """

    def __init__(
        self,
        *,
        xml: bool = False,
        wanted: Wanted | None = None,
        kinds: Collection[TokenKind] = frozenset(TokenKind),
        whole_text: bool = False,
        plain: Plain | None = None,
        limit: int = 8 << 20,
    ) -> None:
        self._xml = xml
        self._grammar = patterns.XML if xml else patterns.HTML
        self._kinds = frozenset(kinds)
        self._wanted = None if wanted is None else {tag: frozenset(names) for tag, names in wanted.items()}
        if TokenKind.START_TAG not in self._kinds:
            self._wanted = {}
        self._whole_text = whole_text
        self._limit = limit
        # Start tags that matter to the scanner itself.
        self._special: frozenset[bytes] = frozenset() if xml else ROOTS.union(patterns.RAW_ELEMENTS)
        self._skip: Plain | None = plain
        self._plain = plain is not None
        if not self._plain and not self._kinds & {TokenKind.TEXT, TokenKind.END_TAG}:
            stops = None if self._wanted is None else self._special.union(self._wanted)
            self._skip = patterns.skip_pattern(stops, xml)
        self._foreign = ForeignContent()
        self._open: _Open | None = None
        self._buffer = b""
        self._base = 0  # offset of the buffer in the stream
        self._position = 0
        self._pieces = Unfinished()  # what has come since `position`
        self._last = b""  # bytes of that in which what is searched for may begin
        self._awaited = b""  # without this byte in it, a further chunk cannot settle anything
        self._in_text = False  # only markup ends what is held
        self._searched = 0  # offset up to which held text holds no markup
        self._finished = False

    @property
    def position(self) -> int:
        """Offset up to which the stream is settled: in tokens that were reported or in spans that were not wanted."""
        return self._position

    @property
    def held(self) -> Held:
        """What has come and is not settled."""
        return self._pieces.held

    def slice(self, start: int, end: int) -> bytes:
        """Return the bytes of a span that the last `feed` has settled. Earlier bytes are gone: IndexError."""
        if not self._base <= start <= end <= self._position:
            raise IndexError(f"bytes {start} to {end} are not at hand: {self._base} to {self._position} are")
        return self._buffer[start - self._base : end - self._base]

    def feed(self, data: bytes, *, final: bool = False) -> list[Token]:
        """Take the next chunk and return the tokens that are complete now, in order.

        Raises ValueError when called again after the final chunk.
        """
        if self._finished:
            raise ValueError("the final chunk was fed before")
        self._finished = final
        self._base = self._position
        self._pieces.add(data)
        if not final and self._pieces.size <= self._limit and not self._settles(data):
            self._buffer = b""
            return []
        self._buffer = buffer = self._pieces.whole()
        tokens: list[Token] = []
        self._awaited, self._in_text = b"", False
        position, more = 0, True
        while more and position < len(buffer):
            if self._open is None:
                position, more = self._between(position, final, tokens)
            else:
                position, more = self._within(self._open, position, final, tokens)
        self._pieces.keep(buffer[position:])
        self._last = buffer[max(position, len(buffer) - patterns.MAX_END_LENGTH) :]
        self._position = self._base + position
        return tokens

    def _settles(self, data: bytes) -> bool:
        """Say whether anything held may be settled by the chunk that has just come, without a look at all the rest."""
        near = self._last + data
        self._last = near[-patterns.MAX_END_LENGTH :]
        if self._open is not None and self._open.kind in self._kinds:
            return self._end_of(self._open, near, self._base + self._pieces.size - len(near)) is not None
        if self._in_text:
            return self._grammar.markup.search(near) is not None
        return self._awaited in data and self._pieces.worth_reading

    def _between(self, position: int, final: bool, tokens: list[Token]) -> tuple[int, bool]:
        """Scan text and tags; return where it stopped, and whether there is more to be done with the input so far."""
        buffer, base, grammar, wanted, skip = self._buffer, self._base, self._grammar, self._wanted, self._skip
        foreign, html = self._foreign, not self._xml
        size = len(buffer)
        match_tag = grammar.tag.match
        while position < size:
            if skip is not None and not foreign.stack:
                position = skip.match(buffer, position).end()  # type: ignore[union-attr]  # it matches anywhere
                if position == size:
                    break
            if skip is None or self._plain or foreign.stack:
                position, more = self._text(position, final, tokens)
                if not more:
                    break
            tag = match_tag(buffer, position)
            if tag is None:
                return self._oddity(position, final, tokens)
            start, position = position, tag.end()
            name: bytes = tag[2].lower() if html else tag[2]
            if buffer[start + 1] == _SOLIDUS:
                if foreign.stack:
                    foreign.end(name)
                if TokenKind.END_TAG in self._kinds:
                    tokens.append(Token(TokenKind.END_TAG, base + start, base + position, name))
                continue
            special = foreign.stack or name in self._special
            if special or wanted is None:
                token = self._start_tag(tag, name, None)
                if wanted is None or name in wanted:
                    tokens.append(token)
            elif name in wanted:
                tokens.append(self._start_tag(tag, name, wanted[name]))
            if special:
                is_html = foreign.start(token) if foreign.stack or name in ROOTS else True
                if is_html and name in patterns.RAW_ELEMENTS:
                    kind, end = patterns.RAW_ELEMENTS[name], patterns.RAW_END[name]
                    self._open = _Open(kind, end, token.end, name, token.attributes)
                    return position, True
        return position, False

    def _start_tag(self, tag: re.Match[bytes], name: bytes, names: frozenset[bytes] | None) -> Token:
        """Return the token of a start tag with its attributes, of `names` only if that is not None.

        Half of all time is spent here, so the tuples are made without the detour over their constructors.
        """
        buffer, base, end, lower = self._buffer, self._base, tag.end(), not self._xml
        attributes: list[Attribute] = []
        found = None
        for found in patterns.ATTRIBUTE.finditer(buffer, tag.end(2), end):
            attribute_name = found[1].lower() if lower else found[1]
            if names is not None and attribute_name not in names:
                continue
            group: int = found.lastindex  # type: ignore[assignment]
            if group == 1:
                attributes.append(Attribute(attribute_name, None, base + found.start(), -1, -1, b""))
                continue
            first, last = found.span(group)
            quote = patterns.QUOTE[group]
            fields = (attribute_name, found[group], base + found.start(), base + first, base + last, quote, False)
            attributes.append(tuple.__new__(Attribute, fields))
        if len(attributes) > 1 and len({attribute.name for attribute in attributes}) < len(attributes):
            attributes = _with_duplicates_marked(attributes)
        # The last byte before the end is a solidus, and does not belong to an unquoted value.
        self_closing = buffer[end - 2] == _SOLIDUS and (found is None or found.end() != end - 1)
        token = (_START_TAG, base + tag.start(), base + end, name, tuple(attributes), self_closing)
        return tuple.__new__(Token, token)

    def _text(self, position: int, final: bool, tokens: list[Token]) -> tuple[int, bool]:
        """Scan up to the next markup; return its place and whether there is any."""
        buffer = self._buffer
        found = self._grammar.markup.search(buffer, max(position, self._searched - self._base))
        if found:
            stop = found.start()
        else:
            stop = len(buffer) - (not final and buffer.endswith(b"<"))
            if self._whole_text and not final and len(buffer) - position <= self._limit:
                self._searched = self._base + stop
                self._in_text = True
                return position, False
        if stop > position and TokenKind.TEXT in self._kinds:
            tokens.append(Token(TokenKind.TEXT, self._base + position, self._base + stop))
        return stop, found is not None

    def _oddity(self, position: int, final: bool, tokens: list[Token]) -> tuple[int, bool]:
        """Take what begins with `<` and is not a complete tag."""
        buffer, base = self._buffer, self._base
        size = len(buffer)
        if not final and size - position < (patterns.MAX_OPENING_LENGTH if buffer.startswith(b"<!", position) else 3):
            return position, False
        found = self._grammar.opening.match(buffer, position)
        if size - position < 3 and buffer[position:] in {b"<", b"</"}:
            return self._settle(TokenKind.TEXT, position, size, tokens)
        assert found is not None
        opening = found.lastindex
        if opening == patterns.EMPTY_END_TAG:
            return self._settle(TokenKind.IGNORED, position, found.end(), tokens)
        if opening == patterns.TAG:
            return self._unfinished(TokenKind.IGNORED, position, final, tokens)
        if opening == patterns.DOCTYPE and self._xml:
            doctype = patterns.XML_DOCTYPE.match(buffer, position)
            if doctype is None:
                return self._unfinished(TokenKind.DOCTYPE, position, final, tokens)
            return self._settle(TokenKind.DOCTYPE, position, doctype.end(), tokens)
        if opening == patterns.COMMENT and not self._xml and buffer.startswith((b">", b"->"), found.end()):
            return self._settle(TokenKind.COMMENT, position, buffer.index(b">", position) + 1, tokens)
        resume = base + found.end()
        if opening == patterns.COMMENT:
            self._open = _Open(
                TokenKind.COMMENT, patterns.XML_COMMENT_END if self._xml else patterns.COMMENT_END, resume
            )
        elif opening == patterns.DOCTYPE:
            self._open = _Open(TokenKind.DOCTYPE, patterns.GREATER, resume)
        elif opening == patterns.CDATA and (self._xml or self._foreign.cdata):
            self._open = _Open(TokenKind.CDATA, patterns.CDATA_END, resume)
        elif opening == patterns.QUESTION_MARK and self._xml:
            self._open = _Open(TokenKind.INSTRUCTION, patterns.INSTRUCTION_END, resume)
        else:
            self._open = _Open(TokenKind.COMMENT, patterns.GREATER, base + position + 2)
        return position, True

    def _settle(self, kind: TokenKind, start: int, end: int, tokens: list[Token]) -> tuple[int, bool]:
        if kind in self._kinds:
            tokens.append(Token(kind, self._base + start, self._base + end))
        return end, True

    def _unfinished(self, kind: TokenKind, position: int, final: bool, tokens: list[Token]) -> tuple[int, bool]:
        size = len(self._buffer)
        if final:
            return self._settle(kind, position, size, tokens)
        if size - position > self._limit:
            self._open = _Open(TokenKind.IGNORED, patterns.NEVER, self._base + size)
            return position, True
        self._awaited = b">"
        return position, False

    def _within(self, token: _Open, position: int, final: bool, tokens: list[Token]) -> tuple[int, bool]:
        """Search for the end of a token that has begun at `position`."""
        buffer, base = self._buffer, self._base
        size = len(buffer)
        stop = self._end_of(token, buffer, base)
        ended = stop is not None
        if stop is None:
            if final:
                stop = size
            elif token.kind not in self._kinds or size - position > self._limit:
                stop = token.resume - base
            else:
                return position, False
        if stop > position and token.kind in self._kinds:
            tokens.append(Token(token.kind, base + position, base + stop, token.name, token.attributes))
        if ended or final:
            self._open = None
        return stop, ended

    @staticmethod
    def _end_of(token: _Open, data: bytes, base: int) -> int | None:
        """Return where a token ends in some bytes that begin at the offset `base` of the stream, None for not there.

        The search is resumed where the last one stopped, or begins again at the end that it has found.
        """
        resume = token.resume - base
        for mark in token.end.finditer(data, resume):
            event: int = mark.lastindex  # type: ignore[assignment]
            if event == 1 and token.state != patterns.DOUBLE_ESCAPED:
                token.resume = base + mark.start()
                return mark.end(1)
            token.state = patterns.SCRIPT_STATES.get((token.state, event), token.state)
            resume = mark.end()
        token.resume = base + max(resume, len(data) - patterns.MAX_END_LENGTH)
        return None
