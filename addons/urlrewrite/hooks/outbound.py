"""The response hooks: fields are rewritten when the head is there, the body when it is complete or as it streams."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from mitmproxy import http

from urlrewrite.exchange.body.plan import Way, is_never_touched
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.responses import LocalResponse, plain_response
from urlrewrite.hooks.at_once import begins_at_once
from urlrewrite.hooks.farm_requests import bound
from urlrewrite.hooks.leak_watch import LeakWatch, PassedBody
from urlrewrite.hooks.originals import keep_head
from urlrewrite.hooks.state import Hold, Live, State, Stream
from urlrewrite.hooks.streamed_body import StreamedBody
from urlrewrite.hooks.translate import apply_response, field_lines, headers, response_facts
from urlrewrite.inspector.diagnose.exchange_case import names_of, site_and_public_name
from urlrewrite.inspector.leaks.watch import Watch
from urlrewrite.inspector.names.names import Names
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.trace import TraceLevel

logger = logging.getLogger("urlrewrite.outbound")

THREAD_FROM = 16 * 1024
"""Bytes of a body from which it is rewritten in a thread, so that other requests go on; a coded one always is."""

KEPT_FOR_VIEWING = 1024 * 1024
"""Bytes up to which a body that nobody rewrites is still held, so that mitmweb can show it."""


class Outbound:
    """The addon that rewrites responses."""

    def __init__(self, state: State) -> None:
        self._state = state

    @begins_at_once
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Rewrite the fields, and decide whether the body is held, streamed or passed."""
        live = self._state.live.get(flow.id)
        if live is None or flow.error or flow.response is None or live.failed:
            return
        try:
            await self._take_head(flow, flow.response, live)
        except Exception:
            logger.exception("response %s: the hook failed; answered 500", live.exchange.trace.data["id"])
            error = plain_response(500, "The proxy failed to rewrite this response.", _trace_id(live))
            _replace_head(flow, live.exchange.paged(error), live)

    async def _take_head(self, flow: http.HTTPFlow, response: http.Response, live: Live) -> None:
        exchange = live.exchange
        if self._state.keeps_originals and not live.own:
            live.original = keep_head(flow, response)
        facts = response_facts(response)
        if exchange.rules.rules.linear:
            head = exchange.receive(facts, own=live.own)
        else:
            head = await asyncio.to_thread(exchange.receive, facts, own=live.own)
        if isinstance(head, LocalResponse):
            _replace_head(flow, head, live)
            return
        live.head = head = replace(head, fields=bound(live, head.fields))
        if head.reason is not None:
            response.reason = head.reason
        response.headers = headers(head.fields, lower=flow.request.is_http2 or flow.request.is_http3)
        if head.plan.way is Way.STREAM:
            live.watch = _watch(live, head.fields)
            response.stream = StreamedBody(flow, live, head)
        elif head.plan.way is Way.PASS and not live.own and _is_long(response):
            live.watch = _watch(live, head.fields)
            response.stream = _passed(live, live.watch, head.fields) if live.watch else True
        elif head.plan.way is Way.WHOLE and head.plan.length is None:
            settings, began = exchange.rules.settings, time.monotonic()

            def release(held: int) -> Stream:
                return _release(flow, live, held, time.monotonic() - began)

            live.hold = Hold(settings.threshold, settings.hold_seconds, release)
        if response.stream:
            _frame_stream(flow, response)

    @begins_at_once
    async def response(self, flow: http.HTTPFlow) -> None:
        """Rewrite a body that was to be held whole."""
        live = self._state.live.get(flow.id)
        if live is None or flow.error or flow.response is None:
            return
        live.hold = None
        if live.original is not None and not flow.response.stream:
            live.original["body"] = flow.response.raw_content
        if flow.response.trailers:
            _map_trailers(flow, flow.response, live)
        if live.unsent:
            # The backend's response had no body, so nothing was streamed.
            apply_response(flow, live.unsent.pop())
        if live.head is None or live.failed:
            return
        await self._rewrite(flow, flow.response, live)
        if live.head.plan.way is Way.WHOLE or (
            flow.request.http_version == "HTTP/1.0" and flow.request.method != "HEAD"
        ):
            _frame_whole(flow, flow.response)
        if live.sent is not None:
            # It was sent long ago: this is for whoever looks at the flow.
            flow.response.raw_content = live.sent

    async def _rewrite(self, flow: http.HTTPFlow, response: http.Response, live: Live) -> None:
        assert live.head is not None
        raw = response.raw_content
        if live.head.plan.way is not Way.WHOLE or not raw:
            return
        try:
            small = len(raw) < THREAD_FROM and "content-encoding" not in response.headers
            if small and live.exchange.rules.rules.linear:
                result = live.exchange.rewrite(raw, live.head)
            else:
                result = await asyncio.to_thread(live.exchange.rewrite, raw, live.head)
        except Exception:
            logger.exception("response %s: the hook failed; answered 500", _trace_id(live))
            result = live.exchange.fail(Reason.PROXY_FAILED)
        if isinstance(result, LocalResponse):
            live.failed = True
            apply_response(flow, result)
            return
        _set_body(flow, response, result.fields, result.body, live.head)


