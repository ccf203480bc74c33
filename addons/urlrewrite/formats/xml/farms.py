"""Server farms, from `<webFarms>` of an `applicationHost.config`.

What a Farm has nothing for is kept as it is, in a `<webFarms>` of its own: only those farms, servers and elements that
have something of the kind, with the attributes that name them. `merged` in `export_farms.py` puts it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

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
    parse_list,
    parse_statuses,
)
from urlrewrite.formats.proxy_settings import read_settings
from urlrewrite.formats.reports import ProblemId, Report, duplicate_names
from urlrewrite.formats.xml.arr_schema import (
    FARM_READ,
    FARMS_READ,
    KEPT,
    KEPT_ELEMENTS,
    READ,
    ROUTING,
    SERVER_READ,
    SERVER_ROUTING_READ,
)
from urlrewrite.formats.xml.comments import joined
from urlrewrite.formats.xml.fields import REFUSED, Fields, children_of, single_children
from urlrewrite.formats.xml.nodes import Element
from urlrewrite.model import ConfigElement
from urlrewrite.model.farms import Affinity, Algorithm, Farm, HealthTest, LiveTest, Server, ServerState, Timeouts

ALGORITHM_NUMBERS = {
    "0": Algorithm.WEIGHTED_ROUND_ROBIN,
    "1": Algorithm.LEAST_REQUESTS,
    "2": Algorithm.LEAST_RESPONSE_TIME,
    "3": Algorithm.WEIGHTED_TOTAL_TRAFFIC,
    "4": Algorithm.REQUEST_HASH,
}
"""The numbers of ARR's enumeration."""

_FROM_ONE = range(1, UINT.stop)


def config_element(element: Element, report: Report) -> ConfigElement:
    """Keep an element with all that is in it."""
    return ConfigElement(
        element.name,
        MappingProxyType(element.attributes),
        tuple(config_element(child, report) for child in element.children),
        report.source(element.line),
        joined((*element.comments, *element.trailing)),
    )


def web_farms(element: Element, report: Report) -> tuple[Mapping[str, Farm], ConfigElement | None]:
    """Read `<webFarms>`: the farms by name, and what is kept of the element; None for nothing."""
    fields = Fields(element, report, FARMS_READ)
    on_demand = fields.boolean("onDemandHealthCheck", False)
    farms: list[Farm] = []
    kept: list[ConfigElement | None] = []
    for name, child in children_of(element, report, ("webFarm", *KEPT_ELEMENTS["webFarms"])):
        if name == "webFarm":
            farm, left = _farm(child, report, on_demand=on_demand)
            farms += [farm] if farm else []
            kept.append(left)
        else:
            kept.append(config_element(child, report))
    report.problems.extend(duplicate_names("farm", ((farm.name, farm.source) for farm in farms)))
    left = _left(element, report, FARMS_READ, kept)
    return MappingProxyType({farm.name: farm for farm in farms}), left


