"""`keepAlive: false`: a backend is told that its connection ends with the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders

from urlrewrite.hooks.state import Live


def closing(done: layer.CommandGenerator[None], live: Callable[[], Live | None]) -> layer.CommandGenerator[None]:
    """Pass on what a stream does; a request that it sends says `Connection: close` where the rule file wants that.

    Not the flow's request, by which the core decides on the client's connection, but a copy.
    """
    reply = None
    while True:
        try:
            command = done.send(reply)
        except StopIteration:
            return
        reply = yield _closing(command, live()) if isinstance(command, SendHttp) else command


def _closing(command: SendHttp, live: Live | None) -> commands.Command:
    event = command.event
    if live is None or live.keep_alive or not isinstance(event, RequestHeaders) or command.connection.alpn == b"h2":
        return command
    if "upgrade" in event.request.headers.get("connection", "").lower():
        return command
    request = event.request.copy()
    request.headers["connection"] = "close"
    return SendHttp(replace(event, request=request), command.connection)