def _map_trailers(flow: http.HTTPFlow, response: http.Response, live: Live) -> None:
    """Map the trailer fields; where that fails, or the body is not the one that they belong to, they are left out."""
    assert response.trailers is not None
    if live.failed:
        response.trailers = None
        return
    try:
        lines = live.exchange.trailers(field_lines(response.trailers))
        response.trailers = headers(lines, lower=flow.request.is_http2 or flow.request.is_http3)
    except Exception:
        logger.exception("response %s: the trailers could not be rewritten; they are left out", _trace_id(live))
        response.trailers = None


def _release(flow: http.HTTPFlow, live: Live, held: int, seconds: float) -> Stream:
    """Turn a response whose body was held into one that is streamed; its head is sent next."""
    response, head = flow.response, live.head
    assert response is not None and head is not None
    live.head = head = live.exchange.release(head, held, seconds)
    response.headers = headers(head.fields, lower=flow.request.is_http2 or flow.request.is_http3)
    _frame_stream(flow, response)
    live.watch = _watch(live, head.fields)
    return StreamedBody(flow, live, head)


def is_watching(live: Live) -> bool:
    """Say whether responses are looked at for leaks: below the trace level full nobody would see what is found."""
    return live.exchange.trace.level is TraceLevel.FULL


def watched_names(live: Live) -> Names | None:
    """Return the names that a response is looked at for; None where nobody watches, or there is no name to find."""
    if not is_watching(live):
        return None
    exchange = live.exchange
    return names_of(exchange.rules, *site_and_public_name(exchange.request, exchange.rules)) or None


def _watch(live: Live, fields: FieldLines) -> LeakWatch | None:
    """Return what looks at a body that streams by; None where there is nothing to look at or for."""
    names = None if live.own or is_never_touched(fields) else watched_names(live)
    return LeakWatch(Watch(fields, live.exchange.request.target.partition("?")[0], names)) if names else None


def _passed(live: Live, watch: LeakWatch, fields: FieldLines) -> PassedBody:
    original = live.original

    def keep(body: bytes) -> None:
        assert original is not None
        original["body"] = live.sent = body

    return PassedBody(watch, fields, keep if original is not None else None)


def _set_body(
    flow: http.HTTPFlow, response: http.Response, fields: FieldLines, body: bytes, head: ResponseHead
) -> None:
    if fields != head.fields:
        response.headers = headers(fields, lower=flow.request.is_http2 or flow.request.is_http3)
    response.raw_content = body


def _frame_stream(flow: http.HTTPFlow, response: http.Response) -> None:
    """Frame a body of unknown length: in chunks, or for a client of HTTP/1.0 by the end of the connection."""
    if flow.request.http_version == "HTTP/1.0":
        if "transfer-encoding" in response.headers:
            del response.headers["transfer-encoding"]
        if "content-length" not in response.headers:
            response.headers["connection"] = "close"
    elif "transfer-encoding" in response.headers and response.is_http10:
        # A backend of HTTP/1.0 sent none, and mitmproxy repeats its version.
        response.http_version = "HTTP/1.1"


def _frame_whole(flow: http.HTTPFlow, response: http.Response) -> None:
    """Frame a whole body by its length, however the backend framed it; in HTTP/1.1 trailers want chunks."""
    if response.status_code in (204, 304):
        # They have no body, and so no length of one.
        return
    if response.trailers and flow.request.is_http11:
        response.headers.pop("content-length", None)
        response.headers["transfer-encoding"] = "chunked"
    elif response.raw_content is not None and "content-length" not in response.headers:
        if "transfer-encoding" in response.headers:
            del response.headers["transfer-encoding"]
        response.headers["content-length"] = str(len(response.raw_content))


def _is_long(response: http.Response) -> bool:
    """Say whether a body is, or may be, too long to be held without need."""
    length = response.headers.get("content-length", "")
    return not length.isdigit() or int(length) > KEPT_FOR_VIEWING


def _replace_head(flow: http.HTTPFlow, error: LocalResponse, live: Live) -> None:
    """Turn a response into an error; a body that is still on its way is read and thrown away."""
    live.failed = True
    if live.own:
        apply_response(flow, error)
        return
    response = flow.response
    assert response is not None
    lines = [line for line in error.fields if line[0].lower() != "content-length"]
    if flow.request.http_version == "HTTP/1.1":
        lines.append(("Transfer-Encoding", "chunked"))
    elif flow.request.http_version == "HTTP/1.0":
        lines.append(("Connection", "close"))
    response.status_code = error.status
    response.reason = error.reason
    response.headers = headers(lines, lower=flow.request.is_http2 or flow.request.is_http3)
    live.unsent.append(error)

    def stream(chunk: bytes) -> list[bytes]:
        del chunk
        return [live.unsent.pop().body] if live.unsent else []

    response.stream = stream


def _trace_id(live: Live) -> str:
    return str(live.exchange.trace.data["id"])
