"""The pages of mitmproxy's own errors, for requests that never become an exchange: a head that is not HTTP, no host.

mitmproxy's pages name it and quote what was received. Ours say what kind of error it is and give an id, under which
the log says the rest.
"""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus

from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _base, _http1, _http2, _http3

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


class ErrorPages:
    """Puts our pages in place."""

    def load(self, loader: Loader) -> None:
        """Take over."""
        del loader
        for module in _MODULES:
            module.format_error = error_page  # type: ignore[attr-defined]
        _http1.make_error_response = error_response

    def done(self) -> None:
        """Put mitmproxy's own back."""
        for module in _MODULES:
            module.format_error = _base.format_error  # type: ignore[attr-defined]
        _http1.make_error_response = _make_error_response


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
