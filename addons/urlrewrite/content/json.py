"""JSON of every kind: one value, lines of values, a prefix against inclusion (`)]}',`), and JSON-LD.

Links in JSON are found as in any code. Left alone is the value of `"@context"`: it names vocabularies (JSON-LD 1.1,
3.1), whose IRIs are compared letter by letter.
"""

from __future__ import annotations

import re

from urlrewrite.content.held import Held, Unfinished
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.stream import LinkStream

_KEY = b'"@context"'
_CONTEXT = re.compile(rb'"@context"\s{0,24}+:\s{0,24}+')
_BEGUN = re.compile(rb'"(?:@[a-z]{0,7}"?)?\s{0,24}+:?\s{0,24}+\Z')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PART = re.compile(rb'"(?:[^"\\]|\\.)*+(?P<closed>")?|[\[\]{}]', re.DOTALL)
_MAX_LENGTH = 1 << 16
"""Bytes of an `@context` that may be held back; of a longer one the rest is read as other JSON is."""


def map_json(data: bytes, link_map: LinkMap, on_change: OnChange) -> bytes:
    """Map the links in a whole text of JSON."""
    if _KEY not in data:
        return link_map.map(data, bare=True, on_change=on_change)
    text = JsonText(link_map, on_change)
    return text.feed(data) + text.finish()


class JsonText:
    """A rewriter of JSON in chunks. Held back is what may belong to a URL, and an unfinished `@context`."""

    def __init__(self, link_map: LinkMap, on_change: OnChange) -> None:
        self._link_map = link_map
        self._on_change = on_change
        self._offset = 0
        self._unfinished = Unfinished()
        self._links = self._stream()

    @property
    def held(self) -> Held:
        """Bytes consumed and not yet emitted."""
        before, after = self._links.held, self._unfinished.held
        return lambda: before() + after()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; return what can be sent now."""
        self._unfinished.add(chunk)
        return self._mapped(self._unfinished.whole(), final=False) if self._unfinished.worth_reading else b""

    def finish(self) -> bytes:
        """End the text; return all that was held back."""
        return self._mapped(self._unfinished.whole(), final=True) + self._links.finish()

    def _stream(self) -> LinkStream:
        return LinkStream(self._link_map, bare=True, on_change=shifted(self._on_change, self._offset))

    def _mapped(self, data: bytes, *, final: bool) -> bytes:
        sent: list[bytes] = []
        position = 0
        while found := _CONTEXT.search(data, position):
            end = _end_of_value(data, found.end())
            if end is None:
                if not final and len(data) - found.start() < _MAX_LENGTH:
                    break
                end = len(data)
            # A URL cannot reach over the quotes of the key: what is before it is complete.
            sent += (self._links.feed(data[position : found.start()]), self._links.finish(), data[found.start() : end])
            self._offset += end - position
            self._links = self._stream()
            position = end
        until = found.start() if found else _settled(data, position)
        if final:
            until = len(data)
        sent.append(self._links.feed(data[position:until]))
        self._offset += until - position
        self._unfinished.keep(data[until:])
        return b"".join(sent)


def _settled(data: bytes, position: int) -> int:
    """Return up to where no key of a context can have begun."""
    begun = _BEGUN.search(data, max(position, len(data) - 64))
    if begun is None:
        return len(data)
    letters = begun[0].rstrip(b" \t\r\n:")
    return begun.start() if _KEY.startswith(letters) or letters == _KEY else len(data)


def _end_of_value(data: bytes, start: int) -> int | None:
    """Return where a string, array or object ends; `start` for another value; None where it is not complete."""
    if start == len(data):
        return None
    if data.startswith(b'"', start):
        string = _STRING.match(data, start)
        return string.end() if string else None
    depth = 0
    if data[start : start + 1] not in (b"{", b"["):
        return start
    for part in _PART.finditer(data, start):
        if part[0].startswith(b'"'):
            if part["closed"] is None:
                return None
        elif part[0] in (b"{", b"["):
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return part.end()
    return None
