"""The cases of UrlRewrite.Net, a rule language of its own in files that look like IIS's.

Its `action` and `value` cases append, insert, delete and keep single elements of a path and parameters of a query, and
`url-split` takes a URL to such pieces: IIS's rules have nothing of the kind, so there is nothing to run. What can
happen is that somebody brings such a file. None of it may be taken for rules of IIS in silence; the one rule that is
written in IIS's own words does what it says.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.support import Case, read_cases
from shared_folder import needs_shared
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.model.origin import Origin
from urlrewrite.model.problems import Problem, RuleFileError

CASES = read_cases("urlrewrite-net.yaml")
IN_IIS_WORDS = {"urn-readme-spa-1"}
WITHOUT_COUNTERPART = {"action", "value", "url-split"}

pytestmark = needs_shared("conformance")


def test_all_kinds_are_known() -> None:
    assert {case["kind"] for case in CASES} == WITHOUT_COUNTERPART | {"parse", "end-to-end"}
    assert {case["kind"] for case in CASES if "rules_xml" in case} == {"parse", "end-to-end"}
    assert {case["id"] for case in CASES} >= IN_IIS_WORDS


def document(case: Case) -> bytes:
    """The file of a case; a rule by itself is put where rules stand."""
    text = case["rules_xml"]
    return (f"<rewrite><rules>\n{text}</rules></rewrite>" if text.lstrip().startswith("<rule ") else text).encode()


def foreign() -> dict[bytes, str]:
    return {document(case): case["id"] for case in CASES if "rules_xml" in case and case["id"] not in IN_IIS_WORDS}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for data, name in foreign().items()])
def test_what_is_not_iis_is_told_with_its_line(data: bytes) -> None:
    problems: tuple[Problem, ...]
    try:
        _, problems = xml_rules.parse(data, "RewriteRules.config")
    except RuleFileError as error:
        problems = error.problems
    lines = data.decode().splitlines()
    assert problems
    assert all("<" in lines[problem.source.line - 1] for problem in problems)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in CASES if c["id"] in IN_IIS_WORDS])
def test_rules_in_iis_words(case: Case) -> None:
    rule_set, _ = xml_rules.parse(document(case), "web.config")
    site = replace(rule_set.sites[0], backend=Origin("http", "backend.test", 80))
    rules = RulesInForce(compile_rules(replace(rule_set, sites=(site,)))[0], Settings())
    request = case["request"]
    result = evaluate(rules, request_facts(request["method"], f"http://localhost{request['url']}"), None)
    assert result.exchange.decision.target == case["expected"]["rewritten_url"]
