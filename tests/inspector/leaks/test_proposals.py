"""Proposals: each is loaded with the rules of the site, as YAML and as XML, and the leak is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inspector.leaking import B, P, exchange, recorded
from rules_of import SITE, rules_of
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.inspector.leaks.proposals import Proposal, as_rule_file, proposal
from urlrewrite.inspector.leaks.search import Leak, find_leaks
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.problems import Problem

MOUNTED = f"public: {P}/app\nbackend: {B}/base\n"
LOCAL = f"public: https://localhost:8443\nbackend: {B}\n"
LOGO = r"{\"logo\":\"http:\\/\\/privateserver:8080\\/l.png\"}"

CASES = [
    # links, content type, body, fields, how the proposal begins
    ("off", "text/html", f"<a href='{B}/x'>", (), "links: everywhere"),
    ("off", "text/html", f"<script>f('{B}/x')</script>", (), "links: everywhere"),
    ("off", "text/html", f"<!-- {B}/x -->", (), "preConditions:"),
    ("off", "text/html", f"<p>{B}/x</p>", (), "preConditions:"),
    ("off", "text/html", "<p>privateserver is down</p>", (), "preConditions:"),
    ("off", "application/json", f'{{"u":"{B}/x"}}', (), "links: everywhere"),
    ("off", "text/plain", f"see {B}/x", (), "preConditions:"),
    ("off", "", f"<html><a href='{B}/x'>", (), "links: everywhere"),
    ("off", "text/html", "", (("Location", f"{B}/x"),), "links: everywhere"),
    ("off", "text/html", "", (("Set-Cookie", "a=1; Path=/; Domain=privateserver; Secure"),), "links: everywhere"),
    ("off", "text/html", "", (("Content-Security-Policy", "img-src privateserver:8080 'self'"),), "links: everywhere"),
    ("off", "text/html", "", (("Content-Security-Policy", f"img-src {B}; font-src {B}"),), "links: everywhere"),
    ("off", "text/html", "", (("Link", f"<{B}/a>; rel=next"),), "links: everywhere"),
    ("tags", "text/html", f"<p data-x='{B}/x'>", (), "links: everywhere"),
    ("tags", "text/html", f"<style>a{{b:url({B}/x)}}</style>", (), "links: everywhere"),
    ("tags", "text/html", f"<p>{B}/x</p>", (), "preConditions:"),
    ("everywhere", "text/html", f"<p>{B}/x</p>", (), "linksAlso: [visibleText]"),
    ("everywhere", "text/html", f"<!-- {B}/x -->", (), "linksAlso: [comments]"),
    ("everywhere", "text/plain", f"{B}/x", (), "linksAlso: [plainText]"),
    ("everywhere", "text/html", "", (("Set-Cookie", f"a={B}/"),), "linksAlso: [cookieValues]"),
    ("everywhere", "text/html", "<a href='http://privateserver:81/x'>", (), "preConditions:"),
    ("everywhere", "text/html", "<video src='http://privateserver:81/x'>", (), "preConditions:"),
    ("everywhere", "text/html", "<img srcset='a 1x, http://privateserver:81/x 2x'>", (), "preConditions:"),
    ("everywhere", "text/html", "<p>the privateserver</p>", (), "preConditions:"),
    ("everywhere", "application/json", r'{"u":"http:\/\/privateserver:81\/x"}', (), "preConditions:"),
    ("everywhere", "text/javascript", "var h = privateserver;", (), "preConditions:"),
    ("everywhere", "text/html", "", (("Location", "http://privateserver/x?y=1"),), "outboundRules:"),
    ("everywhere", "text/html", "", (("X-Node", "on privateserver, rack 7"),), "outboundRules:"),
    ("everywhere", "text/html", f"<a href='{B}/x'>", (("Cache-Control", "private, no-transform"),), "outboundRules:"),
    ("everywhere", "text/html", f"<a href='{B}/x'>", (("Cache-Control", "no-transform, a=1"),), "outboundRules:"),
    ("everywhere", "text/html", f"<a href='{B}/x'>", (("Cache-Control", "no-transform"),), "outboundRules:"),
    ("off", "text/html", f"<a href='{B}/x'>", (("Cache-Control", "no-transform"),), "links: everywhere"),
    ("off", "text/html", f"<input value='{LOGO}'>", (), "links: everywhere"),
]  # fmt: skip
IDS = [f"{c[0]} {c[1]} {c[2] or c[3]}" for c in CASES]


def with_yaml(text: str) -> RulesInForce:
    return RulesInForce(compile_rules(parse(text, "rules.yaml")[0])[0], Settings())


def with_xml(rules: RulesInForce, xml: str) -> RulesInForce:
    """The rules of a site, and after them those of a piece of a web.config."""
    problems: list[Problem] = []
    added = xml_rules.read(xml.encode(), "web.config", problems, FilesRead()).sites[0]
    assert [problem for problem in problems if problem.severity == "error"] == []
    site = rules.rules.rule_set.sites[0]
    merged = replace(
        site,
        outbound_rules=(*site.outbound_rules, *added.outbound_rules),
        pre_conditions={**site.pre_conditions, **added.pre_conditions},
        custom_tags={**site.custom_tags, **added.custom_tags},
    )
    return RulesInForce(compile_rules(replace(rules.rules.rule_set, sites=(merged,)))[0], rules.settings)


def left(leak: Leak, seen: RecordedExchange, rules: RulesInForce) -> list[Leak]:
    """What is left of a leak when the same response comes under other rules."""
    after = recorded(seen, rules)
    return [each for each in find_leaks(after, rules) if (each.place, each.written) == (leak.place, leak.written)]


@pytest.mark.parametrize("site", [SITE, MOUNTED, LOCAL], ids=["root", "mounted", "other port"])
@pytest.mark.parametrize(("links", "content_type", "body", "fields", "begins"), CASES, ids=IDS)
def test_the_leak_is_gone(
    site: str, links: str, content_type: str, body: str, fields: tuple[tuple[str, str], ...], begins: str
) -> None:
    settings = f"links: {links}\nreverseRewriteHostInResponseHeaders: false\n"
    rules = rules_of(settings, site=site)
    public = rules.rules.sites[0].site
    path = "" if site is not MOUNTED else "/base"
    body = body.replace(f"{B}/", f"{B}{path}/").replace(r":8080\\/", rf":8080\\{path}\\/" if path else r":8080\\/")
    fields = tuple((name, value.replace(f"{B}/", f"{B}{path}/")) for name, value in fields)
    seen = exchange(rules, body, content_type, fields, url=f"{public.public[0]}{public.path}/a")
    leak = find_leaks(seen, rules)[0]
    proposed = proposal(leak, seen, rules)
    assert proposed.yaml.startswith(begins)
    for text in (as_rule_file(site + settings, proposed), with_file(site, settings, proposed)):
        assert text is not None
        assert left(leak, seen, with_yaml(text)) == []
    if proposed.xml:
        assert left(leak, seen, with_xml(rules, proposed.xml)) == []
    elif "Cache-Control" not in dict(fields):
        assert leak.place == "Set-Cookie"


def with_file(site: str, settings: str, proposed: Proposal) -> str:
    """The proposal copied by hand to the end of the file, over a setting of the same name."""
    keys = {line.partition(":")[0] for line in proposed.yaml.splitlines()}
    kept = [line for line in settings.splitlines() if line.partition(":")[0] not in keys]
    return site + "\n".join([*kept, proposed.yaml])


@pytest.mark.parametrize("body", ["<a href='http://other:9000/base/x'>", "<script>f('//other:9000/base/x')</script>"])
def test_backends_that_a_simple_rule_names(body: str) -> None:
    action = "{type: Rewrite, url: 'http://other:9000/base/{R:1}'}"
    asked = "conditions: [{input: '{REQUEST_METHOD}', pattern: .}]"
    text = f"{SITE}links: everywhere\nrules:\n  - name: api\n    match: ^api/(.*)$\n    {asked}\n    action: {action}\n"
    rules = with_yaml(text)
    seen = exchange(rules, body)
    leak = find_leaks(seen, rules)[0]
    proposed = proposal(leak, seen, rules)
    changed = as_rule_file(text, proposed)
    assert changed is not None
    after = recorded(seen, with_yaml(changed))
    assert b"www.example.com/api/x" in (after.response_body or b"")


def test_backends_that_need_a_site() -> None:
    rules = rules_of("rewriteMaps: {where: {a: 'http://other:9000'}}")
    seen = exchange(rules, "<a href='http://other:9000/x'>")
    proposed = proposal(find_leaks(seen, rules)[0], seen, rules)
    added = "\n".join(f"    {line}" for line in SITE.strip().splitlines()).replace("    public", "  - public", 1)
    both = with_yaml(proposed.yaml + added)
    assert left(find_leaks(seen, rules)[0], seen, both) == []


def test_paths_in_scripts() -> None:
    site = f"public: {P}/app\nbackend: {B}\n"
    rules = rules_of("rootPaths: [/other]", site=site)
    seen = exchange(rules, "<script>fetch('/api/x')</script>", url=f"{P}/app/")
    proposed = proposal(find_leaks(seen, rules)[0], seen, rules)
    assert proposed.yaml == "rootPaths: [/other, /api]\n"
    changed = as_rule_file(site + "rootPaths: [/other]  # more\n", proposed)
    assert changed == site + "rootPaths: [/other, /api]  # more\n"
    assert find_leaks(recorded(seen, with_yaml(changed)), with_yaml(changed)) == []


NOTHING = [
    ("text/html", f"<p xmlns:a='{B}/'>", "no longer recognize it"),
    ("text/html", "<input value='eyJ1IjoiaHR0cDovL3ByaXZhdGVzZXJ2ZXI6ODA4MC8ifQ'>", "base64"),
    ("text/html", "<a href='http://cdn.privateserver:8080/'>", "a site of its own"),
    ("image/png", f"{B}/x", "No rule can do it"),
]


@pytest.mark.parametrize(("content_type", "body", "why"), NOTHING)
def test_what_no_rule_can_do(content_type: str, body: str, why: str) -> None:
    rules = rules_of("")
    seen = exchange(rules, body, content_type)
    proposed = proposal(find_leaks(seen, rules)[0], seen, rules)
    assert (proposed.yaml, proposed.xml) == ("", "")
    assert why in proposed.why
    assert as_rule_file(SITE, proposed) is None


def test_the_root_of_a_mount_is_no_root_path() -> None:
    rules = rules_of("", site=f"public: {P}/app\nbackend: {B}\n")
    seen = exchange(rules, "<script>fetch('/')</script>", url=f"{P}/app/")
    for leak in find_leaks(seen, rules):
        proposed = proposal(leak, seen, rules)
        assert (proposed.yaml, proposed.title) == ("", "Nothing that a rule could do")


def test_names_that_are_taken() -> None:
    text = f"""{SITE}links: off
