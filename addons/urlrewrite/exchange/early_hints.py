"""Early hints (103, RFC 8297): what a browser may load before the response is there, and who is told."""

from __future__ import annotations

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange.request import ForwardedRequest
from urlrewrite.exchange.response_fields import map_response_fields
from urlrewrite.exchange.rules_in_force import EarlyHints
from urlrewrite.fields.trailers import FRAMING
from urlrewrite.model import LinkMode
from urlrewrite.model.field_lines import FieldLines, field_values, has_control, is_token, unfolded
from urlrewrite.trace.reasons import Reason, sentence
from urlrewrite.trace.request_events import EARLY_HINTS
from urlrewrite.trace.trace import clip


def forward_hints(forwarded: ForwardedRequest, setting: EarlyHints, lines: FieldLines) -> FieldLines | None:
    """Make the fields of a 103 true for the public name; None where its client does not get it."""
    trace = forwarded.served.scope.trace
    reason = _withheld(forwarded, setting)
    # Backends send them here, too, though they must not (RFC 8297, 2).
    fields = tuple(
        line
        for line in unfolded(lines)
        if line[0].lower() not in FRAMING and is_token(line[0]) and not has_control(line[1])
    )
    if reason is None:
        fields, _ = map_response_fields(forwarded, fields)
    trace.decided(
        EARLY_HINTS,
        links=[clip(value) for value in field_values(fields, "link")],
        forwarded=reason is None,
        reason=str(reason or ""),
        why=sentence(reason, {}) if reason else "",
    )
    return fields if reason is None else None


def _withheld(forwarded: ForwardedRequest, setting: EarlyHints) -> Reason | None:
    """Return why the client does not get the hints; None where it does."""
    request = forwarded.served.request
    if setting is EarlyHints.OFF:
        return Reason.HINTS_OFF
    if forwarded.served.site.links is LinkMode.OFF:
        # No rule runs over an interim response, so nothing would map its names.
        return Reason.HINTS_NOT_MAPPED
    if request.http_version == "HTTP/1.0":
        return Reason.HINTS_UNKNOWN
    if setting is EarlyHints.ALL:
        return None
    if request.http_version == "HTTP/1.1":
        return Reason.HINTS_UNKNOWN
    return None if _navigates(request) else Reason.NO_NAVIGATION


def _navigates(request: RequestFacts) -> bool:
    """Say whether a browser asks for a page (Fetch Metadata, 2.2): it heeds hints for no other request."""
    return field_values(request.fields, "sec-fetch-mode") == ["navigate"]
