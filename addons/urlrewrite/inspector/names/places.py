"""Where in a body something stands: in which attribute, script, comment or text; and whether a URL there is used.

`places` finds places with the scanners that rewrite bodies. `Uses` judges each by the markup next to it, which takes no
time; that is right in all but strange documents, and good enough for counting.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.content.carriers import URL_ATTRIBUTES
from urlrewrite.content.html.attributes import is_name
from urlrewrite.content.html.rewriter import HtmlScanner, Token, TokenKind
from urlrewrite.content.kinds import Kind, content_kind


class Sort(StrEnum):
    """What is written in a place, as far as it says who reads it."""

    LINK = "link"
    ATTRIBUTE = "attribute"
    SCRIPT = "script"
    STYLE = "style"
    DATA = "data"
    """JSON, XML, playlists, event streams: what programs read."""
    TEXT = "text"
    COMMENT = "comment"
    IDENTIFIER = "identifier"
    PLAIN_TEXT = "plain text"
    BINARY = "binary"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a body. `label` names it for people; `tag` and `attribute` are in lower case, "" where there is none.

    `begins` says that an attribute's value begins at the place.
    """

    sort: Sort
    label: str
    tag: str = ""
    attribute: str = ""
    begins: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is a link that is not followed until somebody clicks it."""
        return self.tag in ("a", "area") and self.sort is Sort.LINK


_TOKENS = frozenset(TokenKind) - {TokenKind.END_TAG}
_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,80})"\s*:\s*(?:"(?:[^"\\]|\\.)*|\[[^\[\]{}]*)?\Z')
_NEAR = 600
_CSS_NAMESPACE = re.compile(rb"@namespace\b[^;{}]*\Z", re.IGNORECASE)
_CONTEXT = re.compile(rb'"@context"\s*:[^{}]*\Z')
_LINE_COMMENT = re.compile(rb"(?:^|[\s;{}])//")
_SOURCE_MAP = re.compile(rb"//[#@]\s*source(?:Mapping)?URL=")
_SPACES = b" \t\r\n\f"
_REACH = 1 << 15
_CLICKED = re.compile(rb"<(?:a|area)[\s/]")
_ATTRIBUTE_BEFORE = re.compile(rb"(?<![^\s\"'<>/=])([^\s\"'<>/=]++)\s*+=\s*+[\"']?+[^\"'<>=]*+\Z")


def places(data: bytes, kind: Kind, offsets: Iterable[int]) -> list[Place]:
    """Return the places of some offsets, in ascending order, in content of a kind."""
    if kind.is_markup:
        return list(_in_markup(data, kind, list(offsets)))
    return [_in_text(data, kind, offset) for offset in offsets]


def _in_markup(data: bytes, kind: Kind, offsets: list[int]) -> Iterator[Place]:
    xml = kind is not Kind.HTML
    tokens = HtmlScanner(xml=xml, kinds=_TOKENS).feed(data, final=True)
    starts = [token.start for token in tokens]
    tag = None
    last = -1
    for offset in offsets:
        at = bisect_right(starts, offset) - 1
        token = tokens[at] if at >= 0 and offset < tokens[at].end else None
        for earlier in tokens[last + 1 : at + 1]:
            tag = earlier if earlier.kind is TokenKind.START_TAG else tag
        last = max(last, at)
        if token is None:
            yield Place(Sort.TEXT, "text")
        elif token.kind is TokenKind.START_TAG:
            yield _in_tag(token, offset, xml=xml)
        else:
            yield _in_token(data, kind, token, tag, offset)


def _in_tag(token: Token, offset: int, *, xml: bool) -> Place:
    tag = token.name.decode("latin-1").lower()
    for attribute in token.attributes:
        if attribute.value is None or not attribute.value_start <= offset <= attribute.value_end:
            continue
        name = attribute.name.lower()
        label = f"<{tag} {name.decode('latin-1')}>"
        blanks = len(attribute.value) - len(attribute.value.lstrip(_SPACES))
        begins = offset <= attribute.value_start + blanks
        return Place(_sort_of_attribute(name, xml=xml), label, tag, name.decode("latin-1"), begins)
    return Place(Sort.IDENTIFIER, f"the name of an attribute of <{tag}>", tag)


def _sort_of_attribute(name: bytes, *, xml: bool) -> Sort:
    if is_name(name, xml=xml):
        return Sort.IDENTIFIER
    if name.startswith(b"on"):
        return Sort.SCRIPT
    if name == b"style":
        return Sort.STYLE
    if name in URL_ATTRIBUTES or name == b"srcdoc":
        return Sort.LINK
    return Sort.DATA if xml else Sort.ATTRIBUTE


def _in_token(data: bytes, kind: Kind, token: Token, tag: Token | None, offset: int) -> Place:
    name = token.name.decode("latin-1").lower()
    within = data[token.start : token.end]
    at = offset - token.start
    match token.kind:
        case TokenKind.COMMENT:
            return Place(Sort.COMMENT, "comment")
        case TokenKind.DOCTYPE:
            entity = b"<!entity" in within[:at].lower()
            return Place(Sort.DATA, "<!ENTITY>") if entity else Place(Sort.IDENTIFIER, "document type")
        case TokenKind.INSTRUCTION:
            return Place(Sort.LINK if kind is not Kind.HTML else Sort.COMMENT, "processing instruction")
        case TokenKind.RCDATA:
            return Place(Sort.TEXT, f"<{name}>", name)
        case TokenKind.RAW_TEXT:
            return _in_raw(within, token, name, at)
        case TokenKind.TEXT if tag is not None and tag.end == token.start and tag.name.lower() in (b"script", b"style"):
            return _in_raw(within, tag, tag.name.decode("latin-1").lower(), at)
        case TokenKind.CDATA:
            return Place(Sort.DATA, "CDATA")
        case _ if kind is Kind.XML:
            element = tag.name.decode("latin-1") if tag else ""
            return Place(Sort.DATA, f"text of <{element}>" if element else "text", element.lower())
        case _:
            return Place(Sort.TEXT, "text")


def _in_raw(code: bytes, tag: Token, name: str, at: int) -> Place:
    if name in ("xmp", "plaintext"):
        return Place(Sort.TEXT, f"<{name}>", name)
    if name == "style":
        return _labelled(_in_style(code, at), "<style>", name)
    if name == "script" and content_kind((tag.get(b"type") or b"").decode("latin-1")) in (Kind.JSON, Kind.MANIFEST):
        return _labelled(_in_json(code, at), "<script> with JSON", name)
    if name != "script":
        return Place(Sort.LINK, f"<{name}>", name)
    return _labelled(_in_script(code, at), "<script>", name)


def _labelled(inner: Place, label: str, tag: str) -> Place:
    return Place(inner.sort, f"{label}, {inner.label}" if inner.sort in _TOLD else label, tag)


_TOLD = (Sort.COMMENT, Sort.IDENTIFIER)


def _in_text(data: bytes, kind: Kind, offset: int) -> Place:
    match kind:
        case Kind.CSS:
            return _in_style(data, offset)
        case Kind.JAVASCRIPT:
            return _in_script(data, offset)
        case Kind.JSON | Kind.MANIFEST | Kind.ADDRESSES:
            return _in_json(data, offset)
        case Kind.OTHER_TEXT:
            return Place(Sort.PLAIN_TEXT, "plain text")
        case Kind.BINARY:
            return Place(Sort.BINARY, "binary content")
        case _:
            return Place(Sort.DATA, str(kind))


def _in_style(data: bytes, offset: int) -> Place:
    if _in_block_comment(data, offset):
        return Place(Sort.COMMENT, "comment")
    if _CSS_NAMESPACE.search(data, max(offset - _NEAR, 0), offset):
        return Place(Sort.IDENTIFIER, "@namespace")
    return Place(Sort.STYLE, "style sheet")


def _in_script(data: bytes, offset: int) -> Place:
    line = data.rfind(b"\n", max(offset - _NEAR, 0), offset) + 1 or max(offset - _NEAR, 0)
    before = data[line:offset]
    if _SOURCE_MAP.search(before):
        return Place(Sort.SCRIPT, "source map of the script")
    quotes = sum(before.count(quote) for quote in (b'"', b"'", b"`"))
    if _in_block_comment(data, offset) or (_LINE_COMMENT.search(before) and quotes % 2 == 0):
        return Place(Sort.COMMENT, "comment")
    return Place(Sort.SCRIPT, "script")


def _in_block_comment(data: bytes, offset: int) -> bool:
    begin = data.rfind(b"/*", max(offset - _REACH, 0), offset)
    return begin >= 0 and data.find(b"*/", begin + 2, offset) < 0 and data.find(b"*/", offset) >= 0


def _in_json(data: bytes, offset: int) -> Place:
    floor = max(offset - _NEAR, 0)
    if _CONTEXT.search(data, floor, offset):
        return Place(Sort.IDENTIFIER, 'JSON "@context"')
    key = _KEY.search(data, floor, offset)
    return Place(Sort.DATA, f'JSON "{key[1].decode("utf-8", "replace")}"' if key else "JSON")


class Uses:
    """Whether URLs of some content would be used, as far as what stands next to each of them shows.

    `lower` is `data` in lower case.
    """

    def __init__(self, data: bytes, lower: bytes, kind: Kind) -> None:
        self._data = data
        self._lower = lower
        self._kind = kind
        self._last: dict[bytes, tuple[int, int]] = {}

    def at(self, offset: int) -> bool:
        """Say whether a URL at an offset is used. Call it in the order of the offsets."""
        data, kind = self._data, self._kind
        if kind is Kind.BINARY:
            return False
        if not kind.is_markup:
            return _in_text(data, kind, offset).sort not in _TOLD
        comment = self._before(b"<!--", offset)
        if comment >= 0 and data.find(b"-->", comment, offset) < 0:
            return False
        for element in (b"script", b"style"):
            begin = self._before(b"<" + element, offset)
            end_of_tag = data.find(b">", begin, offset) if begin >= 0 else -1
            if end_of_tag >= 0 and self._before(b"</" + element, offset) < end_of_tag:
                judge = _in_script if element == b"script" else _in_style
                code = data[max(end_of_tag, offset - _REACH) : offset + _REACH]
                return judge(code, min(offset - end_of_tag, _REACH)).sort not in _TOLD
        begin = data.rfind(b"<", 0, offset)
        if begin < 0 or data.startswith((b"<!", b"</"), begin):
            return kind is Kind.XML and not data.startswith(b"<!", begin)
        # A `>` may stand in quotes, in which case the quote that was opened before it is still open.
        if data.find(b">", begin, offset) >= 0 and not _is_open_quote(data[begin:offset]):
            return kind is Kind.XML
        name = _ATTRIBUTE_BEFORE.search(self._lower, max(begin, offset - _REACH), offset)
        return name is None or not is_name(name[1], xml=kind is not Kind.HTML)

    def waits_at(self, offset: int) -> bool:
        """Say whether a URL at an offset is not followed until somebody clicks it."""
        if self._kind not in (Kind.HTML, Kind.XHTML):
            return False
        begin = self._data.rfind(b"<", max(offset - _REACH, 0), offset)
        return begin >= 0 and _CLICKED.match(self._lower, begin) is not None

    def _before(self, mark: bytes, offset: int) -> int:
        """Return where a mark was last seen before an offset, -1 if nowhere: no byte is searched twice."""
        done, last = self._last.get(mark, (0, -1))
        found = self._lower.rfind(mark, max(done - len(mark), 0), offset)
        last = found if found >= 0 else last
        self._last[mark] = (offset, last)
        return last


def _is_open_quote(tag: bytes) -> bool:
    opened = re.search(rb"=\s*([\"'])((?:(?!\1).)*)\Z", tag, re.DOTALL)
    return opened is not None and re.match(rb"<[a-zA-Z]", tag) is not None and b"<" not in opened[2]
