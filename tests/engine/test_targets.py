"""Where rules forward to: hosts in plain words, from maps and alternatives, by their form; and never just any."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model.problems import RuleFileError, Severity

WWW = "https://www.example.com"
SITE = "public: [https://www.example.com, http://www.example.com]\n"
MAPS = """
rewriteMaps:
  Ports: {defaultValue: '3000', entries: {p1: '3101', p2: '3102'}}
  Suffixes: {a: .one.lan, b: .two.lan}
  Servers: {a: 'http://app1.lan:8080', b: app2.lan}
  Paths: {a: /x, b: 'y/z'}
  Schemes: {'on': https, 'off': http}
"""


def rule(match: str, url: str, *conditions: str, more: str = "") -> str:
    items = "".join(f"\n      - {{{condition}}}" for condition in conditions)
    before = f"\n    conditions:{items}" if conditions else ""
    return f"""
rules:
  - name: r
    match: '{match}'{before}
    {more or "stopProcessing: true"}
    action: {{type: Rewrite, url: '{url}'}}
"""


@dataclass(frozen=True)
class Case:
    """A rule, a request with its fields, and where it is sent; None where it is refused with 500."""

    rules: str
    url: str
    target: str | None
    fields: tuple[tuple[str, str], ...] = ()


REACHED = [
    # A host and a port directly before a brace.
    Case(rule("^app(/.*)?$", "http://one:8888{R:1}"), "/app/a%2Fb?q=1", "http://one:8888/a%2Fb?q=1"),
    Case(rule("^app(/.*)?$", "http://one:8888{R:1}"), "/app", "http://one:8888/"),
    Case(rule("^app(/.*)?$", "http://one{R:1}"), "/app/x", "http://one/x"),
    Case(rule("^app(.*)$", "http://one:8888{R:1}"), "/app/x", "http://one:8888/x"),
    Case(rule("^app(.*)$", "http://one:8888{R:1}"), "/app@evil.example/", None),
    Case(rule("^app(.*)$", "http://one:8888{R:1}"), "/app.evil.example", None),
    Case(rule("^app(.*)$", "http://one{R:1}"), "/app.evil.example/", None),
    Case(rule("^app(.*)$", "http://one{R:1}"), "/app:22/", None),
    Case(rule(".*", "http://one:8888{UNENCODED_URL}", more="appendQueryString: false").replace(
        "appendQueryString: false\n", "stopProcessing: true\n"), "/a", "http://one:8888/a"),
    Case(rule(".*", "http://one:8888{URL}"), "/a%20b?x", "http://one:8888/a%20b?x"),
    Case(rule(".*", "http://one:8888{C:1}", "input: '{REQUEST_URI}', pattern: '^(/[^?]*)'"), "/a", "http://one:8888/a"),
    Case(rule(".*", "http://[::1]:8888{URL}"), "/a", "http://[::1]:8888/a"),
    # Ports, names and parts of names from maps.
    Case(MAPS + rule("^a/(.*)", "http://one:{Ports:{C:2}}/{R:1}", "input: '{HTTP_COOKIE}', pattern: '(^|; )to=(.+)'"),
         "/a/x", "http://one:3102/x", (("Cookie", "s=1; to=p2"),)),
    Case(MAPS + rule("^a/(.*)", "http://one:{Ports:{C:2}}/{R:1}", "input: '{HTTP_COOKIE}', pattern: '(^|; )to=(.+)'"),
         "/a/x", "http://one:3000/x", (("Cookie", "to=@evil.example"),)),
    Case(MAPS + rule("^(.)/(.*)", "http://app{Suffixes:{R:1}}:8080/{R:2}"), "/b/x", "http://app.two.lan:8080/x"),
    Case(MAPS + rule("^(.)/(.*)", "{Servers:{R:1}}/{R:2}"), "/a/x", "http://app1.lan:8080/x"),
    Case(MAPS + rule("^(.)/(.*)", "http://{Servers:{R:1}}/{R:2}"), "/b/x", "http://app2.lan/x"),
    Case(MAPS + rule("^(.)/(.*)", "http://{C:1}/{R:2}", "input: '{Servers:{R:1}}', pattern: '^([a-z0-9.]+)$'"),
         "/b/x", "http://app2.lan/x"),
    Case(MAPS + rule("^(.)/(.*)", "{C:1}://one:81/{R:2}", "input: '{Schemes:{HTTPS}}', pattern: '(.+)'"),
         "/b/x", "https://one:81/x"),
    Case(MAPS + rule("^(.)/(.*)", "{Schemes:{HTTPS}}://one:81/{R:2}"), "/b/x", "https://one:81/x"),
    # Alternatives.
    Case(rule("^(node1|node2)/(.*)", "http://{R:1}:8080/{R:2}"), "/node2/x", "http://node2:8080/x"),
    Case(rule("^(node1|node2)/(.*)", "http://{R:1}:8080/{R:2}"), "/NODE2/x", "http://node2:8080/x"),
    Case(rule("^n([1-3])/(.*)", "http://node{R:1}.lan:8080/{R:2}"), "/n2/x", "http://node2.lan:8080/x"),
    Case(rule("^(?:a|(b))/(.*)", "http://node{R:1}/{R:2}"), "/a/x", "http://node/x"),
    Case(rule("(.*)", "http://{C:1}.lan/{R:1}", "input: '{HTTP_COOKIE}', pattern: '\\bto=(eu|us)\\b'"),
         "/x", "http://us.lan/x", (("Cookie", "to=us"),)),
    Case(rule("(.*)", "http{C:1}://one/{R:1}", "input: '{CACHE_URL}', pattern: '^http(s)?://'"), "/x", "https://one/x"),
    Case(rule("(.*)", "{C:1}://one/{R:1}", "input: '{CACHE_URL}', pattern: '^(.+)://'"), "/x", "https://one/x"),
    # Hosts by their form: something of the name stands fast.
    Case(rule("^(\\d+)/(.*)", "http://app{R:1}:8080/{R:2}"), "/17/x", "http://app17:8080/x"),
    Case(rule("^port/(\\d+)/(.*)", "http://127.0.0.1:{R:1}/{R:2}"), "/port/8501/x", "http://127.0.0.1:8501/x"),
    Case(rule("^port/(.+?)/(.*)", "http://127.0.0.1:{R:1}/{R:2}"), "/port/1@evil.example/x", None),
    Case(rule("^([^/]+)/(.*)", "http://{R:1}.apps.lan:8080/{R:2}"), "/shop/x", "http://shop.apps.lan:8080/x"),
    Case(rule("^([^/]+)/(.*)", "http://{R:1}.apps.lan:8080/{R:2}"), "/evil.example%3Fx/x", None),
    Case(rule("^([^/]+)/(.*)", "http://{R:1}.apps.lan:8080/{R:2}"), "/evil.example%23/x", None),
    Case(rule("^([^/]+)/(.*)", "http://{R:1}.apps.lan:8080/{R:2}"), "/evil.example%5C/x",
         "http://evil.example.apps.lan:8080/x"),
    Case(rule("^([^/]+)/(.*)", "http://{R:1}.apps.lan:8080/{R:2}"), "/evil.example:80/x", None),
    Case(rule("^([^/]+)/(.*)", "http://app{R:1}:8080/{R:2}"), "/.evil.example/x", None),
    Case(rule("^(\\d+)/(.*)", "http://10.1.2.{R:1}:8080/{R:2}"), "/17/x", "http://10.1.2.17:8080/x"),
    # The machine itself.
    Case(rule("(.*)", "http://{LOCAL_ADDR}:8080/{R:1}"), "/x", "http://127.0.0.1:8080/x"),
    Case(rule("(.*)", "https://{local_addr}/{R:1}"), "/x", "https://127.0.0.1/x"),
    Case(rule("(.*)", "http://{SERVER_ADDR}:8080{URL}"), "/x", "http://127.0.0.1:8080/x"),
    Case(rule("^port/(\\d+)/(.*)", "http://{LOCAL_ADDR}:{R:1}/{R:2}"), "/port/8501/x", "http://127.0.0.1:8501/x"),
    Case(rule("(.*)", "http://{LOCAL_ADDR}.apps.lan/{R:1}"), "/x", "http://127.0.0.1.apps.lan/x"),
    Case(rule("^a(.*)", "http://{LOCAL_ADDR}{R:1}"), "/a.evil.example/", None),
    Case(rule("^a(.*)", "http://{LOCAL_ADDR}:80{R:1}"), "/a80/", None),
    Case(rule("^a(.*)", "http://{LOCAL_ADDR}:80{R:1}"), "/a/x", "http://127.0.0.1/x"),
    # The names of the site, and what rules set.
    Case(rule("(.*)", "http://{HTTP_HOST}:8080/{R:1}"), "/x", "http://www.example.com:8080/x"),
    Case(rule("(.*)", "http://{SERVER_NAME}:8080{REQUEST_URI}", more="appendQueryString: false").replace(
        "appendQueryString: false\n", "stopProcessing: true\n"), "/x", "http://www.example.com:8080/x"),
    Case(rule("(.*)", "http://{HTTP_HOST}/{R:1}"), "/x", None),
    Case(rule("^(a|b)/(.*)", "http://{BEHIND}/{R:2}", more="serverVariables: {BEHIND: '{R:1}.lan:81'}"),
         "/b/x", "http://b.lan:81/x"),
    # A path is no host.
    Case(MAPS + "backend: http://privateserver:8080\n" + rule("^(.)/(.*)", "{Paths:{R:1}}/{R:2}"),
         "/b/c", "http://privateserver:8080/y/z/c"),
    Case("backend: http://privateserver:8080\n" + rule(".*", "{C:1}", "input: '{QUERY_STRING}', pattern: '^to=(.*)'"),
         "/?to=http://evil.example/", None),
]  # fmt: skip


@pytest.mark.parametrize("case", REACHED, ids=lambda case: f"{case.rules.split('url: ')[-1].strip()} {case.url}")
def test_reached(case: Case) -> None:
    result = ask(rules_of(case.rules, site=SITE), f"{WWW}{case.url}", *case.fields)
    routing = result.routing
    if case.target is None:
        assert result.status == 500
    else:
        assert isinstance(routing, Forward)
        assert f"{routing.origin}{routing.target}" == case.target


ANYWHERE = [
    rule("(.*)", "http://{HTTP_X_TO}/{R:1}"),
    rule("^([^/]+)/(.*)", "http://{R:1}/{R:2}"),
    rule("^([a-z0-9]+)/(.*)", "http://{R:1}:8080/{R:2}"),
    rule("^([^/]+)/(.*)", "http://{R:1}.com/{R:2}"),
    rule("^([^/]+)/(.*)", "http://{R:1}.co.uk:8080/{R:2}"),
    rule("^([^/]+)/(.*)", "http://app{R:1}.com/{R:2}"),
    rule("^([^/]+)/(.*)", "http://app.{R:1}/{R:2}"),
    rule("^(\\d+)/(.*)", "http://10{R:1}/{R:2}"),
    rule("(.*)", "http://{C:1}/{R:1}", "input: '{QUERY_STRING}', pattern: '^to=(.*)'"),
    rule("(.*)", "https://{ToLower:{C:1}}/{R:1}", "input: '{QUERY_STRING}', pattern: '^to=(.*)'"),
    rule("(.*)", "http://{BEHIND}/{R:1}", more="serverVariables: {BEHIND: '{QUERY_STRING}'}"),
    rule("(.*)", "http://{UrlDecode:{QUERY_STRING}}"),
    rule("(.*)", "http://{REMOTE_ADDR}:8080/{R:1}"),
    rule("^([^/]+)/(.*)", "http://{R:1}{LOCAL_ADDR}/{R:2}"),
    rule("^([^/]+)/(.*)", "http://{LOCAL_ADDR}{R:1}/{R:2}"),
]


@pytest.mark.parametrize("text", ANYWHERE, ids=lambda text: text.split("url: ")[-1].strip())
def test_a_rule_that_can_reach_any_host_is_not_loaded(text: str) -> None:
    rule_set, _ = parse(SITE + textwrap.dedent(text), "rules.yaml")
    with pytest.raises(RuleFileError) as refused:
        compile_rules(rule_set)
    assert [(problem.id, problem.rule) for problem in refused.value.problems] == [("UR128", "r")]
    rule_set, _ = parse(f"mode: iis\n{SITE}{textwrap.dedent(text)}", "rules.yaml")
    _, problems = compile_rules(rule_set)
    assert [(problem.id, problem.severity) for problem in problems] == [("UR128", Severity.WARNING)]


def test_a_site_of_every_name_is_not_forwarded_to_the_name_that_was_asked_for() -> None:
    rule_set, _ = parse("backend: http://privateserver:8080\n" + rule("(.*)", "http://{HTTP_HOST}:81/{R:1}"), "r.yaml")
    _, problems = compile_rules(rule_set)
    assert [(problem.id, problem.severity) for problem in problems] == [("UR128", Severity.WARNING)]
    assert "--public" in problems[0].message


OWN = rules_of(rule("^port/(\\d+)", "http://{LOCAL_ADDR}:{R:1}/"), site=SITE)
OF_ANOTHER = rules_of("mode: iis\n" + rule("^(.*)$", "http://{R:1}/"), site=SITE)


@pytest.mark.parametrize(
    ("rules", "local", "path", "target"),
    [
        (OWN, ("192.0.2.1", 443), "/port/8080", "http://192.0.2.1:8080"),
        (OWN, ("192.0.2.1", 443), "/port/443", None),
        (OWN, ("2001:DB8::1", 443), "/port/8080", None),
        (OF_ANOTHER, ("192.0.2.1", 443), "/192.0.2.1:8080", None),
    ],
)
def test_the_address_that_the_client_has_reached(
    rules: RulesInForce, local: tuple[str, int], path: str, target: str | None
) -> None:
    routing = evaluate(rules, replace(request_facts("GET", WWW + path), local=local), None).routing
    assert (str(routing.origin) if isinstance(routing, Forward) else None) == target


TAILS = rules_of(rule("^a(.*)", "http://one:8888{R:1}"), site=SITE)
STRICT = rules_of("mode: iis\n" + rule("^a(.*)", "http://{R:1}.apps.lan/"), site=SITE)
FORMS = rules_of(rule("^a(.*)", "http://{R:1}.apps.lan/"), site=SITE)


@given(st.text("ab/@:.?#\\%2F40 [1]e\u212a", max_size=12))
def test_no_request_reaches_another_host(text: str) -> None:
    for rules, suffix in ((TAILS, "one"), (FORMS, ".apps.lan"), (STRICT, ".apps.lan")):
        routing = ask(rules, f"{WWW}/a{text}").routing
        assert not isinstance(routing, Forward) or routing.origin.host.endswith(suffix)
