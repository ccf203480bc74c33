r"""How the text of a body is viewed: which encoding it is in, and how spans of it become str and bytes again.

The content engine scans bytes and replaces spans of them, so that whatever it does not touch stays as it came, even
where it is not valid in the encoding. That works in encodings whose ASCII bytes are ASCII characters:

- UTF-8, the single-byte encodings and EUC-JP never use an ASCII byte inside another character.
- Shift_JIS, Big5 and GBK/GB18030 use 0x40 to 0x7E as second bytes of two, EUC-KR (as cp949) only letters of that
  range, GB18030 also digits, 0x30 to 0x39, as second and fourth of four. No white space and none of
  `< > " ' = & / : ; # ? % ( )` lies there, so the structure of HTML and XML and the parts of a URL are seen rightly.
  Letters do lie there: where a word begins is certain only in text from `decode_value`. And so do
  ``\ ` { } [ ] | @``: a scanner that minds escapes takes the end of the Shift_JIS string `"表"` (22 95 5C 22) for an
  escaped quote. Views of scripts, style sheets and JSON are made with `escapes=True`; then a body in which such a byte
  follows a high one is transcoded.
- UTF-16, UTF-32, ISO-2022-JP, ISO-2022-KR and HZ hide ASCII bytes in other characters, or characters in ASCII bytes.
  Bodies in them are transcoded to UTF-8, if the way back is proved to give the same bytes.

UTF-7 and other labels that browsers do not know are no encodings here: such a body is what it would be without one.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from urlrewrite.content.charset.labels import Encoding, encoding, named
from urlrewrite.content.charset.prescan import css_encoding, html_encoding, xml_encoding

type Source = Literal["BOM", "header", "meta", "declaration", "default"]

_UTF_8, _WINDOWS_1252 = named("utf-8"), named("windows-1252")
_BOMS = (  # UTF-32LE begins as UTF-16LE does
    (codecs.BOM_UTF32_LE, named("utf-32le")),
    (codecs.BOM_UTF32_BE, named("utf-32be")),
    (codecs.BOM_UTF8, _UTF_8),
    (codecs.BOM_UTF16_LE, named("utf-16le")),
    (codecs.BOM_UTF16_BE, named("utf-16be")),
)
_HEADER_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^\s;,"']+)""", re.IGNORECASE)
_DECLARED = {"html": html_encoding, "xml": xml_encoding, "css": css_encoding}

WIDE = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})
STATEFUL = frozenset({"iso2022_jp_ext", "iso2022_kr", "hz"})
ASCII_SECOND_BYTES = frozenset({"cp932", "big5hkscs", "gb18030"})
_SYNTAX_AS_SECOND_BYTE = re.compile(rb"[\x81-\xfe][@\[\\\]`{|}]")
_PIECE = re.compile(rb"[^\x00-\x2f]*[\x00-\x2f]+|[^\x00-\x2f]+")  # no character ends in a byte below 0x30 but ASCII
_NO_ESCAPED_BYTE = re.compile("[^\udc80-\udcff]+")


class CannotEncode(ValueError):  # noqa: N818
    """Raised for a character that the body's encoding lacks, where no character reference can stand for it."""


@dataclass(frozen=True, slots=True)
class Charset:
    """The encoding of one body.

    `label` is the name for people, `codec` Python's name, `bom` the byte order mark the body begins with (or nothing),
    `source` where the encoding was found.
    """

    label: str
    codec: str
    bom: bytes
    source: Source

    @property
    def ascii_compatible(self) -> bool:
        """Whether ASCII characters are ASCII bytes, so that the bytes can be scanned as they are."""
        return self.codec not in WIDE and self.codec not in STATEFUL


def detect(data: bytes, content_type: str | None, *, kind: str) -> Charset:
    """Return the encoding of a body, as a browser would find it.

    `data` is the body or its first 4 kB at least, `content_type` the field's value, `kind` one of html, xml, css, js,
    json, text. In this order: byte order mark, `charset` of the header, the document's own declaration, default. The
    default is UTF-8; for HTML and plain text it is windows-1252 where the bytes are not valid UTF-8.
    """
    for bom, marked in _BOMS:
        if data.startswith(bom):
            return _charset(marked, "BOM", bom)
    header = _HEADER_CHARSET.search(content_type or "")
    if header and (found := encoding(header[1])):
        return _charset(found, "header")
    if kind in _DECLARED and (found := _DECLARED[kind](data)):
        return _charset(found, "meta" if kind == "html" else "declaration")
    legacy = kind in ("html", "text") and not _begins_as_utf8(data)
    return _charset(_WINDOWS_1252 if legacy else _UTF_8, "default")


def _charset(found: Encoding, source: Source, bom: bytes = b"") -> Charset:
    return Charset(found.name, found.codec, bom, source)