def _farm(element: Element, report: Report, *, on_demand: bool) -> tuple[Farm | None, ConfigElement | None]:
    fields = _Named(element, report, FARM_READ)
    name = fields.trimmed("name", "the name of the farm")
    try:
        parse_farm_name(name)
    except ValueError as error:
        fields.warning("name", ProblemId.BAD_ADDRESS, f"{error}: no rule can send requests to this farm")
    servers: list[Server] = []
    kept: list[ConfigElement | None] = []
    routing: Element | None = None
    for child in element.children:
        match child.name.casefold():
            case "server":
                server, left = _server(child, report)
                servers += [server] if server else []
                kept.append(left)
            case "applicationrequestrouting" if routing is None:
                routing = child
            case _:
                # Elements of the Web Farm Framework, of which ARR's schema knows nothing.
                kept.append(config_element(child, report))
    report.problems.extend(
        duplicate_names(f"server of {name}", ((server.address, server.source) for server in servers))
    )
    parts = single_children(routing, report, (*READ, *KEPT_ELEMENTS[ROUTING])) if routing else {}
    protocol, health, affinity, balancing = (_Part(name, parts.get(name), report) for name in READ)
    _refuse_certificate(protocol)
    farm = Farm(
        name=name,
        servers=tuple(servers),
        enabled=fields.boolean("enabled", True),
        algorithm=balancing.fields.choice("algorithm", Algorithm.WEIGHTED_ROUND_ROBIN, ALGORITHM_NUMBERS),
        hash_variable=balancing.fields.text("hashServerVariable"),
        hash_query=_hash_query(balancing),
        response_period=balancing.fields.parsed("leastResponseTimePeriod", 5.0, parse_duration),
        random_ties=balancing.fields.boolean("randomizeLBTies", False),
        affinity=_affinity(affinity),
        health=_health(health, on_demand=on_demand),
        timeouts=_timeouts(protocol),
        preserve_host_header=protocol.fields.boolean("preserveHostHeader", True),
        proxy_settings=read_settings(protocol.fields),
        source=report.source(element.line),
        comment=joined((*element.comments, *element.trailing)),
    )
    if routing:
        inner = [part.left() for part in (protocol, health, affinity, balancing)]
        inner += [config_element(parts[key], report) for key in KEPT_ELEMENTS[ROUTING] if key in parts]
        kept.append(_left(routing, report, tuple(routing.attributes), inner))
    return (farm if name else None), _left(element, report, FARM_READ, kept, key="name")


class _Named(Fields):
    """The attributes of `<webFarm>` and `<server>`, without those of the Web Farm Framework that stand beside them."""

    def __init__(self, element: Element, report: Report, known: tuple[str, ...]) -> None:
        folded = {name.casefold(): name for name in known}
        pairs = [
            part for name, value in element.attributes.items() if name.casefold() in folded for part in (name, value)
        ]
        super().__init__(Element(element.name, tuple(pairs), element.line), report, known)


class _Part:
    """An element of a farm's `<applicationRequestRouting>`, or the empty one where it is not there."""

    def __init__(self, name: str, element: Element | None, report: Report) -> None:
        self._name = name
        self._element = element or Element(name, (), 0)
        self._report = report
        self.fields = Fields(self._element, report, (*READ[name], *KEPT[name]))
        self.unread: set[str] = set()
        """Attributes that are read as a rule, and mean nothing this time."""

    def left(self) -> ConfigElement | None:
        """Return what is kept of it."""
        element = self._element
        kept = KEPT_ELEMENTS.get(self._name, ())
        children = [config_element(child, self._report) for _, child in children_of(element, self._report, kept)]
        known = {name.casefold() for name in (*KEPT[self._name], *self.unread)}
        others = tuple(name for name in element.attributes if name.casefold() not in known)
        return _left(element, self._report, others, children)


def _left(
    element: Element,
    report: Report,
    read: tuple[str, ...],
    children: Sequence[ConfigElement | None],
    key: str = "",
) -> ConfigElement | None:
    """Return an element without the attributes that are read, and with `children`; None if nothing is left of it."""
    folded = {name.casefold() for name in read}
    attributes = {
        name: value
        for name, value in element.attributes.items()
        # What has a namespace belongs to a transformation.
        if name.casefold() not in folded and not name.startswith("{")
    }
    left = tuple(child for child in children if child)
    if not attributes and not left:
        return None
    names = [(key, value) for name, value in element.attributes.items() if name.casefold() == key]
    return ConfigElement(element.name, MappingProxyType(dict(names) | attributes), left, report.source(element.line))


