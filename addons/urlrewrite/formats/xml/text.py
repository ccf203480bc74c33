"""The text of an XML file, before a parser sees it: its encoding, and what is refused at sight."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown

MAX_TAG = 2**20
"""Characters up to the next `>`; the parser would keep every attribute of a tag with millions of them."""


class NotUsableError(Exception):
    """Stops the reading: line from 1, kind of problem, what is wrong."""

    def __init__(self, line: int, id: ProblemId, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.id = id


def text_of(data: bytes) -> str:
    """Decode a file; return its text without the byte order mark. Raises NotUsableError."""
    text = _decode(data)
    _refuse_doctype(text)
    _refuse_long_tags(text)
    return text


_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{1,40})[\"']")
_ENCODING = re.compile(
    r"(?:utf-?8|utf-?16(?:-?[lb]e)?|(?:us-)?ascii|iso-?8859-\d+|windows-125\d|cp125\d|koi8-r"
    r"|gb2312|gbk|gb18030|big5|shift_jis|euc-jp|euc-kr)",
    re.IGNORECASE,
)


def _decode(data: bytes) -> str:
    """Decode by the byte order mark, else by the declaration, else as UTF-8; return the text without the mark."""
    encoding, start = "", 0
    for bom, name in _BOMS:
        if data.startswith(bom):
            encoding, start = name, len(bom)
            break
    else:
        encoding = next((name for head, name in _UNMARKED if data.startswith(head)), "")
    if not encoding or encoding == "utf-8":
        encoding = _declared(data[start : start + 400]) or "utf-8"
    try:
        return data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, start + error.start) + 1
        message = f"got the byte 0x{data[start + error.start]:02x}, expected a text in {encoding}"
        if "<?xml" not in str(data[:100]):
            message += "; save the file as UTF-8, or say its encoding in <?xml ... encoding=...?>"
        raise NotUsableError(line, ProblemId.UNREADABLE, message) from None


def _declared(head: bytes) -> str:
    found = _DECLARED.match(head)
    if not found:
        return ""
    name = found[1].decode("latin-1")
    if not _ENCODING.fullmatch(name):
        raise NotUsableError(1, ProblemId.UNREADABLE, f"got the encoding {shown(name)}, expected one such as utf-8")
    if "16" in name and "8859" not in name:
        message = f"got the encoding {shown(name)} in a text of single bytes, expected utf-8"
        raise NotUsableError(1, ProblemId.UNREADABLE, message)
    try:
        return codecs.lookup(name).name
    except LookupError:
        message = f"got the encoding {shown(name)}, expected one such as utf-8"
        raise NotUsableError(1, ProblemId.UNREADABLE, message) from None


def _refuse_doctype(text: str) -> None:
    """Look through what may stand before the root element: blanks, comments, processing instructions."""
    place = 0
    while True:
        place = text.find("<", place)
        if text.startswith("<!--", place):
            end, length = text.find("-->", place + 4), 3
        elif text.startswith("<?", place):
            end, length = text.find("?>", place), 2
        elif place >= 0 and text[place : place + 9].upper() in ("<!DOCTYPE", "<!ENTITY "):
            line = text.count("\n", 0, place) + 1
            message = "got a document type declaration, expected none: entities and external files are not read"
            raise NotUsableError(line, ProblemId.DOCTYPE, message)
        else:
            return
        if end < 0:
            return
        place = end + length


def _refuse_long_tags(text: str) -> None:
    place = 0
    while len(text) - place > MAX_TAG:
        end = text.rfind(">", place, place + MAX_TAG)
        if end < 0:
            line = text.count("\n", 0, max(text.find("<", place), place)) + 1
            message = f"got more than {MAX_TAG} characters without a >, expected a configuration"
            raise NotUsableError(line, ProblemId.NOT_XML, message)
        place = end + 1


_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)|<(?![/!?])", re.DOTALL)


def lines_of(text: str) -> Iterator[int]:
    """Yield the lines in which start tags and comments of a well-formed text begin; there is no `<` in an attribute."""
    line, place = 1, 0
    for found in _MARKUP.finditer(text):
        line += text.count("\n", place, found.start())
        place = found.start()
        if not text.startswith(("<?", "<!["), place):
            yield line