def _begins_as_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class View:
    """A body as bytes of an ASCII-compatible encoding, and the way back.

    `data` is what to scan and change: the body itself, or where `transcoded`, its text as UTF-8 (without the byte
    order mark). Made by `View.of`.
    """

    data: bytes
    charset: Charset
    transcoded: bool

    @classmethod
    def of(cls, data: bytes, charset: Charset, *, escapes: bool = False) -> View | None:
        """Return a view of the body `data`; None where it cannot be changed without damage and must pass as it came.

        `view.restore(view.data) == data` always holds. `escapes` says that the scanner minds backslashes or brackets,
        as in scripts, style sheets and JSON (see the top of this file).
        """
        clashes = charset.codec in ASCII_SECOND_BYTES and _SYNTAX_AS_SECOND_BYTE.search(data) is not None
        if charset.ascii_compatible and not (escapes and clashes):
            return cls(data, charset, transcoded=False)
        body = data[len(charset.bom) :] if data.startswith(charset.bom) else data
        try:
            text = decoded(body, charset.codec)
            view = cls(text.encode("utf-8", "surrogatepass"), charset, transcoded=True)
            if view.restore(view.data) == data:
                return view
        except ValueError:
            pass
        return cls(data, charset, transcoded=False) if charset.ascii_compatible else None

    def restore(self, changed: bytes) -> bytes:
        """Return the whole of `data`, changed, in the body's own encoding, with its byte order mark.

        Raises:
            CannotEncode: the encoding lacks a character that did not come from `encode_value`.
        """
        if not self.transcoded:
            return changed
        try:
            text = changed.decode("utf-8", "surrogatepass")
            return self.charset.bom + encoded(text, self.charset.codec)
        except UnicodeError as error:
            raise CannotEncode(f"{self.charset.label} cannot hold the changed text: {error}") from error

    def decode_value(self, raw: bytes) -> str:
        """Return the text of a span of `data`.

        Bytes that are no character, or that would not come back as they are, become U+DC80 to U+DCFF, as with
        Python's surrogateescape; an ASCII byte among the latter stays one.
        """
        return raw.decode("ascii") if raw.isascii() else decoded(raw, self._codec)

    def encode_value(self, text: str, *, html: bool) -> bytes:
        """Return `text` as bytes for `data`. `encode_value(decode_value(raw)) == raw` for any span `raw` of `data`.

        A character that the body's encoding lacks becomes a numeric character reference if `html`.

        Raises:
            CannotEncode: a character is lacking without `html`, or is a control or surrogate that no reference can
                name.
        """
        if text.isascii() and not self.transcoded:
            return text.encode("ascii")
        fitted = _NO_ESCAPED_BYTE.sub(lambda run: _fitted(run[0], self.charset, html=html), text)
        return encoded(fitted, self._codec)

    @property
    def _codec(self) -> str:
        return "utf-8" if self.transcoded else self.charset.codec


def _errors(codec: str) -> str:
    """Return the error handler that keeps a codec lossless; none does for a stateful one, which gets "strict"."""
    if codec in WIDE:
        return "surrogatepass"
    return "strict" if codec in STATEFUL else "surrogateescape"


def _ibm_codes() -> dict[str, str]:
    """Return the IBM extension characters of Shift_JIS, each with its code as surrogateescape would read it.

    They have two codes each, and Python encodes to 0xED or 0xEE, while Windows and browsers write 0xFA to 0xFC.
    """
    codes: dict[str, str] = {}
    for raw in (bytes([first, second]) for first in (0xFA, 0xFB, 0xFC) for second in range(0x40, 0xFD)):
        char = raw.decode("cp932", "ignore")
        if len(char) == 1 and char.encode("cp932")[0] in (0xED, 0xEE):
            codes[char] = raw.decode("ascii", "surrogateescape")
    return codes


_IBM_CODES = _ibm_codes()
_IBM_CHARACTER = re.compile(f"[{''.join(_IBM_CODES)}]")


def encoded(text: str, codec: str) -> bytes:
    """Undo `decoded`.

    Raises:
        UnicodeEncodeError: the codec lacks a character.
    """
    if codec == "cp932":
        text = _IBM_CHARACTER.sub(lambda char: _IBM_CODES[char[0]], text)
    return text.encode(codec, _errors(codec))


def decoded(raw: bytes, codec: str) -> str:
    """Return bytes as text that `encoded` turns into the same bytes again.

    Raises:
        UnicodeDecodeError: there is no such text.
    """
    text = raw.decode(codec, _errors(codec))
    if _errors(codec) != "surrogateescape" or _encodes_to(text, codec, raw):
        return text
    # Some characters of Shift_JIS and Big5 have several codes, of which encoding finds only one. They are rare, so
    # that most pieces of a long text need no closer look.
    if len(pieces := _PIECE.findall(raw)) > 1:
        return "".join(decoded(piece, codec) for piece in pieces)
    decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
    parts: list[str] = []
    start = 0
    for end in range(1, len(raw) + 1):
        if text := decoder.decode(raw[end - 1 : end], final=end == len(raw)):
            unit = raw[start:end]
            parts.append(text if _encodes_to(text, codec, unit) else unit.decode("ascii", "surrogateescape"))
            start = end
    return "".join(parts)


def _encodes_to(text: str, codec: str, raw: bytes) -> bool:
    try:
        return encoded(text, codec) == raw
    except UnicodeEncodeError:
        return False


def _fitted(text: str, charset: Charset, *, html: bool) -> str:
    if _holds(charset.codec, text):
        return text
    lacking = [char for char in set(text) if not _holds(charset.codec, char)]
    return text.translate({ord(char): _reference(char, charset, html=html) for char in lacking})


def _holds(codec: str, text: str) -> bool:
    r"""Say whether the codec has all of `text`. Some encode what they lack as something similar: euc_jp
    a yen as `\`.
    """
    try:
        return text.encode(codec).decode(codec) == text
    except UnicodeError:
        return False


def _reference(char: str, charset: Charset, *, html: bool) -> str:
    # HTML reads the numbers of C1 controls as windows-1252, and those of surrogates as nothing.
    if html and not "\x80" <= char <= "\x9f" and not "\ud800" <= char <= "\udfff":
        return f"&#{ord(char)};"
    raise CannotEncode(f"{charset.label} has no U+{ord(char):04X}")
