"""What is kept of names that were found in passing: the text around each, and its place.

It is plain data, and part of the trace: of a body that was not kept, or of messages, nothing else is left to quote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_type_hints

from urlrewrite.content.kinds import Kind
from urlrewrite.inspector.names.names import Named, Names
from urlrewrite.inspector.names.places import Place, Sort

MAX_EXCERPTS = 30
"""Excerpts that are kept of a body, or of the messages of one connection."""

AROUND = 200
"""Bytes that are kept before and behind a name."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A name with what is around it.

    `text` are the bytes as Latin-1, in which the name begins at `at`; `before` and `behind` say that there are more.
    `offset` is that of the name in the decoded body, or in its member of a ZIP document; `count` is how many there are
    in such a place, `packed` says that it is in a ZIP document. The other values are those of its `Place`.
    """

    text: str
    at: int
    offset: int
    kind: str
    sort: str
    label: str
    tag: str = ""
    attribute: str = ""
    begins: bool = False
    before: bool = False
    behind: bool = False
    matters: bool = True
    packed: bool = False
    count: int = 1

    @property
    def data(self) -> bytes:
        """The bytes of the excerpt."""
        return self.text.encode("latin-1", "replace")

    @property
    def place(self) -> Place:
        """Where the name stands."""
        sort = Sort(self.sort) if self.sort in {*Sort} else Sort.BINARY
        return Place(sort, self.label, self.tag, self.attribute, self.begins)

    @property
    def content(self) -> Kind:
        """What kind of content it is from."""
        return Kind(self.kind) if self.kind in {*Kind} else Kind.BINARY

    def named(self, names: Names) -> Named | None:
        """Return the name, found again; None if these names are not in it."""
        found = next((named for named in names.find(self.data) if named.start == self.at), None)
        if found is None or not self.packed:
            return found
        spelling = "in a ZIP document" if found.spelling == "plain" else f"{found.spelling}, in a ZIP document"
        return replace(found, spelling=spelling, hidden=True)


def excerpt(
    data: bytes, named: Named, place: Place, kind: Kind, offset: int, *, matters: bool, packed: bool = False
) -> Excerpt:
    """Return the excerpt for a name in some bytes; `offset` is that of the bytes."""
    begin, end = max(named.start - AROUND, 0), min(named.end, named.start + 3 * AROUND) + AROUND
    return Excerpt(
        data[begin:end].decode("latin-1"),
        named.start - begin,
        offset + named.start,
        str(kind),
        str(place.sort),
        place.label[:AROUND],
        place.tag[:AROUND],
        place.attribute[:AROUND],
        place.begins,
        offset + begin > 0,
        end < len(data),
        matters,
        packed,
    )


@dataclass(slots=True)
class Excerpts:
    """Excerpts of one body, or of the messages of one connection: equal ones are kept once, with their count.

    `count` is the number of names that matter, `examined` that of all, `seen` that of the bytes that were looked at,
    `whole` whether those were all, `unread` what of a ZIP document was not read.
    """

    count: int = 0
    examined: int = 0
    seen: int = 0
    whole: bool = True
    found: dict[tuple[str, ...], Excerpt] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)

    def add(self, one: Excerpt, written: bytes) -> None:
        """Add one, unless there are enough: then it is only counted."""
        self.examined += 1
        self.count += one.matters
        key = (one.label, one.sort, written.decode("latin-1").lower())
        if first := self.found.get(key):
            self.found[key] = replace(first, count=first.count + 1)
        elif len(self.found) < MAX_EXCERPTS:
            self.found[key] = one

    def as_data(self) -> dict[str, Any]:
        """Return it for a trace."""
        found = [asdict(one) for one in self.found.values()]
        return {"count": self.count, "seen": self.seen, "whole": self.whole, "found": found, "unread": {**self.unread}}


_TYPES: dict[str, type] = get_type_hints(Excerpt)


def read_excerpts(data: object) -> Iterator[Excerpt]:
    """Yield the excerpts of a trace, which may come from a file of anybody."""
    found = data.get("found") if isinstance(data, Mapping) else None
    for one in found if isinstance(found, list | tuple) else ():
        if isinstance(one, Mapping) and all(type(one.get(name)) is kind for name, kind in _TYPES.items()):
            yield Excerpt(**{name: one[name] for name in _TYPES})


def read_unread(data: object) -> Iterator[str]:
    """Yield what the excerpts of a trace say of bytes that were not looked at."""
    if not isinstance(data, Mapping):
        return
    unread, seen = data.get("unread"), data.get("seen")
    reasons = unread if isinstance(unread, Mapping) else {}
    for reason, count in list(reasons.items())[:MAX_EXCERPTS]:
        yield f"{count} of the members of the ZIP document: {reason}"
    if data.get("whole") is False and not reasons and type(seen) is int:
        yield f"only {seen:,} bytes of it were looked at"
