"""A text in parts rewritten: each by what is in it, and counted again."""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.content.charset.view import View
from urlrewrite.content.counted import Counted
from urlrewrite.content.kinds import Kind


def rewrite_parts(found: Counted, view: View, rewrite: Callable[[bytes, Kind, int], bytes]) -> bytes:
    """Return a text with its parts rewritten; `rewrite` is given a part, its kind, and where it begins in the body.

    Raises:
        CannotEncode: the encoding of the body lacks a character.
    """
    contents: list[str] = []
    offset = 0
    for part in found.parts:
        offset += len(view.encode_value(part.head, html=False))
        content = view.encode_value(part.content, html=False)
        changed = rewrite(content, part.kind, offset) if part.kind else content
        contents.append(part.content if changed == content else view.decode_value(changed))
        offset += len(content) + len(part.tail)
    return view.encode_value(found.written(contents), html=False)
