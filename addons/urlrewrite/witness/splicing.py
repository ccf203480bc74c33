"""The place in a page where the script goes: as early as it may stand without changing how the page is read.

That is behind `<head>`, or where that element begins without its tag. Before the doctype the page would be read in
quirks mode, before `<html>` and `<head>` their attributes would be lost, and before the `<meta>` that names the
encoding, this could come too late to be found (WHATWG HTML, 13.2.3.2): where no field names it, the script stands
behind that.
"""

from __future__ import annotations

import re

from urlrewrite.content.coding.codings import decoder, encoder

MAX_SEARCHED = 4096
"""Bytes of a page that are searched."""

MAX_DECODED = 256 * 2**20

_WIDE = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_CHARSET = re.compile(rb"\bcharset\b", re.IGNORECASE)
_TAG = rb"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*"
_BEFORE = re.compile(
    rb"\s+|<!--(?:-?>|.*?-->)|<!doctype\b[^>]*>|<\?[^>]*>|<(?P<name>html|head)\b" + _TAG + rb">",
    re.IGNORECASE | re.DOTALL,
)
_IN_HEAD = re.compile(
    rb"\s+|<!--(?:-?>|.*?-->)|<(?P<name>meta|link|base)\b"
    + _TAG
    + rb">|<(?P<raw>title|style|script)\b"
    + _TAG
    + rb">.*?</(?P=raw)\s*>",
    re.IGNORECASE | re.DOTALL,
)
_BEGINS = re.compile(
    rb"<!--(?:(?!-->).)*\Z|<[!?][^>]*\Z|<(?![!?])" + _TAG + rb"(?:\"[^\"]*|'[^']*)?\Z", re.IGNORECASE | re.DOTALL
)


def place(start: bytes, *, charset_known: bool, whole: bool) -> int | None:
    """Return where the script goes, in the first bytes of a page; None where more of them are needed.

    -1 says that it goes nowhere: the page is in an encoding without ASCII. `whole` says that no more bytes come.
    """
    whole = whole or len(start) >= MAX_SEARCHED
    if start[:2] in _WIDE:
        return -1
    if len(start) < 3 and not whole:
        return None
    at = 3 if start.startswith(_BOM) else 0
    charset_known = charset_known or at > 0
    at, ended = _walk(start, at)
    if not ended and not whole:
        return None
    if charset_known:
        return at
    found, here = None, at
    while (token := _IN_HEAD.match(start, here)) is not None:
        here = token.end()
        if (token["name"] or b"").lower() == b"meta" and _CHARSET.search(token[0]):
            found = here
            break
    if found is None and not whole and (here == len(start) or _BEGINS.match(start, here) or _in_raw(start, here)):
        return None
    return at if found is None else found


def _walk(start: bytes, at: int) -> tuple[int, bool]:
    """Return where the tokens that may come before the script end, and whether something else is known to follow."""
    while (token := _BEFORE.match(start, at)) is not None:
        at = token.end()
        if (token["name"] or b"").lower() == b"head":
            return at, True
    return at, at < len(start) and not _BEGINS.match(start, at)


def _in_raw(start: bytes, at: int) -> bool:
    """Say whether an element that holds raw text has begun and not ended."""
    return re.match(rb"<(?:title|style|script)\b", start[at : at + 8], re.IGNORECASE) is not None


class Splice:
    """Puts the script into a page that comes in pieces, perhaps under content codings."""

    def __init__(self, inserted: bytes, codings: tuple[str, ...], *, charset_known: bool) -> None:
        self._inserted: bytes | None = inserted
        self._charset_known = charset_known
        self._held = b""
        self._decoder = decoder(codings, limit=MAX_DECODED) if codings else None
        self._encoder = encoder(codings) if codings else None
        self.done = False
        """Whether the script is in the page."""

    def feed(self, data: bytes) -> bytes:
        """Return what is to be sent for a piece; under a coding it can be decoded at once.

        Raises:
            CorruptCoding: the data is not of its coding.
            DecodedTooLarge: it decodes to too much.
        """
        if self._decoder is None or self._encoder is None:
            return self._placed(data, whole=False)
        plain = self._placed(self._decoder.feed(data), whole=False)
        return self._encoder.feed(plain) + self._encoder.flush() if plain else b""

    def finish(self) -> bytes:
        """Return the rest.

        Raises:
            CorruptCoding: the data ends too early.
        """
        if self._decoder is None or self._encoder is None:
            return self._placed(b"", whole=True)
        plain = self._placed(self._decoder.finish(), whole=True)
        return self._encoder.feed(plain) + self._encoder.finish()

    def _placed(self, data: bytes, *, whole: bool) -> bytes:
        if self._inserted is None:
            return data
        self._held += data
        at = place(self._held[:MAX_SEARCHED], charset_known=self._charset_known, whole=whole)
        if at is None:
            return b""
        held, inserted = self._held, self._inserted
        self._held, self._inserted = b"", None
        if at < 0 or not held:
            return held
        self.done = True
        return held[:at] + inserted + held[at:]
