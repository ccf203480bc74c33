"""The translation between mitmproxy's flows and the plain values of an exchange."""

from __future__ import annotations

from collections.abc import Iterable

from mitmproxy import http

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.hooks.bounds import over_of
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.model.origin import origin_of


def field_lines(headers: http.Headers) -> FieldLines:
    """Return field lines as texts; bytes that are not UTF-8 are carried as surrogates."""
    return tuple((_text(name), _text(value)) for name, value in headers.fields)


def headers(lines: Iterable[FieldLine], *, lower: bool) -> http.Headers:
    """Return field lines as mitmproxy keeps them; HTTP/2 and 3 want names in lower case."""
    # Its own way would look at each again, whether it is bytes.
    made: http.Headers = object.__new__(http.Headers)
    if lower:
        made.fields = tuple([(_bytes(name.lower()), _bytes(value)) for name, value in lines])
    else:
        made.fields = tuple([(_bytes(name), _bytes(value)) for name, value in lines])
    return made


def request_facts(flow: http.HTTPFlow) -> RequestFacts:
    """Return the request as the client sent it.

    An absolute-form target of HTTP/1 names the host, whatever Host says (RFC 9112, 3.2.2).
    """
    request, client = flow.request, flow.client_conn
    host = request.host_header or ""
    if request.data.authority:
        host = request.authority
    return RequestFacts(
        # mitmproxy's own `method` is in capitals, whatever was sent.
        method=_text(request.data.method),
        scheme="https" if client.tls_established else "http",
        host=host,
        target=request.path,
        fields=field_lines(request.headers),
        http_version=request.http_version,
        client=_address(client.peername),
        local=_address(client.sockname),
        sni=client.sni or "",
        received=request.timestamp_start,
        over=over_of(request.headers),
    )


def response_facts(response: http.Response) -> ResponseFacts:
    """Return status line and fields of a response."""
    return ResponseFacts(response.status_code, field_lines(response.headers), response.reason or "")


def apply_forward(flow: http.HTTPFlow, forward: Forward) -> None:
    """Set the flow's request to what is forwarded, and where to."""
    request = flow.request
    modern = request.is_http2 or request.is_http3
    # mitmproxy's own properties would write Host, and the authority, anew for each part of the address.
    data = request.data
    data.headers = headers(forward.fields, lower=modern)
    data.scheme = _bytes(forward.origin.scheme)
    # mitmproxy finds a connection to reuse by this address, so it has to be the one that is dialled.
    data.host, data.port = forward.connect or (forward.origin.host, forward.origin.port)
    data.path = _bytes(forward.target)
    if not modern:
        # Requests to backends are in origin-form (RFC 9112, 3.2.1).
        data.authority = b""
    request.host_header = forward.host
    # A request that came by QUIC would try QUIC on the backend, too, and hang.
    flow.server_conn.transport_protocol = "tcp"


def show_public_url(flow: http.HTTPFlow) -> None:
    """Make a flow that goes to no backend show the URL that was requested, in place of the listener's target."""
    facts = request_facts(flow)
    requested = origin_of(facts.scheme, facts.host)
    if requested:
        host = flow.request.host_header
        flow.request.scheme, flow.request.host, flow.request.port = requested.scheme, requested.host, requested.port
        flow.request.host_header = host


def apply_response(flow: http.HTTPFlow, response: LocalResponse) -> None:
    """Respond in place of the backend."""
    modern = flow.request.is_http2 or flow.request.is_http3
    flow.response = http.Response.make(response.status, response.body if flow.request.method != "HEAD" else b"")
    flow.response.headers = headers(response.fields, lower=modern)
    if response.reason:
        flow.response.reason = response.reason


def _address(address: tuple[str, int] | tuple[str, int, int, int] | None) -> tuple[str, int]:
    if not address:
        return "", 0
    host = address[0].removeprefix("::ffff:") if "." in address[0] else address[0]
    return host, address[1]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
