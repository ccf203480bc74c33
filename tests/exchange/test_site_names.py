"""Which site is meant by a name: names in full, wildcards, bindings without a host; and backends named by wildcards."""

from __future__ import annotations

import pytest

from rules_of import ask, field, problem_codes, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.xml.rules import parse as parse_xml
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.loading.overrides import fill_in, parse_overrides
from urlrewrite.model.problems import RuleFileError

SITES = rules_of(
    """
sites:
  - {name: full, public: [https://www.example.com, http://www.example.com], backend: http://b}
  - {name: below, public: https://*.example.com, backend: http://b}
  - {name: deeper, public: https://*.eu.example.com, backend: http://b}
  - {name: mounted, public: https://*.example.com/app, backend: http://b}
  - {name: rest, public: [http://*:80, 'https://*:8443'], backend: http://b}
  - {name: none, public: [], backend: http://b}
""",
    site="",
)
MEANT = [
    ("https://www.example.com/", "full"),
    ("https://a.example.com/", "below"),
    ("https://A.B.Example.com/", "below"),
    ("https://a.example.com/app/x", "mounted"),
    ("https://a.eu.example.com/", "deeper"),
    ("https://eu.example.com/", "below"),
    ("https://a.example.com:9443/", "below"),
    ("http://a.example.com/", "rest"),
    ("http://anything.example.net/", "rest"),
    ("https://anything.example.net:8443/", "rest"),
    ("https://a.example.com:8443/", "rest"),
    ("https://notexample.com/", "rest"),
    ("http://www.example.com/", "full"),
]


@pytest.mark.parametrize(("url", "name"), MEANT)
def test_the_site_that_is_meant(url: str, name: str) -> None:
    result = ask(SITES, url)
    chosen = next(event for event in result.exchange.trace.events if event["event"] == "SITE_CHOSEN")
    assert chosen["site"] == name
    assert chosen["public"].lower().startswith(url.partition("/app")[0].rstrip("/").lower().removesuffix(":9443"))


def test_a_site_without_any_binding_gets_no_request() -> None:
    rules = rules_of("{name: none, public: [], backend: http://b}", site="")
    assert ask(rules, "https://www.example.com/").status == 404


WILD = "public: ['https://*.example.com', 'https://*.example.org']\nbackend: http://{C:1}.apps.lan:8080/base\n"
HOST = """
rules:
  - {name: port, match: ^port$, stopProcessing: true, action: {type: Rewrite, url: 'http://{HTTP_HOST}:9090/'}}
  - {name: self, match: ^self$, action: {type: Rewrite, url: 'https://{HTTP_HOST}/'}}
"""


def test_a_backend_takes_its_name_from_the_wildcard() -> None:
    page = b'<a href="http://shop.apps.lan:8080/base/x"><a href="http://other.apps.lan:8080/base/x">'
    fields = [("Content-Type", "text/html"), ("Location", "http://shop.apps.lan:8080/base/login")]
    for domain in ("example.com", "example.org"):
        public = f"https://shop.{domain}"
        result = ask(rules_of(HOST, site=WILD), f"{public}/a", ("Referer", f"{public}/b"), answer=(200, fields, page))
        routing = result.routing
        assert isinstance(routing, Forward)
        assert (routing.url, routing.host) == ("http://shop.apps.lan:8080/base/a", "shop.apps.lan:8080")
        assert dict(routing.fields)["Referer"] == "http://shop.apps.lan:8080/base/b"
        assert field(result, "location") == [f"{public}/login"]
        assert (result.body or b"").startswith(f'<a href="{public}/x"><a href="http://other.apps.lan'.encode())


def test_rules_reach_the_names_below_a_wildcard_but_not_the_site_itself() -> None:
    rules = rules_of(HOST, site=WILD)
    routing = ask(rules, "https://a.example.com/port").routing
    assert isinstance(routing, Forward)
    assert routing.url == "http://a.example.com:9090/"
    result = ask(rules, "https://a.example.com/self")
    assert (result.status, problem_codes(result)) == (500, ["unnamed-host"])


def test_the_whole_name_can_be_the_backends() -> None:
    site = "public: https://*.example.com\nbackend: http://{C:0}:8080\n"
    routing = ask(rules_of("", site=site), "https://a.example.com/x").routing
    assert isinstance(routing, Forward)
    assert routing.url == "http://a.example.com:8080/x"


BAD = [
    ("public: https://www.example.com\nbackend: http://{C:1}.lan\n", "UR012"),
    ("public: [https://www.example.com, https://*.example.com]\nbackend: http://{C:1}.lan\n", "UR012"),
    ("public: https://*.example.com\nbackend: http://{C:1}\n", "UR128"),
    ("public: https://*.example.com\nbackend: http://{C:1}.com\n", "UR128"),
    ("public: https://*.example.com\nbackend: http://{C:2}.lan\n", "UR010"),
    ("public: https://a*.example.com\nbackend: http://b\n", "UR010"),
    ("public: https://*.example.com\nbackend: https://{C:0}\n", "UR012"),
    ("public: https://*\nbackend: http://b.{C:1}.lan\n", "UR012"),
]


@pytest.mark.parametrize(("text", "id"), BAD)
def test_what_cannot_be(text: str, id: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        compile_rules(parse(text, "rules.yaml")[0])
    assert [problem.id for problem in refused.value.problems] == [id]


def test_a_wildcard_can_come_from_the_command_line() -> None:
    rule_set, _ = parse("backend: http://b\n", "rules.yaml")
    filled = fill_in(rule_set, parse_overrides(["https://*.example.com"]))
    assert str(filled.sites[0].public[0]) == "https://*.example.com"


def test_iis_gets_a_rule_for_the_name_of_the_backend() -> None:
    text, problems = to_application_host(parse(WILD + "links: everywhere\n", "rules.yaml")[0])
    assert 'bindingInformation="*:443:*.example.com"' in text
    assert any("depends on the one that is asked for" in str(problem) for problem in problems)
    again = compile_rules(parse_xml(text.encode(), "applicationHost.config")[0])[0]
    for host, backend in (("shop.example.org", "shop"), ("a.b.example.com", "a.b")):
        routing = ask(rules_of("", site=WILD), f"https://{host}/x").routing
        assert isinstance(routing, Forward)
        assert routing.url == f"http://{backend}.apps.lan:8080/base/x"
        by_rules = ask(RulesInForce(again, Settings()), f"https://{host}/x").routing
        assert isinstance(by_rules, Forward)
        assert by_rules.url == routing.url
