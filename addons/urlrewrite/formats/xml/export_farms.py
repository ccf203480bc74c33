"""Server farms as `<webFarms>`: what ARR has a word for, and what was kept of a file of IIS."""

from __future__ import annotations

import math
from collections.abc import Mapping

from urlrewrite.formats.durations import write_time_span
from urlrewrite.formats.farm_texts import parse_farm_name, write_statuses
from urlrewrite.formats.proxy_settings import write_settings
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.arr_schema import READ, ROUTING, SERVER_ROUTING_READ
from urlrewrite.formats.xml.export_text import Tag, boolean
from urlrewrite.formats.xml.farms import ALGORITHM_NUMBERS
from urlrewrite.model import ConfigElement
from urlrewrite.model.farms import (
    Affinity,
    Algorithm,
    Farm,
    HealthTest,
    LiveTest,
    Server,
    ServerState,
)
from urlrewrite.model.problems import Problem, Severity

_KEYS = {"webFarm": "name", "server": "address"}
"""What tells elements of one name apart, in any case; all others stand once in theirs."""

_MAX_SECONDS = 86400


def web_farms(farms: Mapping[str, Farm], kept: ConfigElement | None) -> tuple[Tag, list[Problem]]:
    """Write `<webFarms>`; return it with warnings of what ARR has no word for."""
    problems: list[Problem] = []
    tag = Tag("webFarms")
    on_demand = [farm for farm in farms.values() if farm.health.on_demand]
    if on_demand and len(on_demand) == len(farms):
        tag.attributes["onDemandHealthCheck"] = "true"
    elif on_demand:
        _tell(on_demand[0], "health.onDemand is left out: ARR has it for all farms together", problems)
    for farm in farms.values():
        tag.children.append(_farm(farm, problems))
    if kept:
        _merge(tag, kept, problems)
        _order(tag)
    return tag, problems


def element_tag(element: ConfigElement) -> Tag:
    """Write an element that was kept as it is."""
    comments = [element.comment] if element.comment else []
    return Tag(element.name, dict(element.attributes), [element_tag(child) for child in element.children], comments)


def _merge(tag: Tag, kept: ConfigElement, problems: list[Problem]) -> None:
    """Put back what was kept: what is written already goes before it."""
    tag.attributes |= {name: value for name, value in kept.attributes.items() if name not in tag.attributes}
    for child in kept.children:
        key = _KEYS.get(child.name)
        if child.name not in _MERGED:
            tag.children.append(element_tag(child))
        elif found := next((item for item in tag.children if _is_same(item, child, key)), None):
            _merge(found, child, problems)
        elif key is None:
            tag.children.append(element_tag(child))
        else:
            name = shown(child.attributes.get(key, ""))
            message = f"webFarms: what is kept of the {child.name} {name} is left out: there is none of that name"
            problems.append(Problem(child.source, message, ProblemId.NOT_IN_IIS, severity=Severity.WARNING))


_MERGED = frozenset({*_KEYS, ROUTING, *READ})


def _is_same(tag: Tag, element: ConfigElement, key: str | None) -> bool:
    if tag.name != element.name:
        return False
    return key is None or tag.attributes.get(key, "").casefold() == element.attributes.get(key, "").casefold()


def _order(tag: Tag) -> None:
    """Put farms and servers before what belongs to all of them, as IIS Manager does."""
    tag.children.sort(key=lambda child: child.name not in _KEYS)
    for child in tag.children:
        if child.name == "webFarm":
            _order(child)


def _farm(farm: Farm, problems: list[Problem]) -> Tag:
    tag = Tag("webFarm", {"name": farm.name, "enabled": boolean(farm.enabled)})
    tag.comments += [farm.comment] if farm.comment else []
    tag.children += (_server(server, farm, problems) for server in farm.servers)
    parts = {
        "protocol": _protocol(farm, problems),
        "healthCheck": _health(farm, problems),
        "affinity": _affinity(farm, problems),
        "loadBalancing": _balancing(farm, problems),
    }
    routing = Tag(ROUTING)
    for name, values in parts.items():
        changed = _changed(values, READ[name])
        if name == "protocol":
            # What is said stays said, since the default here is not ARR's of each.
            changed |= write_settings(farm.proxy_settings)
        if changed:
            routing.add(name, **changed)
    if routing.children:
        tag.children.append(routing)
    _tell_of_ours(farm, problems)
    if len({server.address.casefold() for server in farm.servers}) < len(farm.servers):
        _tell(farm, "two servers have the same address, which ARR refuses: give them names of their own", problems)
    return tag


def _server(server: Server, farm: Farm, problems: list[Problem]) -> Tag:
    tag = Tag("server", {"address": server.address, "enabled": boolean(server.state is not ServerState.OFFLINE)})
    tag.comments += [server.comment] if server.comment else []
    name = shown(server.address)
    if server.state not in (ServerState.AVAILABLE, ServerState.OFFLINE):
        _tell(farm, f"state: {server.state} of {name} is left out: ARR keeps it in memory", problems)
    if server.backup:
        _tell(farm, f"backup of {name} is left out: ARR has no such servers", problems)
    if server.max_connections:
        _tell(farm, f"maxConnections of {name} is left out: ARR does not limit them", problems)
    if not server.weight:
        _tell(farm, f"weight: 0 of {name} is written as 1: ARR has no weight below", problems)
    values = {
        "hostName": server.host_name,
        "weight": str(max(server.weight, 1)),
        "httpPort": str(server.http_port),
        "httpsPort": str(server.https_port),
        "healthCheckAlternateHostName": server.health_host,
        "healthCheckAlternatePort": str(server.health_port),
    }
    if changed := _changed(values, SERVER_ROUTING_READ):
        tag.add(ROUTING, **changed)
    return tag


