from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from formats.models import quick, rule_sets
from formats.schema import Schema
from formats.support import in_site, read
from rules_of import ask
from shared_folder import needs_shared
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rule_tests import run_test
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats import rule_files
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.model import RedirectType, RewriteMap, RuleSet
from urlrewrite.model.problems import RuleFileError, Severity

RULES = Path(__file__).parents[2] / "rules"
BEYOND_IIS = {"links-everywhere", "grafana", "scm-manager", "shiny"}
"""Files about `linksAlso` and `backendNames`, or links of what rules publish: they are left out, as is told."""
FILES = sorted(file for file in RULES.rglob("*.yaml") if file.stem not in BEYOND_IIS)
needs_schema = needs_shared("spec/rewrite_schema.xml")


def in_force(rules: RuleSet) -> RulesInForce:
    return RulesInForce(compile_rules(rules)[0], Settings())


def exported(rules: RuleSet) -> tuple[str, str]:
    """As IIS has it, and the name of its file."""
    if len(rules.sites) == 1 and not rules.global_rules:
        return to_web_config(rules)[0], f"{rules.sites[0].name}.config"
    return to_application_host(rules)[0], "applicationHost.config"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_own_files_do_the_same_in_iis_words(file: Path) -> None:
    rules, _ = rule_files.load([file])
    text, name = exported(rules)
    again, _ = xml_rules.parse(text.encode(), name)
    assert all(site.backend is None and site.links == "off" for site in again.sites)
    for test in rules.tests:
        expect = test.expect
        # That nothing is done becomes the rule for the backend. The Host field is up to ARR's <proxy>, which is told.
        expect = replace(expect, action=None if expect.action == "None" else expect.action)
        expect = replace(expect, request_fields={k: v for k, v in expect.request_fields.items() if k != "host"})
        # Sites below one name are one site of IIS.
        expect = replace(expect, site=expect.site if expect.site in {site.name for site in again.sites} else None)
        assert list(run_test(in_force(again), replace(test, expect=expect))) == [], test.name or test.url


@needs_schema
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_own_files_are_valid_in_iis(file: Path) -> None:
    assert Schema().faults(exported(rule_files.load([file])[0])[0]) == []


@needs_schema
@settings(quick, max_examples=12)
@given(rule_sets())
def test_whatever_is_exported_is_valid(rules: RuleSet) -> None:
    named = replace(rules, sites=tuple(replace(s, name=f"site{n}") for n, s in enumerate(rules.sites)))
    schema = Schema()
    assert schema.faults(to_application_host(named)[0]) == []
    for site in named.sites:
        assert schema.faults(to_web_config(named, site.name)[0]) == []


def problems_of(text: str) -> list[str]:
    return [problem.message for problem in to_web_config(in_site(text))[1]]


LEFT_OUT = [
    ("certificate: a.pem", "certificate is left out: IIS has it in the https binding of the site"),
    ("connect: 10.0.0.7:8080", "connect is left out: IIS looks up the name of the backend: give 10.0.0.7 in its hosts"),
    ("trustedProxies: [10.0.0.7]", "trustedProxies is left out: ARR continues every X-Forwarded-For"),
    ("linksAlso: queries", "linksAlso is left out: there are no rules of IIS for these places"),
    ("backendNames: http://localhost", "backendNames is left out: its rules for links know the backend by one name"),
    ("preserveHostHeader: true", "preserveHostHeader is left out: IIS has it for the whole server"),
    ("readings: {tagReplacement: match}", "tagReplacement: match is left out: IIS replaces the whole value"),
    ("tests: [{request: 'https://www.example.com/', expect: {status: 200}}]", "tests are left out"),
    ("globalRules: [{name: a b, match: c}]", "The global rules belong to <globalRules> of applicationHost.config: a b"),
    ("farms: {a: {servers: [b]}}", "Web farms and proxy belong to applicationHost.config"),
    ("allowedServerVariables: [HTTP_X]", "To be in <allowedServerVariables> of applicationHost.config: HTTP_X"),
    (
        "rules: [{name: a, match: b, serverVariables: {HTTP_X: c}}]",
        "got no list that allows HTTP_X_ORIGINAL_ACCEPT_ENCODING, HTTP_ACCEPT_ENCODING, HTTP_X, expected them in",
    ),
    ("links: tags", "links: tags is written as rules"),
    ("links: off", "backend is written as a rule that rewrites to http://privateserver:8080; IIS needs Application"),
    (
        "rules: [{name: a, match: b, action: {type: Rewrite, url: 'http://c/'}}]",
        'got the URL "http://c/" without stopProcessing',
    ),
    (
        "outboundRules: [{name: a, match: {pattern: a}, conditions: [{input: a, pattern: b}, {input: A, pattern: b}]}]",
        "got the same condition twice, which IIS refuses (500.19): put",
    ),
    (
        "rules: [{name: a, match: (b), stopProcessing: true, action: {type: Rewrite, url: '{R:1}'}}]",
        'got the URL "{R:1}", of which only the request shows where it leads',
    ),
]


@pytest.mark.parametrize(("text", "expected"), LEFT_OUT, ids=[text for text, _ in LEFT_OUT])
def test_what_is_left_out_or_expanded_is_told(text: str, expected: str) -> None:
    assert any(message.startswith(expected) for message in problems_of(text)), problems_of(text)


