"""loading.py: every error of every step at once, told at the line where it was made, and none that another one made."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from urlrewrite.loading.load import load_rules
from urlrewrite.loading.overrides import NO_OVERRIDES, Overrides
from urlrewrite.model import Mode, Origin
from urlrewrite.model.problems import RuleFileError, Severity

XML = """\
<configuration><system.webServer><rewrite>
  <rules>
    <rule name="one">
      <match url="*" />
      <action type="Rewrit" url="/" />
    </rule>
    <rule name="two">
      <match
        url="(" />
      <conditions>
        <add input="{URL}" pattern="[" />
      </conditions>
      <action type="Redirect" url="{Map:{R:1}}" />
    </rule>
  </rules>
  <outboundRules>
    <rule name="three" preCondition="none">
      <match filterByTags="A" pattern=")" />
      <action type="Rewrite" value="{R:1" />
    </rule>
  </outboundRules>
</rewrite></system.webServer></configuration>
"""
YAML = """\
public: https://www.example.com
backend: http://privateserver:8080
links: of
rules:
  - name: one
    match: '*'
    action: Rewrit
  - name: two
    match:
      ignoreCase: false
      url: (
    action:
      type: Redirect
      url: '{Map:{R:1}}'
outboundRules:
  - name: three
    match:
      pattern: )
      serverVariable: RESPONSE_X
    action: {type: Rewrite,
      value: '{R:1'}
"""


def told(tmp_path: Path, text: str, name: str = "web.config", overrides: Overrides = NO_OVERRIDES) -> list[str]:
    """Line, rule and id of each problem."""
    path = tmp_path / name
    path.write_text(dedent(text), encoding="utf-8")
    try:
        _, problems = load_rules([path], overrides)
    except RuleFileError as error:
        problems = error.problems
    return [f"{problem.source.line} {problem.rule} {problem.id}" for problem in problems]


AT_ONCE = [
    ("web.config", XML, "4 one UR110|5 one UR007|8 two UR110|11 two UR110|13 two UR121|17 three UR125|18 three UR110"),
    ("rules.yaml", YAML, "3  UR007|6 one UR110|7 one UR007|11 two UR110|14 two UR121|18 three UR110"),
]


@pytest.mark.parametrize(("name", "text", "expected"), AT_ONCE)
def test_errors_of_reading_and_of_compiling_are_told_at_once(
    name: str, text: str, expected: str, tmp_path: Path
) -> None:
    found = told(tmp_path, text, name)
    # A value in YAML begins where its key's line may have ended.
    assert [line for line in found if "UR120" not in line] == expected.split("|")
    assert [line.split()[1] for line in found if "UR120" in line] == ["three"]


SECTION = "<rewrite>{}</rewrite>"
RULE = "<rule name='r'{}><match url='{}' />{}</rule>"
FOLLOWING = {
    "no second error for a missing pattern": (RULE.format("", "", ""), "1 r UR006"),
    "what a wrong pattern captures is not known": (
        RULE.format("", "(", "<action type='Redirect' url='{R:1}' />"),
        "1 r UR110",
    ),
    "a syntax that is none makes no pattern wrong": (RULE.format(" patternSyntax='Wildcrd'", "*", ""), "1 r UR007"),
    "an action that is none leaves nothing without effect": (
        RULE.format("", "a", "<action type='Foo' url='/' statusCode='403' />"),
        "1 r UR007",
    ),
    "a kind of condition that is none needs no pattern": (
        RULE.format("", "a", "<conditions><add input='{URL}' matchType='Foo' /></conditions>"),
        "1 r UR007",
    ),
}


@pytest.mark.parametrize("case", FOLLOWING)
def test_what_only_follows_is_not_told(case: str, tmp_path: Path) -> None:
    rule, expected = FOLLOWING[case]
    assert told(tmp_path, SECTION.format(f"<rules>{rule}</rules>")) == [expected]


def test_names_that_may_stand_in_an_unreadable_file_are_not_called_unknown(tmp_path: Path) -> None:
    maps = "<rewriteMaps configSource='none.config' />"
    rules = f"<rules>{RULE.format('', '(', '<action type="Redirect" url="{Map:a}" />')}</rules>"
    assert told(tmp_path, SECTION.format(maps + rules)) == ["1  UR001", "1 r UR110"]
    assert told(tmp_path, SECTION.format(rules)) == ["1 r UR110", "1 r UR121"]


def test_in_mode_iis_only_what_iis_would_not_load_stops_the_rules(tmp_path: Path) -> None:
    rules = f"<rules>{RULE.format('', '(', '')}</rules>"
    iis = Overrides(backend=Origin("http", "b", 80), mode=Mode.IIS)
    assert told(tmp_path, SECTION.format(rules), overrides=iis)[0] == "1 r UR110"
    wrong = rules.replace("<rule ", "<rule enabled='maybe' ")
    assert told(tmp_path, SECTION.format(wrong), overrides=iis) == ["1 r UR007"]


def test_the_error_names_the_files_to_watch(tmp_path: Path) -> None:
    (tmp_path / "web.config").write_text("<rewrite><rules configSource='rules.config' /></rewrite>")
    for content in ("", "<rules>", "<rules><rule name='r'><match url='('/></rule></rules>"):
        (tmp_path / "rules.config").write_text(content)
        with pytest.raises(RuleFileError) as caught:
            load_rules([tmp_path / "web.config"])
        assert caught.value.rule_set
        assert [Path(file).name for file in caught.value.rule_set.files] == ["web.config", "rules.config"]


def test_a_map_that_is_inherited_and_given_again_is_told_once(tmp_path: Path) -> None:
    text = (
        "rewriteMaps: {m: {a: b}}\nsites:\n  - {public: https://a.example, backend: http://b, rewriteMaps: {M: {}}}\n"
    )
    assert told(tmp_path, text, "rules.yaml") == ["3  UR127"]


CLOSED = """<configuration><system.webServer>
  <security>
    <!-- {} -->
    <authentication><anonymousAuthentication enabled="false" /></authentication>
  </security>
</system.webServer></configuration>
"""


def test_a_site_that_iis_keeps_closed_is_not_loaded_unless_that_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "web.config"
    file.write_text(CLOSED.format("here nobody is asked who he is"))
    backend = Overrides(backend=Origin("http", "b", 80))
    with pytest.raises(RuleFileError) as caught:
        load_rules([file], backend)
    assert [(problem.source.line, problem.id) for problem in caught.value.problems] == [(4, "UR026")]
    allowed, (warning,) = load_rules([file], Overrides(backend=Origin("http", "b", 80), allow_open=True))
    assert (warning.id, warning.severity) == ("UR026", Severity.WARNING)
    # What clients keep of it is the same.
    silent = CLOSED.format("urlrewrite: silence UR026")
    file.write_text(silent)
    rules, problems = load_rules([file], backend)
    assert problems == ()
    assert rules.rule_set.sites[0].silenced == ("UR026",)
    assert allowed.rule_set.sites[0].web_server == rules.rule_set.sites[0].web_server