preConditions:
  is text/html: [{{input: '{{RESPONSE_STATUS}}', pattern: ^200$}}]   # somebody else's
outboundRules:
  - name: privateserver in comment
    match: {{pattern: nothing}}
    action: None
"""
    rules = with_yaml(text)
    seen = exchange(rules, f"<!-- {B} -->")
    proposed = proposal(find_leaks(seen, rules)[0], seen, rules)
    assert "is text/html (2):" in proposed.yaml
    assert "name: privateserver in comment (2)" in proposed.yaml
    changed = as_rule_file(text, proposed)
    assert changed is not None
    assert left(find_leaks(seen, rules)[0], seen, with_yaml(changed)) == []


RULE = Proposal(
    "",
    "",
    """preConditions:
  is css: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/css}]

outboundRules:
  - name: new
    preCondition: is css
    match: {pattern: old}
    action: {type: Rewrite, value: new}
""",
    "",
    "two",
)
LINKS = Proposal("", "", "links: everywhere\n", "", "two")
ALSO = Proposal("", "", "linksAlso: [comments, cookieValues]\n", "", "two")
SHORT = "public: https://a.example\nbackend: http://b\n"
FILES = [
    # what is put into which file, and what must be in the result; None where it cannot be done
    (RULE, SHORT, "  is css: ["),
    (RULE, SHORT.replace("\n", "\r\n"), "\r\n"),
    (RULE, f"\ufeff# first\n{SHORT}\n# last", "# last"),
    (RULE, f"{SHORT}outboundRules:\n- name: old # 1\n  match: {{pattern: x}}\n\n# 2\ntests: []\n", "- name: new"),
    (RULE, f"{SHORT}outboundRules:\n    -   name: old\n        match: {{pattern: x}}\n", "    - name: new"),
    (RULE, f"{SHORT}outboundRules: [{{name: old, match: {{pattern: x}}}}]\n", None),
    (RULE, f"{SHORT}preConditions: {{}}\n", None),
    (RULE, "sites:\n  - name: one\n    public: https://a.example\n    backend: http://b\n\n"
           "  - name: two  # here\n    public: https://c.example\n    backend: http://d\n    # end\n\ntests: []\n",
     "    # end"),
    (RULE, "sites:\n  - {name: two, public: https://c.example, backend: http://d}\n", None),
    (RULE, "sites:\n  - name: one\n    public: https://a.example\n    backend: http://b\n"
           "  - name: three\n    public: https://c.example\n", None),
    (RULE, f"{SHORT}webConfig: missing.config\n", None),
    (RULE, "not: [a rule file", None),
    (RULE, "", None),
    (LINKS, f"{SHORT}links: off   # for now\n", "links: everywhere   # for now"),
    (LINKS, f"{SHORT}links: 'off'\n", None),
    (LINKS, f"{SHORT}rules: []\n", "backend: http://b\nlinks: everywhere\n"),
    (ALSO, f"{SHORT}linksAlso: cookieValues\n", "linksAlso: [comments, cookieValues]"),
    (ALSO, f"{SHORT}linksAlso: [cookieValues] # a\n", "linksAlso: [comments, cookieValues] # a"),
    (ALSO, f"{SHORT}linksAlso:\n  - cookieValues\n", None),
]  # fmt: skip


@pytest.mark.parametrize(("proposed", "text", "has"), FILES)
def test_as_rule_file(proposed: Proposal, text: str, has: str | None) -> None:
    changed = as_rule_file(text, proposed)
    if has is None:
        assert changed is None
        return
    assert changed is not None
    assert has in changed
    old, new = text.splitlines(), changed.splitlines()
    settings = proposed is not RULE and any(line.startswith(proposed.yaml.partition(":")[0] + ":") for line in old)
    kept = [line for line in old if not (settings and line.startswith("links"))]
    remaining = iter(new)
    assert all(line in remaining for line in kept), "every line stays, in order"


@pytest.mark.parametrize("fragment", ["", "rules: [{name: x}]", "[]", "links: [", "tests: []", "links: nonsense"])
def test_only_what_can_be_proposed_is_put_in(fragment: str) -> None:
    assert as_rule_file(SHORT, Proposal("", "", fragment)) is None
