"""The attributes of markup: which ones hold only names that look like addresses, and how a value is read."""

from __future__ import annotations

import re

from urlrewrite.content.carriers import CODE_NAMES, ONE_URL
from urlrewrite.content.html.tokens import Token
from urlrewrite.content.links.browser_urls import map_browser_url
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted

NAMES_NOT_LINKS = frozenset(b"datatype integrity itemprop itemtype nonce prefix property typeof vocab".split())
"""Attributes that hold identifiers, not addresses, though they may look like URLs."""

_XML_NAMES_NOT_LINKS = NAMES_NOT_LINKS | frozenset(b"algorithm namespace soapaction targetnamespace".split())
"""The same in XML: namespaces, algorithms of XML Signature, and the SOAPAction of a binding (WSDL 1.1, 3.4)."""

_CODE = re.compile(CODE_NAMES)
_WORD = re.compile(rb"(?:&#?\w+;|[^\s;,])+")
_POLICY = re.compile(
    rb"content-security-policy(?:-report-only)?|x-(?:content-security-policy|webkit-csp)", re.IGNORECASE
)


def is_name(attribute: bytes, *, xml: bool) -> bool:
    """Say whether an attribute, in lower case, holds an identifier, not an address."""
    return attribute in (_XML_NAMES_NOT_LINKS if xml else NAMES_NOT_LINKS) or attribute.startswith(b"xmlns")


def map_value(
    tag: Token, attribute: bytes, value: bytes, link_map: LinkMap, *, code: bool, on_change: OnChange
) -> bytes:
    """Return the raw value of an attribute with its links mapped; `value` itself where there are none.

    `attribute` is in lower case. `code` says that a quoted host in a script is to be mapped.
    """
    if attribute in ONE_URL:
        mapped = map_browser_url(value, link_map, on_change)
        if mapped is not value:
            return mapped
    if attribute.rpartition(b":")[2] == b"schemalocation":
        return _map_schema_locations(value, link_map, on_change)
    if attribute == b"domain" and tag.name.lower() == b"allow-access-from":
        return _map_authorities(value, link_map, on_change)
    if attribute == b"content" and _POLICY.fullmatch((tag.get(b"http-equiv") or b"").strip()):
        return _map_authorities(value, link_map, on_change)
    return link_map.map(value, bare=code and _CODE.match(attribute) is not None, on_change=on_change)


def _map_schema_locations(value: bytes, link_map: LinkMap, on_change: OnChange) -> bytes:
    """Map pairs of a namespace and the place of its schema (XML Schema 1.0, part 1, 4.3.2); a single one
    is a place.
    """
    words = list(re.finditer(rb"[^ \t\r\n]+", value))
    pieces: list[bytes] = []
    done = 0
    for word in words[1::2] if len(words) > 1 else words:
        mapped = link_map.map(word[0], on_change=shifted(on_change, word.start()))
        pieces += (value[done : word.start()], mapped)
        done = word.end()
    return b"".join([*pieces, value[done:]])


def _map_authorities(value: bytes, link_map: LinkMap, on_change: OnChange) -> bytes:
    """Map a text in which a host may stand without a scheme: a policy (CSP 3, 2.3.1), a domain of
    `crossdomain.xml`.
    """
    pieces: list[bytes] = []
    done = 0
    for word in _WORD.finditer(value):
        authority, slash, path = word[0].partition(b"/")
        becomes = link_map.map_authority(authority.decode("utf-8", "surrogateescape"))
        if becomes is None:
            mapped = link_map.map(word[0], on_change=shifted(on_change, word.start()))
        else:
            mapped = becomes.encode() + slash + path
            on_change(word.start(), authority, becomes.encode())
        pieces += (value[done : word.start()], mapped)
        done = word.end()
    return b"".join([*pieces, value[done:]])
