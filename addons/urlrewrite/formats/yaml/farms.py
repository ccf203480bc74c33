"""Server farms, from YAML.

farms:
  shop:                                  # http://shop/... in rules, or backend: http://shop
    servers:
      - 10.0.0.1:8080                    # short form: the port is that of http and of https
      - {address: app2.lan, httpPort: 8080, httpsPort: 8443, weight: 50, hostName: app2, state: draining,
         backup: true, maxConnections: 50, health: {host: status.lan, port: 8081}}
    enabled: true                        # false: requests for the farm get 503
    algorithm: WeightedRoundRobin        # see model/farms.py
    hash: {variable: HTTP_X_TENANT}      # for RequestHash; or {query: [id, lang]}
    responsePeriod: 5s
    randomTies: false
    affinity: {cookie: ARRAffinity, sameSite: Lax, domain: '', ifUnavailable: reassign}   # or {hostName: true}
    health: {url: /health.txt, interval: 5s, timeout: 2s, retries: 3, status: 200-399, match: well, host: '', port: 0,
             live: {codes: 500-, failures: 10, period: 10s, ejection: 30s}, minServers: 1, slowStart: 30s,
             onDemand: false}
    retry: {attempts: 2, on: [connect, tls, closed, timeout], methods: [GET, HEAD], budget: 20%}
    timeouts: {connect: 5s, response: 30s, idle: 120s}
    connections: {shared: true, idle: 32, keepAlive: 30s, queue: 64, queueTimeout: 5s}
    tls: {verify: true, ca: ca.pem, name: '', certificate: client.pem, http2: true}
    drainTimeout: 30s
    preserveHostHeader: true
    includePortInXForwardedFor: false    # and what else `<protocol>` has, see formats/proxy_settings.py
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from urlrewrite.formats.durations import parse_duration, parse_some_time
from urlrewrite.formats.farm_texts import (
    MAX_WEIGHT,
    PORTS,
    UINT,
    parse_address,
    parse_cookie_name,
    parse_farm_name,
    parse_health_url,
    parse_host,
    parse_same_site,
    parse_server,
    parse_share,
    parse_statuses,
)
from urlrewrite.formats.proxy_settings import FARM_ATTRIBUTES, read_settings
from urlrewrite.formats.questions import Kind
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.wording import shown
from urlrewrite.formats.yaml.fields import Table, choice_of, named, table_of
from urlrewrite.formats.yaml.nodes import Node, Scalar
from urlrewrite.formats.yaml.paths import absolute
from urlrewrite.model.farms import (
    Affinity,
    Algorithm,
    BackendTls,
    Connections,
    Farm,
    HealthTest,
    LiveTest,
    Retry,
    RetryCause,
    Server,
    ServerState,
    Timeouts,
    WhenUnavailable,
)
from urlrewrite.model.field_lines import is_token

FARM_KEYS = (
    "servers",
    "enabled",
    "algorithm",
    "hash",
    "responsePeriod",
    "randomTies",
    "affinity",
    "health",
    "retry",
    "timeouts",
    "connections",
    "tls",
    "drainTimeout",
    "preserveHostHeader",
    *FARM_ATTRIBUTES,
)
SERVER_KEYS = (
    "address",
    "httpPort",
    "httpsPort",
    "weight",
    "hostName",
    "state",
    "backup",
    "maxConnections",
    "health",
)
SERVER_HEALTH_KEYS = ("host", "port")
HASH_KEYS = ("variable", "query")
AFFINITY_KEYS = ("cookie", "sameSite", "domain", "ifUnavailable", "hostName")
HEALTH_KEYS = (
    "url",
    "interval",
    "timeout",
    "retries",
    "status",
    "match",
    *SERVER_HEALTH_KEYS,
    "live",
    "minServers",
    "slowStart",
    "onDemand",
)
LIVE_KEYS = ("codes", "failures", "period", "ejection")
RETRY_KEYS = ("attempts", "on", "methods", "budget")
TIMEOUT_KEYS = ("connect", "response", "idle")
SHARING_KEYS = ("shared", "idle", "keepAlive")
CONNECTION_KEYS = (*SHARING_KEYS, "queue", "queueTimeout")
TLS_KEYS = ("verify", "ca", "name", "certificate", "http2")


def farms_of(table: Table) -> Mapping[str, Farm]:
    """Read `farms` of a file."""

    def read(name: Scalar, node: Node, label: str) -> Farm | None:
        own = table_of(node, FARM_KEYS, table.report, label)
        return _farm(name, own) if own else None

    return named(table, "farms", "farm", read)


def read_timeouts(table: Table, default: Timeouts) -> Timeouts:
    """Read a mapping of time-outs; what is not given is as in `default`."""
    return Timeouts(
        connect=table.parsed("connect", default.connect, parse_duration),
        response=table.parsed("response", default.response, parse_duration),
        idle=table.parsed("idle", default.idle, parse_duration),
    )


def _farm(name: Scalar, table: Table) -> Farm:
    try:
        parse_farm_name(name.text)
    except ValueError as error:
        message = f"farms: {error}: no rule can send requests to this farm"
        table.report.warning(name.line, ProblemId.BAD_ADDRESS, message)
    default = Farm(name=name.text)
    hashed = table.table("hash", HASH_KEYS)
    health = table.table("health", HEALTH_KEYS)
    timeouts = table.table("timeouts", TIMEOUT_KEYS)
    connections = table.table("connections", CONNECTION_KEYS)
    farm = Farm(
        name=name.text,
        servers=_servers(table),
        enabled=table.boolean("enabled", default.enabled),
        algorithm=table.choice("algorithm", default.algorithm),
        hash_variable=hashed.text("variable") if hashed else "",
        hash_query=tuple(item.text for item in hashed.texts("query")) if hashed else (),
        response_period=table.parsed("responsePeriod", default.response_period, parse_duration),
        random_ties=table.boolean("randomTies", default.random_ties),
        affinity=_affinity(table),
        health=_health(health) if health else default.health,
        retry=_retry(table),
        timeouts=read_timeouts(timeouts, default.timeouts) if timeouts else default.timeouts,
        connections=read_connections(connections) if connections else default.connections,
        tls=read_tls(table),
        drain_timeout=table.parsed("drainTimeout", default.drain_timeout, parse_duration),
        preserve_host_header=table.boolean("preserveHostHeader", default.preserve_host_header),
        proxy_settings=read_settings(table),
        source=table.report.source(name.line),
    )
    if hashed and "variable" in hashed and "query" in hashed:
        hashed.error("query", ProblemId.NOT_POSSIBLE, "got query beside variable, expected one of them")
    if hashed and farm.algorithm is not Algorithm.REQUEST_HASH:
        message = f"has no effect with algorithm: {farm.algorithm}, expected algorithm: {Algorithm.REQUEST_HASH}"
        table.warning("hash", ProblemId.NO_EFFECT, message)
    if health:
        host, port = health.parsed("host", "", parse_host), health.integer("port", 0, range(PORTS.stop))
        farm = replace(farm, servers=tuple(_tested_at(server, host, port) for server in farm.servers))
    return farm


def _tested_at(server: Server, host: str, port: int) -> Server:
    """Give a server the farm's host and port for tests where it has none of its own."""
    if not host and not port:
        return server
    return replace(server, health_host=server.health_host or host, health_port=server.health_port or port)


