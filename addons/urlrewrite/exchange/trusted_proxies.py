"""Requests that come by way of a proxy in front of this one: what it says of the client's request is believed.

A balancer that ends TLS forwards plain HTTP and says in X-Forwarded-Proto, -Host and -Port what the client asked for.
From an address that a site lists under `trustedProxies`, that decides the scheme ({HTTPS}), the host and the port; from
any other it is a claim of the client, and is dropped. A proxy that writes none of the X-Forwarded fields may say the
same in Forwarded; beside them that field does not count, since few proxies that write them take away a client's.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.engine.compile import CompiledRules
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.request_fields import is_trusted
from urlrewrite.fields.forwarded import last_element
from urlrewrite.model import Site
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import parse_authority

_USUAL = (80, 443)
_X_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port")


def as_client_asked(request: RequestFacts, rules: CompiledRules) -> RequestFacts:
    """Return the request as its client sent it to the proxy in front; the same if its site does not trust who sent it.

    Of several values the last one counts: it is what the trusted proxy itself added.
    """
    if not is_trusted(request.client[0], rules.trusted_proxies):
        return request
    asked = _asked(request)
    compiled = rules.find_site(asked.scheme, asked.host, asked.target) if asked.host else None
    trusts = compiled is not None and is_trusted(request.client[0], compiled.site.trusted_proxies)
    return asked if trusts else request


def client_addresses(request: RequestFacts, site: Site, *, proxy_mode: bool) -> tuple[str, ...]:
    """Return the addresses that a request comes from, all of which a site has to let in.

    That is the client's own, as a trusted proxy in front says it. In IIS's `proxy_mode` it is also what anybody else
    says, since a proxy that is not listed as trusted may be in front: that can only keep a request out.
    """
    peer = request.client[0]
    told = [_address(part) for value in field_values(request.fields, "x-forwarded-for") for part in value.split(",")]
    told = [address for address in told if address]
    if is_trusted(peer, site.trusted_proxies):
        others = [address for address in told if not is_trusted(address, site.trusted_proxies)]
        return (others[-1] if others else told[0] if told else peer,)
    return (peer, *told) if proxy_mode else (peer,)


def _address(text: str) -> str:
    """Take the port, and the brackets of an address of IPv6, from an element of X-Forwarded-For."""
    text = text.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _asked(request: RequestFacts) -> RequestFacts:
    _, scheme, host, told_port = (_last(request, name) for name in _X_FORWARDED)
    lines = field_values(request.fields, "forwarded")
    if lines and not any(field_values(request.fields, name) for name in _X_FORWARDED):
        told = last_element(lines[-1])
        scheme, host = told.get("proto", ""), told.get("host", "")
    scheme = scheme.lower() if scheme.lower() in ("http", "https") else request.scheme
    host = host or request.host
    parsed = parse_authority(host)
    if parsed is None:
        host, parsed = request.host, parse_authority(request.host)
    port = _port(told_port)
    if port and parsed and parsed[1] is None:
        host = f"{host}:{port}"
    return replace(request, scheme=scheme, host=host)


def _last(request: RequestFacts, name: str) -> str:
    values = field_values(request.fields, name)
    return values[-1].rpartition(",")[2].strip() if values else ""


def _port(text: str) -> int:
    """Return a port that has to be written; 0 for a usual one: a balancer may well say 80, where it forwards to."""
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return 0 if port in _USUAL or port > 65535 else port
