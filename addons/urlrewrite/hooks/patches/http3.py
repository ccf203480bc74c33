"""What mitmproxy lacks for clients of HTTP/3 whose backend speaks HTTP/1 or 2.

- It lets several requests of such a client share a connection of HTTP/1, which crashes on the second one. Those of a
  client of HTTP/2 it keeps apart. Here they share a connection that is known to speak HTTP/2, and no other.
- A response cannot follow an interim one, such as the 100 that mitmproxy itself sends: it is dropped.
- What it notes of a request it keeps until the connection ends.
- It offers a backend over TCP what the client offered: HTTP/3, which needs QUIC. Here HTTP/2 and 1.1 are offered.
"""

from __future__ import annotations

from aioquic.h3.connection import HeadersState
from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer, is_h3_alpn
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders, ResponseHeaders
from mitmproxy.proxy.layers.http._http3 import Http3Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from urlrewrite.hooks.patches.http1 import is_interim

_get_connection = HttpLayer.get_connection


class Http3:
    """Serves clients of HTTP/3. To be registered behind `ServerConnections`."""

    def load(self, loader: Loader) -> None:
        """Put our layer in place, and our choice of a connection in front of the one that is in place."""
        del loader
        http_layer.Http3Server = InterimServer  # type: ignore[attr-defined]
        choose = HttpLayer.get_connection

        def get_connection(
            http: HttpLayer, event: GetHttpConnection, *, reuse: bool = True
        ) -> layer.CommandGenerator[None]:
            if is_h3_alpn(http.context.client.alpn):
                matching = [known for known in http.connections if event.connection_spec_matches(known)]
                reuse = reuse and bool(matching) and all(known.alpn == b"h2" for known in matching)
            yield from choose(http, event, reuse=reuse)

        HttpLayer.get_connection = get_connection  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        http_layer.Http3Server = Http3Server  # type: ignore[attr-defined]
        HttpLayer.get_connection = _get_connection  # type: ignore[method-assign]

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Offer what can be spoken over TCP."""
        server = data.server
        if is_h3_alpn(data.client.alpn) and server.transport_protocol == "tcp" and not server.alpn_offers:
            server.alpn_offers = (b"h2", b"http/1.1") if ctx.options.http2 else (b"http/1.1",)


class InterimServer(Http3Server):
    """Speaks with a client."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        for command in super()._handle_event(event):
            if isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders):
                self._forget_before(command.event.stream_id)
            yield command
        if isinstance(event, ResponseHeaders) and is_interim(event.response):
            # The head is still to be sent.
            self.h3_conn._stream[event.stream_id].headers_send_state = HeadersState.INITIAL

    def _forget_before(self, newest: int) -> None:
        """Forget the requests that are over, but for the newest one: `goaway.py` tells up to which any were taken."""
        streams, closed = self.h3_conn._stream, self.h3_conn._closed_streams
        for known in [known for known in streams.values() if known.stream_id % 4 == 0 and known.stream_id < newest]:
            is_over = known.ended and known.headers_send_state is HeadersState.AFTER_TRAILERS
            if is_over or known.stream_id in closed:
                del streams[known.stream_id]
