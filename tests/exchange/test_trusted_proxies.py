"""What a proxy in front says of the client's request, and who is believed."""

from __future__ import annotations

import pytest

from rules_of import rules_of
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.trusted_proxies import as_client_asked
from urlrewrite.model.field_lines import field_values

SITE = """
public: [https://www.example.com, http://www.example.com, https://www.example.com:8443]
backend: http://privateserver:8080
trustedProxies: [10.0.0.0/8]
"""
TO_HTTPS = r"""
rules:
  - name: to https
    match: (.*)
    conditions: [{input: '{HTTPS}', pattern: ^off$}]
    action: {type: Redirect, url: 'https://{HTTP_HOST}/{R:1}'}
"""
RULES = rules_of("", site=SITE)


def asked(client: str, *fields: tuple[str, str], host: str = "www.example.com") -> RequestFacts:
    return RequestFacts("GET", "http", host, "/a", (("Host", host), *fields), client=(client, 50000))


FORWARDED = "for=6.6.6.6;proto=http, for=203.0.113.9;proto=https;host=www.example.com"


@pytest.mark.parametrize(
    ("client", "fields", "scheme", "host"),
    [
        ("10.1.1.1", [("Forwarded", FORWARDED)], "https", "www.example.com"),
        ("10.1.1.1", [("Forwarded", "proto=HTTPS")], "https", "inner:8000"),
        ("10.1.1.1", [("Forwarded", 'proto=https;host="www.example.com:8443"')], "https", "www.example.com:8443"),
        ("10.1.1.1", [("Forwarded", "proto=http"), ("Forwarded", FORWARDED)], "https", "www.example.com"),
        ("10.1.1.1", [("Forwarded", FORWARDED), ("X-Forwarded-Proto", "http")], "http", "inner:8000"),
        # It may be the client's, which a proxy that knows X-Forwarded-For only has left as it was.
        ("10.1.1.1", [("Forwarded", FORWARDED), ("X-Forwarded-For", "203.0.113.9")], "http", "inner:8000"),
        ("10.1.1.1", [("Forwarded", 'for="x, proto=https')], "http", "inner:8000"),
        ("10.1.1.1", [("Forwarded", "proto=gopher")], "http", "inner:8000"),
        ("203.0.113.9", [("Forwarded", FORWARDED)], "http", "inner:8000"),
    ],
)
def test_who_is_believed_in_forwarded(client: str, fields: list[tuple[str, str]], scheme: str, host: str) -> None:
    rules = rules_of("", site=SITE.replace("public: [", "public: [http://inner:8000, https://inner:8000, "))
    found = as_client_asked(asked(client, *fields, host="inner:8000"), rules.rules)
    assert (found.scheme, found.host) == (scheme, host)


@pytest.mark.parametrize(
    ("client", "fields", "scheme", "host"),
    [
        ("10.1.1.1", {"Proto": "https"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "HTTPS"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "http, https"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "https", "Port": "80"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "https", "Port": "443"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "https", "Port": "8443"}, "https", "www.example.com:8443"),
        ("10.1.1.1", {"Proto": "https", "Port": "99999"}, "https", "www.example.com"),
        ("10.1.1.1", {"Proto": "gopher"}, "http", "www.example.com"),
        ("10.1.1.1", {"Proto": "https", "Host": "evil.example"}, "http", "www.example.com"),
        ("10.1.1.1", {"Proto": "https", "Host": "no host"}, "https", "www.example.com"),
        ("10.1.1.1", {}, "http", "www.example.com"),
        ("203.0.113.9", {"Proto": "https"}, "http", "www.example.com"),
    ],
)
def test_who_is_believed(client: str, fields: dict[str, str], scheme: str, host: str) -> None:
    lines = ((f"X-Forwarded-{name}", value) for name, value in fields.items())
    found = as_client_asked(asked(client, *lines), RULES.rules)
    assert (found.scheme, found.host) == (scheme, host)


def test_the_host_that_the_client_asked_for_chooses_the_site() -> None:
    request = asked("10.1.1.1", ("X-Forwarded-Host", "www.example.com"), host="inner:8000")
    assert as_client_asked(request, RULES.rules).host == "www.example.com"


def test_behind_a_balancer_that_ends_tls_nothing_circles_and_all_is_https() -> None:
    rules = rules_of(TO_HTTPS, site=SITE)
    request = asked("10.1.1.1", ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.9"))
    exchange = Exchange(rules, AssetMemory(), request, "id")
    routing = exchange.route()
    assert isinstance(routing, Forward)
    assert field_values(routing.fields, "x-forwarded-proto") == ["https"]
    assert field_values(routing.fields, "x-forwarded-for") == ["203.0.113.9, 10.1.1.1"]
    assert "proto=https" in field_values(routing.fields, "forwarded")[0]
    fields = (
        ("Location", "http://privateserver:8080/login"),
        ("Set-Cookie", "s=1; Path=/; Secure; SameSite=None"),
    )
    head = exchange.receive(ResponseFacts(302, fields))
    assert not isinstance(head, LocalResponse)
    assert field_values(head.fields, "location") == ["https://www.example.com/login"]
    assert field_values(head.fields, "set-cookie") == ["s=1; Path=/; Secure; SameSite=None"]


def test_a_client_that_claims_the_same_is_sent_to_https() -> None:
    exchange = Exchange(
        rules_of(TO_HTTPS, site=SITE), AssetMemory(), asked("203.0.113.9", ("X-Forwarded-Proto", "https")), "id"
    )
    assert isinstance(exchange.route(), LocalResponse)
