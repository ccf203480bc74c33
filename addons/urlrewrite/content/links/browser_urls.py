r"""URLs as browsers read them, in attributes that hold one URL and nothing else.

The link map looks for a host's letters between two slashes and a port. A browser takes more for a URL of that host
(https://url.spec.whatwg.org/#concept-basic-url-parser): blanks around it, TAB and line ends anywhere in it, `\` for
`/`, too few or too many slashes after a scheme, and percent-encoded letters in the host; and HTML may write any
character as a reference. Here such a value is read in the same way. Only scheme, slashes, host and port are replaced,
and what is read as something other than `//` is made `//`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from urlrewrite.content.character_references import decoded
from urlrewrite.content.links.link_map import LinkMap, OnChange, shifted

_MAX_LENGTH = 1024
"""Bytes at the beginning of a value in which the host must end."""

_COLON = rb"(?::|&(?:#0*58;?|(?i:#x0*3a);?|colon;))"
_SLASH = rb"(?:/|&(?:#0*47;?|(?i:#x0*2f);?|sol;))"
_ORDINARY = re.compile(
    rb"[\x00-\x20]*+(?:(?i:https?|wss?)%b)?+%b%b(?:[\w.\-\[\]:@]|%b)++(?=[?#]|%b|\Z)"
    % (_COLON, _SLASH, _SLASH, _COLON, _SLASH)
)
"""What the link map reads just as well; the rest of the URL does not matter."""

_URL = re.compile(
    rb"[\x00-\x20]*+(?P<all>(?:(?P<scheme>https?|wss?):(?P<slashes>[/\\]*+)|(?P<relative>[/\\]{2}))"
    rb"(?P<user>[^/\\?#]*@)?(?P<host>\[[0-9a-f:.]+\]|[^/\\?#:@\[\]\x00-\x20]+)(?::(?P<port>[0-9]{0,5}))?)(?=[/\\?#\x20]|\Z)",
    re.IGNORECASE,
)
_DROPPED = re.compile(rb"[\t\n\r]")

_AUTHORITY = rb"[^/\\?#\"'<>\s%&]*+"
_STARTS_AWAY = (
    rb"[\x00-\x20]*+(?:(?i:h[\t\r\n]*t[\t\r\n]*t[\t\r\n]*p[\t\r\n]*s?|w[\t\r\n]*s[\t\r\n]*s?)[\t\r\n]*"
    rb"(?::|&(?:#58|(?i:#x3a)|colon);?))?"
)
_TWO_SLASHES = rb"(?:(?:[/\\]|&(?:#47|#92|(?i:#x2f|#x5c)|b?sol);?)[\t\r\n]*){2}"
HIDDEN = _STARTS_AWAY + _TWO_SLASHES + _AUTHORITY + rb"(?:%[0-9a-fA-F]|&|[\t\r\n]+[^\s\"'<>])"
"""An expression for the beginning of a value whose host is not written with its own letters."""

_BEGINS_HIDDEN = _AUTHORITY + rb"(?:%[0-9a-fA-F]|&#?|[\t\r\n]+[^\s\"'<>])"
_HIDDEN_HOST = _BEGINS_HIDDEN + rb"(?:[^/\\?#\"'<> &]|&#?)*"
_HIDDEN_HOSTS = {
    # An expression without groups finds out fastest that there is none.
    slash: (
        re.compile(re.escape(slash * 2) + _BEGINS_HIDDEN),
        re.compile(rb"%b(?=(%b))" % (re.escape(slash * 2), _HIDDEN_HOST)),
    )
    for slash in (b"/", b"\\")
}


def hides_host(data: bytes, link_map: LinkMap) -> bool:
    """Say whether markup may name a host of the map, though not with the host's own letters."""
    return any(
        link_map.names_in(_plain_letters(found[1]))
        for slash, (begins, hidden) in _HIDDEN_HOSTS.items()
        if slash in data and (first := begins.search(data))
        for found in hidden.finditer(data, first.start())
    )


def map_browser_url(value: bytes, link_map: LinkMap, on_change: OnChange) -> bytes:
    """Return a raw attribute value with its URL's origin replaced, and further links in the rest of it mapped.

    The same object if it does not begin with a URL of ours, or with one that the link map reads just as well.
    """
    if _ORDINARY.match(value):
        return value
    text, starts = _as_read(value[:_MAX_LENGTH])
    found = _URL.match(text)
    if found is None or (found.end() == len(text) and len(value) > _MAX_LENGTH):
        return value
    port = int(found["port"]) if found["port"] else None
    scheme = (found["scheme"] or b"").decode().lower()
    target = link_map.target(scheme, _host(found["host"]), port, text, found.end("all"))
    if target is None:
        return value
    start, end = starts[found.start("all")], starts[target.end]
    user = value[starts[found.start("user")] : starts[found.end("user")]] if found["user"] else b""
    colon = b":" if target.scheme else b""
    written = b"%b%b//%b%b" % (target.scheme.encode(), colon, user, f"{target.becomes.authority}{target.path}".encode())
    if written == value[start:end]:
        return value
    on_change(start, value[start:end], written)
    return value[:start] + written + link_map.map(value[end:], on_change=shifted(on_change, end))


def _as_read(value: bytes) -> tuple[bytes, list[int]]:
    """Return what a browser's URL parser sees, and where each byte of it begins."""
    text, starts = decoded(value)
    if _DROPPED.search(text) is None:
        return text, starts
    kept = [at for at, byte in enumerate(text) if byte not in b"\t\n\r"]
    return _DROPPED.sub(b"", text), [*(starts[at] for at in kept), len(value)]


def _plain_letters(authority: bytes) -> bytes:
    return unquote_to_bytes(_as_read(authority)[0])


def _host(written: bytes) -> bytes:
    """Return a host as the link map knows it."""
    return unquote_to_bytes(written).lower().removesuffix(b".")
