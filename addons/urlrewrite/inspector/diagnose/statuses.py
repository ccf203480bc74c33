"""What a status of a backend says by itself, where it is refused for something that can be seen in the request."""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.inspector.diagnose.cause import Cause, cause
from urlrewrite.inspector.diagnose.page_loads import request_field, response_field
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.text import shown

MANY_COOKIES = 4096
"""Bytes of cookies that are worth telling where a backend refuses a request without a reason: some take 4 kB of fields,
most 8 kB or 16 kB.
"""


def what_status_says(exchange: RecordedExchange, status: int) -> Cause | None:
    """Return what a status says of a request; None where it says nothing of its own."""
    if found := _ROWS.get(status):
        return found(exchange)
    return _cookies(exchange) if status == 400 and cookie_bytes(exchange.request.fields) >= MANY_COOKIES else None


def cookie_bytes(fields: FieldLines) -> int:
    """Return how long the cookies of a request are together."""
    return sum(len(line.encode("utf-8", "replace")) for line in field_values(fields, "cookie"))


def _cookies(exchange: RecordedExchange) -> Cause:
    return cause(Why.COOKIES_TOO_LONG, size=f"{cookie_bytes(exchange.request.fields):,}")


def _fields(exchange: RecordedExchange) -> Cause:
    total = sum(len(name) + len(value) + 4 for name, value in exchange.request.fields)
    return cause(Why.FIELDS_TOO_LARGE, size=f"{total:,}", cookies=f"{cookie_bytes(exchange.request.fields):,}")


def _method(exchange: RecordedExchange) -> Cause:
    listed = response_field(exchange, "allow")
    allowed = f" (Allow: {shown(listed, 80)})" if listed else ""
    return cause(Why.METHOD_REFUSED, method=shown(exchange.request.method, 20), allowed=allowed)


def _too_long(exchange: RecordedExchange) -> Cause:
    return cause(Why.URL_TOO_LONG, size=f"{len(exchange.request.target):,}")


def _too_large(exchange: RecordedExchange) -> Cause:
    length = str(len(exchange.upload or b"") or request_field(exchange, "content-length"))
    return cause(Why.BODY_TOO_LARGE, size=f": {int(length):,} bytes" if length.isdecimal() else "")


def _misdirected(exchange: RecordedExchange) -> Cause:
    return cause(Why.MISDIRECTED)


def _upgrade(exchange: RecordedExchange) -> Cause:
    wanted = response_field(exchange, "upgrade") or "one that it does not name"
    return cause(Why.UPGRADE_WANTED, wanted=shown(wanted, 60))


def _too_many(exchange: RecordedExchange) -> Cause:
    after = response_field(exchange, "retry-after")
    return cause(Why.TOO_MANY_REQUESTS, when=f" (again after {shown(after, 40)})" if after else "")


def _type(exchange: RecordedExchange) -> Cause:
    return cause(Why.TYPE_REFUSED, type=shown(request_field(exchange, "content-type") or "(none)", 80))


def _acceptable(exchange: RecordedExchange) -> Cause:
    return cause(Why.NOTHING_ACCEPTABLE, accept=shown(request_field(exchange, "accept") or "(none)", 80))


_ROWS: dict[int, Callable[[RecordedExchange], Cause]] = {
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
