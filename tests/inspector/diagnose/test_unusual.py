"""What is unusual: inner hosts that nobody named, addresses in parts, and answers that take long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspector.test_broken import EVERYWHERE, PAGE, exchange, found, resource
from rules_of import rules_of
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.address_parts import parts_in
from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.inner_names import why_inner
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.recorded_exchange import RecordedExchange

HOSTS = [
    ("10.0.0.7", "a private address"),
    ("192.168.1.1", "a private address"),
    ("169.254.1.1", "a private address"),
    ("[fd00::1]", "a private address"),
    ("127.0.0.1", "an address of the machine itself"),
    ("93.184.216.34", ""),
    ("localhost", "the name of the machine itself"),
    ("srv-app01", "a name without a domain"),
    ("assets.corp", "an inner name: .corp is no public domain"),
    ("app.internal", "an inner name: .internal is no public domain"),
    ("a.home.arpa", ""),
    ("www.example.com", ""),
    ("cdn.jsdelivr.net", ""),
    ("other.example", ""),
]


@pytest.mark.parametrize(("host", "why"), HOSTS)
def test_inner_hosts(host: str, why: str) -> None:
    assert why_inner(host) == why


def of_kind(kind: str, *seen: RecordedExchange) -> list[Breakage]:
    return [each for each in found(EVERYWHERE, *seen) if each.kind == kind]


PAGES = [
    ("<script src=http://assets.corp:8081/a.js></script>", 1),
    ("<img src=http://10.0.0.7/a.png><img src=http://10.0.0.7/b.png>", 1),
    ("<script>go('http://srv-app01:8080/a')</script>", 1),
    ("<script>go('http://srv-app01/a', 'http://localhost')</script>", 0),
    ("<a href=http://assets.corp/>", 0),
    ("<script src=https://cdn.jsdelivr.net/a.js></script>", 0),
    ("<script src=http://privateserver:8080/a.js></script>", 0),
    ("<script src=https://www.example.com/a.js></script>", 0),
]


@pytest.mark.parametrize(("body", "count"), PAGES)
def test_what_a_page_loads_from_inner_hosts(body: str, count: int) -> None:
    findings = of_kind("inner-name", exchange(EVERYWHERE, body=body))
    assert [str(each.severity) for each in findings] == ["warning"] * count


def test_style_sheets_json_and_redirects_lead_to_inner_hosts() -> None:
    css = resource(
        EVERYWHERE, f"{PAGE}.css", "style", fields=[("Content-Type", "text/css")],
        body="a{background:url(http://assets.corp:8081/x)}",
    )  # fmt: skip
    json = resource(
        EVERYWHERE, f"{PAGE}.json", "empty", fields=[("Content-Type", "application/json")],
        body='{"api": "http://srv-app01:8080/api"}',
    )  # fmt: skip
    away = resource(EVERYWHERE, f"{PAGE}2", "image", status=302, fields=[("Location", "http://srv-app01/x")])
    titles = [each.title for each in of_kind("inner-name", exchange(EVERYWHERE), css, json, away)]
    assert len(titles) == 3
    for told in (
        "/page.css goes to http://assets.corp:8081/x",
        "/page.json goes to",
        "The redirect of /page2 leads to",
    ):
        assert any(told in title for title in titles)


def test_inside_nothing_is_an_inner_name() -> None:
    inside = rules_of("", site="public: https://portal\nbackend: http://privateserver:8080\n")
    seen = exchange(inside, "https://portal/", body="<script src=http://assets.corp:8081/a.js></script>")
    assert [each for each in found(inside, seen) if each.kind == "inner-name"] == []


PARTS = [
    ('{"scheme": "http", "host": "privateserver", "port": 8080}', ['"port": 8080', '"scheme": http']),
    ('{host: "privateserver", port: "8080"}', ['"port": 8080']),
    ('{"apiHost": "privateserver", "apiPort": 8080}', ['"apiPort": 8080']),
    ('{"host": "privateserver", "protocol": "http:"}', ['"protocol": http']),
    ('{"host": "privateserver", "protocol": "HTTP"}', ['"protocol": HTTP']),
    ('{"host": "privateserver", "port": "08080"}', ['"port": 08080']),
    ('{"host": "privateserver", "port": 443, "scheme": "https"}', []),
    ('{"host": "privateserver"}', []),
    ('{"host": "elsewhere.example", "port": 8080}', []),
]


@pytest.mark.parametrize(("body", "wrong"), PARTS)
def test_addresses_in_parts(body: str, wrong: list[str]) -> None:
    mapped = body.replace("privateserver", "www.example.com")
    fields = [("Content-Type", "application/json")]
    data = resource(EVERYWHERE, f"{PAGE}.json", "empty", fields=fields, body=body, changed=mapped)
    findings = of_kind("address-parts", exchange(EVERYWHERE), data)
    assert len(findings) == bool(wrong)
    assert all(f"host was mapped to www.example.com, and {' and '.join(wrong)}" in each.title for each in findings)


def test_parts_are_of_one_object() -> None:
    assert list(parts_in('[{"host": "a"}, {"port": 1}]')) == []


def slow(seconds: float, *, given_up: bool, others: float | None = 0.1, dest: str = "document") -> list[Breakage]:
    asked = [("Sec-Fetch-Dest", dest)]
    seen = replace(exchange(EVERYWHERE, asked=asked), seconds=seconds)
    if given_up:
        trace = {**seen.trace, "broken_off": "Client disconnected."}
        seen = replace(seen, response=None, failed="Client disconnected.", trace=trace)
    other = replace(exchange(EVERYWHERE, "https://www.example.com/other", at=0.5), seconds=others)
    return find_breakages(PageLoad(seen), EVERYWHERE, (other,))


def test_a_user_who_waited_long_and_left() -> None:
    (finding,) = slow(7.0, given_up=True)
    assert (finding.kind, str(finding.severity)) == ("given-up", "warning")
    assert "the backend had not answered after 7.0 s" in finding.title
    assert ("usual for this host", "0.1 s") in finding.evidence


@pytest.mark.parametrize(
    ("seconds", "others", "dest"), [(2.9, 0.1, "document"), (7.0, 0.8, "document"), (7.0, 0.1, "empty")]
)
def test_a_user_who_just_left(seconds: float, others: float, dest: str) -> None:
    assert [str(each.severity) for each in slow(seconds, given_up=True, others=others, dest=dest)] == ["note"]


@pytest.mark.parametrize(
    ("seconds", "others", "count"), [(4.0, 0.1, 1), (4.0, 1.0, 0), (2.0, 0.01, 0), (11.0, None, 1), (9.0, None, 0)]
)
def test_a_page_that_took_long(seconds: float, others: float | None, count: int) -> None:
    assert [each.kind for each in slow(seconds, given_up=False, others=others)] == ["slow"] * count
