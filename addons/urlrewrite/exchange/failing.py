"""The responses for an exchange that cannot go on. The reason goes into the trace only, not to the client."""

from __future__ import annotations

from typing import Unpack

from urlrewrite.engine.failure import Failure
from urlrewrite.engine.scope import Scope
from urlrewrite.exchange.responses import LocalResponse, iis_response, plain_response
from urlrewrite.trace.reasons import Reason, Values
from urlrewrite.trace.trace import Trace


def fail(trace: Trace, reason: Reason, **values: Unpack[Values]) -> LocalResponse:
    """Respond with 500, and say in the trace why."""
    trace.error(reason, **values)
    trace.data.update(status=500, sub_status=0)
    return plain_response(500, "The rewrite rules of this site failed.", trace.data["id"])


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
