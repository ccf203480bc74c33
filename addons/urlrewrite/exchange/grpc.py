"""Calls of gRPC: how they are known, and what their clients get in place of an error page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from urlrewrite.content.kinds import media_type
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.responses import LocalResponse, reason_phrase
from urlrewrite.model.field_lines import FieldLines, field_values

_UNKNOWN = 2
_STATUS: Mapping[int, int] = MappingProxyType({400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14})
"""What gRPC makes of a status of HTTP ("HTTP to gRPC Status Code Mapping"); of all others it makes UNKNOWN."""


def is_grpc(request: RequestFacts) -> bool:
    """Say whether a request is a call of gRPC, which HTTP/1 cannot carry. gRPC-Web is another protocol."""
    return has_grpc(request.http_version, request.fields)


def has_grpc(http_version: str, fields: FieldLines) -> bool:
    """Say the same of a request of which nothing else is known yet."""
    if http_version.startswith("HTTP/1"):
        return False
    declared = media_type(next(iter(field_values(fields, "content-type")), ""))
    return declared == "application/grpc" or declared.startswith("application/grpc+")


def grpc_error(response: LocalResponse, trace_id: str) -> LocalResponse:
    """Return an error as a client of gRPC reads it: a response of trailers only ("gRPC over HTTP2", Responses)."""
    status = response.status
    phrase = reason_phrase(status)
    fields = (
        ("Content-Type", "application/grpc"),
        ("grpc-status", str(_STATUS.get(status, _UNKNOWN))),
        ("grpc-message", f"{status} {phrase} (trace id {trace_id})"),
    )
    return LocalResponse(200, fields, sub_status=response.sub_status, is_error=True)
