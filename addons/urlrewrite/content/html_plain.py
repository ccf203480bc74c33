"""The quick way through a page: what is plain is taken by one expression, and its links are replaced all at once.

Most of a page is text that names no backend, and tags that are written as everybody writes them. A link in such a tag
nearly always begins a value in double quotes: `="http://privateserver:8080/`. So an expression is made for a set of
hosts that takes

- text in which none of the hosts occurs,
- end tags, and start tags of which every attribute is written regularly, and either does not name a host, nor hides
  one, or is exactly such a link, with no further host in its value.

In what it takes, the bytes `="http://privateserver:8080/` can stand nowhere but at the beginning of a value: text and
values hold no host, a value in double quotes ends at the next one, and after it comes white space or the end of the
tag. There they can be replaced without a look at each. Where the expression stops, the scanner goes on as ever, for one
token.

"Regularly" is narrower than what browsers accept: no `<` and no stray quote in a tag. What is not regular is not wrong,
it is only looked at more closely.
"""

from __future__ import annotations

import re
from functools import lru_cache

from urlrewrite.content.any_of import any_of
from urlrewrite.content.browser_urls import HIDDEN
from urlrewrite.content.html_foreign import ROOTS
from urlrewrite.content.html_patterns import RAW_ELEMENTS

_SPACE = rb" \t\n\f\r"
_HIDDEN = rb"(?=[\x00-\x20hHwW/\\&])" + HIDDEN


@lru_cache(maxsize=64)
def plain_pattern(
    hosts: frozenset[bytes], prefixes: tuple[bytes, ...], names: bytes, *, whole_text: bool = False
) -> re.Pattern[bytes]:
    """An expression that takes plain HTML from anywhere between tags on.

    Args:
        hosts: in lower case; compared without case.
        prefixes: expressions for what a plain link begins with, compared with case; it holds a host.
        names: an expression for the attributes in which plain links are to be replaced.
        whole_text: a text between tags is taken only as a whole.
    """
    first = re.escape(bytes(sorted({letter for host in hosts for letter in (host[:1] + host[:1].upper())})))
    host = any_of(hosts)

    def free(end: bytes) -> bytes:
        """Bytes other than `end`, among which no host occurs."""
        if not hosts:
            return rb"[^%b]*+" % end
        return rb"[^%b%b]*+(?:(?!%b)[%b][^%b%b]*+)*+" % (end, first, host, first, end, first)

    bare = _SPACE + b"\"'<>=`"
    parts = {
        b"text": free(b"<"),
        b"last": b"(?:%b(?=<))?+" % free(b"<") if whole_text else free(b"<"),
        b"space": rb"[%b]" % _SPACE,
        b"name": rb"[^%b/>=\"'<]++" % _SPACE,
        b"rest": rb"[^%b/>=\"'<]*+" % _SPACE,
        b"end": rb"(?=[%b/>])" % _SPACE,
        b"tags": any_of(ROOTS.union(RAW_ELEMENTS)),
        b"links": rb"(?i:%b)=\"(?:%b)%b\"" % (names, b"|".join(prefixes), free(b'"<')),
        b"values": rb"(?:\"(?!%b)%b\"|'(?!%b)%b'|(?=[^%b])(?!%b)%b)"
        % (_HIDDEN, free(b'"<'), _HIDDEN, free(b"'<"), bare, _HIDDEN, free(bare)),
    }
    return re.compile(
        rb"(?:%(text)b<(?:/[a-zA-Z]%(rest)b%(space)b*+>|(?!%(tags)b%(end)b)[a-zA-Z]%(rest)b"
        rb"(?:%(space)b++(?:%(links)b%(end)b|%(name)b(?:%(space)b*+=%(space)b*+(?:%(values)b)%(end)b)?+))*+"
        rb"%(space)b*+/?+>|(?=[^a-zA-Z/!?])))*+%(last)b" % parts
    )
