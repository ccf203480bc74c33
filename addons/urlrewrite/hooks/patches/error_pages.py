"""The pages of mitmproxy's own errors, for requests that never become an exchange: a head that is not HTTP, no host.

mitmproxy's pages name it and quote what was received. Ours say what kind of error it is and give an id, under which
the log says the rest. Over HTTP/2 and 3 it names itself in `Server` as well, in a head that it builds in the middle of
a long method: that line is left out where the head is sent.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from mitmproxy import http, version
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _base, _http1, _http2, _http3
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from mitmproxy.proxy.layers.http._http_h3 import LayeredH3Connection

logger = logging.getLogger("urlrewrite.errors")

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<title>{status} {phrase}</title>
<h1>{status} {phrase}</h1>
<p>{text}</p>
<p>Trace id: {id}</p>
</html>
"""
_TEXTS = {
    4: "This request cannot be understood.",
    5: "The server that this page comes from cannot be reached, or did not respond as it should.",
}

_MODULES = (_http1, _http2, _http3)
_make_error_response = _http1.make_error_response

type _Lines = Sequence[tuple[bytes, bytes]]

_SERVER = (b"server", version.MITMPROXY.encode())
_CONNECTIONS: dict[type[BufferedH2Connection | LayeredH3Connection], Callable[..., None]] = {
    kind: kind.send_headers for kind in (BufferedH2Connection, LayeredH3Connection)
}


class ErrorPages:
    """Puts our pages in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        for module in _MODULES:
            module.format_error = error_page  # type: ignore[attr-defined]
        _http1.make_error_response = error_response
        for kind, send in _CONNECTIONS.items():
            kind.send_headers = _without_server(send)  # type: ignore[method-assign]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        for module in _MODULES:
            module.format_error = _base.format_error  # type: ignore[attr-defined]
        _http1.make_error_response = _make_error_response
        for kind, send in _CONNECTIONS.items():
            kind.send_headers = send  # type: ignore[method-assign]


def _without_server(send: Callable[..., None]) -> Callable[..., None]:
    """Return a `send_headers` that leaves out the line in which mitmproxy names itself."""

    def send_headers(connection: Any, stream_id: int, headers: _Lines, *more: Any, **named: Any) -> None:
        if _SERVER in headers:
            headers = [line for line in headers if line != _SERVER]
        send(connection, stream_id, headers, *more, **named)

    return send_headers


def error_page(status_code: int, message: str) -> bytes:
    """Return the page for an error; `message` may quote anything, and goes into the log only."""
    error_id = uuid.uuid4().hex[:16]
    logger.warning("%s: answered %d: %r", error_id, status_code, message[:500])
    try:
        phrase = HTTPStatus(status_code).phrase
    except ValueError:
        phrase = "Error"
    text = _TEXTS.get(status_code // 100, "")
    return _PAGE.format(status=status_code, phrase=phrase, text=text, id=error_id).encode()


def error_response(status_code: int, message: str = "") -> bytes:
    """Return a whole response of HTTP/1."""
    fields = http.Headers(Connection="close", Content_Type="text/html; charset=utf-8", Cache_Control="no-store")
    response = http.Response.make(status_code, error_page(status_code, message), fields)
    assembled: bytes = http1.assemble_response(response)
    return assembled
