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

from urlrewrite.content.html.foreign import ROOTS
from urlrewrite.content.html.patterns import (
    END_OF_VALUE,
    ONE_SPACE,
    RAW_ELEMENTS,
    REST_OF_NAME,
    SPACE,
    begins_other_tag,
)
from urlrewrite.content.links.any_of import any_of
from urlrewrite.content.links.browser_urls import HIDDEN

_HIDDEN = rb"(?=[\x00-\x20hHwW/\\&])" + HIDDEN


_FEW = 16
_RARE = b"zqxjkvbwygfpmuc"
"""Letters that are rare in pages, the rarest first."""


def _seen_by_a_letter(hosts: frozenset[bytes]) -> tuple[bytes, bytes]:
    """Letters of which each host has one, both cases, for a character class; and an expression for a host around it.

    The rarer the letter, the longer are the runs without it, which are gone over at once.
    """
    if len(hosts) > _FEW:
        letters, expression = {host[:1] for host in hosts}, any_of(hosts)
    else:
        places = {host: _rarest(host) for host in hosts}
        letters = {host[at : at + 1] for host, at in places.items()}
        around = [
            rb"(?<=%b)%b" % (any_of([h[:at]]) if at else b"", any_of([h[at:]])) for h, at in sorted(places.items())
        ]
        expression = b"(?:%b)" % b"|".join(around)
    both = {case for letter in letters for case in (letter, letter.upper())}
    return re.escape(b"".join(sorted(both))), expression


def _rarest(host: bytes) -> int:
    """Return the position of its rarest letter; where none is rare, 0."""
    return next((at for letter in _RARE if (at := host.find(letter)) >= 0), 0)


@lru_cache(maxsize=64)
def plain_pattern(hosts: frozenset[bytes], link: bytes, names: bytes, *, whole_text: bool = False) -> re.Pattern[bytes]:
    """Return an expression that takes plain HTML from anywhere between tags on.

    Args:
        hosts: in lower case; compared without case. What stands for several of them will do.
        link: an expression for what a plain link begins with, compared with case; it holds a host.
        names: an expression for the attributes, in any letter case, in which plain links are to be replaced.
        whole_text: a text between tags is taken only as a whole.
    """
    letters, host = _seen_by_a_letter(hosts)

    def free(end: bytes) -> bytes:
        """Return an expression for bytes other than `end`, among which no host occurs."""
        if not hosts:
            return rb"[^%b]*+" % end
        return rb"[^%b%b]*+(?:(?!%b)[%b][^%b%b]*+)*+" % (end, letters, host, letters, end, letters)

    bare = SPACE + b"\"'<>=`"
    parts = {
        b"text": free(b"<"),
        b"last": b"(?:%b(?=<))?+" % free(b"<") if whole_text else free(b"<"),
        b"space": ONE_SPACE,
        b"name": rb"[^%b/>=\"'<]++" % SPACE,
        b"rest": REST_OF_NAME,
        b"end": END_OF_VALUE,
        b"other": begins_other_tag(ROOTS.union(RAW_ELEMENTS)),
        # A link, or an ordinary value that is written as a link is: so it need not be read once more.
        b"links": rb"(?:%b)=\"(?:%b|(?!%b))%b\"" % (names, link, _HIDDEN, free(b'"<')),
        b"values": rb"(?:\"(?!%b)%b\"|'(?!%b)%b'|(?=[^%b])(?!%b)%b)"
        % (_HIDDEN, free(b'"<'), _HIDDEN, free(b"'<"), bare, _HIDDEN, free(bare)),
    }
    return re.compile(
        rb"(?:%(text)b<(?:/[a-zA-Z](?:[a-zA-Z0-9]*+>|%(rest)b%(space)b*+>)|%(other)b%(rest)b"
        rb"(?:%(space)b++(?:%(links)b%(end)b|%(name)b(?:%(space)b*+=%(space)b*+(?:%(values)b)%(end)b)?+))*+"
        rb"%(space)b*+/?+>|(?=[^a-zA-Z/!?])))*+%(last)b" % parts
    )
