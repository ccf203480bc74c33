"""What becomes of a request whose backend fails: it is sent again where that is safe, or gets a page of our own.

mitmproxy answers with a page that names the backend and quotes what it sent, and waits for ever for a backend that says
nothing. Its `HttpStream` carries one request and its response and is the one place that sees every failure, so this is
where a request is sent again. Three things are easy to get wrong here:

- A late "connection closed" of the first attempt has the same stream id as the second one. The connection that was
  given up is told to be silent first.
- mitmproxy sets the state of the server's side after it has begun to stream an upload, even if that has ended the
  exchange already. It is set right again.
- While a stream waits for a connection or a hook it takes no events, so a client that has left shows as a failure of
  the backend. Whether the client is there is asked before anything is held against the backend.
"""

from __future__ import annotations

from time import monotonic

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook

from urlrewrite.exchange.gateway import gateway_response
from urlrewrite.farms.choose import NoServer
from urlrewrite.fields.connection_auth import leaves_no_other, names_binding
from urlrewrite.hooks.closing import closing
from urlrewrite.hooks.farm_requests import forget, next_server, turn_to_server
from urlrewrite.hooks.patches.framing import BackendError
from urlrewrite.hooks.patches.http1 import http1_client
from urlrewrite.hooks.patches.response_heads import BadHeadError, check_head
from urlrewrite.hooks.patches.server_connections import IDEMPOTENT, ServerConnections
from urlrewrite.hooks.patches.stream_timer import Alarm, StreamTimer, http_layer_of, is_client_slow
from urlrewrite.hooks.state import Live, State, TlsWanted
from urlrewrite.hooks.translate import apply_response
from urlrewrite.model.farms import Connections, RetryCause
from urlrewrite.trace.backend_faults import BackendFault
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import SERVER_FAILED

_LOOK_AGAIN = 1.0
"""Seconds after which it is looked again whether a slow client has taken what came."""

_SENDS_NO_REQUEST = (ResponseData, ResponseEndOfMessage)
"""Events after which no request begins."""

_NEVER_IDLE = ("text/event-stream", "application/grpc", "multipart/x-mixed-replace")
"""Media types of responses that may be silent for as long as they like."""


