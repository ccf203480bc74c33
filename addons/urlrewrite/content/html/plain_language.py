r"""The plain HTML of `plain.py` as a language that a finite automaton can read, whatever hosts a link map has.

No host is named in it: where hosts stand is looked at apart (`plain_linear.py`). So that a replacement of
`="http://privateserver:8080/` can do no harm in what it takes,

- a text, and a value in single quotes, does not hold `="`,
- an attribute that holds an identifier, or whose links are not to be mapped, does not begin with `http`,
- a value does not begin with an authority that hides letters: `//privat%65server`, `//privat&#101;server`.

Wherever the expression has a choice the next byte decides, or the end of a name. So it takes the same whether it is
tried by `re`, as it is, or by an automaton, which knows no possessive loops (`*+`), does not look ahead, and needs
neither: `for_automaton`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from urlrewrite.content.html.foreign import ROOTS
from urlrewrite.content.html.patterns import IS, ONE_SPACE, RAW_ELEMENTS, REST_OF_NAME, SPACE
from urlrewrite.content.links.any_of import any_of

type _Tree = dict[bytes, _Tree]

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_NO_NAME = SPACE + rb"/>=\"'<"
_NAME_ENDS = rb"(?![^%b])" % _NO_NAME
_ENDS_OF_AUTHORITY = (b"/", rb"\\", b"?", b"#", b'"', b"'", b">", b" ", rb"\f", rb"\v")


@lru_cache(maxsize=4)
def plain_language(names: frozenset[bytes], *, are_links: bool, never: frozenset[bytes]) -> bytes:
    """Return an expression for plain HTML from anywhere between tags on.

    Args:
        names: attributes in lower case.
        are_links: links are mapped in these attributes only; else in all others, but for namespaces.
        never: attributes with which no tag is plain.
    """
    if are_links:
        mapped, others = any_of(names - never), _name_but(names | never)
    else:
        mapped = _name_but(names | never, {b"xmlns"})
        others = rb"(?:%b|%b%b)" % (any_of(names - never), any_of([b"xmlns"]), REST_OF_NAME)
    attributes = _attribute(mapped, *_MAPPED_VALUES), _attribute(others, *_OTHER_VALUES)
    parts = {
        b"text": _without_link(b"<"),
        b"rest": REST_OF_NAME,
        b"space": ONE_SPACE,
        b"tag": _name_but(ROOTS.union(RAW_ELEMENTS), first_is_letter=True),
        b"attributes": rb"(?:%b++(?:%b|%b))*+" % (ONE_SPACE, *attributes),
    }
    return (
        rb"(?:%(text)b<(?:/[a-zA-Z]%(rest)b%(space)b*+>|%(tag)b%(attributes)b%(space)b*+/?+>|[^a-zA-Z/!?<=]))*+%(text)b"
        % parts
    )


def for_automaton(expression: bytes) -> bytes:
    """Return such an expression without possessive loops, and without a look at the end of names."""
    return re.sub(rb"(?<=[*+?])\+", b"", expression.replace(_NAME_ENDS, b""))


def _attribute(name: bytes, double: bytes, single: bytes, bare: bytes) -> bytes:
    return rb"%b%b(?:%b(?:\"%b\"|'%b'|%b))?+" % (name, _NAME_ENDS, IS, double, single, bare)


def _without_link(end: bytes) -> bytes:
    r"""Return an expression for bytes other than `end`, among which there is no `="`."""
    return rb"[^%b=]*+(?:=++[^%b=\"][^%b=]*+)*+=*+" % (end, end, end)


def _hides_nothing(end: bytes, rest: bytes) -> bytes:
    """Return an expression for a value that is not empty and does not begin as `HIDDEN` of `browser_urls.py` does.

    It has no byte of `end`, and at its beginning no white space. `rest` is for what may follow where the beginning
    tells that nothing is hidden.
    """
    ends = b"".join(byte for byte in _ENDS_OF_AUTHORITY if byte not in end)
    authority = rb"[^/\\?#\"'<>\s%%&%b]*+" % end
    slashes = rb"[/\\](?:[^%b/\\&\t\r\n]%b|[/\\]%b(?:[%b]%b)?+)?+" % (end, rest, authority, ends, rest)
    scheme = rb"[hHwW][a-zA-Z]*+(?:[^%ba-zA-Z:&\t\r\n]%b|:(?:[^%b/\\&\t\r\n]%b|%b)?+)?+" % (
        *(end, rest, end, rest, slashes),
    )
    return rb"(?:[^%bhHwW/\\&\x00-\x20]%b|%b|%b)" % (end, rest, scheme, slashes)


def _unlike_link(end: bytes) -> bytes:
    """Return an expression for bytes other than `end`, which do not begin with `http`."""
    expression = b""
    for letter in reversed(b"http"):
        following = b"|%c%b" % (letter, expression) if expression else b""
        expression = rb"(?:[^%b%c][^%b]*+%b)?+" % (end, letter, end, following)
    return expression


_BLANKS = rb"[\x00-\x20]*+"
_IN_BARE = SPACE + rb"\"'<>=`"
_MAPPED_VALUES = (
    rb"%b%b?+" % (_BLANKS, _hides_nothing(rb"\"<", rb"[^\"<]*+")),
    rb"%b%b?+" % (_BLANKS, _hides_nothing(rb"'<=", _without_link(b"'<"))),
    _hides_nothing(_IN_BARE, rb"[^%b]*+" % _IN_BARE),
)
_OTHER_VALUES = (_unlike_link(rb"\"<"), _without_link(b"'<"), rb"[^%b]++" % _IN_BARE)


def _name_but(names: Collection[bytes], begin: Collection[bytes] = (), *, first_is_letter: bool = False) -> bytes:
    """Return an expression for a name that is none of `names`, and does not begin as one of `begin`, in any case."""
    tree: _Tree = {}
    for name in (*names, *(name + b"*" for name in begin)):
        node = tree
        for at in range(len(name)):
            node = node.setdefault(name[at : at + 1], {})
        node[b""] = {}
    return _spelled(tree, first_is_letter=first_is_letter)


def _spelled(tree: _Tree, *, first_is_letter: bool = False, is_first: bool = True) -> bytes:
    letters = sorted(letter for letter in tree if letter)
    known = b"".join(map(_any_case, letters))
    if first_is_letter:
        others = b"".join(_any_case(bytes([letter])) for letter in _LETTERS if bytes([letter]) not in tree)
    else:
        others = b"^" + _NO_NAME + known
    branches = [rb"[%b]%b" % (others, REST_OF_NAME)]
    for letter in letters:
        if b"*" not in tree[letter]:
            branches.append(rb"[%b]%b" % (_any_case(letter), _spelled(tree[letter], is_first=False)))
    either = b"(?:%b)" % b"|".join(branches)
    return either if is_first or b"" in tree else either + b"?+"


def _any_case(letter: bytes) -> bytes:
    return letter + letter.upper() if letter.isalpha() else re.escape(letter)
