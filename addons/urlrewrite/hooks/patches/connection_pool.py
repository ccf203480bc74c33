"""Connections to backends that serve one client after the other.

mitmproxy opens a connection for each client, and for each request of HTTP/2, with a TLS handshake each time. Here a
connection of HTTP/1 that is between two messages (`resting_client.py` says when) goes to a pool instead of being
closed, and the next one that is wanted to the same backend (`Key` of `idle_connections.py`) is one of the pool, if
there is one. For mitmproxy's layers it is a new connection that was made quickly: its hooks run, and its flow shows it.
What encrypts it goes with it, so that mitmproxy's own TLS, and every addon's, stays in charge of how TLS is made.

Things that are easy to get wrong:

- A connection by which a client proved who it is (NTLM, Negotiate) never comes here.
- mitmproxy starts the task that opens a connection before it takes note of it, and would overwrite what an opening
  without any wait has noted. So the task waits once.
- What TLS is made for is known for certain only when it is made. If that is not what the request wanted when it asked
  for the connection, the connection is not shared.

mitmproxy has at most five connections for each client and backend at a time; where the pool works there is no such
limit, since clients of HTTP/2 would wait for each other. `maxConnections` of a server is one over all clients.
"""

from __future__ import annotations

import asyncio
import logging
from operator import itemgetter
from time import monotonic, time
from weakref import WeakKeyDictionary

from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO
from mitmproxy.proxy.server_hooks import (
    ServerConnectedHook,
    ServerConnectErrorHook,
    ServerConnectHook,
    ServerConnectionHookData,
    ServerDisconnectedHook,
)
from mitmproxy.tls import TlsData
from mitmproxy.utils import human
from OpenSSL import SSL

from urlrewrite.hooks.backend_names import BackendNames
from urlrewrite.hooks.idle_connections import LOOK_SECONDS, Address, Idle, Key, Wish, rests
from urlrewrite.hooks.patches import resting_client
from urlrewrite.hooks.patches.server_connections import ServerConnections, is_multiplexed
from urlrewrite.hooks.state import State, TlsWanted
from urlrewrite.model.farms import Connections

logger = logging.getLogger("urlrewrite.connections")

_TLS_OPTIONS = frozenset(
    {
        "ciphers_server",
        "client_certs",
        "http2",
        "ssl_insecure",
        "ssl_verify_upstream_trusted_ca",
        "ssl_verify_upstream_trusted_confdir",
        "tls_ecdh_curve_server",
        "tls_version_server_max",
        "tls_version_server_min",
    }
)
"""Options by which connections are made; what was made by others is closed."""

_KEPT_FOR_CLIENT = 1.0
"""Seconds for which a client keeps a connection at rest to itself, so that most of its requests need no pool."""

_open_connection = ConnectionHandler.open_connection
_start_handshake = ServerTLSLayer.start_handshake


