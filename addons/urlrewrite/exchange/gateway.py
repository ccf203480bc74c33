"""What a client gets in place of a response of the backend.

It says nothing of the backend, neither its address nor what it sent: that is in the trace.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.exchange.responses import LocalResponse, iis_response, plain_response
from urlrewrite.model import Mode, Site
from urlrewrite.model.farms import RetryCause
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import Trace

RETRY_AFTER = 5
"""Seconds after which a client may ask again where no server can take its request."""

_TEXTS = {
    502: "The server that this page comes from cannot be reached, or did not respond as it should.",
    503: "No server can take this request at the moment.",
    504: "The server that this page comes from did not respond in time.",
}

_WINDOWS_ERRORS = {
    RetryCause.CONNECT: 12029,
    RetryCause.TLS: 12175,
    RetryCause.CLOSED: 12030,
    RetryCause.TIMEOUT: 12002,
    Reason.RESPONSE_REFUSED: 12152,
}
"""The errors of WinHTTP, by which ARR sends requests: CANNOT_CONNECT, SECURE_FAILURE, CONNECTION_ERROR, TIMEOUT,
INVALID_SERVER_RESPONSE.
"""

NO_SERVER_MESSAGE = "No appropriate server could be found to route the request."


def gateway_response(site: Site | None, trace: Trace, cause: RetryCause | Reason | None) -> LocalResponse:
    """Make the response for a backend that failed.

    `cause` is None where no server could be asked, and RESPONSE_REFUSED where its response was no valid HTTP. In mode
    iis it is IIS's 502.3 or 502.4, and else 502, 503 or 504. The trace gets status and sub-status.
    """
    trace_id = trace.data["id"]
    if site is not None and site.mode is Mode.IIS:
        if cause is None:
            response = iis_response("502.4", NO_SERVER_MESSAGE, trace_id)
        else:
            message = (
                "The operation timed out"
                if cause is RetryCause.TIMEOUT
                else "The server returned an invalid or unrecognized response"
                if cause is Reason.RESPONSE_REFUSED
                else "There was a connection error while trying to route the request."
            )
            response = iis_response("502.3", message, trace_id, _WINDOWS_ERRORS[cause])
    else:
        status = 503 if cause is None else 504 if cause is RetryCause.TIMEOUT else 502
        response = plain_response(status, _TEXTS[status], trace_id)
        if cause is None:
            response = replace(response, fields=(*response.fields, ("Retry-After", str(RETRY_AFTER))))
    trace.data.update(status=response.status, sub_status=response.sub_status)
    return response
