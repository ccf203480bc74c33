"""Goes on at once behind a hook for which nobody has to wait, without a task.

mitmproxy makes a task of each hook; its end is told to the layers as an event of its own, in another turn of the loop,
four times in a request. Here a connection calls whoever takes the hook. Where that is all, the layers hear of it next;
where something has to be waited for, a task does the rest as mitmproxy's does.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import fields
from functools import cache, partial
from typing import Any

from mitmproxy.addonmanager import Loader
from mitmproxy.flow import Flow
from mitmproxy.hooks import UpdateHook
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.utils import asyncio_utils

from urlrewrite.hooks.patches.lean_dispatch import Dispatch, dispatch_of
from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.dispatch")

INTERNALS = (
    Internal(
        "mitmproxy.proxy.server:ConnectionHandler.server_event",
        "a9aa2c5307ef8e15",
        "it asks its layer's handle_event, and makes a task of each StartHook, which begins at once",
    ),
    Internal(
        "mitmproxy.proxy.server:ConnectionHandler.hook_task",
        "ee1a86b881105262",
        "the end of a hook that blocks is told",
    ),
    Internal(
        "mitmproxy.proxy.mode_servers:ProxyConnectionHandler.handle_hook",
        "70040da89dcb04a7",
        "a hook is one of a flow's life, of one argument; a flow that is intercepted is waited for",
    ),
    Internal(
        "mitmproxy.proxy.server:ConnectionHandler.handle_client",
        "8b7e65bb29baac16",
        "the layer is there, and has not begun yet",
    ),
    Internal(
        "mitmproxy.proxy.layer:Layer.handle_event",
        "1dd2c9090fd69965",
        "a layer that waits takes the end of its hook at any time",
    ),
)


MAX_JOINED = 64 * 2**10
"""Bytes of a piece up to which it is sent together with others."""


class HooksAtOnce:
    """Puts our way in place, for connections that begin."""

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if others := changed(INTERNALS):
            logger.warning("each hook gets a task, which is slower: %s is new", ", ".join(others))
            return
        ProxyConnectionHandler.handle_client = handle_client  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        if "handle_client" in vars(ProxyConnectionHandler):
            del ProxyConnectionHandler.handle_client


async def handle_client(handler: ProxyConnectionHandler) -> None:
    """Serve a connection, and ask its layer by our way."""
    layer, dispatch = handler.layer, dispatch_of(handler.master.addons)
    if dispatch:
        asked = partial(handle_event, handler, dispatch, layer.handle_event)
        layer.handle_event = asked  # type: ignore[method-assign]
    try:
        await ConnectionHandler.handle_client(handler)
    finally:
        if dispatch:
            vars(layer).pop("handle_event", None)


def handle_event(
    handler: ProxyConnectionHandler, dispatch: Dispatch, layers: Any, event: events.Event
) -> CommandGenerator[None]:
    """Hand an event to the layers, and the ends of hooks that follow from it; yield all other commands."""
    todo = deque((event,))
    while todo:
        for command in _together(layers(todo.popleft())):
            if not isinstance(command, commands.StartHook):
                yield command
            elif is_done(handler, dispatch, command) and command.blocking:
                todo.append(events.HookCompleted(command))


def _together(made: Iterator[commands.Command]) -> CommandGenerator[None]:
    """Put together what is sent to a peer of TCP piece by piece, such as the head of a message and a short body."""
    sent: list[commands.SendData] = []
    try:
        for command in made:
            if isinstance(command, commands.SendData) and _is_short(command):
                if sent and sent[0].connection is not command.connection:
                    yield _joined(sent)
                    sent = []
                sent.append(command)
                continue
            if sent:
                yield _joined(sent)
                sent = []
            yield command
    except Exception:
        if sent:
            yield _joined(sent)
        raise
    if sent:
        yield _joined(sent)


def _is_short(command: commands.SendData) -> bool:
    return command.connection.transport_protocol == "tcp" and len(command.data) <= MAX_JOINED


def _joined(sent: list[commands.SendData]) -> commands.SendData:
    if len(sent) == 1:
        return sent[0]
    return commands.SendData(sent[0].connection, b"".join([each.data for each in sent]))


def is_done(handler: ProxyConnectionHandler, dispatch: Dispatch, hook: commands.StartHook) -> bool:
    """Call whoever takes a hook; say whether that is all. If not, a task does the rest, and tells the layers."""
    data = getattr(hook, _argument(type(hook)))  # type: ignore[arg-type]
    rest: Coroutine[Any, Any, None] | None
    try:
        rest, updated = dispatch.begin(hook), False
        if rest is None and isinstance(data, (HTTPFlow, Flow)):
            rest, updated = dispatch.begin(UpdateHook([data])) if dispatch.may_be_taken(UpdateHook) else None, True
            if rest is None and data.intercepted:
                rest = data.wait_for_resume()
    except BaseException as error:
        # It is the task's to fail.
        rest, updated = _failed(error), True
    if rest is None:
        return True
    asyncio_utils.create_task(
        _go_on(handler, dispatch, hook, rest, data if isinstance(data, Flow) else None, updated=updated),
        name=f"handle_hook({hook.name})",
        keep_ref=True,
        client=handler.client.peername,
    )
    return False


@cache
def _argument(kind: type[commands.StartHook]) -> str:
    """Return the name of the one argument of hooks of a kind."""
    (field,) = fields(kind)  # type: ignore[arg-type]
    return field.name


async def _go_on(
    handler: ProxyConnectionHandler,
    dispatch: Dispatch,
    hook: commands.StartHook,
    rest: Coroutine[Any, Any, None],
    flow: Flow | None,
    *,
    updated: bool,
) -> None:
    with handler.timeout_watchdog.disarm():
        await rest
        if flow is not None:
            if not updated:
                await dispatch.trigger_event(UpdateHook([flow]))
            await flow.wait_for_resume()
    if hook.blocking:
        await handler.server_event(events.HookCompleted(hook))


async def _failed(error: BaseException) -> None:
    raise error
