"""The WebSocket hooks: text messages are rewritten where the site asks for it, binary ones never; in both, names of the
backend that the client gets are counted.
"""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import http
from mitmproxy.utils import human
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import CloseReason

from urlrewrite.exchange.websocket import WebSocketMessages
from urlrewrite.hooks.leak_watch import MAX_WAITING, in_turn
from urlrewrite.hooks.outbound import watched_names
from urlrewrite.hooks.recorder import count_leaks, make_storable
from urlrewrite.hooks.state import State
from urlrewrite.inspector.leaks.excerpts import Excerpts
from urlrewrite.inspector.leaks.watch import message_excerpts
from urlrewrite.inspector.names.names import Names

logger = logging.getLogger("urlrewrite.websocket")

AT_ONCE = 16 * 1024
"""Bytes up to which a message is looked at where it stands, since it takes no time."""


class WebSocket:
    """The addon that rewrites messages. To be registered before the recorder, which ends the exchange early."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._open: dict[str, WebSocketMessages] = {}
        self._watched: dict[str, _Watched] = {}
        """Both by flow id, from the handshake until the end."""

    def response(self, flow: http.HTTPFlow) -> None:
        """Take what is needed from the exchange of a handshake."""
        live = self._state.live.get(flow.id)
        if not flow.websocket or not live or live.failed:
            return
        if messages := live.exchange.websocket_messages():
            self._open[flow.id] = messages
        if names := watched_names(live):
            self._watched[flow.id] = _Watched(names)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Rewrite the message that has come. Whatever goes wrong, it is passed as it came."""
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        messages, watched = self._open.get(flow.id), self._watched.get(flow.id)
        if messages and message.is_text and not message.injected:
            self._rewrite(flow, message, messages)
        if watched and not message.from_client and not message.injected:
            self._look(flow, message, watched)

    def _rewrite(self, flow: http.HTTPFlow, message: WebSocketMessage, messages: WebSocketMessages) -> None:
        try:
            changed = messages.rewrite(message.content, from_client=message.from_client)
            if changed != message.content:
                message.content = changed
            if trace := flow.metadata.get("urlrewrite"):
                make_storable(trace)
        except Exception:
            logger.exception("flow %s: a WebSocket message could not be rewritten; it is passed as it came", flow.id)

    def _look(self, flow: http.HTTPFlow, message: WebSocketMessage, watched: _Watched) -> None:
        """Count the names in a message: a long one in a thread, and it does not wait for that; nor do those behind it.

        What was found is the thread's as long as anything waits there, and the loop's otherwise.
        """
        content, text = message.content, message.is_text
        size = len(content)
        if not watched.waiting and size < AT_ONCE:
            watched.look(content, text=text)
            self._tell(flow, watched)
        elif watched.waiting + size <= MAX_WAITING:
            watched.waiting += size
            loop = asyncio.get_running_loop()

            def looked() -> None:
                watched.waiting -= size
                if not watched.waiting:
                    self._tell(flow, watched)

            def look() -> None:
                watched.look(content, text=text)
                loop.call_soon_threadsafe(looked)

            in_turn(look)
        else:
            watched.excerpts.whole = False

    def _tell(self, flow: http.HTTPFlow, watched: _Watched) -> None:
        """Bring the trace up to date, which has long ended."""
        excerpts, trace = watched.excerpts, flow.metadata.get("urlrewrite")
        new = excerpts.count - watched.told
        if trace is None or not (new or len(excerpts.found) > watched.listed):
            return
        watched.told, watched.listed = excerpts.count, len(excerpts.found)
        self._state.statistics.more_leaks(new, first=not trace.get("leaks"))
        trace["websocket_leaks"] = excerpts.as_data()
        count_leaks(flow, trace, new)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget the connection, and tell of one that the backend ended without a word."""
        self._forget(flow)
        socket, trace = flow.websocket, flow.metadata.get("urlrewrite")
        if socket is None or socket.close_code != CloseReason.ABNORMAL_CLOSURE or socket.closed_by_client:
            return
        address = human.format_address(flow.server_conn.address)
        logger.error("flow %s: the WebSocket's connection to the backend %s was lost", flow.id, address)
        if trace is not None:
            trace["websocket_lost"] = address

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget the connection."""
        self._forget(flow)

    def _forget(self, flow: http.HTTPFlow) -> None:
        self._open.pop(flow.id, None)
        self._watched.pop(flow.id, None)


class _Watched:
    """The names of the backend in the messages of one connection; `waiting` are bytes that are to be looked at."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.excerpts = Excerpts()
        self.told = self.listed = self.waiting = 0

    def look(self, content: bytes, *, text: bool) -> None:
        """Look at a message, in any thread. It raises nothing."""
        try:
            message_excerpts(content, self._names, self.excerpts, text=text)
        except Exception:
            logger.exception("the names in a WebSocket message could not be counted")