def _servers(farm: Table) -> tuple[Server, ...]:
    label = farm.label("servers")
    if "servers" not in farm:
        farm.error("servers", ProblemId.MISSING, "got nothing, expected a list of servers such as [10.0.0.1:8080]")
    found = []
    for number, node in enumerate(farm.nodes("servers"), 1):
        if server := _server(node, farm.report, f"{label}[{number}]"):
            found.append(server)
    # Two servers of one machine are told apart by their ports.
    names = Farm(name="", servers=tuple(found)).server_names
    named = zip(names, (server.source for server in found), strict=True)
    farm.report.problems.extend(duplicate_names(f"server in {farm.path}", named))
    return tuple(found)


def _server(node: Node, report: Report, label: str) -> Server | None:
    if isinstance(node, Scalar):
        report.ask(node, Kind.TEXT)
        try:
            address, port = parse_server(node.text)
        except ValueError as error:
            report.error(node.line, ProblemId.BAD_ADDRESS, f"{label}: {error}")
            return None
        source = report.source(node.line)
        if not port:
            return Server(address=address, source=source)
        return Server(address=address, http_port=port, https_port=port, source=source)
    table = table_of(node, SERVER_KEYS, report, label)
    if table is None:
        return None
    address = table.required("address", "the name or IP address of the server")
    try:
        address = parse_address(address) if address else ""
    except ValueError as error:
        table.error("address", ProblemId.BAD_ADDRESS, str(error))
    health = table.table("health", SERVER_HEALTH_KEYS)
    server = Server(
        address=address,
        http_port=table.integer("httpPort", 80, PORTS),
        https_port=table.integer("httpsPort", 443, PORTS),
        weight=table.integer("weight", 100, range(MAX_WEIGHT + 1)),
        host_name=table.parsed("hostName", "", parse_host),
        state=table.choice("state", ServerState.AVAILABLE),
        backup=table.boolean("backup", False),
        max_connections=table.integer("maxConnections", 0, UINT),
        health_host=health.parsed("host", "", parse_host) if health else "",
        health_port=health.integer("port", 0, range(PORTS.stop)) if health else 0,
        source=report.source(node.line),
    )
    return server if address else None


