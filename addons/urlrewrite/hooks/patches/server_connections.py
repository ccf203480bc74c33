"""Connections to backends: how long one may take to be made, and which may be used again.

mitmproxy waits for ever for a TLS handshake. It keeps the connections to backends as long as the client's connection
lasts, and among them one that could not be made: a client of HTTP/2 gets its old error for that backend until it
connects anew, although the backend is long back. And it gives out a connection that was kept for minutes, which the
backend may be closing at this moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.http import GetHttpConnection, GetHttpConnectionCompleted, HttpLayer, is_h3_alpn
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from urlrewrite.hooks.backend_names import BackendNames
from urlrewrite.hooks.state import TlsWanted
from urlrewrite.model.farms import RetryCause

SAFE_IDLE = 5.0
"""Seconds for which a kept connection is good for any request; one that must not be repeated gets no older one."""

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be repeated without being asked to (RFC 9110, 9.2.2)."""


def is_multiplexed(client: Client) -> bool:
    """Say whether a client has several requests under way on one connection (HTTP/2 and 3)."""
    return client.alpn == b"h2" or is_h3_alpn(client.alpn)


_get_connection = HttpLayer.get_connection


class ServerConnections:
    """Minds the connections to backends.

    A stream says by `connect_within` how many seconds its connection may take, once for TCP and once for TLS, and by
    `wants_new_connection` that it does not trust one that was kept.
    """

    def __init__(self, names: BackendNames) -> None:
        self._last_used: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        self._tls: WeakKeyDictionary[Connection, TlsWanted | None] = WeakKeyDictionary()
        self._within: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        self._timers: WeakKeyDictionary[Connection, asyncio.TimerHandle] = WeakKeyDictionary()
        self._timed_out: WeakSet[Connection] = WeakSet()
        self._gone: WeakSet[Connection] = WeakSet()
        self.bound: WeakSet[Connection] = WeakSet()
        """Connections that carry the identity of their client."""
        self._is_current = names.is_current
        self.on_open: Callable[[Connection, GetHttpConnection, object, float], None] | None = None
        """Is told of each connection that is to be opened: for what, for which stream, and how old it may be."""
        self.find_resting: Callable[[HttpLayer, GetHttpConnection, object, float], Connection | None] | None = None
        """Finds one that a client of HTTP/2 has already, and that is between two messages."""

    def load(self, loader: Loader) -> None:
        """Put our choice of a connection in place."""
        del loader
        connections = self

        def get_connection(
            http: HttpLayer, event: GetHttpConnection, *, reuse: bool = True
        ) -> layer.CommandGenerator[None]:
            connections.forget(http)
            stream = http.command_sources.get(event)
            age, wanted = connections.max_age(stream), getattr(stream, "tls_wanted", None)
            own = connections.bound_to(http, event, wanted)
            if own is None and connections.find_resting is not None:
                own = connections.find_resting(http, event, stream, age)
            if own is not None and stream is not None:
                del http.command_sources[event]
                yield from http.event_to_child(stream, GetHttpConnectionCompleted(event, (own, None)))
                return
            reuse = reuse and connections.may_reuse(http, event, wanted, age)
            for command in _get_connection(http, event, reuse=reuse):
                if isinstance(command, commands.OpenConnection):
                    connections._tls[command.connection] = wanted
                    connections._within[command.connection] = getattr(stream, "connect_within", 0.0)
                    if connections.on_open is not None:
                        connections.on_open(command.connection, event, stream, age)
                yield command

        HttpLayer.get_connection = get_connection  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        HttpLayer.get_connection = _get_connection  # type: ignore[method-assign]

    # --- which connection ------------------------------------------------------------------------------------------

    def forget(self, http: HttpLayer) -> None:
        """Take out the connections that are over, failed or not: of others it is still to be heard that they closed."""
        known = (known for known in http.connections if isinstance(known, Server))
        over = [each for each in known if each.error or not each.connected]
        if not over:
            return
        in_use = {stream.context.server for stream in http.streams.values()}
        for each in over:
            if each.error:
                had_tcp = each.timestamp_tcp_setup is not None
                is_over = each not in http.waiting_for_establishment and (each in self._gone or not had_tcp)
            else:
                is_over = each in self._gone and each not in in_use
            if is_over:
                del http.connections[each]

    def max_age(self, stream: object) -> float:
        """Return for how many seconds at most a connection may have been at rest that a request goes out on."""
        if getattr(stream, "wants_new_connection", False):
            return 0.0
        flow = getattr(stream, "flow", None)
        if flow is None or (flow.request.method in IDEMPOTENT and not flow.request.stream):
            return inf
        return SAFE_IDLE

    def may_reuse(self, http: HttpLayer, event: GetHttpConnection, wanted: TlsWanted | None, max_age: float) -> bool:
        """Say whether a request that wants such TLS may go out on a connection that was kept for its client."""
        now = monotonic()

        def is_fit(known: Connection) -> bool:
            # mitmproxy looks at the address alone, which backends of several sites may have in common, and of a
            # connection that failed it gives out the error.
            if known.error or self._tls.get(known) != wanted or not self._is_current(known):
                return False
            return max_age == inf or now - self._last_used.get(known, now) < max_age

        return max_age > 0 and all(map(is_fit, filter(event.connection_spec_matches, http.connections)))

    def tls_wanted(self, connection: Connection) -> TlsWanted | None:
        """Return the TLS by which a connection was wanted; None for none, or for mitmproxy's own."""
        return self._tls.get(connection)

    def bound_to(self, http: HttpLayer, event: GetHttpConnection, wanted: TlsWanted | None) -> Connection | None:
        """Return the connection that carries the identity of this client; None if there is none that matches."""
        if not self.bound or is_multiplexed(http.context.client):
            # Its requests are under way at the same time. It is told to come by HTTP/1.1 if it goes on with this.
            return None
        mine = (known for known in http.connections if known in self.bound and known.connected)
        fit = [known for known in mine if event.connection_spec_matches(known) and self._tls.get(known) == wanted]
        return fit[-1] if fit else None

    def bound_addresses(self, http: HttpLayer) -> list[tuple[str, int]]:
        """Return where the client of a connection is known by its connection to there."""
        if not self.bound or is_multiplexed(http.context.client):
            return []
        known = (known for known in http.connections if known in self.bound and known.connected)
        return [each.address[:2] for each in known if isinstance(each, Server) and each.address]

    def goes_on(self, connection: Connection, last_used: float) -> None:
        """Take note that a connection is one that served requests before, until then (monotonic seconds)."""
        self._last_used[connection] = last_used

    def has_served(self, connection: Connection) -> bool:
        """Say whether a request was served on this connection before."""
        return connection in self._last_used

    def served(self, connection: Connection) -> None:
        """Take note that a request was served on this connection."""
        self._last_used[connection] = monotonic()

    def why_failed(self, http: HttpLayer, event: GetHttpConnection) -> RetryCause:
        """Return why the connection that was asked for did not come about."""
        failed = [known for known in http.connections if event.connection_spec_matches(known) and known.error]
        last = failed[-1] if failed else None
        if last in self._timed_out:
            return RetryCause.TIMEOUT
        has_tcp = isinstance(last, Server) and last.timestamp_tcp_setup
        return RetryCause.TLS if has_tcp else RetryCause.CONNECT

    # --- how long it takes -----------------------------------------------------------------------------------------

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Begin to time a connection that is about to be made."""
        server = data.server
        seconds = self._within.get(server, 0.0)

        def give_up(handler: ConnectionHandler) -> None:
            transport = handler.transports.get(server)
            if transport is not None and transport.handler is not None:
                transport.handler.cancel(f"no connection within {seconds:g} seconds")

        self._limit(data, seconds, give_up)

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Begin anew where TCP is there: TLS may take as long again."""
        server = data.server
        self._clear(server)

        def give_up(handler: ConnectionHandler) -> None:
            if server in handler.transports:
                handler.close_connection(server)

        if server.tls and not server.tls_established:
            self._limit(data, self._within.get(server, 0.0), give_up)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """No connection."""
        self._clear(data.server)

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Stop the time of a connection that is gone."""
        self._clear(data.server)
        self._gone.add(data.server)

    def tls_established_server(self, data: TlsData) -> None:
        """Stop the time of a handshake that is over."""
        self._clear(data.conn)

    def _limit(
        self, data: ServerConnectionHookData, seconds: float, give_up: Callable[[ConnectionHandler], None]
    ) -> None:
        if not seconds:
            return

        def fire() -> None:
            self._timers.pop(data.server, None)
            self._timed_out.add(data.server)
            if handler := ctx.master.addons.get("proxyserver").connections.get(data.client.id):
                give_up(handler)

        self._timers[data.server] = asyncio.get_running_loop().call_later(seconds, fire)

    def _clear(self, connection: Connection) -> None:
        if timer := self._timers.pop(connection, None):
            timer.cancel()
