"""The one table of attributes in which a URL may stand; all who need such names derive them from it.

From it come what `links: tags` maps and what a browser reads leniently (`html/attributes.py`), what a mount path
concerns (`html/references.py`), the tags of exported rules (`formats/downlevel`), IIS's tag flags (`engine`, `formats`)
and what the diagnosis takes for a reference of a page (`inspector/diagnose/page_references.py`).

To add an attribute is to add a line here, and one to `tests/content/carriers.yaml`, which says the same by hand.

Bodies are mapped by the attribute's name alone, whatever the tag is: browsers ignore `<p src>`, and what a script makes
of it is a URL all the same. So an attribute has one kind of value in all its tags. Not in the table, because its name
says nothing: `value` of `<param>` and `<input>`.

Sources: HTML Living Standard, "Attributes" and 16.2 (obsolete ones); HTML 4.01, "Index of Attributes"; SVG 2, 5.4.3;
for IIS, "Filter by tags" of the 2.0 configuration reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal


class Value(Enum):
    """What the value of an attribute is."""

    URL = auto()
    """One URL, which a browser reads leniently."""
    WORDS = auto()
    """URLs with blanks or commas between them."""
    CANDIDATES = auto()
    """Images, each a URL and a descriptor (HTML, "srcset attributes")."""
    CONTENT = auto()
    """The content of a `<meta>`: which it is, its other attributes tell."""
    TEXT = auto()
    """A text in which a URL may stand; a path in it is none."""
    STYLE = auto()
    """Declarations of CSS, or a value of one."""
    DOCUMENT = auto()
    """A document of HTML."""

    @property
    def mounted(self) -> bool:
        """Whether a URL without a host is known as one there, so that it is mapped below a mount."""
        return self is not Value.TEXT

    @property
    def is_link(self) -> bool:
        """Whether the value is made of URLs, so that `links: tags` maps it, and not code or a document that
        contains some.
        """
        return self not in (Value.STYLE, Value.DOCUMENT)


class Since(Enum):
    """Where an attribute is defined."""

    HTML4 = "HTML 4.01, and still in the Living Standard"
    HTML = "HTML Living Standard, not in HTML 4.01"
    OBSOLETE = "HTML 4.01, no longer in the Living Standard"
    VENDOR = "no standard; some browser had it, or has it"
    SVG = "SVG 1.1 or 2"


type Use = Literal[
    "script", "style", "image", "media", "font", "frame", "object", "manifest", "connect", "link", "form", "base"
]
"""What a browser does with a URL: the destination of its request (Fetch, 2.2.5), or what a user's click does."""

