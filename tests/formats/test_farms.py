"""Server farms in YAML and in applicationHost.config: what is read, what is told, what an export tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from formats.support import SITE, Expected, assert_told, read
from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats import rule_files
from urlrewrite.formats.farm_texts import parse_statuses, write_share, write_statuses
from urlrewrite.formats.proxy_settings import FARM_ATTRIBUTES, write_settings
from urlrewrite.formats.xml import arr_schema
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.yaml import farms as yaml_farms
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.lint.linter import judge
from urlrewrite.model import ConfigElement, RuleSet
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
from urlrewrite.model.problems import RuleFileError, Severity
from urlrewrite.model.proxy_settings import HttpVersion, ProxySettings

EXAMPLES = Path(__file__).parents[2] / "rules" / "examples"


def farm_of(more: str, servers: str = "[a]") -> Farm:
    rules = read(f"{SITE}farms: {{shop: {{servers: {servers}{more}}}}}\n")
    return rules.farms["shop"]


def test_all_that_a_farm_can_say() -> None:
    rules = read(
        SITE
        + """
farms:
  shop:
    servers:
      - 10.0.0.1:8080
      - '[2001:db8::1]:8080'
      - 2001:db8::2
      - APP1.lan
      - {address: app2.lan, httpPort: 8080, httpsPort: 8443, weight: 50, hostName: App2, state: draining, backup: true,
         maxConnections: 50, health: {host: status.lan, port: 81}}
    enabled: false
    algorithm: requesthash
    hash: {query: [id, lang]}
    responsePeriod: 1m
    randomTies: true
    affinity: {cookie: Shop, sameSite: strict, domain: example.com, ifUnavailable: 503, hostName: true}
    health: {url: /health.txt, interval: 500ms, timeout: 2s, retries: 4, status: '200,204,300-', match: well, port: 82,
             live: {codes: 500-, failures: 3, period: 10, ejection: '00:01:00'}, minServers: 1, slowStart: 30s,
             onDemand: true}
    retry: {attempts: 3, on: [connect, closed], methods: [get, POST], budget: 12.5%}
    timeouts: {connect: 1s, response: 2m, idle: 0}
    connections: {shared: false, idle: 4, keepAlive: 5s, queue: 6, queueTimeout: 7s}
    tls: {verify: false, ca: ca.pem, name: shop.lan, certificate: /srv/client.pem, http2: false}
    drainTimeout: 1h
    preserveHostHeader: false
