"""The state of SVG and MathML in an HTML document as far as tokenisation depends on it, without a tree."""

from __future__ import annotations

from typing import NamedTuple

from urlrewrite.content.html.tokens import Token

ROOTS = frozenset({b"svg", b"math"})
_BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
_FONT_BREAKOUT = frozenset({b"color", b"face", b"size"})
_VOID = frozenset(
    b"area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split()
)
_MATH_TEXT = frozenset(b"mi mo mn ms mtext".split())
_SVG_HTML = frozenset(b"foreignobject desc title".split())
_HTML_ENCODINGS = frozenset({b"text/html", b"application/xhtml+xml"})
_MAX_DEPTH = 512


class _Element(NamedTuple):
    name: bytes
    space: bytes  # svg, math, or nothing for HTML
    integration: bool  # its content is HTML


class ForeignContent:
    """The open elements from the outermost svg or math on (WHATWG, "rules for parsing tokens in foreign content")."""

    __slots__ = ("doubt", "stack")

    def __init__(self) -> None:
        self.stack: list[_Element] = []
        self.doubt = False

    @property
    def cdata(self) -> bool:
        """Whether a CDATA section may stand here."""
        return bool(self.stack) and (self.doubt or self.stack[-1].space != b"")

    def start(self, tag: Token) -> bool:
        """Record a start tag; say whether it is an HTML element."""
        if self.doubt:
            return True
        if self.stack and self._is_foreign(tag):
            font_breaks_out = tag.name == b"font" and any(a.name in _FONT_BREAKOUT for a in tag.attributes)
            if tag.name not in _BREAKOUT and not font_breaks_out:
                self._push_foreign(tag, self.stack[-1].space)
                return False
            self._break_out()
        if tag.name in ROOTS:
            self._push_foreign(tag, tag.name)
            return False
        if self.stack and tag.name not in _VOID:
            self._push(_Element(tag.name, b"", False))
        return True

    def _is_foreign(self, tag: Token) -> bool:
        top = self.stack[-1]
        if top.space == b"":
            return False
        if top.space == b"math" and top.name in _MATH_TEXT:
            return tag.name in {b"mglyph", b"malignmark"}
        return not (top.integration or (top.name == b"annotation-xml" and tag.name == b"svg"))

    def _push_foreign(self, tag: Token, space: bytes) -> None:
        if tag.self_closing:
            return
        if space == b"svg":
            integration = tag.name in _SVG_HTML
        elif tag.name == b"annotation-xml":
            integration = (tag.get(b"encoding") or b"").lower() in _HTML_ENCODINGS
        else:
            integration = tag.name in _MATH_TEXT
        self._push(_Element(tag.name, space, integration))

    def _push(self, element: _Element) -> None:
        self.stack.append(element)
        self.doubt = len(self.stack) > _MAX_DEPTH

    def _break_out(self) -> None:
        while self.stack and self.stack[-1].space and not self.stack[-1].integration:
            self.stack.pop()

    def end(self, name: bytes) -> None:
        """Record an end tag."""
        if self.doubt:
            if name == self.stack[0].name:
                self.stack.clear()
                self.doubt = False
            return
        if self.stack[-1].space and name in {b"p", b"br"}:
            self._break_out()
            return
        crossed_html = crossed_integration = False
        for depth in range(len(self.stack) - 1, -1, -1):
            element = self.stack[depth]
            if element.name == name:
                if element.space == b"" and crossed_integration:
                    return  # not in scope: browsers ignore it
                if element.space and crossed_html:
                    break  # ignored if an HTML element in between is still open, but who knows
                del self.stack[depth:]
                return
            crossed_html = crossed_html or element.space == b""
            crossed_integration = crossed_integration or element.integration
        else:
            if crossed_integration:
                return
        self.doubt = True
