"""WebDAV's element for references, in which a path from the root is known as one (RFC 4918, 8.3 and 14.7).

All properties whose values are resources have it: those of CalDAV, CardDAV, versioning and access control, too. Clients
and servers choose the prefix of its namespace as they like.
"""

from __future__ import annotations

import re

from urlrewrite.content.changes import Links
from urlrewrite.content.html.markup import Markup
from urlrewrite.content.html.rewriter import OnTag
from urlrewrite.content.html.tokens import Token, TokenKind
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.mounts import PathBack
from urlrewrite.content.splicing import map_around

_NAMESPACE, _HREF = b"DAV:", b"href"
_MAX_SCOPES = 1000
"""Elements with namespaces of their own inside of each other; those deeper inside count as the last of them."""
_BEFORE_PATH = re.compile(rb"(?:<!\[CDATA\[)?[ \t\r\n]*(?=/(?!/))")
_PATH = re.compile(rb"[^?#\s<\]]+")


class DavHrefs:
    """Follows the tags of a document, and knows where the content of a `DAV:href` begins."""

    def __init__(self) -> None:
        self._depth = 0
        # How deep the elements stand that declare namespaces, and the prefixes of DAV: in them.
        self._scopes: list[tuple[int, frozenset[bytes]]] = [(0, frozenset())]
        self._begins = -1

    def take(self, tag: Token) -> None:
        """Take the next start or end tag."""
        self._begins = -1
        if tag.kind is TokenKind.END_TAG:
            if len(self._scopes) > 1 and self._scopes[-1][0] == self._depth:
                self._scopes.pop()
            self._depth -= 1
            return
        prefixes = self._declared(tag)
        if tag.self_closing:
            return
        self._depth += 1
        if prefixes is not self._scopes[-1][1] and len(self._scopes) < _MAX_SCOPES:
            self._scopes.append((self._depth, prefixes))
        prefix, _, name = tag.name.rpartition(b":")
        if name == _HREF and prefix in prefixes:
            self._begins = tag.end

    def _declared(self, tag: Token) -> frozenset[bytes]:
        prefixes = self._scopes[-1][1]
        for attribute in tag.attributes:
            name, _, prefix = attribute.name.partition(b":")
            if name == b"xmlns":
                prefixes = prefixes | {prefix} if attribute.value == _NAMESPACE else prefixes - {prefix}
        return prefixes

    def path(self, token: Token, data: bytes) -> int | None:
        """Return where a path from the root begins in a text or CDATA section, if that is the content of one."""
        found = _BEFORE_PATH.match(data) if token.start == self._begins else None
        return found.end() if found else None


class DavRequest(Markup):
    """The body of a request of WebDAV: public names are mapped back, and so are paths in its references."""

    def __init__(self, links: Links, path_back: PathBack) -> None:
        self._hrefs = DavHrefs()
        self._path_back = path_back
        super().__init__(Kind.XML, links)

    def _on_tag(self) -> OnTag:
        return self._hrefs.take

    def _raw(self, token: Token, data: bytes) -> bytes | None:
        return self._reference(token, data) if token.kind is TokenKind.CDATA else super()._raw(token, data)

    def _text(self, token: Token, data: bytes) -> bytes | None:
        return self._reference(token, data) or super()._text(token, data)

    def _reference(self, token: Token, data: bytes) -> bytes | None:
        at = self._hrefs.path(token, data)
        path = None if at is None else _PATH.match(data, at)
        if path is None:
            return None
        before = path[0].decode("utf-8", "surrogateescape")
        after = self._path_back(before)
        if after == before:
            return None
        change = (*path.span(), after.encode("utf-8", "surrogateescape"))
        return map_around(data, [change], self._links.link_map, self._links.tell("DAV:href", token.start))
