"""Files that a tool for HTML has had in its hands: names in small letters, elements that were never closed."""

from __future__ import annotations

import pytest

from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.responses import LocalResponse
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.xml.rules import parse
from urlrewrite.loading.overrides import fill_in, parse_overrides
from urlrewrite.model import Mode
from urlrewrite.model.problems import RuleFileError, Severity

SOUND = """
<rewrite><rules>
  <clear />
  <rule name="a" stopProcessing="true">
    <match url="^a/(.*)" />
    <conditions>
      <add input="{HTTPS}" pattern="off" /><add input="{HTTP_HOST}" pattern="^www" negate="true" />
    </conditions>
    <serverVariables><set name="HTTP_A" value="1" /><set name="HTTP_B" value="2" /></serverVariables>
    <action type="Redirect" url="https://b/{R:1}" redirectType="Found" />
  </rule>
  <rule name="b"><match url="b" /><action type="None" /></rule>
</rules>
<rewriteMaps><rewriteMap name="m"><add key="a" value="b" /><add key="c" value="d" /></rewriteMap></rewriteMaps>
</rewrite>
"""
MANGLED = """
<rewrite><rules>
  <clear>
  <rule name="a" stopprocessing="true">
    <match url="^a/(.*)">
    <conditions><add input="{HTTPS}" pattern="off"><add input="{HTTP_HOST}" pattern="^www" negate="true">
    </add></add></conditions>
    <servervariables><set name="HTTP_A" value="1"><set name="HTTP_B" value="2"></set></set></servervariables>
    <action type="Redirect" url="https://b/{R:1}" redirecttype="Found">
  </action></match></rule>
  <rule name="b"><match url="b"><action type="None"></action></match></rule>
</clear></rules>
<rewritemaps><rewritemap name="m"><add key="a" value="b"><add key="c" value="d"></add></add></rewritemap></rewritemaps>
</rewrite>
"""


def test_a_mangled_file_is_taken_as_it_was_meant() -> None:
    sound, none = parse(SOUND.encode(), "web.config")
    mangled, told = parse(MANGLED.encode(), "web.config")
    assert not none
    assert {problem.severity for problem in told} == {Severity.WARNING}
    assert {problem.id for problem in told} == {"UR017", "UR022"}
    before, after = sound.sites[0], mangled.sites[0]
    for name in ("rules", "rewrite_maps", "removals"):
        assert getattr(after, name) == getattr(before, name)


LOST = [
    "<match url='.*'/><condition><add input='{HTTPS}' pattern='off'/></condition><action type='AbortRequest'/>",
    "<match url='.*'/><conditions><ad input='{HTTPS}' pattern='off'/></conditions><action type='AbortRequest'/>",
    "<match url='.*'/><acton type='AbortRequest'/>",
    "<match url='.*'/><serverVariables><st name='HTTP_A' value=''/></serverVariables>",
]


@pytest.mark.parametrize("rule", LOST)
def test_a_rule_that_would_lose_a_part_is_not_loaded(rule: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        parse(f"<rewrite><rules><rule name='r'>{rule}</rule></rules></rewrite>".encode(), "web.config")
    assert [problem.id for problem in refused.value.problems] == ["UR004"]


def asked(text: str, mode: Mode, path: str = "/x") -> tuple[int, int]:
    rule_set, _ = parse(text.encode(), "web.config")
    rule_set = fill_in(rule_set, parse_overrides(["http://www.example.com"], "http://backend", mode=mode))
    rules = RulesInForce(compile_rules(rule_set)[0], Settings())
    routing = evaluate(rules, request_facts("GET", f"http://www.example.com{path}"), None).routing
    return (routing.status, routing.sub_status) if isinstance(routing, LocalResponse) else (200, 0)


REFUSED = [
    "<rules useOriginalURLEncoding='1'/>",
    "<rules><rule name='r' enabled='1'><match url='a'/><action type='None'/></rule></rules>",
    "<rules><rule name='r' colour='1'><match url='a'/><action type='None'/></rule></rules>",
    "<outboundRules><preconditions/></outboundRules>",
    "<rewriteMaps><rewriteMap name='m'>text</rewriteMap></rewriteMaps>",
]


@pytest.mark.parametrize("section", REFUSED)
def test_what_iis_refuses_gets_500_19_in_mode_iis(section: str) -> None:
    text = f"<configuration><system.webServer><rewrite>{section}</rewrite></system.webServer></configuration>"
    assert asked(text, Mode.HELPFUL) == (200, 0)
    assert asked(text, Mode.IIS) == (500, 19)
    assert asked(text.replace(section, "<rules/>"), Mode.IIS) == (200, 0)
