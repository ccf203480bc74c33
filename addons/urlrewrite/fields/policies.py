"""Policies that name origins: CSP, Feature-Policy, CORS, framing, HSTS.

An origin in a policy is permission. Mapping never takes a permission away from the public name: a wildcard that covered
the backend keeps covering what it did, and the public name is added next to it. Hashes, nonces, keywords and scheme
sources (`https:`) are left as they are.
"""

from __future__ import annotations

import re

from urlrewrite.fields.names import NameMap, host_of, ip_address
from urlrewrite.fields.reasons import FieldReason, GivenReason, because
from urlrewrite.fields.references import map_reference, mount
from urlrewrite.model.origin import DEFAULT_PORTS, Origin

_DIRECTIVE_END = re.compile(r"([;,])")
_FIRST_TOKEN = re.compile(r"\s*(\S+)", re.ASCII)
_TOKEN = re.compile(r"\S+", re.ASCII)

_WITHOUT_SOURCES = frozenset(
    (
        "block-all-mixed-content plugin-types referrer reflected-xss report-to require-sri-for "
        "require-trusted-types-for sandbox trusted-types upgrade-insecure-requests webrtc"
    ).split()
)

_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<wildcard>\*\.)?(?P<host>\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?)"
    r"(?::(?P<port>\d+|\*))?(?P<path>/.*)?",
    re.IGNORECASE | re.ASCII,
)
_ORIGIN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s,;\"'()<>]+", re.IGNORECASE)
_ORIGIN_PART = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
_ALLOW_FROM = re.compile(r"(\s*allow-from\s+)(\S+)", re.IGNORECASE | re.ASCII)


def map_csp(value: str, names: NameMap) -> str:
    """Map the host sources and report URIs of a Content-Security-Policy (CSP 3, 2.3), also of several in one line.

    Feature-Policy, which has features in the place of directives, has the same syntax.
    """
    parts = _DIRECTIVE_END.split(value)
    return "".join(part if part in (";", ",") else _map_directive(part, names) for part in parts)


def map_origins(value: str, names: NameMap) -> str:
    """Map origins in a value that has nothing else with a host: Access-Control-Allow-Origin, Permissions-Policy.

    Where the public site is mounted under a path, `map_text` gives that path, which an origin cannot have: it is cut.
    """
    return _ORIGIN_TEXT.sub(lambda origin: _map_origin(origin[0], names), value)


def map_frame_options(value: str, names: NameMap) -> str:
    """Map the origin of `X-Frame-Options: ALLOW-FROM origin` (RFC 7034, 2.1)."""
    found = _ALLOW_FROM.match(value)
    return found[1] + map_source(found[2], names) + value[found.end() :] if found else value


def map_source(source: str, names: NameMap) -> str:
    """Map one CSP source expression; the result holds two where a wildcard covers the backend among other hosts."""
    found = _SOURCE.fullmatch(source)
    if found is None:
        return names.map_text(source)
    scheme, host, port, path = found["scheme"], found["host"], found["port"], found["path"] or ""
    if found["wildcard"] or port == "*":
        return _map_wildcard(source, found, names)
    if scheme:
        return names.map_text(source) if path else _map_origin(source, names)
    mapped = names.map_bare(f"{host}:{port}" if port else host)
    return source if mapped is None else mapped + mount(path, names)


def strict_transport_security(value: str, public: Origin) -> tuple[bool, list[GivenReason]]:
    """Say whether to forward the backend's HSTS (RFC 6797) under a public name, and return warnings.

    HSTS is a promise about every port of the host, and with includeSubDomains about names that are not the backend's.
    """
    if public.scheme != "https":
        return False, []
    warnings: list[GivenReason] = []
    if public.port != 443:
        warnings += because(FieldReason.HSTS_EVERY_PORT, host=public.host)
    if "includesubdomains" in value.lower():
        warnings += because(FieldReason.HSTS_EVERY_NAME, host=public.host)
    return True, warnings


def has_hashes(policy: str) -> bool:
    """Say whether a CSP allows inline code by its hash: such code must reach the browser unchanged (CSP 3, 6.7.2.3)."""
    return re.search(r"'sha(?:256|384|512)-", policy, re.IGNORECASE) is not None


def _map_directive(text: str, names: NameMap) -> str:
    first = _FIRST_TOKEN.match(text)
    if first is None or (directive := first[1].lower()) in _WITHOUT_SOURCES:
        return text
    if directive == "report-uri":
        mapped = _TOKEN.sub(lambda token: map_reference(token[0], names), text[first.end() :])
    else:
        mapped = _TOKEN.sub(lambda token: map_source(token[0], names), text[first.end() :])
    return first[0] + mapped


def _map_origin(text: str, names: NameMap) -> str:
    mapped = names.map_text(text)
    if mapped == text:
        return text
    origin = _ORIGIN_PART.match(mapped)
    return origin[0] if origin else mapped


def _map_wildcard(source: str, found: re.Match[str], names: NameMap) -> str:
    """Map a source with `*.` before the host or `:*` behind it, which are no URLs that `map_text` would know."""
    public, backend = names.public, names.backend
    host, port = host_of(found["host"]), found["port"]
    # `:*` holds for the backend's own port among others; of another host only the default port is known.
    known_port = (str(backend.port) if host == backend.host else None) if port == "*" else port
    prefix = _public_prefix(found["scheme"], public)
    mapped = names.map_bare(f"{found['host']}:{known_port}" if known_port else found["host"])
    if mapped is None:
        covers = found["wildcard"] and backend.host.endswith(f".{host}") and _port_matches(port, backend)
        return f"{source} {prefix}{public.authority}" if covers else source
    target = host_of(mapped)
    if port == "*":
        mapped = f"[{target}]:*" if ":" in target else f"{target}:*"
    wildcard = found["wildcard"] if found["wildcard"] and ip_address(target) is None else ""
    return prefix + wildcard + mapped + mount(found["path"] or "", names)


def _port_matches(port: str | None, origin: Origin) -> bool:
    """Apply the port part of a source (CSP 3, 6.7.2.11): none means the default port."""
    return port == "*" or origin.port == (int(port) if port else DEFAULT_PORTS[origin.scheme])


def _public_prefix(scheme: str | None, public: Origin) -> str:
    """Return the scheme part of a source for the public name: ws stays ws, and is as secure as the public name."""
    if scheme is None:
        return ""
    if scheme.lower() in ("ws", "wss"):
        return "wss://" if public.scheme == "https" else "ws://"
    return f"{public.scheme}://"
