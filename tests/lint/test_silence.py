"""Silenced findings are dropped in one place, whoever found them; what is silenced in vain is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rules_of import SITE
from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats.rule_files import load
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.lint.linter import judge
from urlrewrite.model.problems import Problem, Severity


def findings(text: str) -> list[tuple[str, str, int]]:
    rule_set, warnings = parse(SITE + text, "rules.yaml")
    found = judge(rule_set, [*warnings, *compile_rules(rule_set)[1]])
    return [(problem.id, problem.rule, problem.source.line) for problem in found]


def test_a_finding_of_the_linter_is_silenced_for_its_rule_only() -> None:
    text = """
rules:
  - {name: one, match: ^/a, action: AbortRequest, silence: [UR135]}
  - {name: two, match: ^/b, action: AbortRequest}
"""
    assert findings(text) == [("UR135", "two", 7)]


def test_findings_of_reader_and_compiler_are_silenced_too() -> None:
    text = """
rules:
  - {name: one, match: ^a, action: {type: None, url: /b}, silence: [UR013, UR175]}
  - {name: two, match: ^b, action: {type: Rewrite, url: '/{R:1}'}, silence: [UR122]}
"""
    assert findings(text) == []


def test_rules_of_one_name_are_told_apart() -> None:
    text = """
rules:
  - {name: one, match: ^/a, action: AbortRequest}
outboundRules:
  - {name: one, match: {serverVariable: RESPONSE_A, pattern: .+}, action: {type: Rewrite, value: ''}, silence: [UR167]}
"""
    assert findings(text) == [("UR135", "one", 6)]


def test_what_is_silenced_in_vain_is_told() -> None:
    text = """
rules:
  - {name: one, match: ^a, action: AbortRequest, silence: [UR135, UR777]}
"""
    assert findings(text) == [("UR188", "one", 6), ("UR189", "one", 6)]


def test_a_site_silences_what_is_said_of_itself() -> None:
    site = {"name": "a", "public": "https://www.example.com"}
    assert [problem.id for problem in judge(parse(json.dumps({"sites": [site]}), "a.yaml")[0])] == ["UR030"]
    silent = site | {"silence": ["UR030"]}
    assert judge(parse(json.dumps({"sites": [silent]}), "a.yaml")[0]) == ()


ENDLESS = "httpRedirect: {enabled: true, destination: /in}"


@pytest.mark.parametrize(
    ("endless", "silent"),
    [
        (ENDLESS, f"{ENDLESS}\nsilence: [UR173]"),
        (f"locations: {{in: {{{ENDLESS}}}}}", f"locations: {{in: {{{ENDLESS}, silence: [UR173]}}}}"),
    ],
)
def test_a_level_silences_what_is_said_of_its_redirect(endless: str, silent: str) -> None:
    assert [problem.id for problem in judge(parse(f"{SITE}{endless}\n", "a.yaml")[0])] == ["UR173"]
    assert judge(parse(f"{SITE}{silent}\n", "a.yaml")[0]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "silence: [UR777]\n",
        "locations: {in: {silence: [UR777]}}\n",
        "sites: [{public: https://www.example.com, backend: http://b}]\nsilence: [UR777]\n",
    ],
)
def test_an_unknown_id_is_told_at_every_level(text: str) -> None:
    rule_set, _ = parse(text if "sites" in text else SITE + text, "rules.yaml")
    assert [problem.id for problem in judge(rule_set)] == ["UR188"]


def test_errors_cannot_be_silenced() -> None:
    rule_set, _ = parse(SITE + "rules: [{name: one, match: ^a, action: AbortRequest, silence: [UR110]}]", "rules.yaml")
    source = rule_set.sites[0].rules[0].source
    error = Problem(source, "bad", "UR110", "one")
    ids = {problem.id: problem.severity for problem in judge(rule_set, [error])}
    assert ids == {"UR110": Severity.ERROR, "UR189": Severity.WARNING}
    assert [p.id for p in judge(rule_set, [replace(error, severity=Severity.WARNING)])] == []


def test_in_xml_a_comment_silences(tmp_path) -> None:
    path = tmp_path / "web.config"
    path.write_text(
        """<configuration><system.webServer><rewrite><rules>
          <!-- urlrewrite: silence UR135 -->
          <rule name="one"><match url="^/a" /><action type="AbortRequest" /></rule>
          <rule name="two"><match url="^/b" /><action type="AbortRequest" /></rule>
          <rule name="all" stopProcessing="true"><match url=".*" /><action type="Rewrite" url="http://a/{R:0}" /></rule>
        </rules></rewrite></system.webServer></configuration>"""
    )
    rule_set, warnings = load([path])
    assert [(problem.id, problem.rule) for problem in judge(rule_set, warnings)] == [("UR135", "two")]