def test_no_public_name_no_links() -> None:
    messages = [p.message for p in to_web_config(read("backend: http://b\n"))[1]]
    assert any("got no public address" in message for message in messages)


def test_a_plain_site_of_iis_says_nothing() -> None:
    rules, _ = xml_rules.parse(b'<rewrite><rules><rule name="a"><match url="b"/></rule></rules></rewrite>', "a.config")
    assert to_web_config(rules)[1] == ()


DIRECTIVES = """
rules:
  - {name: a, silence: [UR131, UR140], match: b, action: {type: Redirect, url: /c, redirectType: 308}}
"""


def test_what_iis_has_no_word_for_is_in_comments() -> None:
    text, _ = to_web_config(in_site("links: off" + DIRECTIVES))
    assert "<!-- urlrewrite: silence UR131 UR140 -->" in text
    assert "<!-- urlrewrite: redirectType=308 -->" in text
    rule = xml_rules.parse(text.encode(), "a.config")[0].sites[0].rules[0]
    assert (rule.silenced, rule.action.redirect_type) == (("UR131", "UR140"), RedirectType.PERMANENT_REDIRECT)


def test_what_xml_cannot_hold_is_refused() -> None:
    rules = in_site("")
    bad = replace(rules, rewrite_maps={"m": RewriteMap("m", {"a": "b\0"})})
    for export in (to_web_config, to_application_host):
        with pytest.raises(RuleFileError) as error:
            export(bad)
        (problem,) = [p for p in error.value.problems if p.severity is Severity.ERROR]
        assert (problem.id, problem.rule) == ("UR033", "")
        assert problem.message.startswith('rewriteMap "m": got the character U+0000')


def test_comments_cannot_end_early() -> None:
    rules = in_site("links: off\nrules: [{name: a, match: b}]")
    (site,) = rules.sites
    odd = replace(site, rules=(replace(site.rules[0], comment="a --> <b/> ---\n\nc-"),))
    text, _ = to_web_config(replace(rules, sites=(odd,)))
    assert xml_rules.parse(text.encode(), "a.config")[0].sites[0].rules[0].comment == "a - -> <b/> - - -\n\nc-"


def test_the_site_has_to_be_named() -> None:
    two = read(
        "sites:\n  - {name: a, public: http://a, backend: http://c}\n  - {public: http://b, backend: http://c}\n"
    )
    with pytest.raises(ValueError, match="got 2 sites, expected the name of one of them: a, b"):
        to_web_config(two)
    with pytest.raises(ValueError, match='got the site "c", expected one of a, b'):
        to_web_config(two, "c")
    assert "http://c/{R:1}" in to_web_config(two, "B")[0]


def test_exported_again_the_rules_have_other_names() -> None:
    text, _ = to_web_config(in_site(""))
    (site,) = xml_rules.parse(text.encode(), "a.config")[0].sites
    (own,) = in_site("").sites
    both = replace(own, rules=site.rules, outbound_rules=site.outbound_rules, pre_conditions=site.pre_conditions)
    names = [
        rule.name for rule in xml_rules.parse(to_web_config(RuleSet(sites=(both,)))[0].encode(), "a")[0].sites[0].rules
    ]
    assert names[0] == "links: responses that are not compressed (2)"


def test_a_rule_of_the_server_that_keeps_requests_from_the_backend_is_told() -> None:
    rules = read(
        """
        rules: [{name: stop here, match: a, stopProcessing: true}]
        sites: [{public: http://a, backend: http://b}]
        """
    )
    messages = [problem.message for problem in to_application_host(rules)[1]]
    assert any(message.startswith("the server's rules stop here end before") for message in messages)


ROUTES = r"""
links: off
rules:
  - {name: stop, match: ^stop, stopProcessing: true}
  - {name: path, match: ^old/(.*), action: {type: Rewrite, url: '/new/{R:1}'}, stopProcessing: true}
  - {name: on, match: ^on$, action: {type: Rewrite, url: 'further?x=1'}}
  - {name: into, match: ^into$, action: {type: Rewrite, url: /shop/7}}
  - {name: out, match: ^shop/out$, action: {type: Rewrite, url: /out}}
  - {name: other, match: ^other, action: {type: Rewrite, url: 'http://elsewhere/{R:0}'}}
locations:
  shop:
    rules:
      - {name: item, match: '^(\d+)$', action: {type: Rewrite, url: 'item?id={R:1}'}, stopProcessing: true}
      - {name: nothing, match: ^nothing$, action: {type: CustomResponse, statusCode: 410}}
  shop/cart:
    rules: [{name: cart, match: ^$, action: {type: Rewrite, url: /basket}}]
  wiki:
    remove: rules
"""
PATHS = """
/ /stop/it?a=b /old/x%20y?z /on /other/1 /a%2Fb /into /shop /shop/7?x=y /shop/nothing /shop/a/b /shop/out /shop/cart/
/shopping /shop/cart/x /wiki/old/1 /wiki/on
""".split()


@pytest.mark.parametrize("path", PATHS)
def test_requests_go_where_they_went(path: str) -> None:
    rules = in_site(ROUTES)
    text, _ = to_web_config(rules)
    again = xml_rules.parse(text.encode(), "a.config")[0]
    before, after = (ask(in_force(item), f"https://www.example.com{path}") for item in (rules, again))
    assert getattr(after.routing, "url", after.status) == getattr(before.routing, "url", before.status)
