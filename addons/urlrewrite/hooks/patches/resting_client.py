"""Says when a connection to a backend is between two messages, and whether it may ever serve another client.

A connection is at rest once a request was sent to its end and its response read to its end, in this order, with a
length that both sides know, and without a word more. What the backend sent decides, not what rules made of it. These
never are: what was upgraded (101), ends with the connection, or is asked to be closed; what has two lengths; the
response to HEAD, behind which some programs send a body nevertheless.
"""

from __future__ import annotations

from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.net.http import http1
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import HttpEvent, RequestHeaders, ResponseHeaders
from mitmproxy.proxy.layers.http._http1 import Http1Client

from urlrewrite.fields.connection_auth import is_persistent, names_binding


class Shared(Protocol):
    """A connection that may serve another client, where it is at rest when it is closed."""

    def rest(self) -> None:
        """Note that it is between two messages from now on."""

    def stir(self) -> None:
        """Note that it is not."""


class Pool(Protocol):
    """Who is told."""

    def shared(self, connection: Connection) -> Shared | None:
        """Return what is told of a connection; None if that is the client's own in any case."""

    def bind(self, connection: Connection) -> None:
        """Keep a connection to its client for ever: it carries an identity."""


def client_class(pool: Pool, base: type[Http1Client]) -> type[Http1Client]:
    """Return the layer of HTTP/1 towards a backend, on top of `base`, that tells the pool."""

    class RestingClient(base):  # type: ignore[misc, valid-type]
        request: http.Request | None
        request_done: bool

        def __init__(self, context: Context) -> None:
            super().__init__(context)
            self._may_rest = False  # as far as the response under way tells
            self._rests = False

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, events.DataReceived):
                self._disturbed()
            handled: layer.CommandGenerator[None] = super()._handle_event(event)
            return handled

        def _disturbed(self) -> None:
            if self._rests:
                self._rests = False
                if shared := pool.shared(self.conn):
                    shared.stir()

        def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
            self._disturbed()
            if isinstance(event, RequestHeaders):
                self._may_rest = False
                fields = event.request.headers
                if b"authorization" in _names(fields) and names_binding(fields.get_all("authorization")):
                    pool.bind(self.conn)
            handled: layer.CommandGenerator[None] = super().send(event)
            return handled

        def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
            for command in super().read_headers(event):
                if isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseHeaders):
                    self._head_came(command.event.response)
                yield command

        def _head_came(self, response: http.Response) -> None:
            fields, names = response.headers, _names(response.headers)
            if names & _AUTHENTICATION and (
                names_binding(fields.get_all("www-authenticate")) or is_persistent(fields.get_all("persistent-auth"))
            ):
                pool.bind(self.conn)
            assert self.request
            self._may_rest = self.request_done and _may_rest(self.request, response, names)

        def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
            shared = pool.shared(self.conn) if response and self._may_rest and not self.buf else None
            if shared is not None:
                self._rests = True
                shared.rest()
                if self.request and (self.request.is_http2 or self.request.is_http3):
                    # mitmproxy would close it, though its client may go on with it as well as one of HTTP/1.
                    self.request_done = self.response_done = False
                    self.request = self.response = self.stream_id = None
                    self.state = self.read_headers
                    return
            yield from super().mark_done(request=request, response=response)

    return RestingClient


_AUTHENTICATION = frozenset({b"www-authenticate", b"persistent-auth"})


def _names(fields: http.Headers) -> set[bytes]:
    return {name.lower() for name, _ in fields.fields}


def _may_rest(request: http.Request, response: http.Response, names: set[bytes]) -> bool:
    if response.status_code < 200 or request.method.upper() in ("HEAD", "CONNECT"):
        return False
    if {b"transfer-encoding", b"content-length"} <= names:
        return False
    try:
        if http1.expected_http_body_size(request, response) == -1:
            return False
    except ValueError:
        return False
    asks = request.headers.get("connection", "").lower()
    if "close" in asks:
        return False
    if b"connection" not in names and response.is_http11:
        return True
    return not http1.connection_close(response.http_version, response.headers)
