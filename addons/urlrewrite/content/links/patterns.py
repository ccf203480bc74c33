"""What stands before and after a host that makes it a URL, a quoted host, or the domain of a cookie."""

from __future__ import annotations

import re

from urlrewrite.content.links.spellings import COLON, QUOTE, SLASH

_AFTER_ESCAPE = rb"(?<=%[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2})|(?<=\\[nrtbfv])"
"""An escape ends in letters that are no part of the word that follows it: `\\nhttp://`, `%22http:`."""
WORD_START = re.compile(rb"(?<![a-z0-9+.\-])|" + _AFTER_ESCAPE, re.IGNORECASE)
BEFORE = re.compile(
    rb"(?:(?:" + WORD_START.pattern + rb")(?P<scheme>https?|wss?)(?P<colon>" + COLON + rb")"
    rb"|(?:(?<![\w:/.~\\-])|(?:" + _AFTER_ESCAPE + rb")(?<!%3a)(?<!003a)))"
    rb"(?P<slashes>(?P<slash>" + SLASH + rb")" + SLASH + rb")"
    rb"(?P<user>[^\s\"'<>/@\\%?#]*@)?\Z",
    re.IGNORECASE,
)
AFTER = re.compile(
    rb"(?P<dot>\.(?=[?#]|" + COLON + rb"|" + SLASH + rb"))?"
    rb"(?:(?P<colon>" + COLON + rb")(?P<port>\d{1,5}|(?=" + SLASH + rb")))?"
    rb"(?![a-z0-9_\-@]|\.[a-z0-9]|%(?:25)*40|" + COLON + rb"\d)",
    re.IGNORECASE,
)
CLOSED = re.compile(rb"[}\])>;]\s*[\r\n]\Z")
"""An end of data over which no URL reaches: that of a line of JSON, or of a statement."""
_QUOTE_BEFORE = rb"(?:(?<!\\)\\*+[\"'`]|&(?:quot|apos|#0*3[49]|#x0*2[27]);)"
"""As `QUOTE`, where it is searched for: no run of backslashes is gone over from each of its bytes."""
BARE_BEFORE = re.compile(
    rb"(?:(?P<scheme>https?|wss?)(?P<joint>:(?:\\*/){2}(?P<quote>[\"'`])\s*+\+\s*+))?(?P<open>"
    + _QUOTE_BEFORE
    + rb")\Z",
    re.IGNORECASE,
)
BARE_AFTER = re.compile(
    rb"(?::(?P<port>\d{1,5}))?(?=" + QUOTE + rb"|/(?:[^\s\"'`&]++|(?!" + QUOTE + rb")&)*+" + QUOTE + rb")"
)
"""For what stands behind a quote only: at the next quote it ends, so that no text is gone over twice."""
COOKIE_BEFORE = re.compile(rb"[\"'`](?:[\w$.%-]+=[^\"'`\r\n]*;|;)?\s*domain=\.?\Z", re.IGNORECASE)
COOKIE_AFTER = re.compile(
    rb"(?:\s?;\s?(?:path|expires|max-age|secure|samesite|httponly)\b[^\"'`;\r\n]{0,60}){0,2};?\s?(?=\\?[\"'`])",
    re.IGNORECASE,
)
"""Attributes of a cookie up to the end of a string: without them `;domain=server;` may be a statement."""
ROOT_BEFORE = re.compile(_QUOTE_BEFORE + rb"(?P<slash>" + SLASH + rb")\Z", re.IGNORECASE)
PATH_FOLLOWS = re.compile(rb"[?#]|" + SLASH, re.IGNORECASE)
PLAIN_PREFIXES = {b"http://": "http", b"https://": "https"}
STYLE_URL = b"url("
STYLE_PATH = re.compile(
    STYLE_URL.replace(b"(", rb"\(") + rb"[ \t]{0,4}(?:\\{0,4}[\"'])?(?P<path>" + SLASH + rb")(?![*])", re.IGNORECASE
)
"""A path from the root in a style that a script writes: `url(/x)`, where no regular expression can be meant."""
IN_STYLE = re.compile(
    rb"(?:(?<![^=(:,\[+?{};&|!>\s])\\{0,4}[\"'`](?:[\w#(.*@:-][^\"'`\r\n]*[\s:,(])?"
    rb"|(?<![\w-])(?:-webkit-)?(?:background|border-image|list-style|cursor|content|mask|filter|clip-path)[\w-]*[ \t]*:"
    rb"[^;{}\"'`\r\n]*)\Z",
    re.IGNORECASE,
)
"""What stands before that: a string from its beginning on, or the name of a property that takes pictures."""
