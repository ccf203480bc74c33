"""WHATWG's tokenisation of HTML, and that of XML, as regular expressions over bytes (used by `rewriter.py`).

Every loop is possessive: no expression here ever backtracks over what it has taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from urlrewrite.content.html.tokens import TokenKind
from urlrewrite.content.links.any_of import any_of

SPACE = rb" \t\n\f\r"
# What the expressions for plain HTML are made of (`plain.py`, `plain_mounted.py`, `values.py`).
ONE_SPACE = rb"[%b]" % SPACE
REST_OF_NAME = rb"[^%b/>=\"'<]*+" % SPACE
IS = rb"%b*+=%b*+" % (ONE_SPACE, ONE_SPACE)
END_OF_VALUE = rb"(?=[%b/>])" % SPACE
QUOTE = (b"", b"", b'"', b"'", b"")  # by the group of ATTRIBUTE that holds the value
_ATTRIBUTE_NAME = rb"[^%b/>][^%b/>=]*+" % (SPACE, SPACE)  # a leading `=` belongs to the name
ATTRIBUTE = re.compile(
    rb"""(%b)(?:[%b]*+=[%b]*+(?:"([^"]*+)"|'([^']*+)'|([^%b>"'][^%b>]*+|(?=>))))?"""
    % (_ATTRIBUTE_NAME, SPACE, SPACE, SPACE, SPACE)
)
# The same without groups (possessive loops around groups are faulty in some releases of Python), and where it must not
# be mistaken for an attribute without a value while the end of its value is still to come.
_REST_OF_TAG = (
    rb"""(?:[%b/]*+%b(?:[%b]*+=[%b]*+(?:"[^"]*+"|'[^']*+'|[^%b>"'][^%b>]*+|(?=>))|(?![%b]*+=)))*+[%b/]*+>"""
    % (SPACE, _ATTRIBUTE_NAME, SPACE, SPACE, SPACE, SPACE, SPACE, SPACE)
)
XML_DOCTYPE = re.compile(
    rb"""<!DOCTYPE(?:[^\[>"']++|"[^"]*+"|'[^']*+')*+"""
    rb"""(?:\[(?:[^\]"'<]++|"[^"]*+"|'[^']*+'|<!--(?s:.*?)-->|<\?(?s:.*?)\?>|<(?!!--|\?))*+\][%b]*+)?+>""" % SPACE
)


class Grammar(NamedTuple):
    """What differs between HTML and XML: the letters that a name begins with."""

    letters: bytes
    tag: re.Pattern[bytes]  # groups: the solidus of an end tag, the name
    markup: re.Pattern[bytes]
    opening: re.Pattern[bytes]


def _grammar(letters: bytes) -> Grammar:
    return Grammar(
        letters,
        re.compile(rb"<(/?)([%b][^%b/>]*+)%b" % (letters, SPACE, _REST_OF_TAG)),
        re.compile(rb"<(?=[%b/!?])" % letters),
        re.compile(rb"<(?:(/?[%b])|(/>)|(!--)|(!(?i:DOCTYPE))|(!\[CDATA\[)|(\?)|([!/]))" % letters),
    )


HTML = _grammar(rb"A-Za-z")
XML = _grammar(rb"A-Za-z_:\x80-\xff")
# The groups of `opening`.
TAG, EMPTY_END_TAG, COMMENT, DOCTYPE, CDATA, QUESTION_MARK = range(1, 7)
MAX_OPENING_LENGTH = len(b"<![CDATA[")


@lru_cache(maxsize=64)
def skip_pattern(names: frozenset[bytes] | None, xml: bool) -> re.Pattern[bytes]:
    """Take text and complete tags up to a start tag of one of `names`, of any name for None, or to a non-tag."""
    grammar = XML if xml else HTML
    if names is None:
        stop = rb"(?=/)"
    elif names:
        alternatives = b"|".join(map(re.escape, sorted(names)))
        stop = rb"(?!(?%b:%b)[%b/>])" % (b"" if xml else b"i", alternatives, SPACE)
    else:
        stop = b""
    return re.compile(
        rb"(?:[^<]++|<%b/?+[%b][^%b/>]*+%b|<(?=[^%b/!?]))*+"
        % (stop, grammar.letters, SPACE, _REST_OF_TAG, grammar.letters)
    )


def begins_other_tag(names: Collection[bytes]) -> bytes:
    """Return an expression for the first letter of a tag's name that is none of these, which are in lower case."""
    first = {name[:1] for name in names}
    others = bytes(letter for letter in b"abcdefghijklmnopqrstuvwxyz" if bytes([letter]) not in first)
    quick = b"[%b%b]|" % (others, others.upper()) if others else b""
    return rb"(?:%b(?!%b[%b/>])[a-zA-Z])" % (quick, any_of(names), SPACE)


RAW_ELEMENTS = {
    b"script": TokenKind.RAW_TEXT,
    b"style": TokenKind.RAW_TEXT,
    b"xmp": TokenKind.RAW_TEXT,
    b"iframe": TokenKind.RAW_TEXT,
    b"noembed": TokenKind.RAW_TEXT,
    b"noframes": TokenKind.RAW_TEXT,
    b"plaintext": TokenKind.RAW_TEXT,
    b"title": TokenKind.RCDATA,
    b"textarea": TokenKind.RCDATA,
}

# End marks. Group 1 is the end, and the token ends where group 1 does.
GREATER = re.compile(rb"(>)")
COMMENT_END = re.compile(rb"(--!?>)")
XML_COMMENT_END = re.compile(rb"(-->)")
CDATA_END = re.compile(rb"(\]\]>)")
INSTRUCTION_END = re.compile(rb"(\?>)")
NEVER = re.compile(rb"(?!)")
RAW_END = {name: re.compile(rb"()</(?i:%b)(?=[%b/>])" % (name, SPACE)) for name in RAW_ELEMENTS}
RAW_END[b"plaintext"] = NEVER
RAW_END[b"script"] = re.compile(
    rb"()</(?i:script)(?=[%b/>])|(<!)(?=--)|(-->)|(<(?i:script))(?=[%b/>])" % (SPACE, SPACE)
)
# Script data, escaped, and double escaped, where `</script>` ends the inner script only: (state, group) to state.
DOUBLE_ESCAPED = 2
SCRIPT_STATES = {(0, 2): 1, (1, 3): 0, (1, 4): DOUBLE_ESCAPED, (DOUBLE_ESCAPED, 3): 0, (DOUBLE_ESCAPED, 1): 1}
MAX_END_LENGTH = len(b"</plaintext")  # that may be cut off by the end of a chunk