type TagFlag = Literal["A", "Area", "Base", "Form", "Frame", "Head", "IFrame", "Img", "Input", "Link", "Script"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """An attribute in which a URL may stand; names are in lower case, and the tag "*" means any.

    `use` is None where a browser requests nothing; `flag` is that of IIS's `filterByTags` which examines it.
    """

    tag: str
    attribute: str
    value: Value
    since: Since
    use: Use | None = None
    flag: TagFlag | None = None


def _rows(
    tags: str, attributes: str, value: Value, since: Since, use: Use | None = None, flag: TagFlag | None = None
) -> tuple[Carrier, ...]:
    """Return a row for each of some tags with each of some attributes."""
    return tuple(
        Carrier(tag, attribute, value, since, use, flag) for tag in tags.split() for attribute in attributes.split()
    )


CARRIERS: tuple[Carrier, ...] = (
    *_rows("a", "href", Value.URL, Since.HTML4, "link", "A"),
    *_rows("area", "href", Value.URL, Since.HTML4, "link", "Area"),
    *_rows("base", "href", Value.URL, Since.HTML4, "base", "Base"),
    *_rows("form", "action", Value.URL, Since.HTML4, "form", "Form"),
    *_rows("frame", "src", Value.URL, Since.OBSOLETE, "frame", "Frame"),
    *_rows("frame", "longdesc", Value.URL, Since.OBSOLETE, "link", "Frame"),
    *_rows("head", "profile", Value.URL, Since.OBSOLETE, "link", "Head"),
    *_rows("iframe", "src", Value.URL, Since.HTML4, "frame", "IFrame"),
    *_rows("iframe", "longdesc", Value.URL, Since.OBSOLETE, "link", "IFrame"),
    *_rows("img", "src", Value.URL, Since.HTML4, "image", "Img"),
    *_rows("img", "longdesc", Value.URL, Since.OBSOLETE, "link", "Img"),
    # Nearly always `#name`, which stays; a URL in HTML 4, and browsers heed what follows the `#` only.
    *_rows("img", "usemap", Value.URL, Since.HTML4, "link", "Img"),
    *_rows("input", "src", Value.URL, Since.HTML4, "image", "Input"),
    *_rows("input", "usemap", Value.URL, Since.OBSOLETE, "link", "Input"),
    *_rows("link", "href", Value.URL, Since.HTML4, "link", "Link"),
    *_rows("script", "src", Value.URL, Since.HTML4, "script", "Script"),
    *_rows("a area", "ping", Value.WORDS, Since.HTML, "connect"),
    *_rows("audio video", "src", Value.URL, Since.HTML, "media"),
    *_rows("blockquote del ins q", "cite", Value.URL, Since.HTML4, "link"),
    *_rows("button input", "formaction", Value.URL, Since.HTML, "form"),
    *_rows("embed", "src", Value.URL, Since.HTML, "object"),
    *_rows("iframe", "srcdoc", Value.DOCUMENT, Since.HTML),
    *_rows("img source", "srcset", Value.CANDIDATES, Since.HTML, "image"),
    *_rows("link", "imagesrcset", Value.CANDIDATES, Since.HTML, "image"),
    *_rows("meta", "content", Value.CONTENT, Since.HTML4, "link"),
    *_rows("object", "data", Value.URL, Since.HTML4, "object"),
    *_rows("source track", "src", Value.URL, Since.HTML, "media"),
    *_rows("video", "poster", Value.URL, Since.HTML, "image"),
    *_rows("*", "itemid", Value.URL, Since.HTML),
    *_rows("*", "style", Value.STYLE, Since.HTML4),
    *_rows("applet", "archive", Value.WORDS, Since.OBSOLETE, "object"),
    *_rows("applet", "code object", Value.TEXT, Since.OBSOLETE),
    *_rows("applet object", "codebase", Value.URL, Since.OBSOLETE, "object"),
    *_rows("body", "background", Value.URL, Since.OBSOLETE, "image"),
    *_rows("object", "archive", Value.WORDS, Since.OBSOLETE, "object"),
    *_rows("object", "classid", Value.URL, Since.OBSOLETE, "object"),
    *_rows("object", "usemap", Value.URL, Since.OBSOLETE, "link"),
    *_rows("a img script", "attributionsrc", Value.WORDS, Since.VENDOR, "connect"),
    *_rows("bgsound", "src", Value.URL, Since.VENDOR, "media"),
    *_rows("command menuitem", "icon", Value.URL, Since.VENDOR, "image"),
    *_rows("embed", "pluginspage", Value.URL, Since.VENDOR, "link"),
    *_rows("fencedframe ilayer layer portal", "src", Value.URL, Since.VENDOR, "frame"),
    *_rows("html", "manifest", Value.URL, Since.VENDOR, "link"),
    *_rows("ilayer layer table tbody td tfoot th thead tr", "background", Value.URL, Since.VENDOR, "image"),
    *_rows("image", "src", Value.URL, Since.VENDOR, "image"),
    *_rows("image", "srcset", Value.CANDIDATES, Since.VENDOR, "image"),
    *_rows("img", "dynsrc", Value.URL, Since.VENDOR, "media"),
    *_rows("img", "lowsrc", Value.URL, Since.VENDOR, "image"),
    *_rows("isindex", "action", Value.URL, Since.VENDOR, "form"),
    *_rows("xml", "src", Value.URL, Since.VENDOR, "connect"),
    *_rows("a", "xlink:href", Value.URL, Since.SVG, "link"),
    *_rows("feimage image lineargradient pattern radialgradient use", "href xlink:href", Value.URL, Since.SVG, "image"),
    *_rows("script", "href xlink:href", Value.URL, Since.SVG, "script"),
    *_rows("*", "clip-path cursor fill filter mask stroke", Value.STYLE, Since.SVG),
    *_rows("*", "marker marker-end marker-mid marker-start", Value.STYLE, Since.SVG),
)


def names(*values: Value) -> frozenset[bytes]:
    """Return the names of the attributes whose value is one of these."""
    return frozenset(each.attribute.encode() for each in CARRIERS if each.value in values)


ONE_URL = names(Value.URL)
URL_ATTRIBUTES = names(*(value for value in Value if value.is_link))
"""Attributes whose value is a URL, or a list with URLs; what `links: tags` maps."""

TAG_FLAGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    flag: tuple((each.tag, each.attribute) for each in CARRIERS if each.flag == flag)
    for flag in sorted({each.flag for each in CARRIERS if each.flag})
}
"""The tags and attributes that each flag of `filterByTags` examines."""

WITHOUT_FLAG: tuple[tuple[str, str], ...] = tuple(
    sorted(
        (each.tag, each.attribute)
        for each in CARRIERS
        if each.value.is_link and each.value.mounted and each.flag is None and each.tag != "*"
    )
)
"""The tags and attributes that begin with a URL and that IIS examines as `customTags` only; these cannot say "any"."""

# --- attributes for scripts, which are known by how their names begin or end

CODE_NAMES = rb"on|data-|x-|v-|ng-|:|@"
"""How the names of attributes begin that hold scripts or JSON, so that a quoted host in them is meant as one."""

FOR_SCRIPTS_NAMES = CODE_NAMES + rb"|hx-"
"""How those begin in which a script finds a URL, or is one."""

_OF_DATA = rb"data-(?:[a-z0-9-]+-)?"
ONE_URL_FOR_SCRIPTS = (
    _OF_DATA + rb"(?:src|href|url|uri|action|poster|background|original)"
    rb"|(?:data-)?hx-(?:get|post|put|patch|delete|push-url|replace-url)"
)
CANDIDATES_FOR_SCRIPTS = _OF_DATA + rb"srcset"
