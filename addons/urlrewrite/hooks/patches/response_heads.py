"""The heads of backends' responses: what is no response is refused, and lengths that belong to no body are taken away.

mitmproxy passes any status on, and what a client of HTTP/2 or 3 cannot take ends its whole connection. A 101 that
nobody asked for makes a tunnel of the connection, and crashes it over HTTP/2 and 3.
"""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.net.http.validate import validate_headers

from urlrewrite.trace.backend_faults import BackendFault


class BadHeadError(ValueError):
    """A head that is not to be passed on."""

    def __init__(self, why: str, fault: BackendFault) -> None:
        super().__init__(why)
        self.fault = fault


_NO_CONTENT = 204
_NOT_MODIFIED = 304


def check_head(request: http.Request, response: http.Response, *, fields: bool) -> None:
    """Check the head of a response, its `fields` too where that is wanted, and repair what may be repaired.

    A body that is compressed for the transfer would be passed on as if it were none: clients of HTTP/1.0, 2 and 3 are
    not told of it, and no request says that it takes one (RFC 9112, 7.4).
    A response without a body has no Content-Length: 204 must not (RFC 9110, 8.6), and that of 304 would be the one of
    the page before it is rewritten.

    Raises BadHeadError for what is not to be passed on.
    """
    status = response.status_code
    if not (200 <= status <= 599 or (status == 101 and _was_asked_for(request, response))):
        if status == 101:
            raise BadHeadError("an upgrade that nobody asked for", BackendFault.UPGRADE)
        raise BadHeadError(f"a status that is none: {status}", BackendFault.STATUS)
    if fields:
        try:
            validate_headers(response)
        except ValueError as error:
            raise BadHeadError(f"fields that are not valid: {error}", BackendFault.FIELDS) from error
    if codings := _listed(response, "transfer-encoding") - {"chunked", "identity"}:
        raise BadHeadError(f"a coding of the transfer that nobody asked for: {min(codings)}", BackendFault.FIELDS)
    if status in (_NO_CONTENT, _NOT_MODIFIED):
        response.headers.pop("content-length", None)
        response.headers.pop("transfer-encoding", None)


def _was_asked_for(request: http.Request, response: http.Response) -> bool:
    """Say whether the request offered the protocols that the response changes to (RFC 9110, 7.8)."""
    if not request.is_http11 or "upgrade" not in _listed(request, "connection"):
        return False
    offered = _listed(request, "upgrade")
    return bool(offered) and _listed(response, "upgrade") <= offered


def _listed(message: http.Message, name: str) -> set[str]:
    return {item.strip().lower() for item in message.headers.get(name, "").split(",")} - {""}
