"""The quick way through a page of a backend that is mounted below a path; `plain.py` explains it.

Here a link may also be a path from the root, `="/x`, in the attributes that hold one URL. For the bytes `="/` to stand
nowhere else, an expression is made that takes less: no text and no value in single quotes that holds them, no other
attribute that begins with a slash, and of attributes with several URLs, styles or scripts only those without any.
"""

from __future__ import annotations

import re
from functools import lru_cache

from urlrewrite.content.html.foreign import ROOTS
from urlrewrite.content.html.patterns import END_OF_VALUE, IS, ONE_SPACE, RAW_ELEMENTS, REST_OF_NAME, SPACE
from urlrewrite.content.html.references import ONE_URL_NAMES, OTHER_NAMES
from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.browser_urls import HIDDEN

_NAME_ENDS = rb"(?=[%b/>=])" % SPACE
_COMMON = b"class|id|rel|type|name|title|alt|width|height|value|role|lang|aria-[a-z]++"
_PLAIN_NAME = rb"[a-z][a-z0-9:_-]*+" + _NAME_ENDS
"""In small letters, as the names that matter here are compared; nearly all are."""
_MAY_CONCERN = rb"(?![\x00-\x20]*+(?:/(?!/)|[\\&]))"


@lru_cache(maxsize=64)
def mounted_plain_pattern(
    hosts: frozenset[bytes], link: bytes, names: bytes, root: bytes, *, whole_text: bool = False
) -> re.Pattern[bytes]:
    """Return an expression that takes plain HTML from anywhere between tags on.

    The arguments are those of `plain_pattern`; `root` is an expression for how a path from the root begins that is to
    be changed.
    """
    first = bytes(sorted({letter for host in hosts for letter in (host[:1] + host[:1].upper())}))
    host = any_of(hosts)

    def free(end: bytes, repeat: bytes = b"*+") -> bytes:
        """Return an expression for bytes other than `end`, among which no host occurs."""
        return rb"(?:[^%b%b]++|(?!%b)[%b])%b" % (end, re.escape(first), host, re.escape(first), repeat)

    def unlike_link(end: bytes, repeat: bytes = b"*+") -> bytes:
        """Match as in `plain.py`, but no value that begins with a path from the root."""
        letters = (end, re.escape(first), host, re.escape(first))
        return rb"(?:[^%b=%b]++|=(?!\"/)|(?!%b)[%b])%b" % (*letters, repeat)

    def level(end: bytes) -> bytes:
        """Match no reference that may climb out of the path."""
        return rb"(?!(?:[^%b.]++|\.(?!\.))*+\.\.)" % end

    one, others = rb"(?:%b)%b" % (ONE_URL_NAMES, _NAME_ENDS), rb"(?:%b)%b" % (OTHER_NAMES, _NAME_ENDS)
    unquoted = free(SPACE + b"\"'<>=`", b"++")
    free_double, free_single = free(b'"<'), unlike_link(b"'<")
    attributes = [
        # What most attributes are, first, so that the others need not be tried.
        rb"(?:%b)=\"(?!%b)(?!/)%b\"%b" % (_COMMON, HIDDEN, free_double, END_OF_VALUE),
        rb"(?:href|src)=\"(?:%b|(?=%b)%b)%b\"%b" % (link, root, level(b'"<'), free_double, END_OF_VALUE),
        # An attribute that holds one URL.
        rb"%b(?:=\"(?:%b|(?=%b)%b)%b\"%b|%b(?:\"(?!%b)%b%b%b\"|'(?!%b)%b%b%b'|(?!%b)%b%b%b)%b|(?!%b*+=))"
        % (
            *(one, link, root, level(b'"<'), free_double, END_OF_VALUE, IS),
            *(HIDDEN, _MAY_CONCERN, level(b'"<'), free_double),
            *(HIDDEN, _MAY_CONCERN, level(b"'<"), free_single),
            *(HIDDEN, _MAY_CONCERN, level(SPACE + b"<>"), unquoted, END_OF_VALUE, ONE_SPACE),
        ),
        # One that holds several, a style or a script, without any.
        rb"%b(?:%b\"(?![^\"<]*?[/\\&])%b\"%b|(?!%b*+=))" % (others, IS, free_double, END_OF_VALUE, ONE_SPACE),
        # Any other.
        rb"(?!%b|%b)(?:%b=\"(?:%b)%b\"%b|%b(?:%b(?:\"(?!%b)(?!/)%b\"|'(?!%b)%b'|(?!%b)%b)%b)?+)"
        % (
            *(one, others, names, link, free_double, END_OF_VALUE, _PLAIN_NAME, IS),
            *(HIDDEN, free_double, HIDDEN, free_single, HIDDEN, unquoted, END_OF_VALUE),
        ),
    ]
    special = b"|".join(map(re.escape, sorted(ROOTS.union(RAW_ELEMENTS, {b"base"}))))
    return re.compile(
        rb"(?:%b%b|<(?=[^a-zA-Z/!?])|</[a-zA-Z]%b%b*+>"
        rb"|<(?!(?i:%b)%b)[a-zA-Z]%b(?:%b++(?:%b))*+%b*+/?+>)*+"
        % (
            *(unlike_link(b"<", b"++"), b"(?=<)" if whole_text else b"", REST_OF_NAME, ONE_SPACE),
            *(special, END_OF_VALUE, REST_OF_NAME, ONE_SPACE, b"|".join(attributes), ONE_SPACE),
        )
    )
