"""The number of leaks: names of the backend that a client got to see and would use."""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import http

from urlrewrite.hooks.at_once import begins_at_once
from urlrewrite.hooks.outbound import THREAD_FROM, is_watching
from urlrewrite.hooks.state import State
from urlrewrite.hooks.translate import field_lines
from urlrewrite.inspector.leaks.search import leak_places

logger = logging.getLogger("urlrewrite.leaks")


class Leaks:
    """The addon that puts the number of leaks of a response into its trace. To be registered before the recorder."""

    def __init__(self, state: State) -> None:
        self._state = state

    @begins_at_once
    async def response(self, flow: http.HTTPFlow) -> None:
        """Search the response as the client gets it, at the trace level full only: other levels want speed."""
        live = self._state.live.get(flow.id)
        if live is None or live.own or flow.response is None or not is_watching(live):
            return
        exchange = live.exchange
        try:
            passed = await live.watch.end() if live.watch else None
            # What streamed by has been looked at.
            body = None if passed and passed.seen else flow.response.raw_content
            arguments = field_lines(flow.response.headers), body, exchange.request, exchange.rules
            if body and (len(body) >= THREAD_FROM or "content-encoding" in flow.response.headers):
                found = await asyncio.to_thread(leak_places, *arguments)
            else:
                found = leak_places(*arguments)
        except Exception:
            logger.exception("response %s: its leaks could not be counted", exchange.trace.data["id"])
            return
        exchange.trace.data["leaks"] = len(found) + (passed.count if passed else 0)
        if passed and (passed.found or passed.unread or not passed.whole):
            exchange.trace.data["excerpts"] = passed.as_data()

    @begins_at_once
    async def error(self, flow: http.HTTPFlow) -> None:
        """Search what came of a response that was broken off: streams of events end so."""
        if flow.response and (live := self._state.live.get(flow.id)) and live.watch:
            await self.response(flow)
