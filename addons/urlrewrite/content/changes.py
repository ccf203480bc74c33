"""What is to be changed in some content: links by a map, values of attributes by rules; and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from urlrewrite.content.links import LinkMap, OnChange

type OnLink = Callable[[str, int, bytes, bytes], None]
"""`(where, offset in the body, before, after)` of a link that was mapped."""

type OnValue = Callable[[bytes, bytes, bytes], bytes | None]
"""`(tag, attribute, raw value)`, names in lower case, to a new raw value or None."""


@dataclass(frozen=True, slots=True)
class Links:
    """A link map, how far it reaches, who is told of a link, and who of the number of links that are not told."""

    link_map: LinkMap
    everywhere: bool
    on_link: OnLink
    on_more: Callable[[int], None] = lambda count: None

    def tell(self, where: str, base: int = 0) -> OnChange:
        """An `on_change` for the link map, for a part of the body that begins at `base`."""

        def told(offset: int, before: bytes, after: bytes) -> None:
            self.on_link(where, base + offset, before, after)

        return told


@dataclass(frozen=True, slots=True)
class Values:
    """Whose values are to be changed, by tag and attribute in lower case, and by what."""

    wanted: Mapping[bytes, frozenset[bytes]]
    on_value: OnValue
