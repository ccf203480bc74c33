"""An expression for any of many texts that costs little more than one for a single text."""

from __future__ import annotations

import re
from collections.abc import Iterable

NEVER = rb"(?!)"

type _Tree = dict[bytes, _Tree]


def any_of(texts: Iterable[bytes], *, exact: bool = False) -> bytes:
    """Return an expression for any of some texts, the longest first, in any letter case unless `exact`.

    For no texts it never matches. What several of them begin with is looked at once, and of what follows on several
    beginnings as much as is one letter. Letters are spelled as classes, because `re` goes past a branch that begins
    with a class without trying it.
    """
    tree: _Tree = {}
    for text in texts:
        node = tree
        for at in range(len(text)):
            node = node.setdefault(text[at : at + 1] if exact else text[at : at + 1].lower(), {})
        node[b""] = {}
    return _spelled(tree, exact=exact) if tree else NEVER


def _spelled(tree: _Tree, *, exact: bool) -> bytes:
    beginning = b""
    while len(tree) == 1 and b"" not in tree:
        ((letter, tree),) = tree.items()
        beginning += _letters([letter], exact=exact)
    # Letters behind which the same follows are one branch: `srv1.example` and `srv2.example` are `srv[12].example`.
    branches: dict[bytes, list[bytes]] = {}
    for letter, below in sorted(tree.items()):
        if letter:
            branches.setdefault(_spelled(below, exact=exact), []).append(letter)
    either = b"|".join(_letters(letters, exact=exact) + rest for rest, letters in branches.items())
    if not branches:
        return beginning
    if b"" in tree:
        return b"%b(?:%b)?" % (beginning, either)
    return beginning + (either if len(branches) == 1 else b"(?:%b)" % either)


def _letters(letters: Iterable[bytes], *, exact: bool) -> bytes:
    """Return an expression for any of some bytes."""
    each = [case for letter in letters for case in ((letter,) if exact else sorted({letter, letter.upper()}))]
    return re.escape(each[0]) if len(each) == 1 else b"[%b]" % b"".join(map(re.escape, each))
