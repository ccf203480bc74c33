"""One pass over a document of a backend that is mounted below a path: URLs without a host are mapped, too."""

from __future__ import annotations

import re
from dataclasses import replace

from urlrewrite.content.changes import Links
from urlrewrite.content.css import map_css
from urlrewrite.content.html.dav import DavHrefs
from urlrewrite.content.html.markup import Markup, place_of
from urlrewrite.content.html.plain_mounted import mounted_plain_pattern
from urlrewrite.content.html.references import in_addresses, in_attribute, in_style_sheet_instruction
from urlrewrite.content.html.rewriter import Attribute, OnTag, Token, TokenKind
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted
from urlrewrite.content.links.mounts import Mount, Paths
from urlrewrite.content.links.script_paths import tell_paths
from urlrewrite.content.splicing import map_around

_BASE = re.compile(
    rb"[\x00-\x20]*(?:(?:(?P<scheme>https?):)?[/\\]{2}(?P<host>[^/\\?#:\s]*|\[[^\]]*\])(?::(?P<port>\d{1,5})?)?"
    rb"|(?P<other>[a-z][a-z0-9+.-]*:))?(?P<path>[^?#\s]*)",
    re.IGNORECASE,
)
_CDATA, _CDATA_END = b"<![CDATA[", b"]]>"
_ADDRESSES = frozenset({b"importmap", b"speculationrules"})
"""Types of scripts in which a string that begins with a slash is an address."""


class MountedMarkup(Markup):
    """As `Markup`, for a link map with a mount."""

    def __init__(self, kind: Kind, links: Links, mount: Mount, *, nested: int = 0, paths: Paths | None = None) -> None:
        self._mount = mount
        self._paths = paths or Paths(mount, links.page)
        self._xml = kind is Kind.XML
        self._hrefs = DavHrefs() if self._xml else None
        self._plain_link = re.compile(rb'="(?=%b)%b' % (mount.plain_root, re.escape(mount.base.encode())))
        super().__init__(kind, links, nested=nested)

    def _on_tag(self) -> OnTag | None:
        return self._hrefs.take if self._hrefs else None

    def _linear_plain(self, links: Links) -> None:
        """Return nothing: in the language of the automaton there are no links without a host."""

    def _plain_pattern(self, links: Links, names: bytes) -> re.Pattern[bytes]:
        table, root = links.link_map.table, self._mount.plain_root
        return mounted_plain_pattern(table.search.signs, table.begins, names, root, whole_text=links.visible_text)

    def _map_plain(self, span: bytes, offset: int) -> bytes:
        if self._paths.elsewhere:
            return super()._map_plain(span, offset)
        before, after = self._mount.base.encode() + b"/", self._mount.path.encode() + b"/"
        count = 0
        for found in self._plain_link.finditer(span):
            if self._told_alone:
                at = found.start() + 2
                self._links.on_link(place_of(span, at), offset + at, before, after)
                self._told_alone -= 1
            else:
                count += 1
        if count:
            self._links.on_more(count)
        return self._plain_link.sub(b'="' + after[:-1], super()._map_plain(span, offset))

    def _attribute(self, tag: Token, attribute: Attribute, value: bytes) -> bytes | None:
        name = attribute.name.lower()
        if not self._maps(name):
            return None
        links = self._links
        only = tag._replace(attributes=()) if attribute.duplicate else tag
        places = in_attribute(only, name, value, xml=self._xml, everywhere=links.everywhere)
        changes = self._paths.changes(value, places)
        if name == b"href" and tag.name.lower() == b"base":
            self._paths.rebase(_path_of_base(value, links.link_map, self._mount))
        if not changes:
            return super()._attribute(tag, attribute, value)
        on_change = links.tell(f"<{tag.name.decode('ascii', 'replace')} {name.decode('ascii', 'replace')}>")
        start = attribute.value_start
        return map_around(value, changes, links.link_map, lambda at, *change: on_change(start + at, *change))

    def _nested(self, document: bytes, on_change: OnChange) -> bytes:
        links = replace(self._links, on_link=lambda where, *change: on_change(*change))
        inner = MountedMarkup(Kind.HTML, links, self._mount, nested=self._depth + 1, paths=self._paths.within())
        return inner.feed(document) + inner.finish()

    def _raw(self, token: Token, data: bytes) -> bytes | None:
        if token.kind is TokenKind.INSTRUCTION and data.startswith(b"<?xml-stylesheet"):
            on_change = self._links.tell("<?xml-stylesheet?>", token.start)
            changes = self._paths.changes(data, in_style_sheet_instruction(data))
            return map_around(data, changes, self._links.link_map, on_change)
        if token.kind is TokenKind.CDATA and (mapped := self._dav_reference(token, data)):
            return mapped
        return super()._raw(token, data)

    def _text(self, token: Token, data: bytes) -> bytes | None:
        return self._dav_reference(token, data) or super()._text(token, data)

    def _dav_reference(self, token: Token, data: bytes) -> bytes | None:
        """Map the content of a `DAV:href` that is a path; None where it is not."""
        at = self._hrefs.path(token, data) if self._hrefs else None
        change = None if at is None else self._paths.change(data, at)
        if change is None:
            return None
        return map_around(data, [change], self._links.link_map, self._links.tell("DAV:href", token.start))

    def _code(self, element: bytes, tag: Token | None, token: Token, data: bytes, links: Links) -> bytes:
        on_change = links.tell(f"<{element.decode('ascii', 'replace')}>", token.start)
        if element == b"style":
            return map_css(data, links.link_map, on_change, self._paths, comments=links.comments)
        if element == b"script" and tag and self._type_of(tag).strip().lower() in _ADDRESSES:
            return map_around(data, self._paths.changes(data, in_addresses(data)), links.link_map, on_change, bare=True)
        if not element and self._xml and data.startswith(_CDATA):
            data = self._page_within(data, token, links)
        mapped = super()._code(element, tag, token, data, links)
        if element not in (b"", b"style"):
            tell_paths(mapped, self._mount, links)
        return mapped

    def _page_within(self, data: bytes, token: Token, links: Links) -> bytes:
        """Map the HTML in a CDATA section of XML: a feed, or a partial response that a script puts into its page."""
        on_change = shifted(links.tell("CDATA", token.start), len(_CDATA))
        end = len(data) - len(_CDATA_END) if data.endswith(_CDATA_END) else len(data)
        return _CDATA + self._nested(data[len(_CDATA) : end], on_change) + data[end:]


def _path_of_base(value: bytes, link_map: LinkMap, mount: Mount) -> bytes | None:
    """Return the path by which the backend knows what a `<base>` names; None where that is another host's."""
    found = _BASE.match(value)
    if found is None or found["other"]:
        return None
    path = found["path"]
    if found["host"] is None:
        return path
    host, port = found["host"].lower(), int(found["port"]) if found["port"] else None
    scheme = (found["scheme"] or b"").decode().lower()
    target = link_map.target(scheme, host, port, value, found.start("path"))
    if target is not None:
        return (path or b"/") if target.path == mount.path else None
    for pair in link_map.pairs:
        if pair.becomes.host_text.encode() == host and (port or pair.becomes.port) == pair.becomes.port:
            public = mount.path.encode()
            below = path == public or path.startswith(public + b"/")
            return mount.base.encode() + (path[len(public) :] or b"/") if below else None
    return None