"""
    )
    assert rules.farms["shop"] == Farm(
        name="shop",
        servers=(
            Server(address="10.0.0.1", http_port=8080, https_port=8080, health_port=82),
            Server(address="2001:db8::1", http_port=8080, https_port=8080, health_port=82),
            Server(address="2001:db8::2", health_port=82),
            Server(address="APP1.lan", health_port=82),
            Server(
                address="app2.lan",
                http_port=8080,
                https_port=8443,
                weight=50,
                host_name="app2",
                state=ServerState.DRAINING,
                backup=True,
                max_connections=50,
                health_host="status.lan",
                health_port=81,
            ),
        ),
        enabled=False,
        algorithm=Algorithm.REQUEST_HASH,
        hash_query=("id", "lang"),
        response_period=60.0,
        random_ties=True,
        affinity=Affinity(
            cookie="Shop",
            same_site="Strict",
            domain="example.com",
            if_unavailable=WhenUnavailable.REFUSE,
            host_name=True,
        ),
        health=HealthTest(
            url="/health.txt",
            interval=0.5,
            timeout=2.0,
            retries=4,
            status=((200, 200), (204, 204), (300, 599)),
            match="well",
            live=LiveTest(codes=((500, 599),), failures=3, period=10.0, ejection=60.0),
            min_servers=1,
            slow_start=30.0,
            on_demand=True,
        ),
        retry=Retry(
            attempts=3,
            on=frozenset({RetryCause.CONNECT, RetryCause.CLOSED}),
            methods=frozenset({"GET", "POST"}),
            budget=0.125,
        ),
        timeouts=Timeouts(connect=1.0, response=120.0, idle=0.0),
        connections=Connections(shared=False, idle=4, keep_alive=5.0, queue=6, queue_timeout=7.0),
        tls=BackendTls(
            verify=False, ca=str(Path.cwd() / "ca.pem"), name="shop.lan", certificate="/srv/client.pem", http2=False
        ),
        drain_timeout=3600.0,
        preserve_host_header=False,
    )


def test_defaults_are_those_of_the_model() -> None:
    assert farm_of("") == Farm(name="shop", servers=(Server(address="a"),))
    assert farm_of(", health: {live: {}}").health.live == LiveTest()
    assert [server.source.line for server in farm_of("").servers] == [3]


def wrong(text: str, *expected: tuple[int, str, str]) -> tuple[str, Expected]:
    return f"{SITE}farms:\n  shop:\n    {text}\n", list(expected)


WRONG: list[tuple[str, Expected]] = [
    wrong("algorithm: RequestHash", (5, "UR006", "farms.shop.servers: got nothing, expected a list of servers")),
    wrong("servers: a", (5, "UR003", 'farms.shop.servers: got "a", expected a list')),
    wrong("servers: [a:b]", (5, "UR010", 'farms.shop.servers[1]: got "a:b", expected host:port')),
    wrong("servers: ['a b']", (5, "UR010", "expected a name such as")),
    wrong("servers: ['a:80', 'a:80']", (5, "UR008", 'got the server in farms.shop "a:80" again')),
    wrong("servers: [{httpPort: 1}]", (5, "UR006", "farms.shop.servers[1].address: got nothing")),
    wrong("servers: [{address: 'a:80'}]", (5, "UR010", "farms.shop.servers[1].address")),
    wrong(
        "servers: [{address: a, httpPort: 0, weight: -1, state: up, port: 8080}]",
        (5, "UR004", 'farms.shop.servers[1]: got the key "port", expected one of address, httpPort'),
        (5, "UR007", 'farms.shop.servers[1].httpPort: got "0", expected a whole number from 1 to 65535'),
        (5, "UR007", 'farms.shop.servers[1].weight: got "-1", expected a whole number from 0'),
        (5, "UR007", 'farms.shop.servers[1].state: got "up", expected one of available, draining, stopping, offline'),
    ),
    wrong("{servers: [a], algorithm: LeastRequest}", (5, "UR007", "did you mean LeastRequests?")),
    wrong("{servers: [a], hash: {variable: A}}", (5, "UR013", "has no effect with algorithm: WeightedRoundRobin")),
    wrong(
        "{servers: [a], algorithm: RequestHash, hash: {variable: A, query: b}}",
        (5, "UR012", "farms.shop.hash.query: got query beside variable"),
    ),
    wrong("{servers: [a], affinity: {cookie: 'a b'}}", (5, "UR007", "expected the name of a cookie")),
    wrong("{servers: [a], affinity: {sameSite: lux}}", (5, "UR007", "one of Lax, Strict, None"), (5, "UR013", "binds")),
    wrong("{servers: [a], affinity: {ifUnavailable: 503}}", (5, "UR013", "farms.shop.affinity: binds no client")),
    wrong("{servers: [a], health: {url: health.txt}}", (5, "UR007", "farms.shop.health.url: got")),
    wrong("{servers: [a], health: {url: '/x#a'}}", (5, "UR007", 'got "/x#a", expected a URL without a fragment')),
    wrong("{servers: [a], health: {url: 'http://shop/x#a'}}", (5, "UR007", "expected a URL without a fragment")),
    wrong("{servers: [a], health: {url: /ä}}", (5, "UR007", "expected ASCII")),
    wrong("{servers: [a], health: {url: 'http://ä.example/'}}", (5, "UR007", "expected ASCII")),
    wrong("{servers: [a], affinity: {cookie: __host-A, domain: a.b}}", (5, "UR012", "got a domain for __host-A")),
    wrong("{servers: [a], health: {interval: 0}}", (5, "UR007", "expected more than 0")),
    wrong("{servers: [a], health: {status: 2xx}}", (5, "UR007", "expected status codes and ranges of them")),
    wrong("{servers: [a], health: {status: 399-200}}", (5, "UR007", 'got "399-200"')),
    wrong("{servers: [a], retry: {budget: 120%}}", (5, "UR007", "expected a share from 0% to 100%")),
    wrong("{servers: [a], retry: {on: [refused]}}", (5, "UR007", "one of connect, tls, closed, timeout")),
    wrong("{servers: [a], retry: {methods: ['G T']}}", (5, "UR007", "expected a method such as GET")),
    wrong("{servers: [a], timeouts: {connect: [1]}}", (5, "UR007", "farms.shop.timeouts.connect: got a list")),
    wrong("{servers: [a], timeouts: {total: 1}}", (5, "UR004", "connect, response, idle")),
    (f"{SITE}farms: {{a: {{servers: [a]}}, A: {{servers: [a]}}}}\n", [(3, "UR008", 'got the farm "A" again')]),
    (f"{SITE}farms: [a]\n", [(3, "UR003", "expected a mapping of names")]),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: Expected) -> None:
    assert_told(text, expected)


@pytest.mark.parametrize("name", ["My Farm", "a/b", "Büro"])
def test_a_name_that_cannot_be_a_host_is_a_warning_in_both_formats(name: str) -> None:
    given = server_file(f'<webFarms><webFarm name="{name}"><server address="a"/></webFarm></webFarms>')
    rules, problems = xml_rules.parse(given.encode(), "applicationHost.config")
    again, more = yaml_rules.parse(to_yaml(rules), "rules.yaml")
    assert (again.farms, again.web_farms) == (rules.farms, rules.web_farms)
    for problem in (*problems, *more):
        assert (problem.id, problem.severity) == ("UR010", Severity.WARNING)
        assert "no rule can send requests to this farm" in problem.message
    assert len((*problems, *more)) == 2
    tested = replace(rules.farms[name], health=HealthTest(url="/x"))
    text, told = to_application_host(replace(rules, farms={name: tested}))
    assert "healthCheck" not in text
    assert any("health.url is left out" in problem.message for problem in told)


@pytest.mark.parametrize("url", ["http://shop/x#a", "http://shop/ä"])
def test_a_url_that_cannot_be_sent_is_refused_in_xml_too(url: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        arr(f'<healthCheck url="{url}"/>')
    assert [problem.id for problem in caught.value.problems] == ["UR007"]


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        ("ca: ca.pem, certificate: own.pem", []),
        ("ca: none.pem", ['farm "shop", tls.ca: got']),
        ("ca: empty.pem, certificate: ca.pem", ["tls.ca: got", 'ca.pem" with no private key']),
        ("certificate: none.pem", ["expected a PEM file with a private key"]),
    ],
)
def test_files_for_tls_have_to_be_there(tls: str, told: list[str], tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("proxy.lan").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    (tmp_path / "empty.pem").touch()
    file = tmp_path / "rules.yaml"
    file.write_text(f"{SITE}farms: {{shop: {{servers: [a], tls: {{{tls}}}}}}}\n")
    try:
        rules, problems = rule_files.load([file])
        assert rules.farms["shop"].tls.ca == str(tmp_path / "ca.pem")
    except RuleFileError as error:
        problems = error.problems
    assert [(problem.id, problem.source.line) for problem in problems] == [("UR011", 3)] * len(told)
    for problem, part in zip(problems, told, strict=True):
        assert part in problem.message


def server_file(farms: str) -> str:
    return f"<configuration>{farms}<system.webServer><rewrite><rules/></rewrite></system.webServer></configuration>"


def arr(inner: str, more: str = "") -> RuleSet:
    farm = f'<webFarm name="shop"><server address="a"/><applicationRequestRouting>{inner}</applicationRequestRouting>'
    text = server_file(f"<webFarms>{farm}{more}</webFarm></webFarms>")
    return xml_rules.parse(text.encode(), "applicationHost.config")[0]


XML: list[tuple[str, str, Any]] = [
    ("", "timeouts", Timeouts(response=30.0, idle=30.0)),
    ('<protocol timeout="00:02:00"/>', "timeouts", Timeouts(response=120.0, idle=120.0)),
    ('<protocol preserveHostHeader="false"/>', "preserve_host_header", False),
    ('<protocol preserveHostHeader="false"/>', "proxy_settings", ProxySettings()),
    ('<protocol maxForwards="10"/>', "proxy_settings", ProxySettings(max_forwards=10)),
    (
        '<protocol httpVersion="1" keepAlive="false" alternateHostName="Shop.lan"/>',
        "proxy_settings",
        ProxySettings(http_version=HttpVersion.HTTP_11, keep_alive=False, alternate_host_name="shop.lan"),
    ),
    ('<affinity cookieName="x"/>', "affinity", Affinity()),
    ('<affinity useCookie="true"/>', "affinity", Affinity(cookie="ARRAffinity")),
    (
        '<affinity useCookie="true" cookieName="x" useHostName="true"/>',
        "affinity",
        Affinity(cookie="x", host_name=True),
    ),
    ('<loadBalancing algorithm="4" queryStringNames="a, b"/>', "algorithm", Algorithm.REQUEST_HASH),
    ('<loadBalancing algorithm="4" queryStringNames="a, b"/>', "hash_query", ("a", "b")),
    ('<loadBalancing hashServerVariable="URL" queryStringNames="a"/>', "hash_query", ()),
    ('<healthCheck liveTrafficFailureCodes="502" />', "health", HealthTest()),
    (
        '<healthCheck liveTrafficFailureCodes="502" maxLiveTrafficFailures="3" liveTrafficFailurePeriod="00:00:10"/>',
        "health",
        HealthTest(live=LiveTest(codes=((502, 502),), failures=3, period=10.0)),
    ),
]


@pytest.mark.parametrize(("inner", "attribute", "expected"), XML)
def test_an_attribute_of_arr(inner: str, attribute: str, expected: object) -> None:
    rules = arr(inner)
    assert getattr(rules.farms["shop"], attribute) == expected
    again = xml_rules.parse(to_application_host(rules)[0].encode(), "applicationHost.config")[0]
    assert (again.farms, again.web_farms) == (rules.farms, rules.web_farms)


def test_what_a_farm_has_nothing_for_is_kept() -> None:
    rules = arr(
        '<protocol timeout="00:01:00" minResponseBuffer="5"><cache enabled="false"/></protocol>', "<loadBalancer/>"
    )
    cache = ConfigElement("cache", {"enabled": "false"})
    routing = ConfigElement(
        "applicationRequestRouting", {}, (ConfigElement("protocol", {"minResponseBuffer": "5"}, (cache,)),)
    )
    farm = ConfigElement("webFarm", {"name": "shop"}, (ConfigElement("loadBalancer"), routing))
    assert rules.web_farms == ConfigElement("webFarms", {}, (farm,))


def test_a_certificate_in_a_store_of_windows_is_refused() -> None:
    with pytest.raises(RuleFileError, match="expected it in a PEM file") as caught:
        arr('<protocol clientCertHash="0a"/>')
    assert [problem.id for problem in caught.value.problems] == ["UR011"]


def test_what_is_kept_of_a_farm_that_is_no_more_is_told() -> None:
    rules = replace(arr('<protocol minResponseBuffer="5"/>'), farms={})
    text, problems = to_application_host(rules)
    assert "webFarm " not in text
    assert any('what is kept of the webFarm "shop" is left out' in problem.message for problem in problems)


LOST = [
    ("retry: {attempts: 1}", "retry is left out"),
    ("connections: {shared: false}", "connections is left out"),
    ("tls: {ca: /a.pem}", "tls is left out"),
    ("drainTimeout: 1s", "drainTimeout is left out"),
    ("health: {slowStart: 1s}", "health.slowStart is left out"),
    ("health: {live: {ejection: 1s}}", "health.live.ejection is left out"),
    ("health: {interval: 500ms}", "health.interval is written as 0 s"),
    ("affinity: {cookie: a, sameSite: None}", "affinity.sameSite is left out"),
    ("affinity: {cookie: a, ifUnavailable: 503}", "affinity.ifUnavailable is left out"),
    ("timeouts: {response: 0, idle: 0}", "timeouts.response is written as 86400 s"),
    ("timeouts: {idle: 1s}", "timeouts.idle is left out"),
    ("timeouts: {connect: 1s}", "timeouts.connect is left out"),
    ("algorithm: PowerOfTwoChoices", "algorithm: PowerOfTwoChoices is left out"),
    ("algorithm: LeastRequests", "ARR 3 balances by WeightedRoundRobin"),
    ("servers: [{address: a, backup: true}]", 'backup of "a" is left out'),
    ("servers: [{address: a, maxConnections: 1}]", 'maxConnections of "a" is left out'),
    ("servers: [{address: a, state: draining}]", 'state: draining of "a" is left out'),
    ("servers: [{address: a, weight: 0}]", 'weight: 0 of "a" is written as 1'),
    ("servers: ['a:1', 'a:2']", "two servers have the same address"),
]


@pytest.mark.parametrize(("text", "message"), LOST)
def test_what_arr_lacks_is_told(text: str, message: str) -> None:
    servers = "" if text.startswith("servers") else "servers: [a], "
    rules = read(f"{SITE}farms: {{shop: {{{servers}{text}}}}}\n")
    told = [problem for problem in to_application_host(rules)[1] if problem.message.startswith('farm "shop": ')]
    assert any(message in problem.message for problem in told), told
    assert {problem.id for problem in told} == {"UR031"}
    assert {problem.source.line for problem in told} == {3}


def test_a_path_to_test_is_written_with_the_name_of_the_farm() -> None:
    text, _ = to_application_host(read(f"{SITE}farms: {{shop: {{servers: [a], health: {{url: /x}}}}}}\n"))
    assert 'healthCheck url="http://shop/x"' in text


def test_to_wait_for_ever_is_the_longest_time_of_arr() -> None:
    text, _ = to_application_host(
        read(f"{SITE}farms: {{shop: {{servers: [a], timeouts: {{response: 0, idle: 0}}}}}}\n")
    )
    assert '<protocol timeout="1.00:00:00"' in text


@pytest.mark.parametrize("text", ["200-399", "200,204,300-", "500-", "404"])
def test_statuses(text: str) -> None:
    assert write_statuses(parse_statuses(text)) == text


@pytest.mark.parametrize(("share", "text"), [(0.2, "20%"), (0.125, "12.5%"), (0.0, "0%"), (1.0, "100%")])
def test_shares(share: float, text: str) -> None:
    assert write_share(share) == text


def farm_told() -> dict[str, Any]:
    """What the comment in the example says of a farm: all keys, with their defaults where they have one."""
    lines = (EXAMPLES / "farm.yaml").read_text().partition("# All keys that have defaults, with them:\n")[2]
    told = "\n".join(line[4:] for line in lines.splitlines() if line.startswith("#   "))
    tables = re.findall(r"^(\w+) (.+(?:\n .*)*)", re.sub(r" ?\(.*?\)", "", told), re.MULTILINE)
    keys = {name: yaml.load(f"{{{text}}}", yaml.BaseLoader) for name, text in tables}
    return keys.pop("farm") | keys | {"servers": [keys["servers"] | {"address": "a"}]}


def tables_in(node: Any) -> Iterator[set[str]]:
    if isinstance(node, dict):
        yield {*node}
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from tables_in(item)


@pytest.mark.parametrize("name", [name for name in vars(yaml_farms) if name.endswith("_KEYS")])
def test_the_example_has_every_key(name: str) -> None:
    assert any({*getattr(yaml_farms, name)} <= table for table in tables_in(farm_told()))


def test_the_defaults_in_the_example_are_true() -> None:
    told = farm_told()
    # Without these keys something is off, which no value of theirs says.
    del told["hash"], told["maxForwards"]
    # An affinity that binds no client is warned of.
    told["affinity"] |= {"hostName": "true"}
    live = told["health"].pop("live")
    assert farm_of(f", health: {{live: {json.dumps(live)}}}").health.live == LiveTest()
    servers = json.dumps(told.pop("servers"))
    farm = farm_of(f", {json.dumps(told)[1:-1]}", servers)
    assert replace(farm, proxy_settings=ProxySettings()) == farm_of(", affinity: {hostName: true}")
    ours = {"includePortInXForwardedFor": "false"}
    assert write_settings(farm.proxy_settings) == {
        key: {**arr_schema.READ["protocol"], **ours}[key] for key in FARM_ATTRIBUTES if key in told
    }


def test_the_file_of_the_wizard_runs_and_says_nothing() -> None:
    rules, warnings = rule_files.load([EXAMPLES / "farm.config"])
    assert judge(rules, [*warnings, *compile_rules(rules)[1]]) == ()
    farm = rules.farms["shop"]
    assert [server.state for server in farm.servers] == [ServerState.AVAILABLE] * 2 + [ServerState.OFFLINE]
    assert farm.servers[2].comment == "In repair."
    assert (farm.affinity.cookie, farm.health.url) == ("ARRAffinity", "http://shop/health.txt")
    text, problems = to_application_host(rules)
    again = xml_rules.parse(text.encode(), "farm.config")[0]
    assert replace(again, files=(), fingerprint="") == replace(rules, files=(), fingerprint="")
    assert [problem.message for problem in problems if "farm" in problem.message] == []
    assert "In repair." in to_yaml(rules)