def stream_class(state: State, connections: ServerConnections) -> type[HttpStream]:
    """Return the `HttpStream` that minds failures and time-outs of backends."""

    class BackendStream(HttpStream):
        def __init__(self, context: Context, stream_id: int) -> None:
            super().__init__(context, stream_id)
            self._timer = StreamTimer(self)
            self._heard = 0.0  # when the backend last sent something
            self._began = 0.0  # when the backend was last turned to
            self._kept = False  # whether its connection had served a request before
            self._page_sent = False
            self._attempt = 0
            self._failure = ""
            self._cause: RetryCause | None = None
            self.wants_new_connection = False

        @property
        def connect_within(self) -> float:
            """Seconds that a connection to the backend may take."""
            live = self._live
            return live.timeouts.connect if live else 0.0

        @property
        def tls_wanted(self) -> TlsWanted | None:
            """The TLS that the backend is to be spoken to by; None for none, or for mitmproxy's own."""
            live = self._live
            return live.tls if live else None

        @property
        def connection_settings(self) -> Connections | None:
            """How connections to the backend are shared; None for a flow that is not ours."""
            live = self._live
            return live.connections if live else None

        @property
        def _live(self) -> Live | None:
            """The exchange; None for a flow that is not ours, such as one that is replayed."""
            return state.live.get(self.flow.id)

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            if isinstance(event, events.Wakeup) and isinstance(event.command, Alarm):
                done = self._time_is_over(event.command.silent)
            else:
                done = super()._handle_event(event)
            return done if isinstance(event, _SENDS_NO_REQUEST) else closing(done, lambda: self._live)

        # --- connecting -------------------------------------------------------------------------------------------

        def make_server_connection(self) -> layer.CommandGenerator[bool]:
            if self._live is None:
                return (yield from super().make_server_connection())
            if self._needs_http1(names_binding(self.flow.request.headers.get_all("authorization"))):
                yield from self._ask_for_http1()
                return False
            self.wants_new_connection = self._kept
            while True:
                if attempts := self._live.attempts:
                    known = connections.bound_addresses(http_layer_of(self))
                    client, is_gone = self.context.client, self._is_client_gone
                    found = yield from next_server(self._live, attempts, client, is_gone, known)
                    if self._is_client_gone():
                        yield from self._end_without_page("the client left before it had a server")
                        return False
                    if isinstance(found, NoServer):
                        if found is NoServer.ALL_TRIED and self._cause:
                            yield from self._send_page(self._cause)
                        else:
                            self._failure = found
                            yield from self._send_page(None)
                        return False
                    turn_to_server(self.flow.request, self._live, found.load.server)
                request = self.flow.request
                self._began = monotonic()
                wanted = GetHttpConnection(
                    (request.host, request.port),
                    request.scheme == "https",
                    self.flow.server_conn.via,
                    self.flow.server_conn.transport_protocol,
                )
                connection, error = yield wanted
                if error is None:
                    self.context.server = self.flow.server_conn = connection
                    self._kept = connections.has_served(connection)
                    if self.client_state == self.state_done:
                        self._timer.set(self._live.timeouts.response)
                    return True
                if self._is_client_gone():
                    yield from self._end_without_page(error)
                    return False
                cause = connections.why_failed(http_layer_of(self), wanted)
                self._report(cause, error)
                if not (attempts and attempts.may_retry(cause, request.method, was_sent=False)):
                    yield from self._send_page(cause)
                    return False

        def _end_without_page(
            self, message: str, code: ErrorCode = ErrorCode.CONNECT_FAILED
        ) -> layer.CommandGenerator[None]:
            """End what no page is wanted for. Nothing is held against the backend."""
            yield from super().handle_protocol_error(ResponseProtocolError(self.stream_id, message, code))

        def start_request_stream(self) -> layer.CommandGenerator[None]:
            if self._live is None or self.flow.response:
                yield from super().start_request_stream()
                return
            # Set now, so that a page of our own finds out what is to be done with the rest of the upload.
            self.client_state = self.state_stream_request_body
            if (yield from self.make_server_connection()):
                head = RequestHeaders(self.stream_id, self.flow.request, end_stream=False)
                yield SendHttp(head, self.context.server)

        def state_wait_for_request_headers(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
            yield from super().state_wait_for_request_headers(event)
            if self._page_sent:
                self.server_state = self.state_done

        def state_stream_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            yield from super().state_stream_request_body(event)
            waits = self.server_state == self.state_wait_for_response_headers
            if isinstance(event, RequestEndOfMessage) and waits and (live := self._live):
                self._timer.set(live.timeouts.response)

        def state_done(self, event: events.Event) -> layer.CommandGenerator[None]:
            # What a backend still sends that was given up is nobody's.
            if not self._page_sent:
                yield from super().state_done(event)

        def state_discard_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            """Read the rest of an upload that nobody waits for any more."""
            if isinstance(event, RequestEndOfMessage):
                self.client_state = self.state_done
                if self.server_state == self.state_done:
                    yield from self.flow_done()

        # --- hearing from the backend -----------------------------------------------------------------------------

        def state_wait_for_response_headers(self, event: events.Event) -> layer.CommandGenerator[None]:
            self._timer.clear()
            if (waiting := self._live) and waiting.attempts and isinstance(event, ResponseHeaders):
                waiting.attempts.responded(monotonic(), event.response.status_code)
            if waiting and isinstance(event, ResponseHeaders) and self._needs_http1(_asks_to_bind(event.response)):
                yield from self._leave_connection()
                yield from self._ask_for_http1()
                return
            yield from super().state_wait_for_response_headers(event)
            live, response = self._live, self.flow.response
            if live and response and not self._page_sent and self._may_be_idle_too_long():
                self._heard = monotonic()
                self._timer.set(live.timeouts.idle)

        def state_stream_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            self._heard = monotonic()
            handled: layer.CommandGenerator[None] = super().state_stream_response_body(event)
            return handled

        def state_consume_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
            self._heard = monotonic()
            handled: layer.CommandGenerator[None] = super().state_consume_response_body(event)
            return handled

        def _may_be_idle_too_long(self) -> bool:
            response = self.flow.response
            if response is None or response.status_code == 101:
                return False
            receives = self.server_state in (self.state_stream_response_body, self.state_consume_response_body)
            return receives and not response.headers.get("content-type", "").lower().startswith(_NEVER_IDLE)

        def send_response(self, already_streamed: bool = False) -> layer.CommandGenerator[None]:
            yield from super().send_response(already_streamed)
            if self.flow.websocket and self.client_state == self.state_errored:
                # Killed at its 101: no hook tells of the end of a WebSocket that never began.
                forget(state.attempts, self.flow.id)

        def flow_done(self) -> layer.CommandGenerator[None]:
            self._timer.clear()
            connections.served(self.context.server)
            yield from super().flow_done()

        # --- the authentication of connections ----------------------------------------------------------------------

        def _needs_http1(self, binding: bool) -> bool:
            """Say whether a request of HTTP/2 or 3 has to come by a connection of its client's own."""
            return binding and not (self.flow.request.is_http11 or self.flow.request.is_http10)

        def _ask_for_http1(self) -> layer.CommandGenerator[None]:
            """Make the client repeat its request over HTTP/1.1, as IIS does."""
            assert self._live is not None
            self._live.needs_http1 = True
            message = "NTLM and Negotiate need a connection of HTTP/1.1; the client was told to use one"
            yield from self._end_without_page(message, ErrorCode.HTTP_1_1_REQUIRED)

        # --- time-outs --------------------------------------------------------------------------------------------

        @property
        def waits_for_backend(self) -> bool:
            """Whether it is the backend's turn: the request is there, and the client takes what comes."""
            receives = (
                self.state_wait_for_response_headers,
                self.state_consume_response_body,
                self.state_stream_response_body,
            )
            ready = self._live is not None and self.client_state == self.state_done and self.server_state in receives
            return ready and not is_client_slow(self)

        def _time_is_over(self, unmoved: float) -> layer.CommandGenerator[None]:
            """Give the backend up; `unmoved` are the seconds for which nothing moved at all, 0 for its own time-out."""
            live = self._live
            if live is None:
                return
            if self.server_state == self.state_wait_for_response_headers:
                if not self.flow.response:
                    message = f"no response within {unmoved or live.timeouts.response:g} seconds"
                    yield from self._backend_failed(RetryCause.TIMEOUT, message)
            elif unmoved or self._may_be_idle_too_long():
                silent = monotonic() - self._heard
                if not unmoved and (silent < live.timeouts.idle or is_client_slow(self)):
                    self._timer.set(live.timeouts.idle - silent if silent < live.timeouts.idle else _LOOK_AGAIN)
                    return
                message = f"nothing came for {unmoved or live.timeouts.idle:g} seconds"
                yield from self._leave_connection()
                yield from self.handle_protocol_error(
                    BackendError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR, BackendFault.STALLED)
                )

        # --- failures ---------------------------------------------------------------------------------------------

        def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
            response = self.flow.response
            if request or self._live is None or response is None:
                return (yield from super().check_invalid(request))
            try:
                check_head(self.flow.request, response, fields=self.context.options.validate_inbound_headers)
            except BadHeadError as error:
                self.flow.response = None
                yield from self._backend_failed(RetryCause.CLOSED, str(error), error.fault)
                return True
            return False

        def handle_protocol_error(
            self, event: RequestProtocolError | ResponseProtocolError
        ) -> layer.CommandGenerator[None]:
            self._timer.clear()
            is_backends = isinstance(event, ResponseProtocolError) and self.client_state != self.state_errored
            killed = self.flow.error is not None
            fault = event.fault if isinstance(event, BackendError) else BackendFault.CUT
            if not is_backends or killed or self._live is None or self._is_client_gone():
                yield from super().handle_protocol_error(event)
            elif self.server_state == self.state_wait_for_response_headers and not self.flow.response:
                told = fault if isinstance(event, BackendError) else BackendFault.NO_HEAD
                yield from self._backend_failed(RetryCause.CLOSED, event.message, told)
            elif self.server_state == self.state_consume_response_body:
                # Nothing of this response was sent: the client gets to know that it is not whole.
                self.response_body_buf.clear()
                self._report(RetryCause.CLOSED, event.message, fault)
                yield from self._send_page(RetryCause.CLOSED)
            else:
                if self.server_state == self.state_stream_response_body:
                    self._report(RetryCause.CLOSED, event.message, fault)
                yield from super().handle_protocol_error(event)

        def _backend_failed(
            self, cause: RetryCause, message: str, fault: BackendFault | None = None
        ) -> layer.CommandGenerator[None]:
            """Go on where the backend was sent the request and failed before the head of its response was there."""
            request = self.flow.request
            whole = self.client_state == self.state_done and not request.stream
            # The server closed a connection that was kept: nothing is wrong with it.
            stale = whole and cause is RetryCause.CLOSED and self._kept and request.method in IDEMPOTENT
            self._report(cause, message, fault)
            attempts = self._live.attempts if self._live else None
            yield from self._leave_connection()
            if stale and attempts:
                attempts.tried.pop()
            may_retry = stale or (whole and attempts and attempts.may_retry(cause, request.method, was_sent=True))
            if not may_retry:
                yield from self._send_page(cause)
            elif (yield from self.make_server_connection()):
                yield from self._send_request_again()

        def _send_request_again(self) -> layer.CommandGenerator[None]:
            request, server = self.flow.request, self.context.server
            content, trailers = request.raw_content, request.trailers
            yield SendHttp(RequestHeaders(self.stream_id, request, not (content or trailers)), server)
            if content:
                yield SendHttp(RequestData(self.stream_id, content), server)
            if trailers:
                yield SendHttp(RequestTrailers(self.stream_id, trailers), server)
            yield SendHttp(RequestEndOfMessage(self.stream_id), server)

        def _leave_connection(self) -> layer.CommandGenerator[None]:
            """End what is under way with the backend, and hear no more of it."""
            server = self.context.server
            if server.alpn == b"h2":
                if server.connected:
                    left = RequestProtocolError(self.stream_id, "given up", ErrorCode.CANCEL)
                    yield SendHttp(left, server)
                return
            if client := http1_client(http_layer_of(self), server):
                client.silent = True
            if server.state is not ConnectionState.CLOSED:
                yield commands.CloseConnection(server)

        def _is_client_gone(self) -> bool:
            left = any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)
            return left or not self.context.client.connected

        def _report(self, cause: RetryCause, message: str, fault: BackendFault | None = None) -> None:
            live = self._live
            assert live is not None
            self._attempt += 1
            self._failure, self._cause = message, cause
            if live.attempts:
                # What was cut after its head was begun is no connection that had ended while nobody used it.
                live.attempts.failed(monotonic(), cause, was_kept=self._kept and not self.flow.response)
            request = self.flow.request
            live.exchange.trace.decided(
                SERVER_FAILED,
                server=f"{request.host}:{request.port}",
                cause=str(cause),
                fault=str(fault or ""),
                detail=message,
                attempt=self._attempt,
                milliseconds=round((monotonic() - self._began) * 1000),
            )

        def _send_page(self, cause: RetryCause | None) -> layer.CommandGenerator[None]:
            """Respond in place of the backend; None: no server was free. The client's connection stays as it is."""
            live = self._live
            assert live is not None
            self._page_sent = True
            live.own, live.failed, live.head, live.hold = True, True, None, None
            trace, request = live.exchange.trace, self.flow.request
            if cause is None and live.attempts:
                name = live.attempts.farm.farm.name
                trace.error(Reason.NO_SERVER, iis_status="502.4", name=name, detail=self._failure)
            else:
                origin = f"{request.scheme}://{request.host}:{request.port}"
                trace.error(Reason.BACKEND_FAILED, iis_status="502.3", origin=origin, detail=self._failure)
            apply_response(self.flow, live.exchange.paged(gateway_response(live.exchange.site, trace, cause)))
            self.flow.error = None
            if self.client_state == self.state_stream_request_body:
                self.client_state = self.state_discard_request_body
            yield HttpResponseHeadersHook(self.flow)
            if not (yield from self.check_killed(True)):
                yield from self.send_response()

    return BackendStream


def _asks_to_bind(response: http.Response) -> bool:
    return response.status_code == 401 and leaves_no_other(response.headers.get_all("www-authenticate"))
