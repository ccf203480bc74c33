"""An expression for any of many texts that costs little more than one for a single text."""

from __future__ import annotations

import re
from collections.abc import Iterable

NEVER = rb"(?!)"

type _Tree = dict[bytes, _Tree]


def any_of(texts: Iterable[bytes], *, exact: bool = False) -> bytes:
    """Return an expression for any of some texts, the longest first, in any letter case unless `exact`.

    For no texts it never matches. What several of them begin with is looked at once. Letters are spelled as classes,
    because `re` goes past a branch that begins with a class without trying it.
    """
    tree: _Tree = {}
    for text in texts:
        node = tree
        for at in range(len(text)):
            node = node.setdefault(text[at : at + 1] if exact else text[at : at + 1].lower(), {})
        node[b""] = {}
    return _spelled(tree, exact=exact) if tree else NEVER


def _spelled(tree: _Tree, *, exact: bool) -> bytes:
    branches = []
    for letter, below in sorted(tree.items()):
        if letter:
            either = b"[%b%b]" % (letter, letter.upper())
            spelled = either if not exact and letter.isalpha() else re.escape(letter)
            branches.append(spelled + _spelled(below, exact=exact))
    if not branches:
        return b""
    if b"" in tree:
        return b"(?:%b)?+" % b"|".join(branches)
    return branches[0] if len(branches) == 1 else b"(?:%b)" % b"|".join(branches)
