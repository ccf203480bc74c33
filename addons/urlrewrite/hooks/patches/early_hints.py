"""Forwards the early hints (103) of backends, which mitmproxy takes for the response or drops.

The layers that speak with backends tell of each one as of a response's head (`http1.py`, `http2.py`). It is no response
yet, so all that is begun with one does not begin: hooks, holds, and the end of the time that it is waited for. The
other interim responses are not forwarded: mitmproxy itself answers `Expect: 100-continue`, and 102 is obsolete.
"""

from __future__ import annotations

import logging

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import ResponseHeaders

from urlrewrite.hooks.patches.http1 import is_interim
from urlrewrite.hooks.state import State
from urlrewrite.hooks.translate import field_lines, headers

logger = logging.getLogger("urlrewrite.hints")


def stream_class(state: State, base: type[HttpStream]) -> type[HttpStream]:
    """Return a stream that forwards early hints, and does with all else what `base` does."""

    class HintingStream(base):  # type: ignore[valid-type, misc]
        def state_wait_for_response_headers(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
            if not is_interim(event.response):
                handled: layer.CommandGenerator[None] = super().state_wait_for_response_headers(event)
                return handled
            return self._forward_hints(event.response)

        def _forward_hints(self, response: http.Response) -> layer.CommandGenerator[None]:
            if hints := self._hints(response):
                yield SendHttp(ResponseHeaders(self.stream_id, hints), self.context.client)

        def _hints(self, response: http.Response) -> http.Response | None:
            """Return the interim response as it goes to the client; None where it does not get it."""
            live, request = state.live.get(self.flow.id), self.flow.request
            if live is None or live.own or response.status_code != 103:
                return None
            try:
                lines = live.exchange.early_hints(field_lines(response.headers))
            except Exception:
                logger.exception("response %s: early hints are left out", live.exchange.trace.data["id"])
                return None
            if lines is None:
                return None
            mapped = headers(lines, lower=request.is_http2 or request.is_http3)
            began = response.timestamp_start
            return http.Response(b"HTTP/1.1", 103, b"Early Hints", mapped, None, None, began, None)

    return HintingStream
