"""Counts the body of a request against the Content-Length that its client told.

HTTP/1 is read by that length, and HTTP/2 checks it. In HTTP/3 it is looked at when the stream ends, and a body that is
streamed to its backend is long there by then. So it is counted here, for clients of every version: the first byte too
many ends the exchange, and so does an end that comes too early. What rules make of the field does not count.
"""

from __future__ import annotations

import logging

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
)

from urlrewrite.hooks.patches.framing import LONGER, SHORTER

logger = logging.getLogger("urlrewrite.framing")


def stream_class(base: type[HttpStream]) -> type[HttpStream]:
    """Return a stream that takes a body of the told length only, and does with all else what `base` does."""

    class CountingStream(base):  # type: ignore[valid-type, misc]
        def __init__(self, context: Context, stream_id: int) -> None:
            super().__init__(context, stream_id)
            self._length: int | None = None
            self._came = 0

        def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
            match event:
                case RequestHeaders():
                    told = event.request.headers.get("content-length", "")
                    self._length = int(told) if told.isascii() and told.isdigit() else None
                case RequestData():
                    self._came += len(event.data)
            wrong = ""
            if self._length is not None and self.client_state != self.state_errored:
                if isinstance(event, RequestData) and self._came > self._length:
                    wrong = LONGER
                elif isinstance(event, RequestEndOfMessage) and self._came < self._length:
                    wrong = SHORTER
            return self.end_request(wrong) if wrong else super()._handle_event(event)

        def end_request(self, why: str) -> layer.CommandGenerator[None]:
            """Tell the log, the client and, where it has a part of the request, the backend."""
            logger.warning("%s: %s", self.flow.request.pretty_url, why)
            code = ErrorCode.GENERIC_CLIENT_ERROR
            yield SendHttp(ResponseProtocolError(self.stream_id, why, code), self.context.client)
            yield from super()._handle_event(RequestProtocolError(self.stream_id, why, code))
            self.client_state = self.state_errored

        def handle_protocol_error(
            self, event: RequestProtocolError | ResponseProtocolError
        ) -> layer.CommandGenerator[None]:
            uploads = self.client_state == self.state_stream_request_body
            if isinstance(event, RequestProtocolError) and uploads and self.server_state == self.state_done:
                # mitmproxy itself tells a backend only that has not responded yet; its connection would stay open.
                yield SendHttp(event, self.context.server)
            yield from super().handle_protocol_error(event)

        def make_server_connection(self) -> layer.CommandGenerator[bool]:
            made: bool = yield from super().make_server_connection()
            request = self.flow.request
            length = self._length if request.stream else len(request.raw_content or b"")
            if made and length is not None and "content-length" in request.headers:
                request.headers["content-length"] = str(length)
            return made

    return CountingStream
