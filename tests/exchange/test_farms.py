"""Requests for a server farm: how they are forwarded, and what becomes of the names of its servers in responses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.fields.forwarding import MAPPED_BACK
from urlrewrite.model.farms import Server
from urlrewrite.trace.events import Name

FARM = """
farms:
  Shop:
    servers:
      - 10.0.0.1:8080
      - {address: APP2.lan, httpPort: 81, httpsPort: 8443, hostName: app2.internal}
"""
SITE = "public: https://www.example.com\n" + FARM
BY_BACKEND = SITE + "backend: http://shop\n"
BY_RULE = SITE + "rules: [{name: r, match: .*, action: {type: Rewrite, url: 'http://SHOP/{R:0}'}}]\n"
WWW = "https://www.example.com"


def forward(text: str, fields: tuple[tuple[str, str], ...] = ()) -> Forward:
    routing = evaluate(rules_of("", site=text), request_facts("GET", f"{WWW}/a", fields), None).routing
    assert isinstance(routing, Forward)
    return routing


@pytest.mark.parametrize("text", [BY_BACKEND, BY_RULE])
def test_a_forward_has_its_farm(text: str) -> None:
    found = forward(text)
    assert found.farm is not None
    assert (found.farm.name, found.url, found.host) == ("Shop", "http://shop/a", "www.example.com")
    assert found.timeouts.response == 30.0


def test_another_host_has_none() -> None:
    assert forward(SITE + "backend: http://shop.example\n").farm is None


def test_a_host_of_no_file_is_refused_as_ever() -> None:
    text = SITE + "rules: [{name: r, match: .*, action: {type: Rewrite, url: '{HTTP_X}'}}]\n"
    rules = rules_of("", site=text)
    for host, status in (("evil.example", 500), ("app2.lan:81", None), ("10.0.0.1:8080", None), ("shop", None)):
        result = evaluate(rules, request_facts("GET", f"{WWW}/a", (("X", f"http://{host}/"),)), None)
        assert result.status == status, host


def test_a_server_gets_the_request_under_its_own_name_where_the_clients_is_not_kept() -> None:
    asked = (
        ("Origin", WWW),
        ("Sec-WebSocket-Origin", WWW),
        ("Referer", f"{WWW}/b"),
        ("Destination", f"{WWW}/c"),
        ("If", f"<{WWW}/d> (<urn:x>)"),
        ("Lock-Token", f"<{WWW}/e>"),
        ("Content-Location", f"{WWW}/f"),
        ("Upload-Concat", f"final;{WWW}/g {WWW}/h"),
        ("Ping-From", f"{WWW}/i"),
        ("Ping-To", f"{WWW}/j"),
        ("HX-Current-URL", f"{WWW}/k"),
    )
    assert {name.lower() for name, _ in asked} == MAPPED_BACK
    found = forward(BY_BACKEND.replace("servers:", "preserveHostHeader: false\n    servers:"), asked)
    assert found.farm is not None
    first, second = (found.at(server) for server in found.farm.servers)
    assert (first.connect, first.host, str(first.origin)) == (
        ("10.0.0.1", 8080),
        "10.0.0.1:8080",
        "http://10.0.0.1:8080",
    )
    assert (second.connect, second.host) == (("APP2.lan", 81), "app2.internal:81")
    got = dict(second.fields)
    assert {name: got[name] for name, _ in asked} == {
        name: value.replace(WWW, "http://app2.internal:81") for name, value in asked
    }


def test_a_server_gets_the_clients_host_as_a_rule() -> None:
    found = forward(BY_BACKEND, (("Origin", WWW),))
    at = found.at(Server(address="10.0.0.1", http_port=8080))
    assert (at.host, dict(at.fields)["Origin"], at.connect) == ("www.example.com", WWW, ("10.0.0.1", 8080))
    over_tls = replace(found, origin=replace(found.origin, scheme="https", port=443)).at(Server(address="a"))
    assert over_tls.connect == ("a", 443)


@pytest.mark.parametrize("text", [BY_BACKEND, BY_RULE])
@pytest.mark.parametrize(
    "link",
    [
        "http://10.0.0.1:8080",
        "https://10.0.0.1:8080",
        "http://app2.lan:81",
        "https://app2.lan:8443",
        "http://app2.internal:81",
        "https://app2.internal:8443",
        "http://shop",
    ],
)
def test_links_of_every_server_come_back_public(text: str, link: str) -> None:
    rules = rules_of("", site=text)
    maps = rules.link_maps(rules.rules.sites[0], rules.rules.sites[0].site.public[0], forward(text).origin)
    assert maps.outbound.map_text(f"<a href='{link}/x'>") == f"<a href='{WWW}/x'>"
    assert maps.inbound.map_text(f"{WWW}/x") == f"{WWW}/x"


def test_the_name_of_a_farm_is_a_word_where_it_stands_alone() -> None:
    rules = rules_of("", site=BY_BACKEND)
    site = rules.rules.sites[0]
    outbound = rules.link_maps(site, site.site.public[0], forward(BY_BACKEND).origin).outbound
    assert outbound.map_text('x = "shop"; y = "app2.lan:81"', bare=True) == 'x = "shop"; y = "www.example.com"'
    assert outbound.map_authority("shop") is None
    page = ResponseFacts(200, (("Content-Type", "text/html"),))
    request = request_facts("GET", WWW, ())
    for text, left in (("the shop", 0), ("the server app2.lan", 1)):
        events = evaluate(rules, request, page, f"<p>{text}".encode(), trace_id="t").exchange.trace.events
        assert len([event for event in events if event["event"] == Name.NAMES_LEFT]) == left


def test_a_server_that_is_asked_by_the_public_name_keeps_its_links() -> None:
    text = BY_BACKEND.replace("app2.internal", "www.example.com").replace("8443", "443")
    rules = rules_of("", site=text)
    site = rules.rules.sites[0]
    outbound = rules.link_maps(site, site.site.public[0], forward(text).origin).outbound
    assert outbound.map_text(f"'{WWW}/x'") == f"'{WWW}/x'"


def test_links_to_servers_of_another_sites_farm_become_that_sites() -> None:
    sites = """
sites:
  - {public: 'https://a.example', backend: 'http://b'}
  - {public: 'https://shop.example', backend: 'http://shop'}
"""
    rules = rules_of("", site=sites + FARM)
    first = rules.rules.sites[0]
    assert first.site.backend
    outbound = rules.link_maps(first, first.site.public[0], first.site.backend).outbound
    assert outbound.map_text("http://app2.lan:81/x") == "https://shop.example/x"
