"""Parts of the messages of problems."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from urlrewrite.model.problems import Fix

_SHOWN = 80
_NEAR = 0.5
"""Likeness, from 0 to 1; `Abort` and `AbortRequest` are this near."""


def one_line(text: str) -> str:
    """Escape the line ends and other control characters of a text."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shown(text: str) -> str:
    """Quote a text of the file, on one line; cut it if it is longer than 80 characters."""
    return f'"{one_line(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")}"'


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean X?` for the nearest of the known words, or ""."""
    fix = fix_of(word, known)
    return f", did you mean {one_line(fix.meant)}?" if fix else ""


def fix_of(word: str, known: Iterable[str]) -> Fix | None:
    """Return the nearest of the known words in place of one that is not known, None where none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, 1, _NEAR)
    return Fix(word, by_folded[near[0]]) if near else None


def listed(words: Iterable[str]) -> str:
    """Return `one of A, B, C`, or the only word."""
    words = [one_line(word) for word in words]
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
