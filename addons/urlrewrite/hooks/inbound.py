"""The request hooks: every request is evaluated as soon as its head is there, and nothing is forwarded before."""

from __future__ import annotations

import asyncio
import logging
import secrets

from mitmproxy import http

from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.grpc import grpc_error, has_grpc
from urlrewrite.exchange.responses import Abort, Forward, LocalResponse, plain_response
from urlrewrite.hooks.at_once import begins_at_once
from urlrewrite.hooks.bounds import over_of
from urlrewrite.hooks.farm_requests import prepare
from urlrewrite.hooks.flow_data import HiddenFromMetaFilter
from urlrewrite.hooks.state import UPLOAD_HELD, Live, State, TlsWanted
from urlrewrite.hooks.translate import (
    apply_forward,
    apply_response,
    field_lines,
    headers,
    request_facts,
    show_public_url,
)
from urlrewrite.hooks.uploads import refuse_upload, rewrite_upload, upload_stream
from urlrewrite.trace.trace import TraceLevel

logger = logging.getLogger("urlrewrite.inbound")


class Inbound:
    """The addon that chooses the site, runs the inbound rules and carries out what they decide."""

    def __init__(self, state: State) -> None:
        self._state = state

    @begins_at_once
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Evaluate a request. Whatever goes wrong, the response is 500: no request is forwarded without a decision."""
        if flow.error or flow.response or not flow.live or flow.is_replay:
            return
        trace_id = secrets.token_hex(8)
        try:
            await self._judge(flow, trace_id)
        except Exception:
            logger.exception("request %s: the hook failed; answered 500", trace_id)
            error = plain_response(500, "The proxy failed to evaluate this request.", trace_id)
            if live := self._state.live.get(flow.id):
                live.failed = True
                apply_response(flow, live.exchange.paged(error))
            else:
                _apply_early(flow, error, trace_id)

    async def _judge(self, flow: http.HTTPFlow, trace_id: str) -> None:
        rules = self._state.in_force
        if rules is None:
            _apply_early(flow, plain_response(503, "No rules are loaded yet.", trace_id), trace_id)
            return
        exchange = Exchange(rules, self._state.memory, request_facts(flow), trace_id)
        live = self._state.live[flow.id] = Live(exchange)
        if exchange.trace.level is TraceLevel.OFF:
            flow.metadata["urlrewrite.id"] = trace_id
        else:
            flow.metadata["urlrewrite"] = exchange.trace.data = HiddenFromMetaFilter(exchange.trace.data)
        # Patterns that might take their whole deadline must not keep other requests waiting.
        routing = exchange.route() if rules.rules.linear else await asyncio.to_thread(exchange.route)
        match routing:
            case Forward():
                live.timeouts, live.keep_alive = routing.timeouts, routing.keep_alive
                live.connections = routing.connections
                routing = prepare(flow, live, self._state, routing)
                apply_forward(flow, routing)
                if routing.origin.scheme == "https" and live.attempts is None:
                    live.tls = TlsWanted(routing.origin.host, routing.tls)
                length = flow.request.headers.get("content-length", "")
                # One that does not say its length may still become a stream (`patches/http_stream.py`); of
                # gRPC, the backend may answer a message before the next one is sent.
                talks = flow.request.headers.get("content-type", "").lower().startswith("application/grpc")
                if talks or (length.isdigit() and int(length) > UPLOAD_HELD):
                    flow.request.stream = upload_stream(flow, live)
            case LocalResponse():
                live.own = True
                apply_response(flow, routing)
                show_public_url(flow)
            case Abort():
                flow.kill()

    @begins_at_once
    async def request(self, flow: http.HTTPFlow) -> None:
        """Rewrite a body that was held, and frame one that came over HTTP/2 or 3 without a length.

        In HTTP/1 that would be another request.
        """
        request = flow.request
        live = self._state.live.get(flow.id)
        if live and (over := over_of(request.trailers)):
            request.trailers = None
            if request.stream:
                # The backend has the body. Trailers may be left out (RFC 9110, 6.5.1).
                live.exchange.trace.warn(over)
            else:
                live.own = True
                apply_response(flow, live.exchange.refuse(over))
        if live and not flow.response and not request.stream:
            refuse_upload(flow, live, len(request.raw_content or b""))
        if live and not flow.response and not flow.error:
            try:
                await rewrite_upload(flow, live)
            except Exception:
                trace_id = live.exchange.trace.data["id"]
                logger.exception("request %s: its body could not be rewritten; answered 500", trace_id)
                live.own = live.failed = True
                error = plain_response(500, "The proxy failed to rewrite this request.", trace_id)
                apply_response(flow, live.exchange.paged(error))
        if live and request.trailers:
            trailers = live.exchange.request_trailers(field_lines(request.trailers))
            request.trailers = headers(trailers, lower=request.is_http2 or request.is_http3)
        if live and live.upload_dropped:
            request.raw_content = None
        if live and request.raw_content and not request.is_http11 and not request.is_http10:
            request.headers["content-length"] = str(len(request.raw_content))


def _apply_early(flow: http.HTTPFlow, error: LocalResponse, trace_id: str) -> None:
    """Respond with an error where there is no exchange yet; a client of gRPC gets what it understands."""
    is_call = has_grpc(flow.request.http_version, field_lines(flow.request.headers))
    apply_response(flow, grpc_error(error, trace_id) if is_call else error)