class SharedWriter:
    """What mitmproxy writes to a connection by, and closes it: then it goes to the pool, if it is at rest.

    `rests_since` is when it came to be between two messages (monotonic seconds), None where it is not.
    """

    __slots__ = (
        "_is_over",
        "_pool",
        "_writer",
        "drain",
        "get_extra_info",
        "handler",
        "is_closing",
        "key",
        "reader",
        "rests_since",
        "server",
        "settings",
        "transport",
        "write",
        "write_eof",
    )

    def __init__(
        self,
        pool: ConnectionPool,
        handler: ConnectionHandler,
        server: Server,
        wish: Wish,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._pool, self.handler, self.server = pool, handler, server
        self.key, self.settings = wish.key, wish.settings
        self.reader, self._writer = streams
        self._is_over = False
        self.rests_since: float | None = None
        self.transport = self._writer.transport
        self.write, self.write_eof, self.drain = self._writer.write, self._writer.write_eof, self._writer.drain
        self.is_closing, self.get_extra_info = self._writer.is_closing, self._writer.get_extra_info

    def rest(self) -> None:
        """Note that it is between two messages from now on."""
        self.rests_since = monotonic()

    def stir(self) -> None:
        """Note that it is not."""
        self.rests_since = None

    def is_fit(self) -> bool:
        """Say whether nothing is under way on it."""
        return self._pool.is_current(self.server) and rests(self.reader, self._writer, self._pool.tls.get(self.server))

    def close(self) -> None:
        """Give the connection to the pool, or close it."""
        if self._is_over:
            return
        self._is_over = True
        tls = self._pool.tls.get(self.server)
        if self.rests_since is not None and bool(self.server.tls) == (tls is not None):
            since, keep = self.rests_since, self.settings.keep_alive
            self.rests_since = None
            if self._pool.give(Idle(self.key, self.reader, self._writer, since, keep, self.server, tls), self.settings):
                return
        self._writer.close()


class ConnectionPool:
    """The addon that shares connections. `state.idle` has those at rest."""

    def __init__(self, state: State, connections: ServerConnections, names: BackendNames) -> None:
        self._state = state
        self._names = names
        self._connections = connections
        self._open: dict[Connection, SharedWriter] = {}
        self._wishes: WeakKeyDictionary[Connection, Wish] = WeakKeyDictionary()
        self._timer: asyncio.TimerHandle | None = None
        self._resumed: dict[Connection, SSL.Connection] = {}
        self.tls: dict[Connection, SSL.Connection] = {}
        """What encrypts the connections that are open."""

    def load(self, loader: Loader) -> None:
        """Put ours in place, behind `Http1`, whose class it goes on from."""
        del loader
        pool = self

        async def open_connection(handler: ConnectionHandler, command: commands.OpenConnection) -> None:
            wish = pool._wishes.pop(command.connection, None)
            server = command.connection
            if wish is None or not isinstance(server, Server) or server.via or server.transport_protocol != "tcp":
                await _open_connection(handler, command)
            else:
                await pool.open(handler, command, server, wish)

        def start_handshake(tls: ServerTLSLayer) -> layer.CommandGenerator[None]:
            resumed = pool._resumed.pop(tls.conn, None)
            if resumed is None:
                yield from _start_handshake(tls)
            else:
                tls.tls = resumed
                yield from tls._handshake_finished(None)

        ConnectionHandler.open_connection = open_connection  # type: ignore[method-assign, assignment]
        ServerTLSLayer.start_handshake = start_handshake  # type: ignore[method-assign, assignment]
        before = http_layer.Http1Client  # type: ignore[attr-defined]
        http_layer.Http1Client = resting_client.client_class(self, before)  # type: ignore[attr-defined]
        self._state.idle.closed = False
        self._connections.on_open, self._connections.find_resting = self._wanted, self._find_resting

    def configure(self, updated: set[str]) -> None:
        """Close what was made by other settings of TLS."""
        if updated & _TLS_OPTIONS:
            self._state.idle.clear()
            self._open.clear()

    def done(self) -> None:
        """Put mitmproxy's own back, and close what rests."""
        ConnectionHandler.open_connection = _open_connection  # type: ignore[method-assign]
        ServerTLSLayer.start_handshake = _start_handshake  # type: ignore[method-assign]
        self._connections.on_open = self._connections.find_resting = None
        self._state.idle.closed = True
        self._state.idle.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- what is at rest -------------------------------------------------------------------------------------------

    def shared(self, connection: Connection) -> SharedWriter | None:
        """Return the writer of a connection that may go to the pool."""
        return self._open.get(connection)

    def bind(self, connection: Connection) -> None:
        """Keep a connection to its client for ever: it carries an identity."""
        self._connections.bound.add(connection)
        if shared := self._open.pop(connection, None):
            shared.stir()

    def give(self, idle: Idle, settings: Connections) -> bool:
        """Take in a connection; say whether it was."""
        may = idle.server in self._open and self.is_current(idle.server)
        return may and self._state.idle.give(idle, settings.idle)

    def is_current(self, server: Server) -> bool:
        """Say whether a connection goes to where its name means now."""
        return self._names.is_current(server)

    def retire(self, connection: Connection) -> None:
        """Let a connection serve nobody else when it is closed."""
        self._open.pop(connection, None)

    def _look(self) -> None:
        self._timer = None
        self._state.idle.look()
        before = monotonic() - _KEPT_FOR_CLIENT
        for server, shared in [*self._open.items()]:
            if shared.rests_since is not None and shared.rests_since < before and server in shared.handler.transports:
                shared.handler.close_connection(server)
        self._look_later()

    def _look_later(self) -> None:
        if self._timer is None and (self._open or len(self._state.idle)):
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    # --- what is wanted --------------------------------------------------------------------------------------------

    def _wanted(self, server: Connection, event: GetHttpConnection, stream: object, max_age: float) -> None:
        """Note what a request wants that a connection is opened for."""
        settings: Connections | None = getattr(stream, "connection_settings", None)
        if settings is not None and settings.shared and event.via is None:
            flow = stream.flow  # type: ignore[attr-defined]
            key = _key_of(flow.client_conn, event.address[:2], self._connections.tls_wanted(server), tls=event.tls)
            self._wishes[server] = Wish(key, max_age, settings)

    def _find_resting(
        self, http: HttpLayer, event: GetHttpConnection, stream: object, max_age: float
    ) -> Connection | None:
        """Find the connection that a client of HTTP/2 or 3 used last, if it is at rest; it is not from then on."""
        client = http.context.client
        if not is_multiplexed(client) or not max_age or stream is None:
            return None
        resting = [
            (shared.rests_since, shared)
            for known in http.connections
            if (shared := self._open.get(known))
            and shared.rests_since is not None
            and known.connected
            and event.connection_spec_matches(known)
        ]
        if not resting:
            return None
        since, newest = max(resting, key=itemgetter(0))
        key = _key_of(client, newest.key.address, getattr(stream, "tls_wanted", None), tls=event.tls)
        if newest.key != key or monotonic() - since >= max_age or not newest.is_fit():
            return None
        newest.stir()
        return newest.server

    # --- opening ---------------------------------------------------------------------------------------------------

    async def open(
        self, handler: ConnectionHandler, command: commands.OpenConnection, server: Server, wish: Wish
    ) -> None:
        """Open a connection as mitmproxy's own `open_connection` does, or take one that rests."""
        assert server.address
        data = ServerConnectionHookData(client=handler.client, server=server)
        await handler.handle_hook(ServerConnectHook(data))
        if server.error:
            await self._fail(handler, command, data, f"Connection killed: {server.error}")
            return
        # An addon may have chosen another address, or our own end of the connection.
        shares = server.address[:2] == wish.key.address and server.sockname is None
        idle: Idle | None = None
        server.timestamp_start = time()
        try:
            await asyncio.sleep(0)
            if shares and wish.max_age:
                idle = self._state.idle.take(wish.key, wish.max_age)
            if idle is not None:
                streams = idle.reader, idle.writer
            else:
                streams = await self._names.open(server.address[:2], server.sockname)
        except (OSError, asyncio.CancelledError) as error:
            server.error = str(error) or "connection cancelled"
            handler.log(f"error establishing server connection: {server.error}")
            await self._fail(handler, command, data, server.error)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        writer: SharedWriter | asyncio.StreamWriter = streams[1]
        if shares:
            writer = self._open[server] = SharedWriter(self, handler, server, wish, streams)
            self._look_later()
        server.timestamp_tcp_setup = time()
        server.state = ConnectionState.OPEN
        server.peername, server.sockname = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        if idle is not None:
            self._resume(server, idle)
        handler.transports[server] = ConnectionIO(
            handler=asyncio.current_task(),
            reader=streams[0],
            writer=writer,  # type: ignore[arg-type]
        )
        name = f"{human.format_address(server.address)} ({human.format_address(server.peername)})"
        handler.log(f"server connect {name}" if idle is None else f"server connect {name}, by a connection at rest")
        try:
            await handler.handle_hook(ServerConnectedHook(data))
            await handler.server_event(events.OpenConnectionCompleted(command, None))
            await handler.handle_connection(server)
        finally:
            # Where the task is cancelled while it does anything but read, nobody has closed it yet.
            if isinstance(writer, SharedWriter):
                writer.stir()
            writer.close()
            self._open.pop(server, None)
            self.tls.pop(server, None)
            self._resumed.pop(server, None)
            handler.log(f"server disconnect {name}")
            server.timestamp_end = time()
            await handler.handle_hook(ServerDisconnectedHook(data))

    async def _fail(
        self,
        handler: ConnectionHandler,
        command: commands.OpenConnection,
        data: ServerConnectionHookData,
        error: str,
    ) -> None:
        await handler.handle_hook(ServerConnectErrorHook(data))
        await handler.server_event(events.OpenConnectionCompleted(command, error))

    def _resume(self, server: Server, idle: Idle) -> None:
        """Tell a connection what is known of the one that it goes on."""
        self._connections.goes_on(server, idle.since)
        former = idle.server
        if idle.tls is not None:
            self._resumed[server] = self.tls[server] = idle.tls
            server.sni, server.alpn, server.alpn_offers = former.sni, former.alpn, former.alpn_offers
            server.cipher, server.tls_version = former.cipher, former.tls_version
            server.certificate_list = former.certificate_list
            server.timestamp_tls_setup = time()

    # --- TLS -------------------------------------------------------------------------------------------------------

    def tls_start_server(self, data: TlsData) -> None:
        """Share no connection of which TLS is made by another name than was wanted; comes behind what decides that."""
        shared = self._open.get(data.conn)
        if shared is not None and data.conn.sni != shared.key.name:
            self.retire(data.conn)

    def tls_established_server(self, data: TlsData) -> None:
        """Keep what encrypts a connection."""
        if data.conn in self._open and data.ssl_conn is not None:
            self.tls[data.conn] = data.ssl_conn


def _key_of(client: Client, address: Address, wanted: TlsWanted | None, *, tls: bool) -> Key:
    """Return what a connection has to be like for a client."""
    if not tls:
        return Key(address)
    name = wanted.sni if wanted else address[0]
    protocol = client.alpn if is_multiplexed(client) else None
    return Key(address, name, wanted.settings if wanted else None, protocol or b"")
