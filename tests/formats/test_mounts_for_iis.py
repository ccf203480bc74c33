"""A site below a path is written as rules of a location that do what the path does here."""

from __future__ import annotations

import pytest

from rules_of import ask, field
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.exchange.rule_tests import Evaluation
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.yaml import rules as yaml_rules

W = "https://www.example.com"
BASE = "public: https://www.example.com/app\nbackend: http://privateserver:8080/base\nrootPaths: /base/api\n"
ROOT = "public: https://www.example.com/app\nbackend: http://privateserver:8080\nrootPaths: [/api, /v1]\n"
RULES = """
rules:
  - {name: article, match: '^article/(\\d+)$', action: {type: Rewrite, url: 'show?id={R:1}', stopProcessing: true}}
  - {name: again, match: '^again$', action: {type: Rewrite, url: 'article/9'}}
  - {name: whole, match: '^whole$', action: {type: Rewrite, url: '/app/x'}}
  - {name: old, match: '^old$', action: {type: Redirect, url: 'new', redirectType: Found}}
  - {name: away, match: '^away$', action: {type: Redirect, url: '/elsewhere', redirectType: Found}}
locations:
  wiki:
    rules: [{name: page, match: '^page$', action: {type: Rewrite, url: 'index?page'}}]
""".replace(", stopProcessing: true}}", "}, stopProcessing: true}")


def rules_for(text: str) -> tuple[RulesInForce, RulesInForce]:
    """As YAML says it, and as IIS has it."""
    rule_set, _ = yaml_rules.parse(text, "a.yaml")
    again, _ = xml_rules.parse(to_web_config(rule_set)[0].encode(), "a.config")
    return RulesInForce(compile_rules(rule_set)[0], Settings()), RulesInForce(compile_rules(again)[0], Settings())


def sent_to(evaluation: Evaluation) -> str:
    match evaluation.routing:
        case Forward(url=url):
            return url
        case LocalResponse(status=status) as answer:
            return f"{status} {dict(answer.fields).get('Location', '')}".strip()
    return "aborted"


PATHS = [
    "",
    "/",
    "/x?y",
    "/article/7",
    "/again",
    "/whole",
    "/old",
    "/away",
    "/wiki/page",
    "/wiki/other",
    "/a%20b",
]


@pytest.mark.parametrize("site", [ROOT, BASE])
def test_requests_go_where_they_go_here(site: str) -> None:
    here, there = rules_for(site + RULES)
    for path in PATHS:
        asked = f"{W}/app{path}"
        assert sent_to(ask(there, asked)) == sent_to(ask(here, asked)), asked
    assert sent_to(ask(there, f"{W}/other")) == "404"


BODIES = [
    ("text/html", "<style>a{x:url(/base/y) url('/y')} @import '/base/z'</style>"),
    ("text/css", "a{x:url(/base/y) url(//cdn.example/y)}"),
    ("text/html", "<script>fetch('/base/api/x'); fetch('/api/x'); fetch('/apis')</script>"),
    ("application/json", '{"a":"/api/x","b":"/base/api","c":"/other"}'),
    ("text/html", "<a href='/app/x'><a href='/apple'><a href='/base/x'><a href='//cdn.example/x'>"),
    ("text/html", "<meta http-equiv=refresh content='3; url=/base/x'>"),
]
FIELDS = [
    ("Location", "/base/x"),
    ("Location", "/app/x"),
    ("Location", "/"),
    ("Content-Location", "/base/x"),
    ("Refresh", "3; url=/base/x"),
    ("Link", "</base/x>; rel=next"),
    ("Set-Cookie", "a=b; Path=/base/x; Secure"),
    ("Set-Cookie", "a=b; Path=/; Secure"),
    ("Set-Cookie", "a=b; path=/app/x; Secure"),
]


@pytest.mark.parametrize("site", [ROOT, BASE])
def test_responses_come_out_as_here(site: str) -> None:
    both, base = rules_for(site), site is BASE
    for kind, body in BODIES:
        here, there = (ask(one, f"{W}/app/", answer=(200, [("Content-Type", kind)], body.encode())) for one in both)
        assert there.body == here.body, body
    for name, value in FIELDS:
        here, there = (ask(one, f"{W}/app/", answer=(302, [(name, value)], b"")) for one in both)
        # The Path of a cookie for the whole of the application may have a slash at its end or not.
        assert field(there, name) == [line.replace("/app/;", "/app;") if base else line for line in field(here, name)]


def test_what_iis_lacks_is_told() -> None:
    stops = "rules: [{name: stop, match: ^x$, action: {type: None}, stopProcessing: true}]\n"
    rule_set, _ = yaml_rules.parse(ROOT + stops, "a.yaml")
    text, problems = to_web_config(rule_set)
    told = " ".join(problem.message for problem in problems)
    assert '<location path="app">' in text
    for words in (
        "written as a location",
        "HTTP_X_FORWARDED_PREFIX",
        "climb out of the site",
        "below /app: no variable",
    ):
        assert words in told


def test_sites_below_one_name_are_one_site_of_iis() -> None:
    sites = "sites:\n" + "".join(
        f"  - {{name: site{number}, public: 'https://www.example.com{path}', backend: 'http://{name}'}}\n"
        for number, (path, name) in enumerate([("/app", "app"), ("", "root"), ("/app/old", "old")])
    )
    rule_set, _ = yaml_rules.parse(sites, "a.yaml")
    text, problems = to_application_host(rule_set)
    assert not [problem for problem in problems if "bound twice" in problem.message]
    again, _ = xml_rules.parse(text.encode(), "applicationHost.config")
    assert [site.name for site in again.sites] == ["site1"]
    there = RulesInForce(compile_rules(again)[0], Settings())
    here = RulesInForce(compile_rules(rule_set)[0], Settings())
    for path in ("/", "/x", "/app/", "/app", "/app/x", "/app/old/x", "/app/older"):
        assert sent_to(ask(there, W + path)) == sent_to(ask(here, W + path)), path
    page = b"<a href='/x'><a href='http://app/y'>"
    both = [
        ask(one, f"{W}/app/old/", answer=(200, [("Content-Type", "text/html")], page)).body for one in (here, there)
    ]
    assert both[0] == b"<a href='/app/old/x'><a href='https://www.example.com/app/y'>"
    assert both[1] == b"<a href='/app/old/x'><a href='http://app/y'>"


def test_names_that_are_shared_in_part_are_told() -> None:
    sites = """
    sites:
      - {name: one, public: ['https://a.example', 'https://b.example'], backend: 'http://x'}
      - {name: two, public: 'https://a.example/app', backend: 'http://y'}
    """
    rule_set, _ = yaml_rules.parse(sites, "a.yaml")
    _, problems = to_application_host(rule_set)
    assert any("https://a.example is bound twice" in problem.message for problem in problems)
