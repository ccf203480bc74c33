"""Which names a response of a site is looked at for: made ready once for all sites, and what some sites add."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counting import steps
from rules_of import rules_of
from urlrewrite.exchange.rule_tests import request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.inspector.diagnose.exchange_case import names_of, site_and_public_name
from urlrewrite.inspector.leaks.watch import watched
from urlrewrite.inspector.names.names import Names


def numbered(number: int) -> dict[str, Any]:
    return {
        "name": f"s{number}",
        "public": f"https://www{number}.example.com",
        "backend": f"http://srv{number}.corp.example:8080",
        "backendNames": [f"http://old{number}.corp.example"],
    }


def sites(count: int, *others: dict[str, Any]) -> RulesInForce:
    return rules_of(json.dumps({"sites": [*map(numbered, range(count)), *others]}), site="")


def names(rules: RulesInForce, url: str) -> Names:
    return names_of(rules, *site_and_public_name(request_facts("GET", url, ()), rules))


KEEPS = {**numbered(100), "preserveHostHeader": True}
ANY = {"name": "any", "public": "https://*.w.example.com", "backend": "http://{C:1}.internal.example:8080"}
PORTS = [
    {"name": f"p{port}", "public": f"https://p{port}.example.com", "backend": f"http://both.corp.example:{port}"}
    for port in (81, 82)
]
NAMED = [
    # (who is asked, text, the backend's origin that it names)
    ("www1", "http://srv1.corp.example:8080/x", "http://srv1.corp.example:8080"),
    ("www1", "http://srv2.corp.example:8080/x", "http://srv2.corp.example:8080"),
    ("www1", "http://old7.corp.example/x", "http://old7.corp.example"),
    ("www1", "http://srv1.corp.example.other.example/x", "http://srv1.corp.example:8080"),
    ("www1", "http://srv77.corp.example:8080/x", ""),
    ("www1", "https://www2.example.com/x", ""),
    # Its backend is told the public name, and writes it with the scheme it speaks.
    ("www100", "http://www100.example.com/x", "http://www100.example.com"),
    ("www100", "https://www100.example.com/x", ""),
    ("www100", "http://srv1.corp.example:8080/x", "http://srv1.corp.example:8080"),
    ("www1", "http://www100.example.com/x", ""),
    ("a.w", "http://a.internal.example:8080/x", "http://a.internal.example:8080"),
    ("a.w", "http://b.internal.example:8080/x", ""),
    ("a.w", "http://srv1.corp.example:8080/x", "http://srv1.corp.example:8080"),
    ("www1", "http://a.internal.example:8080/x", ""),
    # Of two ports of a host without one the site's own is meant.
    ("p81", "'both.corp.example'", "http://both.corp.example:81"),
    ("p82", "'both.corp.example'", "http://both.corp.example:82"),
    ("p82", "http://both.corp.example:81/", "http://both.corp.example:81"),
]


@pytest.fixture(scope="module", params=[10, 60])
def rules(request: pytest.FixtureRequest) -> RulesInForce:
    return sites(request.param, KEEPS, ANY, *PORTS)


@pytest.mark.parametrize(("host", "text", "origin"), NAMED)
def test_names(rules: RulesInForce, host: str, text: str, origin: str) -> None:
    found = names(rules, f"https://{host}.example.com/").find(text.encode())
    assert [str(named.origin) for named in found] == ([origin] if origin else [])


def test_a_public_name_of_one_site_is_none_of_a_backend() -> None:
    rules = sites(20, {"name": "every", "backend": "http://srv1.corp.example:8080"})
    text = b"http://srv1.corp.example:8080/x"
    assert names(rules, "http://www1.example.com/").find(text)
    assert not names(rules, "http://srv1.corp.example:8080/").find(text)


def test_sites_with_the_names_of_all_share_them() -> None:
    rules = sites(60, KEEPS)
    assert names(rules, "https://www1.example.com/") is names(rules, "https://www2.example.com/")
    assert names(rules, "https://www1.example.com/") is not names(rules, "https://www100.example.com/")


def test_a_body_is_looked_at_in_as_many_steps_for_many_sites_as_for_few() -> None:
    page = b"<p>words and <a href='https://www7.example.com/x'>links</a></p>\n" * 100
    counts = []
    for count in (20, 400):
        of_all = names(sites(count), "https://www7.example.com/")
        counts.append(
            steps(lambda of_all=of_all: watched((("Content-Type", "text/html"),), "/", page, of_all), loops=True)
        )  # type: ignore[misc]
    assert counts[1] <= counts[0] + 20


def test_the_names_of_another_site_take_as_many_steps_for_many_sites_as_for_few() -> None:
    counts = []
    for count in (20, 400):
        rules = sites(count)
        names(rules, "https://www1.example.com/")
        counts.append(steps(lambda rules=rules: names(rules, "https://www2.example.com/"), loops=True))  # type: ignore[misc]
    assert counts[1] <= 1.2 * counts[0]
