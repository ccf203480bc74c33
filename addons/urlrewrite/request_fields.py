"""Fields of a request on its way to the backend: what clients may claim, and what rules set."""

from __future__ import annotations

import ipaddress

from urlrewrite.content.coding import limit_accept_encoding

type FieldLines = list[tuple[str, str]]


def is_trusted(address: str, proxies: tuple[str, ...]) -> bool:
    """Whether a client is one of the proxies, given as addresses or networks."""
    try:
        client = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(client in ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def limit_codings(fields: FieldLines) -> FieldLines:
    """Accept-Encoding limited to what the content engine can undo."""
    values = [value for name, value in fields if name.lower() == "accept-encoding"]
    if not values:
        return fields
    limited = limit_accept_encoding(", ".join(values))
    rest = [(name, value) for name, value in fields if name.lower() != "accept-encoding"]
    return rest if limited is None else [*rest, ("Accept-Encoding", limited)]


def set_fields(fields: FieldLines, wanted: dict[str, str | None]) -> FieldLines:
    """`fields` with those of `wanted` (by lower-case name) set in their old place or added; None takes one away."""
    left = dict(wanted)
    lines: FieldLines = []
    for name, value in fields:
        key = name.lower()
        if key not in wanted or key == "host":
            lines.append((name, value))
        elif (new := left.pop(key, None)) is not None:
            lines.append((name, new))
    lines += [(name, value) for name, value in left.items() if value is not None and name != "host"]
    return lines