def _server(element: Element, report: Report) -> tuple[Server | None, ConfigElement | None]:
    fields = _Named(element, report, SERVER_READ)
    address = fields.trimmed("address", "the name or IP address of the server")
    try:
        address = parse_address(address) if address else ""
    except ValueError as error:
        fields.error("address", ProblemId.BAD_ADDRESS, str(error))
    routing = next((child for child in element.children if child.name.casefold() == ROUTING.casefold()), None)
    values = Fields(routing or Element(ROUTING, (), element.line), report, tuple(SERVER_ROUTING_READ))
    server = Server(
        address=address,
        http_port=values.integer("httpPort", 80, PORTS),
        https_port=values.integer("httpsPort", 443, PORTS),
        weight=values.integer("weight", 100, range(1, MAX_WEIGHT + 1)),
        host_name=values.parsed("hostName", "", parse_host),
        state=ServerState.AVAILABLE if fields.boolean("enabled", True) else ServerState.OFFLINE,
        health_host=values.parsed("healthCheckAlternateHostName", "", parse_host),
        health_port=values.integer("healthCheckAlternatePort", 0, range(PORTS.stop)),
        source=report.source(element.line),
        comment=joined((*element.comments, *element.trailing)),
    )
    others = [config_element(child, report) for child in element.children if child is not routing]
    return (server if address else None), _left(element, report, SERVER_READ, others, key="address")


def _hash_query(part: _Part) -> tuple[str, ...]:
    """Read the names of the query that are hashed, unless a server variable is."""
    if part.fields.text("hashServerVariable"):
        part.unread.add("queryStringNames")
        return ()
    return parse_list(part.fields.text("queryStringNames"))


def _affinity(part: _Part) -> Affinity:
    fields = part.fields
    name = fields.parsed("cookieName", "ARRAffinity", parse_cookie_name)
    if "cookieName" in fields and not name and not fields.is_invalid("cookieName"):
        fields.error("cookieName", ProblemId.MISSING, f"got nothing, expected a name such as ARRAffinity; {REFUSED}")
    uses_cookie = fields.boolean("useCookie", False)
    if not uses_cookie:
        part.unread.add("cookieName")
    return Affinity(cookie=name if uses_cookie else "", host_name=fields.boolean("useHostName", False))


def _health(part: _Part, *, on_demand: bool) -> HealthTest:
    fields, default = part.fields, HealthTest()
    live = LiveTest(
        codes=fields.parsed("liveTrafficFailureCodes", LiveTest().codes, parse_statuses),
        failures=fields.integer("maxLiveTrafficFailures", 10, _FROM_ONE),
        period=fields.parsed("liveTrafficFailurePeriod", 0.0, parse_duration),
    )
    if not live.period:
        part.unread |= {"liveTrafficFailureCodes", "maxLiveTrafficFailures"}
    return HealthTest(
        url=fields.parsed("url", "", parse_health_url),
        interval=_interval(fields, default.interval),
        timeout=fields.parsed("timeout", default.timeout, parse_some_time),
        retries=fields.integer("retries", default.retries, UINT),
        status=fields.parsed("statusCodeMatch", default.status, parse_statuses),
        match=fields.text("responseMatch"),
        live=live if live.period else None,
        min_servers=fields.integer("minServers", default.min_servers, UINT),
        on_demand=on_demand,
    )


def _interval(fields: Fields, default: float) -> float:
    seconds = fields.parsed("interval", default, parse_duration)
    if not seconds:
        message = f"got {fields.described('interval')}, expected more than 0: servers are tested every {default:g} s"
        fields.warning("interval", ProblemId.UNSUPPORTED, message)
    return seconds or default


def _refuse_certificate(protocol: _Part) -> None:
    """Report a client certificate in a store of Windows, without which servers would refuse every request."""
    if protocol.fields.text("clientCertHash"):
        message = (
            "got a certificate in a store of Windows, expected it in a PEM file: tls.certificate of a farm in YAML"
        )
        protocol.fields.error("clientCertHash", ProblemId.BAD_CERTIFICATE, message)


def _timeouts(protocol: _Part) -> Timeouts:
    """Read `timeout`, which is WinHTTP's: the wait for the response, and for each further piece of it."""
    seconds = protocol.fields.parsed("timeout", 30.0, parse_duration)
    return Timeouts(response=seconds, idle=seconds)
