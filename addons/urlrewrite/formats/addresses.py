"""Origins out of addresses as an author writes them."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import replace
from urllib.parse import SplitResult, quote, urlsplit

from urlrewrite.formats.wording import shown
from urlrewrite.model.origin import DEFAULT_PORTS, WILDCARD, Origin

_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))(?:[\w.~-]|%[0-9A-F]{2})+)*", re.ASCII)
"""Letters that stand for themselves wherever a URL may stand: in HTML, scripts, style sheets, fields."""
_WILDCARD = re.compile(r"(?<=://)\*\.")
_CAPTURE = re.compile(r"\{[Cc]:([01])\}")
_STAND_IN = re.compile(r"urlrewrite-capture-([01])")
_SEPARATORS = re.compile(r"%(?:2F|5C|00)")


def parse_origin(text: str) -> Origin:
    """Parse an origin such as `https://www.example.com:8443`, a `/` at the end allowed.

    Raises ValueError with "got X, expected Y" for anything else.
    """
    origin, path = parse_place(text)
    if path:
        raise ValueError(f"got {shown(text)}, expected {origin}: an address without a path")
    return origin


def parse_named_origin(what: str, text: str) -> Origin:
    """Parse an origin that is given under a name. Raises ValueError with "what: got X, expected Y"."""
    try:
        return parse_origin(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def parse_public(what: str, text: str) -> Origin:
    """Parse a public name, which can be a wildcard. Raises ValueError with "what: got X, expected Y"."""
    try:
        origin, path = parse_public_place(text)
        if path:
            raise ValueError(f"got {shown(text)}, expected {origin}: an address without a path")
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    return origin


def parse_public_place(text: str) -> tuple[Origin, str]:
    """Parse a public name such as `https://www.example.com/app`, whose host can be a wildcard: `*.example.com`.

    Raises ValueError with "got X, expected Y" for anything else.
    """
    bare = _WILDCARD.sub("", text, count=1)
    origin, path = parse_place(bare)
    return (origin if bare == text else replace(origin, host=WILDCARD + origin.host)), path


def parse_backend(text: str) -> tuple[Origin, str]:
    """Parse the address of a backend into origin and path; its host can have `{C:0}` and `{C:1}` in it.

    Raises ValueError with "got X, expected Y" for anything else.
    """
    origin, path = parse_place(_CAPTURE.sub(r"urlrewrite-capture-\1", text))
    return replace(origin, host=_STAND_IN.sub(r"{C:\1}", origin.host)), path


def parse_place(text: str) -> tuple[Origin, str]:
    """Parse an address such as `https://www.example.com/app` into origin and path (as of `parse_path`).

    A `/` at the end is allowed.

    Raises ValueError with "got X, expected Y" for anything else.
    """
    origin, rest = _split(text)
    if rest.query or rest.fragment:
        raise ValueError(f"got {shown(text)}, expected {origin} with or without a path: no query and no fragment")
    return origin, parse_path(rest.path)


def parse_path(text: str) -> str:
    """Return a path as it stands in URLs: `/app` for `/app/`, "" for the root, letters outside ASCII encoded.

    Raises ValueError with "got X, expected Y" if it is not a path, or has characters with a meaning of their own where
    URLs stand.
    """
    path = _capital_escapes(quote(text.removesuffix("/"), safe="/%!$&'()*+,;=:@~"))
    if not _PATH.fullmatch(path) or _SEPARATORS.search(path):
        expected = "a path such as /app, of letters, digits and . _ ~ - (others as %20)"
        raise ValueError(f"got the path {shown(text)}, expected {expected}")
    return path


def site_name(public: Origin, path: str) -> str:
    """Name a site that has no name after its host and path, which are its own."""
    return public.host + path.replace("/", "-")


def _capital_escapes(path: str) -> str:
    """Write percent-encodings in capitals, as they are compared (RFC 3986, 6.2.2.1)."""
    return re.sub(r"%[0-9a-f]{2}", lambda escape: escape[0].upper(), path, flags=re.IGNORECASE)


def origin_of(url: str) -> Origin:
    """Return the origin of an absolute http or https URL. Raises ValueError with "got X, expected Y" for any other."""
    return _split(url)[0]


def parse_host_port(text: str) -> tuple[str, int]:
    """Parse `127.0.0.1:8090` or `[::1]:8090` into host and port. Raises ValueError with "got X, expected Y"."""
    expected = f"got {shown(text)}, expected host:port such as 127.0.0.1:8090"
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if not port or parts.netloc != text or "@" in text or _is_future_address(parts):
        raise ValueError(expected)
    return ascii_host(parts.hostname or ""), port


def ascii_host(host: str) -> str:
    """Return a host as it is sent: lower case, labels outside ASCII in punycode, no brackets.

    As browsers do it (UTS 46, non-transitional: `ß` stays itself), without their tables of forbidden characters.
    Raises ValueError with "got X, expected Y" for what is neither a name nor an address.
    """
    problem = f"got the host {shown(host)}, expected a name such as www.example.com or an address"
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError:
            raise ValueError(problem) from None
    name = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".").removesuffix(".")
    labels = [_ascii_label(label) for label in name.split(".")]
    if not all(labels) or len(".".join(labels)) > 253:
        raise ValueError(problem)
    return ".".join(labels)


def _ascii_label(label: str) -> str:
    """Encode a label; return "" if no name may have it (RFC 1035, section 2.3.4; `_` occurs in Windows names)."""
    if any(not (character.isalnum() or character in "-_") for character in label if character.isascii()):
        return ""
    if any(character.isspace() for character in label):
        return ""
    encoded = label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
    return encoded if len(encoded) <= 63 else ""


def _split(text: str) -> tuple[Origin, SplitResult]:
    expected = f"got {shown(text)}, expected http:// or https:// and a host, such as https://www.example.com"
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(expected)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{expected} ({error})") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.hostname or _is_future_address(parts):
        raise ValueError(expected)
    if "@" in parts.netloc:
        raise ValueError(f"got {shown(text)}, expected no user name or password in it")
    if port == 0:
        raise ValueError(f"got port 0 in {shown(text)}, expected 1 to 65535")
    return Origin(scheme, ascii_host(parts.hostname), port or DEFAULT_PORTS[scheme]), parts


def _is_future_address(parts: SplitResult) -> bool:
    """Tell whether brackets enclose something other than an IPv6 address (`IPvFuture` in RFC 3986, section 3.2.2)."""
    return "[" in parts.netloc and ":" not in (parts.hostname or "")
