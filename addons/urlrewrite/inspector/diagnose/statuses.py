"""What a status of a backend says by itself, where it is refused for something that can be seen in the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from urlrewrite.inspector.diagnose.page_loads import request_field, response_field
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.text import shown

MANY_COOKIES = 4096
"""Bytes of cookies that are worth telling where a backend refuses a request without a reason: some take 4 kB of fields,
most 8 kB or 16 kB.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a status says, as a clause, and what to do."""

    says: str
    todo: str


def what_status_says(exchange: RecordedExchange, status: int) -> Told | None:
    """Return what a status says of a request; None where it says nothing of its own."""
    if found := _ROWS.get(status):
        return found(exchange)
    return _cookies(exchange) if status == 400 and cookie_bytes(exchange.request.fields) >= MANY_COOKIES else None


def cookie_bytes(fields: FieldLines) -> int:
    """Return how long the cookies of a request are together."""
    return sum(len(line.encode("utf-8", "replace")) for line in field_values(fields, "cookie"))


def _cookies(exchange: RecordedExchange) -> Told:
    return Told(
        f"it carries {cookie_bytes(exchange.request.fields):,} bytes of cookies, which may be more than it takes",
        "Delete the cookies of this host in the browser and try again. Let the application set fewer, or give them "
        "narrower Paths; or let the backend take larger fields.",
    )


def _fields(exchange: RecordedExchange) -> Told:
    total = sum(len(name) + len(value) + 4 for name, value in exchange.request.fields)
    cookies = cookie_bytes(exchange.request.fields)
    return Told(
        f"the fields of the request are too large for it: {total:,} bytes, {cookies:,} of them cookies",
        "Delete the cookies of this host in the browser and try again. Let the application set fewer, or let the "
        "backend take larger fields.",
    )


def _method(exchange: RecordedExchange) -> Told:
    allowed = response_field(exchange, "allow")
    takes = f"it takes {shown(allowed, 80)}" if allowed else "it takes other methods"
    return Told(
        f"the method is {shown(exchange.request.method, 20)}, and {takes}",
        "A redirect makes GET of POST unless it is a 307 or 308; a rule may have led to another address.",
    )


def _too_long(exchange: RecordedExchange) -> Told:
    return Told(
        f"its URL is too long for it: {len(exchange.request.target):,} bytes",
        "Send less in the query, or let the backend take longer URLs.",
    )


def _too_large(exchange: RecordedExchange) -> Told:
    length = len(exchange.upload or b"") or request_field(exchange, "content-length")
    size = f": {int(length):,} bytes" if str(length).isdecimal() else ""
    return Told(f"the body of the request is too large for it{size}", "Let the backend take larger bodies.")


def _misdirected(exchange: RecordedExchange) -> Told:
    return Told(
        "it does not serve that name over that connection (421)",
        "Compare the Host that the backend gets (preserveHostHeader) with the name in TLS (tls: name).",
    )


def _upgrade(exchange: RecordedExchange) -> Told:
    wanted = response_field(exchange, "upgrade")
    return Told(
        f"it wants another protocol: {shown(wanted, 60) or 'one that it does not name'}",
        "Check whether the backend is to be spoken to by TLS, HTTP/2 or WebSocket.",
    )


def _too_many(exchange: RecordedExchange) -> Told:
    after = response_field(exchange, "retry-after")
    when = f" (again after {shown(after, 40)})" if after else ""
    return Told(
        f"it has had too many requests{when}",
        "Behind a proxy all clients may count as one: let the backend count by X-Forwarded-For.",
    )


def _type(exchange: RecordedExchange) -> Told:
    return Told(
        f"it does not take the type {shown(request_field(exchange, 'content-type'), 80) or '(none)'}",
        "See whether a rule changes or removes Content-Type or Content-Encoding of the request.",
    )


def _acceptable(exchange: RecordedExchange) -> Told:
    return Told(
        f"it has nothing that the client accepts: Accept is {shown(request_field(exchange, 'accept'), 80) or '(none)'}",
        "See whether a rule changes Accept, Accept-Encoding or Accept-Language of the request.",
    )


_ROWS: dict[int, Callable[[RecordedExchange], Told]] = {
    405: _method,
    406: _acceptable,
    413: _too_large,
    414: _too_long,
    415: _type,
    421: _misdirected,
    426: _upgrade,
    429: _too_many,
    431: _fields,
    494: _fields,
}
"""By status (RFC 9110, 15.5; RFC 6585); 494 is nginx's own 431."""
