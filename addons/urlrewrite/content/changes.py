"""What is to be changed in some content: links by a map, attribute values by rules; and the callbacks for changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from urlrewrite.content.links.link_map import LinkMap, OnChange
from urlrewrite.content.reading import Reading

type OnLink = Callable[[str, int, bytes, bytes], None]
"""`(where, offset in the body, before, after)` of a link that was mapped."""

type OnValue = Callable[[bytes, bytes, bytes], bytes | None]
"""`(tag, attribute, raw value)`, names in lower case, to a new raw value or None."""


@dataclass(frozen=True, slots=True)
class Links:
    """A link map, how far it reaches, and its callbacks: `on_link` for a link, `on_more` for the number of others.

    `visible_text` maps the text of HTML that readers see, too; `comments` those of markup and style sheets, in which
    old versions of Internet Explorer read tags; `plain_text` text that has no syntax.
    Where the backend is mounted below a path, `page` is the path by which it knows this content ("" where that is not
    known), and `on_path` is called for paths in scripts that are left as they are.
    `reading` is told what becomes known of a body that is rewritten whole. `one_by_one` says that somebody wants each
    link; if not, `on_more` may be called for any of them.
    """

    link_map: LinkMap
    everywhere: bool
    on_link: OnLink
    on_more: Callable[[int], None] = lambda count: None
    visible_text: bool = False
    comments: bool = False
    plain_text: bool = False
    page: str = ""
    on_path: Callable[[str], None] = lambda path: None
    reading: Reading = field(default_factory=Reading, compare=False)
    one_by_one: bool = True

    def tell(self, where: str, base: int = 0) -> OnChange:
        """Return an `on_change` for the link map, for a part of the body that begins at `base`."""

        def on_change(offset: int, before: bytes, after: bytes) -> None:
            self.on_link(where, base + offset, before, after)

        return on_change


@dataclass(frozen=True, slots=True)
class AttributeRewrites:
    """The attributes whose values are to be changed, by tag and attribute in lower case, and the function that does it.

    `shortcuts` holds, by tag and attribute, what is done without a call of `on_value` for each value. Values treated so
    are counted by `count_skipped(tag, attribute, prefix, number)`, "" being the prefix of those that no rule matches.
    `wants_trace(tag, attribute, prefix)` says that `on_value` is to be called for such a value all the same. Attributes
    that share one `Shortcuts` object are counted together, as any one of them.
    """

    wanted: Mapping[bytes, frozenset[bytes]]
    on_value: OnValue
    shortcuts: Mapping[tuple[bytes, bytes], Shortcuts] = field(default_factory=dict)
    count_skipped: Callable[[bytes, bytes, bytes, int], None] = lambda tag, attribute, prefix, number: None
    wants_trace: Callable[[bytes, bytes, bytes], bool] = lambda tag, attribute, prefix: False


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """What the rules do to most values of an attribute, so that they need not be run.

    A value in ASCII that neither begins with one of `starts` nor holds one of `parts` (which are in lower case, and
    compared without case) stays as it is. Of a value that begins with one of `prefixes`, exactly so, the rest being
    printable ASCII, only that beginning is replaced, with what stands beside it: text that needs no escape between
    double quotes. No prefix begins with another one.
    """

    starts: frozenset[bytes]
    parts: frozenset[bytes]
    prefixes: tuple[tuple[bytes, bytes], ...]
