"""Trailers: the fields behind a body, which of them may stand there, and who takes them (RFC 9110, 6.5).

A recipient that holds a body may join its trailers with the fields in front of it. So a field that frames or routes the
message, that says who asks, or that has to be known before the body, is not let through here, in either direction.
"""

from __future__ import annotations

from urlrewrite.fields.forwarding import SPOOFABLE, says_trailers
from urlrewrite.fields.names import Change
from urlrewrite.fields.reasons import FieldReason, because
from urlrewrite.model.field_lines import FieldLines, has_control, is_token

FRAMING = frozenset(
    "connection content-length host keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
"""Fields that frame and route one message on one connection: they stand in front of its body, or nowhere."""

NOT_IN_TRAILERS = FRAMING | frozenset(
    """
    authorization cookie proxy-authenticate proxy-authorization set-cookie www-authenticate
    cache-control expect if-match if-modified-since if-none-match if-range if-unmodified-since max-forwards pragma range
    age date expires location retry-after vary warning
    content-encoding content-location content-range content-type
    """.split()
)
"""Fields of framing and routing, authentication, request modifiers, control data and content (RFC 9110, 6.5.1)."""

_OF_OTHER_BYTES = frozenset({"etag", "last-modified"})


def takes_trailers(http_version: str, fields: FieldLines) -> bool:
    """Say whether a client takes trailers: one of HTTP/1.1 says so in TE (RFC 9110, 10.1.4), those of 2 and 3 do."""
    if http_version == "HTTP/1.1":
        return any(name.lower() == "te" and says_trailers(value) for name, value in fields)
    return http_version != "HTTP/1.0"


def response_trailers(lines: FieldLines, *, taken: bool, rewritten: bool) -> tuple[FieldLines, list[Change]]:
    """Leave out what may not stand in the trailers of a response, and all of them unless they are `taken`.

    `rewritten` says that the body may have been changed: the validators of the backend's are not those of ours.
    Digests are the business of `validators`.
    """
    if not taken:
        return (), [Change(name, value, None, because(FieldReason.NOT_TAKEN)) for name, value in lines]
    return _without(NOT_IN_TRAILERS | _OF_OTHER_BYTES if rewritten else NOT_IN_TRAILERS, lines)


def request_trailers(lines: FieldLines) -> tuple[FieldLines, list[Change]]:
    """Leave out what a client may not say behind a body, or must not say at all."""
    return _without(NOT_IN_TRAILERS | SPOOFABLE, lines)


def _without(names: frozenset[str], lines: FieldLines) -> tuple[FieldLines, list[Change]]:
    def may_stand(name: str, value: str) -> bool:
        # Some backends read `X_Forwarded_For` as `X-Forwarded-For`.
        known = name.lower() in names or name.lower().replace("_", "-") in names
        return not known and is_token(name) and not has_control(value)

    kept = tuple(line for line in lines if may_stand(*line))
    changes = [Change(*line, None, because(FieldReason.NO_TRAILER)) for line in lines if not may_stand(*line)]
    return (kept if changes else lines), changes
