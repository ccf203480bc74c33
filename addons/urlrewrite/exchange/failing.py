"""The responses for an exchange that cannot go on. The reason goes into the trace only, not to the client."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.failure import Failure
from urlrewrite.engine.scope import Scope
from urlrewrite.exchange.gateway import gateway_response
from urlrewrite.exchange.responses import LocalResponse, iis_response, plain_response
from urlrewrite.exchange.valid_messages import Violation
from urlrewrite.model import Site
from urlrewrite.trace.reasons import Reason, Values, sentence
from urlrewrite.trace.trace import Trace

_TOO_LARGE = {
    Reason.TARGET_TOO_LONG: 414,
    Reason.HEAD_TOO_LONG: 431,
    Reason.TOO_MANY_FIELDS: 431,
    Reason.TRAILERS_TOO_LONG: 431,
}
"""Reasons for which a request is refused other than that it is not valid (RFC 9110, 15.5.15; RFC 6585, 5)."""


def fail(trace: Trace, reason: Reason, **values: Unpack[Values]) -> LocalResponse:
    """Respond with 500, and say in the trace why."""
    trace.error(reason, **values)
    trace.data.update(status=500, sub_status=0)
    return plain_response(500, "The rewrite rules of this site failed.", trace.data["id"])


def refuse(trace: Trace, request: RequestFacts, violation: Violation) -> LocalResponse:
    """Respond with 400 to what is not a valid request: IIS does so, too, before any rule sees it.

    What is too large gets 414 or 431. A connection of HTTP/1 ends with that, for nobody can be sure where such a
    request ends.
    """
    trace.error(violation.reason, name=violation.name)
    status = _TOO_LARGE.get(violation.reason, 400)
    why = sentence(violation.reason, {"name": violation.name})
    message = f"This request is {'not valid' if status == 400 else 'too large'}: {why}."
    response = plain_response(status, message, trace.data["id"])
    if request.http_version.startswith("HTTP/1"):
        response = replace(response, fields=(*response.fields, ("Connection", "close")))
    return response


def refuse_response(trace: Trace, site: Site, violation: Violation) -> LocalResponse:
    """Respond with 502 in place of a response of the backend that is not valid."""
    trace.error(Reason.RESPONSE_REFUSED, cause=violation.reason, iis_status="502.3", name=violation.name)
    return gateway_response(site, trace, Reason.RESPONSE_REFUSED)


def give_up(scope: Scope, failure: Failure) -> LocalResponse:
    """Respond where IIS gives up: in mode iis with a page like IIS's."""
    trace = scope.trace
    data = trace.data
    trace.error(failure.reason, iis_status=failure.iis_status, iis=failure.iis, **failure.values)
    if scope.iis:
        response = iis_response(failure.iis_status, failure.message, data["id"])
    else:
        status = int(failure.iis_status.partition(".")[0])
        response = plain_response(status, "This request cannot be served.", data["id"])
    data.update(status=response.status, sub_status=response.sub_status)
    return response
