"""What the HTML scanner reports: spans of the input and what they are.

Both are named tuples and not data classes, because a page makes thousands of them and a tuple is made in a third of
the time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class TokenKind(IntEnum):
    """What a token is."""

    TEXT = 0
    START_TAG = 1
    END_TAG = 2
    COMMENT = 3
    """A comment with its delimiters, and what browsers treat as one: `<?x>`, `<!x>`, `</1>`."""
    DOCTYPE = 4
    RAW_TEXT = 5
    """All that stands between the tags of script, style, xmp, iframe, noembed or noframes, or behind plaintext."""
    RCDATA = 6
    """The same for title and textarea, in which browsers decode entities."""
    CDATA = 7
    """A CDATA section with its delimiters, in XML and in foreign content."""
    INSTRUCTION = 8
    """A processing instruction with its delimiters; in XML only."""
    IGNORED = 9
    """Bytes that browsers drop: `</>`, a tag that the input ends in. Also what follows a tag longer than the limit."""


class Attribute(NamedTuple):
    """An attribute as written: the value is raw, its entities are not decoded."""

    name: bytes
    """Lower-cased, except in XML."""
    value: bytes | None
    """None where there is neither value nor `=`."""
    name_start: int
    value_start: int
    """Offsets in the whole stream of the value without its quotes; -1 where it is None."""
    value_end: int
    quote: bytes
    """`"`, `'` or nothing."""
    duplicate: bool = False
    """An attribute of this name stands before it in the tag; browsers heed the first."""


class Token(NamedTuple):
    """A span `[start, end)` of the whole stream and what it is."""

    kind: TokenKind
    start: int
    end: int
    name: bytes = b""
    """Of a tag, lower-cased except in XML; of RAW_TEXT and RCDATA the name of the element around it."""
    attributes: tuple[Attribute, ...] = ()
    """Of a start tag; of RAW_TEXT and RCDATA the attributes of the element around it."""
    self_closing: bool = False
    """A start tag ends in `/>`; it means something in XML and in foreign content only."""

    def get(self, name: bytes) -> bytes | None:
        """Return the raw value of the first attribute of that name, empty where it has none; None without the
        attribute.
        """
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute.value or b""
        return None
