"""Fields of a request on its way to the backend: what clients may claim, and what rules set."""

from __future__ import annotations

import ipaddress

from urlrewrite.content.coding.codings import limit_accept_encoding
from urlrewrite.engine.failure import Failure
from urlrewrite.model.field_lines import OF_CONNECTION, FieldLine, FieldLines, field_values
from urlrewrite.trace.reasons import Reason

_MAX_FORWARDS = "max-forwards"


def is_trusted(address: str, proxies: tuple[str, ...]) -> bool:
    """Say whether a client's address is one of the proxies, which are given as addresses or networks."""
    if not proxies:
        return False
    try:
        client = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(client in ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def count_forwards(fields: FieldLines, limit: int | None) -> FieldLines:
    """Count a request on in Max-Forwards (RFC 9110, 7.6.2), for all methods, as ARR does; None leaves the field alone.

    Raises:
        Failure: it may not be forwarded any more.
    """
    if limit is None:
        return fields
    counts = [int(value) for value in field_values(fields, _MAX_FORWARDS) if value.isascii() and value.isdigit()]
    if 0 in counts:
        raise Failure("400.605", Reason.TOO_MANY_FORWARDS, message="Maximum number of forwards exceeded.")
    left = min([limit, *(count - 1 for count in counts)])
    rest = tuple(line for line in fields if line[0].lower() != _MAX_FORWARDS)
    return (*rest, ("Max-Forwards", str(left)))


def limit_codings(fields: FieldLines) -> FieldLines:
    """Limit Accept-Encoding to the content codings that can be undone here."""
    values = field_values(fields, "accept-encoding")
    if not values:
        return fields
    limited = limit_accept_encoding(", ".join(values))
    rest = tuple(line for line in fields if line[0].lower() != "accept-encoding")
    return rest if limited is None else (*rest, ("Accept-Encoding", limited))


def settable(fields: FieldLines, wanted: dict[str, str | None]) -> tuple[dict[str, str | None], list[str]]:
    """Split what rules set, by lower-case name, into what can be set, and the names of what is a connection's matter.

    A value that a field has already, and the removal of Connection or Upgrade, are no matter of dispute.
    """
    refused = [
        name
        for name, value in wanted.items()
        if name in OF_CONNECTION
        and not (value is None and name in ("connection", "upgrade"))
        and [each.lower() for each in field_values(fields, name)] != [(value or "").lower()]
    ]
    return {name: value for name, value in wanted.items() if name not in refused}, refused


def set_fields(fields: FieldLines, wanted: dict[str, str | None]) -> FieldLines:
    """Set the fields of `wanted`, by lower-case name, in their old place or at the end; None takes one away.

    Host is left alone: it is written by whoever sends the request.
    """
    if not wanted:
        return fields
    left = dict(wanted)
    lines: list[FieldLine] = []
    for name, value in fields:
        key = name.lower()
        if key not in wanted or key == "host":
            lines.append((name, value))
        elif (new := left.pop(key, None)) is not None:
            lines.append((name, new))
    lines += [(name, value) for name, value in left.items() if value is not None and name != "host"]
    return tuple(lines)
