"""Bounds on what is kept in memory where flows are kept: mitmweb and the console keep each of them forever.

The last `urlrewrite_keep_flows` flows stay, and of the bodies as backends sent them (`originals.py`) the last
`urlrewrite_originals` megabytes. Only flows that came through the proxy are counted and removed: what a person loaded
from a file, or duplicated, is the person's.

Of a connection that lasts for days (a WebSocket, or what else came by an upgrade) mitmproxy keeps each message, also
where it runs headless. The last ones stay here, as many as flows do, unless the flow is to be written into a file.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from mitmproxy import ctx, exceptions, flow, http, tcp, udp
from mitmproxy.addons.view import View
from mitmproxy.websocket import WebSocketMessage

from urlrewrite.hooks.options import flows_are_kept, trace_level
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.recorder import MARKED
from urlrewrite.hooks.state import State
from urlrewrite.trace.trace import TraceLevel

_LOOKED_AT = 8
"""Flows examined when one has come, so that many marked ones do not make each request slow."""

_MAX_OF_MESSAGES = 16 * 2**20
"""Bytes that the messages of one connection may have."""

_MESSAGES_TOGETHER = 64
_LONG_MESSAGE = 64 * 2**10
"""Old messages are dropped after so many new ones, and after one of so many bytes."""


class Keeper:
    """The addon that removes the oldest flows and the oldest originals. To be registered after the recorder."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._view: View | None = None
        self._keeps = 0
        self._flows = deque[str]()
        """The ids of the flows that count, the oldest first. Some may have been removed by hand."""
        self._spared = deque[str]()
        """The ids of flows that were due to go and had to stay; they are examined again."""
        self._originals = Originals()
        self._saves = False

    def configure(self, updated: set[str]) -> None:
        """Take the bounds.

        Raises:
            OptionsError: a bound is negative.
        """
        if not updated & {"urlrewrite_keep_flows", "urlrewrite_originals", "urlrewrite_trace", "save_stream_file"}:
            return
        options = ctx.options
        for name in ("urlrewrite_keep_flows", "urlrewrite_originals"):
            if getattr(options, name) < 0:
                raise exceptions.OptionsError(f"{name}: got {getattr(options, name)}, expected 0 or more")
        self._keeps = options.urlrewrite_keep_flows
        self._saves = "save_stream_file" in options and bool(options.save_stream_file)
        self._originals.most = options.urlrewrite_originals * 2**20
        self._state.keeps_flows = flows_are_kept()
        traces = trace_level() is not TraceLevel.OFF
        self._state.keeps_originals = options.urlrewrite_originals > 0 and self._state.keeps_flows and traces
        view = ctx.master.addons.get("view")
        if self._view is None and isinstance(view, View):
            self._view = view
            view.sig_store_remove.connect(self._removed)
            view.sig_store_refresh.connect(self._cleared)
        self._trim(len(self._flows))
        if self._view is not None:
            self._originals.drop(self._view)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Count a flow, and remove the one that is too many."""
        if not flow.is_replay:
            self._count(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Count the flow that an upgraded connection became."""
        self._count(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        """Count a flow of datagrams."""
        self._count(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """Count the original of a response."""
        original = flow.metadata.get(KEY)
        if self._view is None or flow.response is None or not flow.live or not isinstance(original, dict):
            return
        body, sent = original.get("body"), flow.response.raw_content
        if body is None or body is sent:
            return
        if body == sent:
            # Of what streamed by, there are two copies.
            original["body"] = sent
        else:
            self._originals.add(flow.id, len(body))
            self._originals.drop(self._view)

    def error(self, flow: http.HTTPFlow) -> None:
        """Count the original of a response that came from the backend but did not reach the client."""
        self.response(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Drop old messages."""
        if flow.websocket:
            self._drop_messages(flow.websocket.messages)

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        """Drop old messages."""
        self._drop_messages(flow.messages)

    def _drop_messages(self, messages: list[WebSocketMessage] | list[tcp.TCPMessage]) -> None:
        if self._saves or not self._keeps:
            return
        if len(messages) % _MESSAGES_TOGETHER and len(messages[-1].content) < _LONG_MESSAGE:
            return
        del messages[: -self._keeps]
        size = 0
        for position in range(len(messages) - 1, -1, -1):
            size += len(messages[position].content)
            if size > _MAX_OF_MESSAGES:
                # The newest one stays, however long it is.
                del messages[: min(position + 1, len(messages) - 1)]
                break

    def _count(self, flow: flow.Flow) -> None:
        if self._view is not None and flow.live:
            self._flows.append(flow.id)
            self._trim(_LOOKED_AT)

    def _trim(self, most: int) -> None:
        """Remove what is too many, after a look at no more than `most` flows, and one of those that were spared."""
        view = self._view
        if view is None or not self._keeps:
            return
        for _ in range(min(most, len(self._flows) - self._keeps)):
            self._remove(view, self._flows.popleft())
        if self._spared:
            self._remove(view, self._spared.popleft())

    def _remove(self, view: View, flow_id: str) -> None:
        found = view.get_by_id(flow_id)
        if found is None:
            return
        if _must_stay(found):
            self._spared.append(flow_id)
        else:
            view.remove([found])

    def _removed(self, flow: flow.Flow) -> None:
        self._originals.forget(flow.id)

    def _cleared(self) -> None:
        """Forget the flows that are gone: the view was cleared, or all but what is marked."""
        assert self._view is not None
        self._originals.forget_all_but(self._view)
        self._flows = deque(flow_id for flow_id in self._flows if self._view.get_by_id(flow_id))


class Originals:
    """The flows that hold a body as the backend sent it, beside the one that the client got, and how long these are.

    `most` is the number of bytes that may be kept, `size` the number that is. Nothing here keeps a flow alive.
    """

    def __init__(self) -> None:
        self.most = 0
        self.size = 0
        self._sizes = OrderedDict[str, int]()
        """Bytes by flow id, the oldest first."""

    def add(self, flow_id: str, size: int) -> None:
        """Count the original of a flow, in place of another one that it had."""
        self.forget(flow_id)
        self._sizes[flow_id] = size
        self.size += size

    def forget(self, flow_id: str) -> None:
        """Stop counting the original of a flow."""
        self.size -= self._sizes.pop(flow_id, 0)

    def forget_all_but(self, view: View) -> None:
        """Count only the originals of flows that are still in the view."""
        for flow_id in [flow_id for flow_id in self._sizes if view.get_by_id(flow_id) is None]:
            self.forget(flow_id)

    def drop(self, view: View) -> None:
        """Drop the oldest bodies until what is left is short enough."""
        while self.size > self.most and self._sizes:
            flow_id = next(iter(self._sizes))
            self.forget(flow_id)
            found = view.get_by_id(flow_id)
            original = found.metadata.get(KEY) if found else None
            if isinstance(original, dict):
                original["body"] = None


def _must_stay(flow: flow.Flow) -> bool:
    """Say whether a person wants to keep a flow, or it is under way.

    A layer of the core that crashes leaves its flows alive forever: then their connection is gone.
    """
    by_hand = flow.marked and flow.marked != flow.metadata.get(MARKED)
    under_way = flow.live and (flow.client_conn.connected or flow.is_replay)
    return bool(by_hand or flow.intercepted or under_way)
