"""What rules say of a request's origin, and our own fields made to agree with it.

A rule may set any of the fields by which proxies tell a backend who asked for what: guides set X-Forwarded-Proto to
https behind a balancer, some set Forwarded. A backend reads one of them, and nobody knows which. So what a rule sets in
one is what the others say as well, and what it removes, no other tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from urlrewrite.fields.forwarded import elements
from urlrewrite.fields.names import ip_address
from urlrewrite.model.field_lines import is_token
from urlrewrite.model.origin import DEFAULT_PORTS, parse_authority

PROTO, HOST, PORT, FORWARDED = "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded"

_SCHEMES = ("x-forwarded-proto", "x-forwarded-scheme", "x-forwarded-protocol", "x-scheme", "x-url-scheme")
_SWITCHES = ("front-end-https", "x-forwarded-ssl", "x-arr-ssl")
_HOSTS = ("x-forwarded-host", "x-original-host")

type ByRules = Mapping[str, str | None]
"""The fields that rules set, by lower-case name; None removes one."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What rules say: "" for nothing."""

    scheme: str
    host: str
    clients: tuple[str, ...]


def agreeing(own: Mapping[str, str], by_rules: ByRules, *, who: str, tls: str, tls_info: str) -> dict[str, str]:
    """Return our own fields as rules have them, or make them true.

    `who` is the name of X-Forwarded-For, `tls` that of X-ARR-SSL, whose value is `tls_info` where the scheme is https.
    """
    if not by_rules:
        return dict(own)
    said = _said(by_rules)
    made = dict(own)
    for name in own:
        if name.lower() in by_rules:
            made.pop(name)
            if value := by_rules[name.lower()]:
                made[name] = value
    concerned = {PROTO, HOST, PORT, FORWARDED, who}
    told = any(name.lower() in by_rules for name in concerned) or said.scheme or said.host
    if not told:
        return made

    def tell(name: str, value: str) -> None:
        if name.lower() not in by_rules and name in own:
            made[name] = value

    if said.scheme:
        tell(PROTO, said.scheme)
    if said.host:
        tell(HOST, said.host)
    if said.clients:
        tell(who, ", ".join(said.clients))
    scheme, host = said.scheme or own.get(PROTO, ""), said.host or own.get(HOST, "")
    if said.scheme or said.host:
        tell(PORT, _port(host, scheme) or own.get(PORT, ""))
    if tls and tls.lower() not in by_rules and said.scheme:
        made.pop(tls, None)
        if scheme in ("https", "wss"):
            made[tls] = tls_info
    if FORWARDED.lower() not in by_rules:
        told_host = said.host or made.get(HOST, "") if HOST in made else ""
        forwarded = _forwarded(made.get(who, ""), told_host, made.get(PROTO, ""))
        made.pop(FORWARDED, None)
        if forwarded:
            made[FORWARDED] = forwarded
    # In the order in which they are always sent.
    return {name: made[name] for name in (*own, *made) if name in made}


def _port(host: str, scheme: str) -> str:
    """Return the port of an authority, that of the scheme where it has none; "" where neither is known."""
    parsed = parse_authority(host)
    port = parsed[1] if parsed and parsed[1] else DEFAULT_PORTS.get(scheme)
    return str(port or "")


def _said(by_rules: ByRules) -> _Said:
    forwarded = elements(by_rules.get(FORWARDED.lower()) or "")
    first, clients = forwarded[0], (each["for"] for each in forwarded if "for" in each)
    schemes = [(by_rules.get(name) or "").strip().lower() for name in _SCHEMES]
    switches = [(by_rules.get(name) or "").strip().lower() for name in _SWITCHES]
    schemes += ["https" if value not in ("off", "0", "false", "no") else "http" for value in switches if value]
    # Some applications want a path behind the host, which is no part of an authority.
    hosts = [(by_rules.get(name) or "").partition(",")[0].partition("/")[0].strip() for name in _HOSTS]
    return _Said(
        next((scheme for scheme in (*schemes, first.get("proto", "").lower()) if scheme), ""),
        next((host for host in (*hosts, first.get("host", "")) if host), ""),
        tuple(client[1:-1] if client.startswith("[") and client.endswith("]") else client for client in clients),
    )


def _forwarded(clients: str, host: str, scheme: str) -> str:
    """Return Forwarded of what X-Forwarded-For, -Host and -Proto say, the first element with all of it."""
    nodes = [f"for={quoted(_node(client.strip()))}" for client in clients.split(",") if client.strip()]
    more = [f"host={quoted(host.partition(',')[0].strip())}"] if host else []
    more += [f"proto={scheme.partition(',')[0].strip()}"] if is_token(scheme.partition(",")[0].strip()) else []
    first = ";".join([*nodes[:1], *more])
    return ", ".join(filter(None, (first, *nodes[1:])))


def _node(client: str) -> str:
    address = ip_address(client)
    return f"[{address}]" if address and address.version == 6 else client


def quoted(value: str) -> str:
    """Quote a value that is not a token (RFC 7239, 4): an IPv6 address, anything with a port."""
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return value if is_token(value) else f'"{escaped}"'
