"""Proposed rules in a web.config: all else of it stays, and the new text loads and maps."""

from __future__ import annotations

import pytest

from urlrewrite.formats.xml.rules import parse
from urlrewrite.inspector.leaks.proposals import Proposal, as_rule_file

RULE = """\
<rewrite>
  <outboundRules>
    <rule name="new" preCondition="is css" patternSyntax="ExactMatch">
      <match filterByTags="CustomTags" customTags="more" pattern="old" />
      <action type="Rewrite" value="new" />
    </rule>
    <preConditions>
      <preCondition name="is css">
        <add input="{RESPONSE_CONTENT_TYPE}" pattern="^text/css" />
      </preCondition>
    </preConditions>
    <customTags>
      <tags name="more">
        <tag name="video" attribute="poster" />
      </tags>
    </customTags>
  </outboundRules>
</rewrite>
"""


def config(rewrite: str, head: str = "") -> str:
    return f"{head}<configuration>\n  <system.webServer>\n{rewrite}  </system.webServer>\n</configuration>\n"


EMPTY = config("    <rewrite>\n    </rewrite>\n")
OWN = """\
    <rewrite>
      <!-- </outboundRules> -->
      <outboundRules>
        <rule name="own"><match serverVariable="RESPONSE_Server" pattern=".+" /><action type="None" /></rule>
      </outboundRules>
    </rewrite>
"""
PRECONDITION = """\
        <preConditions>
          <preCondition name="own"><add input="{HTTPS}" pattern="on" /></preCondition>
        </preConditions>
"""
PUT_IN = {
    "no outbound rules": EMPTY,
    "with tabs": EMPTY.replace("  ", "\t"),
    "a rule": config(OWN),
    "a rule and preconditions": config(OWN.replace("      </outbound", f"{PRECONDITION}      </outbound")),
    "a declaration": config(OWN, '\ufeff<?xml version="1.0" encoding="utf-16"?>\n'),
    "a piece": OWN,
}
NOT_SAFE = {
    "no rewrite": config(""),
    "two of them": config(f"{OWN}  </system.webServer>\n  <system.webServer>\n{OWN}"),
    "on one line": config("<rewrite><outboundRules></outboundRules></rewrite>\n"),
    "an empty element": config("    <rewrite>\n      <outboundRules />\n    </rewrite>\n"),
    "no preconditions": config(OWN.replace("      </outbound", "        <preConditions />\n      </outbound")),
    "the name is taken": config(OWN.replace("own", "new")),
    "no XML": config("<rewrite>\n"),
    "nothing": "<",
}


@pytest.mark.parametrize("text", PUT_IN.values(), ids=PUT_IN)
def test_rules_are_put_in(text: str) -> None:
    changed = as_rule_file(text, Proposal("", "", "", RULE))
    assert changed is not None
    remaining = iter(changed.splitlines())
    assert all(line in remaining for line in text.splitlines()), "every line stays, in order"
    (site,) = parse(changed.removeprefix("\ufeff").replace("utf-16", "utf-8").encode(), "web.config")[0].sites
    assert [rule.name for rule in site.outbound_rules][-1] == "new"
    assert "is css" in site.pre_conditions
    assert "more" in site.custom_tags
    assert changed.count("<preConditions>") == changed.count("<outboundRules>") == 1


@pytest.mark.parametrize("text", NOT_SAFE.values(), ids=NOT_SAFE)
def test_what_is_not_safe_is_left_to_the_person(text: str) -> None:
    assert as_rule_file(text, Proposal("", "", "links: everywhere", RULE)) is None


@pytest.mark.parametrize("fragment", ["", "<rewrite />", "<rules></rules>", RULE.replace("</rule>", "")])
def test_only_what_can_be_proposed_is_put_in(fragment: str) -> None:
    assert as_rule_file(EMPTY, Proposal("", "", "", fragment)) is None
