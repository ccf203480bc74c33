"""Which response fields name a host, and how: the table, and the function that applies it to the lines of a response.

Trailers and the fields of a 1xx response are treated alike. The order of the lines and the case of names are kept;
a line in which nothing is found is identical.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from urlrewrite.fields import policies, references
from urlrewrite.fields.cookies import rewrite_set_cookie
from urlrewrite.fields.names import Change, NameMap
from urlrewrite.fields.reasons import FieldReason, GivenReason, because
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.model.origin import Origin


class FieldKind(Enum):
    """How a field names a host; but for the first two, the reason of a `Change` has its name."""

    COOKIE = auto()
    UNTOUCHED = auto()
    URL = auto()
    REFRESH = auto()
    LINK = auto()
    JSON = auto()
    QUOTED = auto()
    LIST = auto()
    ORIGIN_LIST = auto()
    ALLOW_FROM = auto()
    POLICY = auto()
    CHALLENGE = auto()
    AUTHORITY = auto()
    GENERIC = auto()
    TRANSPORT_SECURITY = auto()
    ALTERNATIVE = auto()
    KEY_PINS = auto()


_NAMES_OF = {
    FieldKind.URL: """Location Content-Location Content-Base URI Destination SourceMap X-SourceMap
        Service-Worker-Allowed X-Pingback OData-EntityId Operation-Location Azure-AsyncOperation Sec-WebSocket-Location
        HX-Redirect HX-Push-Url HX-Replace-Url Turbo-Location X-PJAX-URL X-Inertia-Location""",
    FieldKind.REFRESH: "Refresh",
    FieldKind.LINK: "Link",
    FieldKind.JSON: "Report-To NEL HX-Location",
    FieldKind.QUOTED: "Reporting-Endpoints Speculation-Rules P3P Expect-CT",
    FieldKind.LIST: "X-XSS-Protection Upload-Concat",
    FieldKind.ORIGIN_LIST: "Access-Control-Allow-Origin Timing-Allow-Origin Permissions-Policy Sec-WebSocket-Origin",
    FieldKind.ALLOW_FROM: "X-Frame-Options",
    FieldKind.POLICY: """Content-Security-Policy Content-Security-Policy-Report-Only X-Content-Security-Policy
        X-Content-Security-Policy-Report-Only X-WebKit-CSP X-WebKit-CSP-Report-Only Feature-Policy""",
    FieldKind.CHALLENGE: "WWW-Authenticate Proxy-Authenticate",
    # Fields that exist to name a machine: a bare word is a host there, and nowhere else.
    FieldKind.AUTHORITY: """Via Host X-Host X-Server X-Server-Name X-Backend X-Backend-Host X-Backend-Server X-Served-By
        X-Upstream X-Forwarded-Host X-Forwarded-Server""",
    FieldKind.COOKIE: "Set-Cookie",
    FieldKind.TRANSPORT_SECURITY: "Strict-Transport-Security",
    FieldKind.ALTERNATIVE: "Alt-Svc",
    FieldKind.KEY_PINS: "Public-Key-Pins Public-Key-Pins-Report-Only",
    # What is compared, hashed, signed or an identifier means what its bytes are, even where it looks like a URL:
    # validators, digests, signatures, credentials, protocol handshakes, vocabularies, and names of files.
    FieldKind.UNTOUCHED: """ETag Content-MD5 Digest Content-Digest Repr-Digest Signature Signature-Input
        Authorization Proxy-Authorization Authentication-Info Proxy-Authentication-Info Content-Disposition
        Content-Type Clear-Site-Data DAV Lock-Token X-Goog-Hash""",
}

KINDS: dict[str, FieldKind] = {name.lower(): kind for kind, text in _NAMES_OF.items() for name in text.split()}
"""Field name in lower case to its kind; all others are `FieldKind.GENERIC`, but for `_UNTOUCHED_PREFIXES`."""

_UNTOUCHED_PREFIXES = ("sec-websocket-", "x-amz-checksum-", "x-content-sha")

_MAPS: dict[FieldKind, Callable[[str, NameMap], str]] = {
    FieldKind.URL: references.map_url,
    FieldKind.REFRESH: references.map_refresh,
    FieldKind.LINK: references.map_link,
    FieldKind.JSON: references.map_json,
    FieldKind.QUOTED: references.map_quoted,
    FieldKind.LIST: references.map_list,
    FieldKind.ORIGIN_LIST: policies.map_origins,
    FieldKind.ALLOW_FROM: policies.map_frame_options,
    FieldKind.POLICY: policies.map_csp,
    FieldKind.CHALLENGE: references.map_challenge,
    FieldKind.AUTHORITY: references.map_authorities,
    FieldKind.GENERIC: references.map_anything,
}


def kind_of(name: str) -> FieldKind:
    """Return the kind of a response field by its name, in any case."""
    name = name.lower()
    kind = KINDS.get(name)
    if kind is None:
        kind = FieldKind.UNTOUCHED if name.startswith(_UNTOUCHED_PREFIXES) else FieldKind.GENERIC
    return kind


def rewrite_response_fields(
    fields: FieldLines,
    *,
    map_text: Callable[[str], str],
    map_bare: Callable[[str], str | None],
    public: Origin,
    backend: Origin,
    map_path: Callable[[str], str] | None = None,
    map_cookie_value: Callable[[str], str] | None = None,
    map_cookie_path: Callable[[str], str] | None = None,
) -> tuple[FieldLines, list[Change]]:
    """Make the fields of a response true for `public`; `NameMap` says what the functions have to do.

    Body-bound fields (Content-Length, digests, ETag) are the business of `validators`.
    """
    names = NameMap(public, backend, map_text, map_bare, map_path, map_cookie_value, map_cookie_path)
    lines: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in fields:
        line, done = _rewrite_line(name, value, names)
        if line:
            lines.append(line)
        changes += done
    return (tuple(lines) if changes else fields), changes + _broken_signatures(fields, changes)


def _rewrite_line(name: str, value: str, names: NameMap) -> tuple[FieldLine | None, list[Change]]:
    kind = kind_of(name)
    if kind is FieldKind.UNTOUCHED:
        return (name, value), []
    if kind is FieldKind.COOKIE:
        after, changes = rewrite_set_cookie(value, names)
        return (name, after), changes
    if kind is FieldKind.TRANSPORT_SECURITY:
        keep, warnings = policies.strict_transport_security(value, names.public)
        if keep:
            return (name, value), [Change(name, value, value, (warning,), warning=True) for warning in warnings]
    if map_ := _MAPS.get(kind):
        after = map_(value, names)
        return (name, after), [Change(name, value, after, _why(kind))] if after != value else []
    return None, [Change(name, value, None, _why(kind))]


def _why(kind: FieldKind) -> tuple[GivenReason, ...]:
    return because(FieldReason[kind.name])


def _broken_signatures(fields: FieldLines, changes: list[Change]) -> list[Change]:
    """Warn of message signatures (RFC 9421) that cover a field which was changed."""
    changed = {change.field.lower() for change in changes if change.before != change.after}
    warnings = []
    for name, value in fields:
        if name.lower() == "signature-input":
            covered = changed.intersection(re.findall(r'"([^"]*)"', value.lower()))
            if covered:
                why = because(FieldReason.SIGNATURE_BROKEN, names=", ".join(sorted(covered)))
                warnings.append(Change(name, value, value, why, warning=True))
    return warnings
