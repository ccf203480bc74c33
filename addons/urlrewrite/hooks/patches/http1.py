"""Two things that mitmproxy's HTTP/1 lacks, and that make a client wait for ever when a backend does them.

- An interim response (1xx, but for 101) is taken for the last one, and what follows for "unexpected data". Here it is
  skipped, as mitmproxy itself does in HTTP/2. With 103 that loses hints; nothing that a page needs is in them.
- Fields behind a chunked body (trailers) end in an error. Here they are dropped, which every recipient may
  do (RFC 9110, 6.5.1). Those of HTTP/2 are kept, and mapped by `Outbound`.
"""

from __future__ import annotations

import logging
import re

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._http1 import Http1Client

logger = logging.getLogger("urlrewrite.http1")

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d\b")


class Http1:
    """Puts our reading of HTTP/1 in place."""

    def load(self, loader: Loader) -> None:
        """Put ours in place."""
        del loader
        http_layer.Http1Client = InterimClient  # type: ignore[attr-defined]
        _http1.ChunkedReader = WithoutTrailers  # type: ignore[attr-defined]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        http_layer.Http1Client = Http1Client  # type: ignore[attr-defined]
        _http1.ChunkedReader = ChunkedReader  # type: ignore[attr-defined]


class InterimClient(Http1Client):
    """Reads past interim responses of a backend."""

    silent = False
    """Whether nobody listens any more: what still comes, and that the connection ends, would be taken for another's."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not self.silent or not isinstance(event, events.ConnectionEvent):
            yield from super()._handle_event(event)
        elif isinstance(event, events.ConnectionClosed) and self.conn.state & ConnectionState.CAN_WRITE:
            yield commands.CloseConnection(self.conn)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read the next pieces of a body, unless the head in front of it was refused."""
        if not self.silent:
            yield from super().read_body(event)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read the head of a response."""
        while self.request and _INTERIM.match(bytes(self.buf)) and (head := self.buf.maybe_extract_lines()):
            logger.debug("%s: skipped %s", self.conn.peername, bytes(head[0]))
        yield from super().read_headers(event)


class WithoutTrailers(ChunkedReader):
    """Reads a chunked body and drops what stands behind it."""

    def __call__(self, buf: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """Return the next piece."""
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event
