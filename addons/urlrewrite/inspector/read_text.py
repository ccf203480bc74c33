"""What a reader sees of a page that is markup, in time that grows with its length only."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<!--|-->|<(?P<end>/?)(?P<unseen>script|style|title|head)\b[^<>]*>?|<[^<>]*>?", re.IGNORECASE)


def read_text(markup: str) -> str:
    """Return the text of a page without tags, comments and what browsers do not show in it."""
    parts: list[str] = []
    inside, position = "", 0
    for token in _TOKEN.finditer(markup):
        if not inside:
            parts.append(markup[position : token.start()])
        position = token.end()
        name = (token["unseen"] or "").lower()
        if not inside:
            inside = "-->" if token[0] == "<!--" else "" if token["end"] else name
        elif inside == (name if token["end"] else token[0]):
            inside = ""
    if not inside:
        parts.append(markup[position:])
    return " ".join(parts)
