"""Request fields on their way to the backend: who requested what, and the public name mapped back to the backend's.

A client can write any of the fields by which proxies tell a backend who the client is. So its copies are dropped, in
all the spellings that a backend may read as one variable (`X_Forwarded_For`), and ours are written, unless the peer
is a proxy that the user trusts (`append`). Fields of the connection end here too (RFC 9110, 7.6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from urlrewrite.fields.agreement import ByRules, agreeing, quoted
from urlrewrite.fields.names import Change, NameMap, ip_address
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.fields.references import map_anything, map_list, map_tagged_list, map_url
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.model.origin import Origin
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS, ProxySettings

SPOOFABLE = frozenset(
    """
    forwarded x-forwarded x-forwarded-by x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-path
    x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-protocol x-forwarded-scheme x-forwarded-server
    x-forwarded-ssl x-forwarded-uri x-original-for x-original-host x-original-prefix x-original-proto x-original-uri
    x-original-url x-rewrite-url x-real-ip x-client-ip x-cluster-client-ip x-remote-addr x-remote-ip
    x-proxyuser-ip x-scheme x-url-scheme front-end-https true-client-ip cf-connecting-ip cf-connecting-ipv6 cf-visitor
    fastly-client-ip x-azure-clientip x-azure-socketip x-envoy-external-address x-envoy-original-path
    x-arr-ssl x-arr-log-id x-arr-clientcert x-waws-unencoded-url ms-aspnetcore-clientcert ms-aspnetcore-token
    """.split()
)
"""Fields by which a proxy vouches for its client, in lower case with `-`: not to be taken from a stranger."""

_HOP_BY_HOP = frozenset(
    "alt-used keep-alive proxy-connection proxy-authenticate proxy-authorization te http2-settings".split()
)
_OF_CONNECTION = _HOP_BY_HOP | {"connection", "upgrade"}
# What frames and routes the message stays, whatever `Connection` says.
_NEVER_NOMINATED = frozenset("host content-length transfer-encoding connection upgrade".split())

_MAPPED_BACK: Mapping[str, Callable[[str, NameMap], str]] = {
    "referer": map_anything,
    "ping-from": map_anything,
    "ping-to": map_anything,
    "hx-current-url": map_anything,
    "content-location": map_url,
    "upload-concat": map_list,
    # WebDAV's (RFC 4918, 10.3 to 10.5). Those that name resources may have paths; what names a lock is a URI.
    "destination": map_url,
    "if": map_tagged_list,
    "lock-token": map_anything,
}
"""Fields in which clients say what they read in responses, and how it is mapped back."""

_ORIGINS = frozenset("origin sec-websocket-origin".split())

MAPPED_BACK = _ORIGINS.union(_MAPPED_BACK)
"""Fields, by lower-case name, in which a backend compares URLs with its own name."""

_BY_RULE = because(FieldReason.BY_RULE)
_WHO_ASKED = because(FieldReason.WHO_ASKED)

NO_RULES: ByRules = MappingProxyType({})

UNKNOWN_TLS_INFO = "0|0||"
"""X-ARR-SSL of a TLS connection of which nothing is known: for most backends it only must not be empty."""


def forwarding_fields(
    fields: FieldLines,
    *,
    client_ip: str,
    requested: Origin,
    target: str,
    trace_id: str,
    client_port: int | None = None,
    tls_info: str | None = None,
    append: bool = False,
    prefix: str = "",
    settings: ProxySettings = NO_PROXY_SETTINGS,
    by_rules: ByRules = NO_RULES,
) -> tuple[FieldLines, list[Change]]:
    """Drop the fields that a client must not set, and add X-Forwarded-*, Forwarded (RFC 7239), X-Original-URL and
    X-ARR-*.

    `requested` is the origin that the client requested, `target` the path and query that it sent. `client_port`
    goes into X-Forwarded-For and Forwarded where given (IIS sends it, and many backends cannot read it). `tls_info` is
    the value of X-ARR-SSL, `keysize|secret keysize|issuer|subject`. With `append` the peer is a trusted proxy: its
    copies stay, and the client address is added to its lists. `prefix` is the public path that the
    backend does not see, for X-Forwarded-Prefix. `settings` may give some of them other names, or none. `by_rules` are
    the fields that rules set: those of ours are the rules', and the others agree with them.
    """
    kept, changes = drop_hop_by_hop(fields)
    who = _or(settings.x_forwarded_for_header_name, "X-Forwarded-For")
    log_id = _or(settings.log_guid_name, "X-ARR-LOG-ID")
    own = {
        who: _node(client_ip, client_port),
        "X-Forwarded-Host": requested.authority,
        "X-Forwarded-Proto": requested.scheme,
        "X-Forwarded-Port": str(requested.port),
        "Forwarded": _forwarded(client_ip, client_port, requested),
        "X-Original-URL": target,
        log_id: trace_id,
    }
    if prefix:
        own["X-Forwarded-Prefix"] = prefix
    tls = _or(settings.ssl_header_name, "X-ARR-SSL")
    if requested.scheme == "https":
        own[tls] = tls_info or UNKNOWN_TLS_INFO
    if settings.x_forwarded_by_header:
        own[_or(settings.x_forwarded_by_header_name, "X-Forwarded-By")] = settings.x_forwarded_by_header
    own.pop("", None)
    if append:
        own = _own_behind_a_proxy(own, kept, lists=(who, "Forwarded"), ours=("X-Original-URL", log_id))
    lines: list[FieldLine] = []
    keys = {name: name.lower() for name in own}
    replaced = set(keys.values())
    if by_rules:
        own = agreeing(own, by_rules, who=who, tls=tls, tls_info=tls_info or UNKNOWN_TLS_INFO)
        keys = {name: name.lower() for name in own}
        replaced.update(keys.values())
    former: dict[str, str] = {}
    for name, value in kept:
        same = name.lower().replace("_", "-")
        if same in replaced:
            former[same] = f"{former[same]}, {value}" if same in former else value
        elif same in SPOOFABLE and not append:
            changes.append(Change(name, value, None, because(FieldReason.UNTRUSTED)))
        else:
            lines.append((name, value))
    for name, value in own.items():
        lines.append((name, value))
        before = former.get(keys[name])
        if before != value:
            why = _BY_RULE if keys[name] in by_rules else _WHO_ASKED
            changes.append(Change(name, before, value, why))
    return tuple(lines), changes


def drop_hop_by_hop(fields: FieldLines) -> tuple[FieldLines, list[Change]]:
    """Drop the fields of the client's connection (RFC 9110, 7.6.1), which do not concern the backend.

    Of TE "trailers" stays: whoever asks for the client takes trailers as it does (RFC 9110, 6.5.1). `close` and
    `keep-alive` stay in Connection, because the proxy core reads there when to close the client's
    connection; so do Connection and Upgrade of a WebSocket handshake (RFC 6455, 4.1), and Transfer-Encoding.
    """
    if not any(name.lower() in _OF_CONNECTION for name, _ in fields):
        return fields, []
    options = {option for name, value in fields if name.lower() == "connection" for option in _options(value)}
    websocket = "upgrade" in options and any(
        name.lower() == "upgrade" and "websocket" in value.lower() for name, value in fields
    )
    dropped = _HOP_BY_HOP | (options - _NEVER_NOMINATED) | (frozenset() if websocket else {"upgrade"})
    stays = {"close", "keep-alive", "upgrade"} if websocket else {"close", "keep-alive"}
    lines: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in fields:
        after: str | None = value
        if name.lower() == "connection" and not stays.issuperset(_options(value)):
            after = ", ".join(option for option in _options(value) if option in stays) or None
        elif name.lower() == "te" and not websocket and says_trailers(value):
            after = "trailers"
        elif name.lower() in dropped:
            after = None
        if after is not None:
            lines.append((name, after))
        if after != value:
            changes.append(Change(name, value, after, because(FieldReason.OF_CONNECTION)))
    return tuple(lines) if changes else fields, changes


def says_trailers(te: str) -> bool:
    """Say whether "trailers" is among the members of TE."""
    return any(option.partition(";")[0].rstrip(" \t") == "trailers" for option in _options(te))


def map_back_request_fields(
    fields: FieldLines,
    *,
    names: NameMap,
    origins: Mapping[Origin, Origin],
    cookies: bool = False,
) -> tuple[FieldLines, list[Change]]:
    """Map public names back where the backend compares them with its own: Origin, Referer, Destination and the like.

    `names` has the functions that map from the public names to the backend's. `origins` maps public origins to backend
    ones; the Origin field is mapped only if it is exactly one of them, so that a foreign origin stays foreign and
    `null` null.
    `cookies` says that cookies were mapped on their way out.
    """
    lines: list[FieldLine] = []
    changes: list[Change] = []
    for name, value in fields:
        after = value
        if name.lower() in _ORIGINS:
            origin = Origin.parse(value.strip(" \t"))
            if origin is not None and origin in origins:
                after = str(origins[origin])
        elif (map_back := _MAPPED_BACK.get(name.lower())) or (cookies and name.lower() == "cookie"):
            # A page may give away no more than its origin, which may be that of several sites.
            origin = Origin.parse(value.removesuffix("/")) if name.lower() == "referer" else None
            if origin is not None and origin in origins:
                after = f"{origins[origin]}{value[len(value.removesuffix('/')) :]}"
            else:
                after = (map_back or map_anything)(value, names)
        lines.append((name, after))
        if after != value:
            changes.append(Change(name, value, after, because(FieldReason.MAPPED_BACK)))
    return tuple(lines) if changes else fields, changes


def _or(given: str | None, usual: str) -> str:
    return usual if given is None else given


def _own_behind_a_proxy(
    own: dict[str, str], fields: FieldLines, *, lists: tuple[str, ...], ours: tuple[str, ...]
) -> dict[str, str]:
    """Join our fields with those of a trusted proxy: lists grow, and what it says of the first request stands.

    `ours` are what it does not say.
    """
    before: dict[str, list[str]] = {}
    for name, value in fields:
        if value.strip():
            before.setdefault(name.lower(), []).append(value)
    joined = {}
    for name, value in own.items():
        former = before.get(name.lower(), [])
        if name in lists:
            joined[name] = ", ".join([*former, value])
        elif name == "X-Forwarded-Prefix":
            joined[name] = "".join([*(prefix.strip().rstrip("/") for prefix in former), value])
        elif name in ours or not former:
            joined[name] = value
    return joined


@lru_cache(maxsize=1024)  # as of `ip_address`
def _node(client_ip: str, port: int | None) -> str:
    """Return a client's address as X-Forwarded-For has it: IPv6 in brackets only where a port follows."""
    address = ip_address(client_ip)
    text = str(address) if address else client_ip
    if port is None:
        return text
    return f"[{text}]:{port}" if address and address.version == 6 else f"{text}:{port}"


@lru_cache(maxsize=1024)
def _forwarded(client_ip: str, port: int | None, requested: Origin) -> str:
    address = ip_address(client_ip)
    if address is None:
        node = "unknown"
    else:
        node = f"[{address}]" if address.version == 6 else str(address)
        node += f":{port}" if port is not None else ""
    return f"for={quoted(node)};host={quoted(requested.authority)};proto={requested.scheme}"


def _options(value: str) -> list[str]:
    return [option.strip(" \t").lower() for option in value.split(",") if option.strip(" \t")]
