"""Bodies of requests on their way to the backend, rewritten whole or as they come (`exchange/body/request.py`)."""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import http

from urlrewrite.exchange.body.request import RequestBody
from urlrewrite.hooks.outbound import THREAD_FROM
from urlrewrite.hooks.state import Live, Stream
from urlrewrite.hooks.streamed_body import PieceByPiece
from urlrewrite.hooks.translate import apply_response, field_lines, headers

logger = logging.getLogger("urlrewrite.uploads")


def refuse_upload(flow: http.HTTPFlow, live: Live, size: int) -> None:
    """Respond to a request of whose body so many bytes came, if its site does not allow as many."""
    limit = live.exchange.content_limit
    if limit is not None and size > limit:
        live.own = True
        apply_response(flow, live.exchange.refuse_length(size))


def is_over_limit(live: Live, size: int) -> bool:
    """Count bytes of a body that is streamed; say whether its site does not allow as many."""
    live.uploaded += size
    limit = live.exchange.content_limit
    return limit is not None and live.uploaded > limit


async def rewrite_upload(flow: http.HTTPFlow, live: Live) -> None:
    """Rewrite a body that was held; its head has not been sent yet."""
    body, request = live.exchange.request_body, flow.request
    raw = request.raw_content
    if body is None or not raw or request.stream:
        return
    fields = field_lines(request.headers)
    if len(raw) < THREAD_FROM and "content-encoding" not in request.headers:
        rewritten = body.whole(raw, fields)
    else:
        rewritten = await asyncio.to_thread(body.whole, raw, fields)
    if rewritten.body == raw:
        return
    request.headers = headers(rewritten.fields, lower=request.is_http2 or request.is_http3)
    request.raw_content = rewritten.body
    if request.trailers and not (request.is_http2 or request.is_http3):
        # In HTTP/1 only a body in chunks has trailers.
        request.headers.pop("content-length", None)
        request.headers["transfer-encoding"] = "chunked"


def upload_stream(flow: http.HTTPFlow, live: Live) -> Stream | bool:
    """Give what a request's `stream` has to be, and make its fields true for that; its head has not been sent yet."""
    body, request = live.exchange.request_body, flow.request
    if body is None:
        return True
    fields = body.stream_fields(field_lines(request.headers))
    request.headers = headers(fields, lower=request.is_http2 or request.is_http3)
    return StreamedUpload(live, body, coded="content-encoding" in request.headers)


class StreamedUpload(PieceByPiece):
    """The body of a request. After a failure it is cut off."""

    def __init__(self, live: Live, body: RequestBody, *, coded: bool) -> None:
        super().__init__(coded=coded)
        self._live = live
        self._body = body
        self._rewriter = body.stream()

    def _rewritten(self, piece: bytes) -> bytes:
        if self._body.cut:
            return b""
        try:
            return self._rewriter.feed(piece) if piece else self._rewriter.finish()
        except Exception:
            logger.exception("request %s: the stream rewriter failed", self._live.exchange.trace.data["id"])
            self._body.cut = True
            return b""

    def _sent(self, piece: bytes, rewritten: bytes) -> list[bytes]:
        return [rewritten] if rewritten and not self._body.cut else []
