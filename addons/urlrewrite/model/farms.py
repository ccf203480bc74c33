"""Server farms as rule files say them: `<webFarm>` of ARR 3.0, and what is ours beside it.

Names and defaults are those of ARR's schema (`arr_schema.xml`) where it has them; what is ours is said so. Times are
seconds. Everything is frozen: what changes while the proxy runs is in `farms/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from urlrewrite.model.origin import Origin
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS, ProxySettings
from urlrewrite.model.rules import NOWHERE, Source


class Algorithm(StrEnum):
    """Attribute `algorithm` of `<loadBalancing>`; `PowerOfTwoChoices` is ours."""

    WEIGHTED_ROUND_ROBIN = "WeightedRoundRobin"
    LEAST_REQUESTS = "LeastRequests"
    LEAST_RESPONSE_TIME = "LeastResponseTime"
    WEIGHTED_TOTAL_TRAFFIC = "WeightedTotalTraffic"
    REQUEST_HASH = "RequestHash"
    POWER_OF_TWO_CHOICES = "PowerOfTwoChoices"


class ServerState(StrEnum):
    """What a person has decided about a server (ARR's `SetState`); health is another matter."""

    AVAILABLE = "available"
    """Takes every client ("Make Server Available")."""

    DRAINING = "draining"
    """Takes only clients that are bound to it ("Disallow New Connections")."""

    STOPPING = "stopping"
    """Takes no request, finishes those under way, then is offline ("Make Server Unavailable Gracefully")."""

    OFFLINE = "offline"
    """Takes no request; those under way were cut ("Make Server Unavailable Immediately")."""


class RetryCause(StrEnum):
    """Ours: failures after which a request may be sent to another server."""

    CONNECT = "connect"
    """No connection: refused, unreachable, or not made in time."""

    TLS = "tls"
    """The TLS handshake failed or was not finished in time."""

    CLOSED = "closed"
    """The connection ended, or carried something that is not HTTP, before the head of a response."""

    TIMEOUT = "timeout"
    """No head of a response came in time."""


class WhenUnavailable(StrEnum):
    """Ours: what becomes of a client whose server is away."""

    REASSIGN = "reassign"
    """Another server is chosen, and the client is bound to that."""

    REFUSE = "503"
    """The client gets 503 until its server is back."""


type StatusRange = tuple[int, int]
"""The first and the last status code of a range; both belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A `<server>` of a farm."""

    address: str
    """Name or IP address, as it is dialled. It names the server, too; see `Farm.server_names`."""

    http_port: int = 80
    https_port: int = 443

    weight: int = 100
    """Its share where weights count, relative to those of the others; with 0 it gets no new client."""

    host_name: str = ""
    """Host and TLS name for this server; "" for the address."""

    state: ServerState = ServerState.AVAILABLE
    """The state in which it begins; `enabled="false"` is offline."""

    backup: bool = False
    """Ours: gets requests only while no other server can take them."""

    max_connections: int = 0
    """Ours: requests under way at a time, over all clients of this process; 0 for no limit."""

    health_host: str = ""
    """Attribute `healthCheckAlternateHostName`."""

    health_port: int = 0
    """Attribute `healthCheckAlternatePort`; 0 for the port that requests go to."""

    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)

    def origin(self, scheme: str) -> Origin:
        """Return the origin by which the server is asked; its name is that for TLS, too."""
        port = self.https_port if scheme == "https" else self.http_port
        return Origin(scheme, (self.host_name or self.address).lower(), port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """`<affinity>`: which server a client comes back to."""

    cookie: str = ""
    """The cookie that binds a client to a server (`useCookie`, `cookieName`); "" for none."""

    same_site: str = "Lax"
    """Ours: the SameSite of that cookie on https."""

    domain: str = ""
    """Ours: the Domain of that cookie; "" for none, which keeps it to the host that set it."""

    if_unavailable: WhenUnavailable = WhenUnavailable.REASSIGN

    host_name: bool = False
    """Attribute `useHostName`: all clients of one host name go to one server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTest:
    """The live-traffic test of `<healthCheck>`: failures of real requests take a server out."""

    codes: tuple[StatusRange, ...] = ((500, 599),)
    """Status codes that count as failures; connections that fail always count."""

    failures: int = 10
    """So many within `period` take the server out."""

    period: float = 10.0

    ejection: float = 30.0
    """Ours: where no URL is tested, it is let in again after this time, multiplied by how often it was taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTest:
    """`<healthCheck>`: whether a server can do its work."""

    url: str = ""
    """What is asked for; path, query, scheme and host are used for every server. "" tests no URL."""

    interval: float = 30.0
    timeout: float = 30.0

    retries: int = 3
    """So many failed tests in a row take a server out; one that succeeds lets it in again."""

    status: tuple[StatusRange, ...] = ((200, 399),)
    """Attribute `statusCodeMatch`."""

    match: str = ""
    """Attribute `responseMatch`: a text that the body must contain, letter by letter."""

    live: LiveTest | None = None

    min_servers: int = 0
    """With fewer healthy servers than these, unhealthy ones are used, too."""

    slow_start: float = 0.0
    """Ours: for so long a server that is let in again gets less than its share, rising from a tenth of it."""

    on_demand: bool = False
    """Attribute `onDemandHealthCheck`: URLs are tested only while there is traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Ours: when a failed request is sent to another server. ARR repeats a request only on a stale connection."""

    attempts: int = 2
    """Servers that one request is sent to, the first one included."""

    on: frozenset[RetryCause] = frozenset(RetryCause)

    methods: frozenset[str] = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
    """Methods that are repeated after a server may have seen the request; others only while connecting."""

    budget: float = 0.2
    """The share of the requests that may be retried; three retries may be under way in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that a server is waited for; 0 for as long as it takes."""

    connect: float = 5.0
    """For the connection, and again for the TLS handshake."""

    response: float = 120.0
    """From the end of the request to the head of the response. (The default is that of ARR's `<proxy timeout>`.)"""

    idle: float = 120.0
    """Between two pieces of a body; event streams, gRPC and upgraded connections are not timed."""


DEFAULT_TIMEOUTS = Timeouts()
"""For a backend of which no rule file says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Ours: connections to servers, and requests that wait for one."""

    shared: bool = True
    """Whether idle connections serve any client; if not, only the one that they were made for."""

    idle: int = 32
    """Idle connections that are kept for each server."""

    keep_alive: float = 30.0
    """Seconds after which an idle connection is closed."""

    queue: int = 64
    """Requests that may wait while every server has as many as it may have; further ones get 503."""

    queue_timeout: float = 5.0
    """Seconds that a request waits at most."""


DEFAULT_CONNECTIONS = Connections()
"""For a backend of which no rule file says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendTls:
    """Ours: TLS to the servers of a farm, or to what else a site forwards to. Paths are absolute."""

    verify: bool = True
    ca: str = ""
    """PEM file of the authorities that sign the servers' certificates; "" for those that this machine trusts."""

    name: str = ""
    """The name that certificates must have, and that is sent as SNI; "" for the server's own."""

    certificate: str = ""
    """PEM file with the client's certificate and key; "" for none."""

    http2: bool = True

    source: Source = field(default=NOWHERE, compare=False)


DEFAULT_TLS = BackendTls()
"""For a backend of which no rule file says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """A `<webFarm>`: servers that do the same work. Its name is a host in rules and in `backend:`."""

    name: str
    servers: tuple[Server, ...] = ()
    enabled: bool = True
    algorithm: Algorithm = Algorithm.WEIGHTED_ROUND_ROBIN

    hash_variable: str = ""
    """Attribute `hashServerVariable`: the server variable that RequestHash looks at."""

    hash_query: tuple[str, ...] = ()
    """Attribute `queryStringNames`: or the values of these names of the query, in this order."""

    response_period: float = 5.0
    """Attribute `leastResponseTimePeriod`."""

    random_ties: bool = False
    """Attribute `randomizeLBTies`: equals are chosen by chance and not by weighted round robin."""

    affinity: Affinity = Affinity()
    health: HealthTest = HealthTest()
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts(response=30.0)
    connections: Connections = DEFAULT_CONNECTIONS
    tls: BackendTls = BackendTls()

    drain_timeout: float = 30.0
    """Ours: seconds after which the last requests of a server that is stopping are cut."""

    preserve_host_header: bool = True
    """Whether servers get the Host that the client sent. (ARR's default for farms; for `<proxy>` it is false.)"""

    proxy_settings: ProxySettings = NO_PROXY_SETTINGS
    """The rest of what `<protocol>` says."""

    source: Source = field(default=NOWHERE, compare=False)
    comment: str = field(default="", compare=False)

    @property
    def server_names(self) -> tuple[str, ...]:
        """What the servers are called, in their order: their addresses, with the port where an address comes twice."""
        addresses = [server.address.lower() for server in self.servers]
        return tuple(
            address if addresses.count(address) == 1 else f"{address}:{server.http_port}"
            for address, server in zip(addresses, self.servers, strict=True)
        )

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The origins of all servers: by address and by host name, with the port of each scheme."""
        return tuple(
            dict.fromkeys(
                Origin(scheme, name.lower(), port)
                for server in self.servers
                for scheme, port in (("http", server.http_port), ("https", server.https_port))
                for name in (server.address, server.host_name)
                if name
            )
        )