def _protocol(farm: Farm, problems: list[Problem]) -> dict[str, str]:
    timeouts, default = farm.timeouts, Farm(name="").timeouts
    values = {"preserveHostHeader": boolean(farm.preserve_host_header)}
    if timeouts != default:
        # Here 0 is for ever; ARR has no such value.
        values["timeout"] = _time(farm, "timeouts.response", timeouts.response or math.inf, problems)
        if timeouts.idle != timeouts.response:
            _tell(farm, "timeouts.idle is left out: ARR has one time-out, which is that of the response", problems)
        if timeouts.connect != default.connect:
            _tell(farm, "timeouts.connect is left out: ARR has one time-out, which is that of the response", problems)
    return values


def _health(farm: Farm, problems: list[Problem]) -> dict[str, str]:
    health, default = farm.health, HealthTest()
    url = health.url
    if url.startswith("/"):
        # ARR wants it absolute; with the name of the farm it is asked of every server.
        url = f"http://{farm.name}{url}"
        try:
            parse_farm_name(farm.name)
        except ValueError:
            url = ""
            _tell(farm, "health.url is left out: ARR wants a host in it, and the farm's name cannot be one", problems)
    values = {
        "url": url,
        "interval": _time(farm, "health.interval", health.interval, problems, least=0),
        "timeout": _time(farm, "health.timeout", health.timeout, problems),
        "retries": str(health.retries),
        "statusCodeMatch": write_statuses(health.status),
        "responseMatch": health.match,
        "minServers": str(health.min_servers),
    }
    if health.slow_start != default.slow_start:
        _tell(farm, "health.slowStart is left out: ARR gives a server its whole share at once", problems)
    if live := health.live:
        values["liveTrafficFailureCodes"] = write_statuses(live.codes)
        values["maxLiveTrafficFailures"] = str(live.failures)
        values["liveTrafficFailurePeriod"] = _time(farm, "health.live.period", live.period, problems)
        if live.ejection != LiveTest().ejection:
            _tell(farm, "health.live.ejection is left out: in ARR a person lets a server in again", problems)
    return values


def _affinity(farm: Farm, problems: list[Problem]) -> dict[str, str]:
    affinity, default = farm.affinity, Affinity()
    values = {"useHostName": boolean(affinity.host_name), "useCookie": boolean(bool(affinity.cookie))}
    if affinity.cookie:
        values["cookieName"] = affinity.cookie
    for key, value, usual in (
        ("sameSite", affinity.same_site, default.same_site),
        ("domain", affinity.domain, default.domain),
        ("ifUnavailable", affinity.if_unavailable, default.if_unavailable),
    ):
        if value != usual:
            _tell(farm, f"affinity.{key} is left out: ARR has no such setting", problems)
    return values


def _balancing(farm: Farm, problems: list[Problem]) -> dict[str, str]:
    algorithm = farm.algorithm
    if algorithm not in ALGORITHM_NUMBERS.values():
        _tell(farm, f"algorithm: {algorithm} is left out: ARR does not have it", problems)
        algorithm = Algorithm.WEIGHTED_ROUND_ROBIN
    elif algorithm not in (Algorithm.WEIGHTED_ROUND_ROBIN, Algorithm.REQUEST_HASH):
        _tell(farm, f"ARR 3 balances by {Algorithm.WEIGHTED_ROUND_ROBIN} where it is told {algorithm}", problems)
    if any("," in name or name != name.strip() or not name for name in farm.hash_query):
        _tell(farm, "hash.query has names with blanks or commas: ARR splits them there", problems)
    return {
        "algorithm": str(algorithm),
        "hashServerVariable": farm.hash_variable,
        "queryStringNames": ",".join(farm.hash_query),
        "leastResponseTimePeriod": _time(farm, "responsePeriod", farm.response_period, problems),
        "randomizeLBTies": boolean(farm.random_ties),
    }


def _tell_of_ours(farm: Farm, problems: list[Problem]) -> None:
    """Tell of what ARR has nothing for at all."""
    default = Farm(name="")
    for key, value, usual in (
        ("retry", farm.retry, default.retry),
        ("connections", farm.connections, default.connections),
        ("tls", farm.tls, default.tls),
        ("drainTimeout", farm.drain_timeout, default.drain_timeout),
    ):
        if value != usual:
            _tell(farm, f"{key} is left out: ARR has no such setting", problems)


def _time(farm: Farm, key: str, seconds: float, problems: list[Problem], least: int = 1) -> str:
    """Write a time that ARR's schema allows: whole seconds, up to a day."""
    allowed = round(min(max(seconds, least), _MAX_SECONDS))
    if allowed != seconds:
        _tell(farm, f"{key} is written as {allowed} s: ARR has whole seconds from {least} to {_MAX_SECONDS}", problems)
    return write_time_span(allowed)


def _changed(values: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the values, in the order of the schema, that are not the default."""
    return {name: values[name] for name in defaults if values.get(name, defaults[name]) != defaults[name]}


def _tell(farm: Farm, message: str, problems: list[Problem]) -> None:
    problems.append(
        Problem(farm.source, f"farm {shown(farm.name)}: {message}", ProblemId.NOT_IN_IIS, severity=Severity.WARNING)
    )
