"""Encodings that a document names in its own first bytes: HTML's meta, XML's declaration, CSS's @charset.

HTML is read as the WHATWG standard's "prescan a byte stream to determine its encoding" (13.2.3.2) does it, over 4096
bytes instead of 1024: a browser that meets a later meta while parsing goes over to its encoding all the same.
Running out of bytes anywhere ends the prescan without a result; here that is an IndexError or ValueError of Python's.
"""

from __future__ import annotations

import contextlib
import re

from urlrewrite.content.charset.labels import Encoding, encoding, named

SCANNED_BYTES = 4096

_SPACE = b"\t\n\f\r "
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_XML_ENCODING = re.compile(rb"<\?xml[^>]*?encoding[\x00-\x20]*=[\x00-\x20]*([\"'])([^>]*?)\1")
_CSS_CHARSET = re.compile(rb'@charset "([^"]*)";')
# XML 1.0, appendix F: without a byte order mark the first `<` gives wide encodings away.
_WIDE_STARTS = (
    (re.compile(rb"<\x00\x00\x00"), "utf-32le"),
    (re.compile(rb"\x00\x00\x00<"), "utf-32be"),
    (re.compile(rb"<\x00[^\x00]\x00"), "utf-16le"),
    (re.compile(rb"\x00<\x00[^\x00]"), "utf-16be"),
)


def html_encoding(data: bytes) -> Encoding | None:
    """Return the encoding named by the first meta that names one, else by an XML declaration."""
    head, found = data[:SCANNED_BYTES], None
    if b"<meta" in head.lower():
        with contextlib.suppress(IndexError, ValueError):
            found = _prescan(head)
    return found or xml_encoding(data)


def xml_encoding(data: bytes) -> Encoding | None:
    """Return the encoding of the XML declaration, or the one that zeros around the first `<` show."""
    if b"\0" in data[:4]:
        for start, label in _WIDE_STARTS:
            if start.match(data):
                return named(label)
    declared = _XML_ENCODING.match(data, 0, SCANNED_BYTES)
    return _read_as_ascii(declared[2]) if declared else None


def css_encoding(data: bytes) -> Encoding | None:
    """Return the encoding of an @charset rule that stands at the very start in the one spelling that CSS allows."""
    declared = _CSS_CHARSET.match(data, 0, SCANNED_BYTES)
    return _read_as_ascii(declared[1]) if declared else None


def _read_as_ascii(label: bytes) -> Encoding | None:
    """Return what a label means that was read as ASCII: whoever could read it so knows that it is not UTF-16."""
    found = encoding(label.decode("latin-1"))
    if found and found.name.startswith(("utf-16", "utf-32")):
        return named("utf-8")
    return found


def _prescan(head: bytes) -> Encoding | None:
    at = 0
    while True:
        at = head.index(b"<", at)
        if head.startswith(b"<!--", at):
            at = head.index(b"-->", at + 2) + 3
        elif head[at : at + 5].lower() == b"<meta" and head[at + 5] in _SPACE + b"/":
            attributes, at = _attributes(head, at + 5)
            if found := _meta(attributes):
                return found
        elif head[at + 1] in _LETTERS or (head[at + 1] == ord("/") and head[at + 2] in _LETTERS):
            _, at = _attributes(head, _until(head, at, _SPACE + b">"))
        elif head[at + 1] in b"!/?":
            at = head.index(b">", at)
        else:
            at += 1


def _meta(attributes: dict[bytes, bytes]) -> Encoding | None:
    label = attributes.get(b"charset")
    if label is None and attributes.get(b"http-equiv", b"").lower() == b"content-type":
        label = _content_charset(attributes.get(b"content", b"").lower())
    found = _read_as_ascii(label) if label is not None else None
    return named("windows-1252") if found and found.name == "x-user-defined" else found


def _content_charset(content: bytes) -> bytes | None:
    """Extract a character encoding from a meta element (WHATWG HTML 2.5.5)."""
    at = 0
    while (at := content.find(b"charset", at)) >= 0:
        at += len(b"charset")
        rest = content[at:].lstrip(_SPACE)
        if rest.startswith(b"="):
            rest = rest[1:].lstrip(_SPACE)
            if rest[:1] in (b'"', b"'"):
                return rest[1 : rest.index(rest[:1], 1)] if rest.count(rest[:1]) > 1 else None
            return re.split(rb"[\t\n\f\r ;]", rest, maxsplit=1)[0]
    return None


def _attributes(head: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """Return the attributes of a tag from within it, names in lower case, the first of each name; and where `>` is."""
    attributes: dict[bytes, bytes] = {}
    while True:
        at = _past(head, at, _SPACE + b"/")
        if head[at] == ord(">"):
            return attributes, at
        start = at
        at = _until(head, at + 1, _SPACE + b"/>=")
        name = head[start:at].lower()
        at = _past(head, at, _SPACE)
        value = b""
        if head[at] == ord("="):
            at = _past(head, at + 1, _SPACE)
            start = at
            if head[at] in b"\"'":
                at = head.index(head[at], at + 1) + 1
                value = head[start + 1 : at - 1]
            else:
                at = _until(head, at, _SPACE + b">")
                value = head[start:at]
        attributes.setdefault(name, value)


def _past(head: bytes, at: int, members: bytes) -> int:
    while head[at] in members:
        at += 1
    return at


def _until(head: bytes, at: int, stops: bytes) -> int:
    while head[at] not in stops:
        at += 1
    return at