def _affinity(farm: Table) -> Affinity:
    default, table = Affinity(), farm.table("affinity", AFFINITY_KEYS)
    if table is None:
        return default
    affinity = Affinity(
        cookie=table.parsed("cookie", default.cookie, parse_cookie_name),
        same_site=table.parsed("sameSite", default.same_site, parse_same_site),
        domain=table.parsed("domain", default.domain, parse_host),
        if_unavailable=table.choice("ifUnavailable", WhenUnavailable.REASSIGN),
        host_name=table.boolean("hostName", default.host_name),
    )
    if not affinity.cookie and not affinity.host_name and not table.is_invalid("cookie"):
        expected = f"expected {table.label('cookie')} with the name of a cookie, or hostName: true"
        table.warning("", ProblemId.NO_EFFECT, f"binds no client to a server, {expected}")
    if affinity.domain and affinity.cookie.lower().startswith("__host-"):
        message = f"got a domain for {affinity.cookie}, expected none: browsers refuse such a cookie with a Domain"
        table.error("domain", ProblemId.NOT_POSSIBLE, message)
    return affinity


def _health(table: Table) -> HealthTest:
    default = HealthTest()
    live = table.table("live", LIVE_KEYS)
    return HealthTest(
        url=table.parsed("url", default.url, parse_health_url),
        interval=table.parsed("interval", default.interval, parse_some_time),
        timeout=table.parsed("timeout", default.timeout, parse_some_time),
        retries=table.integer("retries", default.retries, UINT),
        status=table.parsed("status", default.status, parse_statuses),
        match=table.text("match"),
        live=_live(live) if live else None,
        min_servers=table.integer("minServers", default.min_servers, UINT),
        slow_start=table.parsed("slowStart", default.slow_start, parse_duration),
        on_demand=table.boolean("onDemand", default.on_demand),
    )


def _live(table: Table) -> LiveTest:
    default = LiveTest()
    return LiveTest(
        codes=table.parsed("codes", default.codes, parse_statuses),
        failures=table.integer("failures", default.failures, range(1, UINT.stop)),
        period=table.parsed("period", default.period, parse_some_time),
        ejection=table.parsed("ejection", default.ejection, parse_duration),
    )


def _retry(farm: Table) -> Retry:
    default, table = Retry(), farm.table("retry", RETRY_KEYS)
    if table is None:
        return default
    label = table.label("on")
    causes = (choice_of(item, RetryCause.CONNECT, farm.report, label) for item in table.texts("on"))
    return Retry(
        attempts=table.integer("attempts", default.attempts, range(1, 101)),
        on=frozenset(causes) if "on" in table else default.on,
        methods=_methods(table) if "methods" in table else default.methods,
        budget=table.parsed("budget", default.budget, parse_share),
    )


def _methods(table: Table) -> frozenset[str]:
    found = []
    for item in table.texts("methods"):
        if is_token(item.text):
            found.append(item.text.upper())
        else:
            message = f"{table.label('methods')}: got {shown(item.text)}, expected a method such as GET"
            table.report.error(item.line, ProblemId.BAD_VALUE, message)
    return frozenset(found)


def read_connections(table: Table) -> Connections:
    """Read `connections`; what is not given has its default."""
    default = Connections()
    return Connections(
        shared=table.boolean("shared", default.shared),
        idle=table.integer("idle", default.idle, UINT),
        keep_alive=table.parsed("keepAlive", default.keep_alive, parse_duration),
        queue=table.integer("queue", default.queue, UINT),
        queue_timeout=table.parsed("queueTimeout", default.queue_timeout, parse_duration),
    )


def read_tls(owner: Table) -> BackendTls:
    """Read `tls` of a farm or of a site."""
    default, table = BackendTls(), owner.table("tls", TLS_KEYS)
    if table is None:
        return default
    return BackendTls(
        verify=table.boolean("verify", default.verify),
        ca=absolute(table, "ca"),
        name=table.parsed("name", default.name, parse_host),
        certificate=absolute(table, "certificate"),
        http2=table.boolean("http2", default.http2),
        source=table.source(),
    )
