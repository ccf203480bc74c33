"""Server farms out of the air: what a YAML file can say of them, and what an applicationHost.config can."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from urlrewrite.formats.farm_texts import MAX_WEIGHT
from urlrewrite.formats.xml.farms import ALGORITHM_NUMBERS
from urlrewrite.model import ConfigElement
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
from urlrewrite.model.proxy_settings import HttpVersion, ProxySettings

NAMES = st.sampled_from(["shop", "Shop_2", "farm.example", "a-b", "xn--bcher-kva.de", "null", "off"])
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1", "WEB01", "app2.lan", "localhost"])
HOSTS = st.sampled_from(["", "app.lan", "10.0.0.9"])
TEXTS = st.sampled_from(["", "well", "a: b", "'", "{ok}", "#", " a ", "ä"])
PORTS = st.integers(1, 65535)
COUNTS = st.sampled_from([0, 1, 7, 2**32 - 1])
SOME = st.sampled_from([1, 7, 2**32 - 1])
SECONDS = st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000)
SOME_SECONDS = st.integers(1, 10**7).map(lambda milliseconds: milliseconds / 1000)
WHOLE_SECONDS = st.integers(1, 86400).map(float)
RANGES = st.tuples(st.integers(100, 599), st.integers(100, 599)).map(lambda pair: (min(pair), max(pair)))
STATUSES = st.lists(RANGES, min_size=1, max_size=3).map(tuple)
URLS = st.sampled_from(["", "http://shop/health.txt?a=b", "https://status.lan:8443/", "http://10.0.0.1"])
LISTS = st.lists(st.sampled_from(["id", "lang", "a b", "[]", "ä"]), max_size=2).map(tuple)


def by_key[T](items: SearchStrategy[T], name: str, most: int) -> SearchStrategy[list[T]]:
    return st.lists(items, max_size=most, unique_by=lambda item: getattr(item, name).casefold())


def mapping(farms: list[Farm]) -> MappingProxyType[str, Farm]:
    return MappingProxyType({farm.name: farm for farm in farms})


HASHES = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"hash_variable": st.sampled_from(["HTTP_COOKIE", "HTTP_X_TENANT"])}),
    st.fixed_dictionaries({"hash_query": LISTS}),
)
# What YAML and ARR say alike.
_LIVE: dict[str, Any] = {"codes": STATUSES, "failures": SOME}
_SERVER: dict[str, Any] = {
    "address": ADDRESSES,
    "http_port": PORTS,
    "https_port": PORTS,
    "host_name": HOSTS,
    "health_host": HOSTS,
    "health_port": st.integers(0, 65535),
}
_AFFINITY: dict[str, Any] = {"cookie": st.sampled_from(["", "ARRAffinity", "a~b"]), "host_name": st.booleans()}
_HEALTH: dict[str, Any] = {"retries": COUNTS, "status": STATUSES, "match": TEXTS, "min_servers": COUNTS}
LIVE = st.builds(LiveTest, **_LIVE, period=SOME_SECONDS, ejection=SECONDS)
SERVERS = by_key(
    st.builds(
        Server,
        **_SERVER,
        weight=st.integers(0, MAX_WEIGHT),
        state=st.sampled_from(ServerState),
        backup=st.booleans(),
        max_connections=COUNTS,
    )
    | st.builds(Server, address=ADDRESSES)
    | st.builds(lambda address, port: Server(address=address, http_port=port, https_port=port), ADDRESSES, PORTS),
    "address",
    3,
).map(tuple)
FIELD_NAMES = st.sampled_from([None, "", "X-Client", "x_y"])
ONE_SITE_SETTINGS = st.builds(
    ProxySettings,
    reverse_rewrite_host_in_response_headers=st.none() | st.booleans(),
    http_version=st.none() | st.sampled_from(HttpVersion),
    keep_alive=st.none() | st.booleans(),
    max_forwards=st.none() | COUNTS,
    x_forwarded_for_header_name=FIELD_NAMES,
    include_port_in_x_forwarded_for=st.none() | st.booleans(),
    x_forwarded_by_header_name=FIELD_NAMES,
    x_forwarded_by_header=st.sampled_from([None, "", "a b", "'"]),
    ssl_header_name=FIELD_NAMES,
    log_guid_name=FIELD_NAMES,
)
PROXY_SETTINGS = st.builds(replace, ONE_SITE_SETTINGS, alternate_host_name=st.none() | HOSTS)
TLS = st.builds(
    BackendTls,
    verify=st.booleans(),
    ca=st.sampled_from(["", "/srv/a b#.pem"]),
    name=HOSTS,
    certificate=st.sampled_from(["", "/srv/c.pem"]),
    http2=st.booleans(),
)


def _built(**values: SearchStrategy[Any]) -> SearchStrategy[Farm]:
    """Farms of these values, and of what YAML and ARR say alike."""
    return st.builds(
        lambda hashed, **values: Farm(**values, **hashed),
        HASHES,
        name=NAMES,
        enabled=st.booleans(),
        random_ties=st.booleans(),
        preserve_host_header=st.booleans(),
        proxy_settings=PROXY_SETTINGS,
        **values,
    )


FARMS = by_key(
    _built(
        servers=SERVERS,
        algorithm=st.sampled_from(Algorithm),
        response_period=SECONDS,
        affinity=st.builds(
            Affinity,
            **_AFFINITY,
            same_site=st.sampled_from(["Lax", "Strict", "None"]),
            domain=HOSTS,
            if_unavailable=st.sampled_from(WhenUnavailable),
        ),
        health=st.builds(
            HealthTest,
            **_HEALTH,
            url=URLS | st.just("/health.txt"),
            interval=SOME_SECONDS,
            timeout=SOME_SECONDS,
            live=st.none() | LIVE,
            slow_start=SECONDS,
            on_demand=st.booleans(),
        ),
        retry=st.builds(
            Retry,
            attempts=st.integers(1, 100),
            on=st.frozensets(st.sampled_from(RetryCause)),
            methods=st.frozensets(st.sampled_from(["GET", "POST", "M-SEARCH"])),
            budget=st.integers(0, 100).map(lambda percent: percent / 100),
        ),
        timeouts=st.builds(Timeouts, connect=SECONDS, response=SECONDS, idle=SECONDS),
        connections=st.builds(
            Connections,
            shared=st.booleans(),
            idle=COUNTS,
            keep_alive=SECONDS,
            queue=COUNTS,
            queue_timeout=SECONDS,
        ),
        tls=TLS,
        drain_timeout=SECONDS,
    )
    | st.builds(Farm, name=NAMES),
    "name",
    2,
).map(mapping)
"""What a YAML file can say."""

_ARR_SERVERS = by_key(
    st.builds(
        Server,
        **_SERVER,
        weight=st.integers(1, MAX_WEIGHT),
        state=st.sampled_from([ServerState.AVAILABLE, ServerState.OFFLINE]),
    ),
    "address",
    3,
).map(tuple)
_ARR_LIVE = st.builds(LiveTest, **_LIVE, period=WHOLE_SECONDS)


@st.composite
def farms_of_iis(draw: st.DrawFn) -> dict[str, Any]:
    """The farms of a RuleSet as applicationHost.config can say them, and what is kept of the file beside them."""
    on_demand = draw(st.booleans())
    farms = draw(
        by_key(
            _built(
                servers=_ARR_SERVERS,
                algorithm=st.sampled_from([*ALGORITHM_NUMBERS.values()]),
                response_period=WHOLE_SECONDS,
                affinity=st.builds(Affinity, **_AFFINITY),
                health=st.builds(
                    HealthTest,
                    **_HEALTH,
                    url=URLS,
                    interval=WHOLE_SECONDS,
                    timeout=WHOLE_SECONDS,
                    live=st.none() | _ARR_LIVE,
                    on_demand=st.just(on_demand),
                ),
                timeouts=WHOLE_SECONDS.map(lambda seconds: Timeouts(response=seconds, idle=seconds)),
            ),
            "name",
            2,
        )
    )
    kept = [item for farm in farms if (item := draw(_kept(farm)))]
    if draw(st.booleans()):
        kept.append(_element("applicationRequestRouting", {}, _element("hostAffinityProviderList")))
    return {"farms": mapping(farms), "web_farms": _element("webFarms", {}, *kept) if kept else None}


def _element(name: str, attributes: dict[str, str] | None = None, *children: ConfigElement) -> ConfigElement:
    return ConfigElement(name, MappingProxyType(attributes or {}), children)


@st.composite
def _kept(draw: st.DrawFn, farm: Farm) -> ConfigElement | None:
    """What ARR and the Web Farm Framework say of a farm that a Farm has nothing for."""
    attributes = draw(st.dictionaries(st.sampled_from(["serverAutoStart", "primaryServer"]), TEXTS, max_size=2))
    children = [
        _element("server", {"address": server.address, "readyForLoadBalancing": "true"})
        for server in farm.servers
        if draw(st.booleans())
    ]
    if draw(st.booleans()):
        children.append(_element("loadBalancer", {"provider": "x"}))
    parts = [
        draw(st.none() | st.just(item))
        for item in (
            _element("protocol", {"minResponseBuffer": "0"}, _element("cache", {"enabled": "false"})),
            _element("affinity", {"timeout": "01:00:00"}),
            _element("publicKeys", {}, _element("publicKey", {"bytes": "AA"})),
        )
    ]
    if inner := [part for part in parts if part]:
        children.append(_element("applicationRequestRouting", {}, *inner))
    return _element("webFarm", {"name": farm.name, **attributes}, *children) if attributes or children else None
