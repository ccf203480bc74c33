"""Server farms as the tree of a YAML file. What has its default is left out."""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.formats.durations import write_duration
from urlrewrite.formats.farm_texts import write_share, write_statuses
from urlrewrite.formats.proxy_settings import write_settings
from urlrewrite.formats.yaml.export_rules import one_or_list, texts
from urlrewrite.formats.yaml.export_text import List, Map
from urlrewrite.model.farms import (
    Affinity,
    BackendTls,
    Connections,
    Farm,
    HealthTest,
    LiveTest,
    Retry,
    RetryCause,
    Server,
    Timeouts,
)


def farms_of(farms: Iterable[Farm]) -> Map:
    """Write `farms`."""
    return Map([(farm.name, _farm(farm), farm.comment) for farm in farms], block=True)


def timeouts_of(timeouts: Timeouts, default: Timeouts | None = None) -> Map:
    """Write `timeouts`: what is not as in `default`, or all."""
    return _changed(timeouts, default, ("connect", "connect"), ("response", "response"), ("idle", "idle"))


def _farm(farm: Farm) -> Map:
    default = Farm(name=farm.name)
    table = Map(block=True)
    table.add("servers", List([(_server(server), server.comment) for server in farm.servers]))
    if not farm.enabled:
        table.add("enabled", "false")
    if farm.algorithm is not default.algorithm:
        table.add("algorithm", str(farm.algorithm))
    if farm.hash_variable:
        table.add("hash", Map([("variable", farm.hash_variable, "")]))
    elif farm.hash_query:
        table.add("hash", Map([("query", one_or_list(farm.hash_query), "")]))
    if farm.response_period != default.response_period:
        table.add("responsePeriod", write_duration(farm.response_period))
    if farm.random_ties:
        table.add("randomTies", "true")
    if farm.affinity != default.affinity:
        table.add("affinity", _affinity(farm.affinity))
    if farm.health != default.health:
        table.add("health", _health(farm.health))
    if farm.retry != default.retry:
        table.add("retry", _retry(farm.retry))
    if farm.timeouts != default.timeouts:
        table.add("timeouts", timeouts_of(farm.timeouts, default.timeouts))
    if farm.connections != default.connections:
        table.add("connections", connections_of(farm.connections, default.connections))
    if farm.tls != default.tls:
        table.add("tls", tls_of(farm.tls))
    if farm.drain_timeout != default.drain_timeout:
        table.add("drainTimeout", write_duration(farm.drain_timeout))
    if not farm.preserve_host_header:
        table.add("preserveHostHeader", "false")
    for key, value in write_settings(farm.proxy_settings).items():
        table.add(key, value)
    return table


def _server(server: Server) -> str | Map:
    """Write a server, in the short form if that says all."""
    address, port = server.address, server.http_port
    host = f"[{address}]" if ":" in address else address
    if server == Server(address=address):
        return address
    if server == Server(address=address, http_port=port, https_port=port):
        return f"{host}:{port}"
    table = Map([("address", address, "")])
    table.entries += _changed(
        server,
        Server(address=address),
        ("httpPort", "http_port"),
        ("httpsPort", "https_port"),
        ("weight", "weight"),
        ("hostName", "host_name"),
        ("state", "state"),
        ("backup", "backup"),
        ("maxConnections", "max_connections"),
    ).entries
    if server.health_host or server.health_port:
        health = _changed(server, Server(address=address), ("host", "health_host"), ("port", "health_port"))
        table.add("health", health)
    return table


def _affinity(affinity: Affinity) -> Map:
    return _changed(
        affinity,
        Affinity(),
        ("cookie", "cookie"),
        ("sameSite", "same_site"),
        ("domain", "domain"),
        ("ifUnavailable", "if_unavailable"),
        ("hostName", "host_name"),
    )


def _health(health: HealthTest) -> Map:
    default = HealthTest()
    table = _changed(
        health, default, ("url", "url"), ("interval", "interval"), ("timeout", "timeout"), ("retries", "retries")
    )
    if health.status != default.status:
        table.add("status", write_statuses(health.status))
    if health.match:
        table.add("match", health.match)
    if health.live is not None:
        table.add("live", _live(health.live))
    more = _changed(
        health, default, ("minServers", "min_servers"), ("slowStart", "slow_start"), ("onDemand", "on_demand")
    )
    table.entries += more.entries
    return table


def _live(live: LiveTest) -> Map:
    default = LiveTest()
    table = Map()
    if live.codes != default.codes:
        table.add("codes", write_statuses(live.codes))
    more = _changed(live, default, ("failures", "failures"), ("period", "period"), ("ejection", "ejection"))
    table.entries += more.entries
    return table


def _retry(retry: Retry) -> Map:
    default = Retry()
    table = _changed(retry, default, ("attempts", "attempts"))
    if retry.on != default.on:
        table.add("on", texts(tuple(str(cause) for cause in RetryCause if cause in retry.on)))
    if retry.methods != default.methods:
        table.add("methods", texts(tuple(sorted(retry.methods))))
    if retry.budget != default.budget:
        table.add("budget", write_share(retry.budget))
    return table


def connections_of(connections: Connections, default: Connections | None = None) -> Map:
    """Write `connections`: what is not as in `default`, or all that a site has."""
    sharing = ("shared", "shared"), ("idle", "idle"), ("keepAlive", "keep_alive")
    if default is None:
        return _changed(connections, None, *sharing)
    return _changed(
        connections,
        default,
        *sharing,
        ("queue", "queue"),
        ("queueTimeout", "queue_timeout"),
    )


def tls_of(tls: BackendTls) -> Map:
    """Write `tls`."""
    return _changed(
        tls,
        BackendTls(),
        ("verify", "verify"),
        ("ca", "ca"),
        ("name", "name"),
        ("certificate", "certificate"),
        ("http2", "http2"),
    )


def _changed(values: object, default: object | None, *names: tuple[str, str]) -> Map:
    """Write the values, by key and attribute, that are not as in `default`: truths, numbers, times, texts."""
    table = Map()
    for key, name in names:
        value = getattr(values, name)
        if default is not None and value == getattr(default, name):
            continue
        match value:
            case bool():
                table.add(key, "true" if value else "false")
            case float():
                table.add(key, write_duration(value))
            case _:
                table.add(key, str(value))
    return table
