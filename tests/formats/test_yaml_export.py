from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.models import quick, rule_sets
from formats.support import read
from urlrewrite.formats import rule_files
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.model import RewriteMap, RuleSet

RULES = Path(__file__).parents[2] / "rules"


def bare(rules: RuleSet) -> RuleSet:
    """A rule set without what tells which files it is from."""
    return replace(rules, files=(), fingerprint="")


def loaded(text: str) -> RuleSet:
    return bare(yaml_rules.parse(text, "exported.yaml")[0])


@settings(quick, max_examples=25)
@given(rule_sets())
def test_any_model_survives(rules: RuleSet) -> None:
    assert loaded(to_yaml(rules)) == rules


@pytest.mark.parametrize("file", sorted(RULES.rglob("*.yaml")), ids=lambda file: file.stem)
def test_our_own_files_survive(file: Path) -> None:
    rules = bare(rule_files.load([file])[0])
    assert loaded(to_yaml(rules)) == rules


def with_map(entries: dict[str, str]) -> RuleSet:
    rules = read("public: https://a.example\nbackend: http://b\n")
    return bare(replace(rules, rewrite_maps={"m": RewriteMap("m", entries)}))


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_text_survives(key: str, value: str) -> None:
    """Control characters included, which XML cannot hold."""
    rules = with_map({key: value})
    assert loaded(to_yaml(rules)) == rules


@pytest.mark.parametrize("length", [400, 600, 1025, 5000])
def test_long_keys_survive(length: int) -> None:
    rules = with_map({"/" + "a'" * (length // 2): "x", "b": "c"})
    assert loaded(to_yaml(rules)) == rules


def test_what_is_no_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match="expected text that is Unicode"):
        to_yaml(with_map({"a": "\ud800"}))


def test_comments_stand_before_what_they_are_about() -> None:
    xml = b"""<configuration><system.webServer><!-- all of it --><rewrite><!-- these rules --><rules>
      <!-- first
           and last --><rule name="a"><match url="b"/>
      <conditions><!-- a key --><add input="c" pattern="d"/></conditions></rule>
      </rules></rewrite></system.webServer></configuration>"""
    text = to_yaml(xml_rules.parse(xml, "a.config")[0])
    assert text == (
        "# all of it\nname: a\nlinks: off\n\n# these rules\nrules:\n"
        "  # first\n  # and last\n  - name: a\n    match: b\n    conditions:\n"
        "      # a key\n      - {input: c, pattern: d}\n    action: None\n"
    )
