"""The WebSocket hooks: text messages are rewritten where the site asks for it, binary ones never."""

from __future__ import annotations

import logging

from mitmproxy import http
from mitmproxy.utils import human
from wsproto.frame_protocol import CloseReason

from urlrewrite.exchange.websocket import WebSocketMessages
from urlrewrite.hooks.recorder import make_storable
from urlrewrite.hooks.state import State

logger = logging.getLogger("urlrewrite.websocket")


class WebSocket:
    """The addon that rewrites messages. To be registered before the recorder, which ends the exchange early."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._open: dict[str, WebSocketMessages] = {}
        """By flow id, from the handshake until the end."""

    def response(self, flow: http.HTTPFlow) -> None:
        """Take what is needed from the exchange of a handshake."""
        live = self._state.live.get(flow.id)
        if flow.websocket and live and not live.failed and (messages := live.exchange.websocket_messages()):
            self._open[flow.id] = messages

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Rewrite the message that has come. Whatever goes wrong, it is passed as it came."""
        messages = self._open.get(flow.id)
        if messages is None or flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        if not message.is_text or message.injected:
            return
        try:
            changed = messages.rewrite(message.content, from_client=message.from_client)
            if changed != message.content:
                message.content = changed
            if trace := flow.metadata.get("urlrewrite"):
                make_storable(trace)
        except Exception:
            logger.exception("flow %s: a WebSocket message could not be rewritten; it is passed as it came", flow.id)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget the connection, and tell of one that the backend ended without a word."""
        self._open.pop(flow.id, None)
        socket, trace = flow.websocket, flow.metadata.get("urlrewrite")
        if socket is None or socket.close_code != CloseReason.ABNORMAL_CLOSURE or socket.closed_by_client:
            return
        address = human.format_address(flow.server_conn.address)
        logger.error("flow %s: the WebSocket's connection to the backend %s was lost", flow.id, address)
        if trace is not None:
            trace["websocket_lost"] = address

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget the connection."""
        self._open.pop(flow.id, None)
