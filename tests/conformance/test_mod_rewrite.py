"""ASP.NET Core's own tests of its reading of mod_rewrite, run through this project's import.

Where ASP.NET differs from Apache, Apache is followed, and the case stands in `expected_differences.yaml`. Its rules are
those of the server, which see URLs with a leading slash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from conformance.support import Case, Observed, Runner, compared, read_cases, read_differences
from shared_folder import needs_shared
from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.apache import mod_rewrite
from urlrewrite.formats.apache.strings import (
    ConditionGroup,
    Part,
    RuleGroup,
    ServerVariable,
    Test,
    Text,
    parse_condition_pattern,
    parse_rule_pattern,
    parse_template,
)
from urlrewrite.formats.apache.syntax import DirectiveError, Flag, parse_cookie, parse_flags, split_words
from urlrewrite.model import RuleSet
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin
from urlrewrite.model.problems import RuleFileError

CASES = [case for case in read_cases("aspnetcore-iis.yaml") if case["kind"].startswith("mod_rewrite-")]
DIFFERENCES = read_differences()

pytestmark = needs_shared("conformance")

OPERATORS = {
    "=": "Equal",
    "<": "Less",
    ">": "Greater",
    "<=": "LessEqual",
    ">=": "GreaterEqual",
    "-eq": "Equal",
    "-ne": "NotEqual",
    "-lt": "Less",
    "-gt": "Greater",
    "-le": "LessEqual",
    "-ge": "GreaterEqual",
    "-d": "Directory",
    "-f": "RegularFile",
    "-F": "ExistingFile",
    "-h": "SymbolicLink",
    "-l": "SymbolicLink",
    "-L": "SymbolicLink",
    "-s": "Size",
    "-U": "ExistingUrl",
    "-x": "Executable",
}
TYPES = {
    Test.PATTERN: "Regex",
    Test.STRING: "StringComp",
    Test.INTEGER: "IntComp",
    Test.PROPERTY: "PropertyTest",
}
FLAGS = {
    Flag.NO_CASE: "NoCase",
    Flag.FORBIDDEN: "Forbidden",
    Flag.LAST: "Last",
    Flag.REDIRECT: "Redirect",
    Flag.COOKIE: "Cookie",
}


def import_rules(text: str) -> RuleSet:
    """The rules as they are imported, seen to be ones that the engine takes."""
    rule_set, _ = mod_rewrite.parse(text, "httpd.conf", server_level=True)
    compile_rules(rule_set)
    return rule_set


def refused(read: Callable[[], object]) -> Observed:
    try:
        read()
    except (DirectiveError, RuleFileError):
        return {"refused": True}
    return {"refused": False}


def end_to_end(case: Case) -> Observed:
    request = case["request"]
    asked = urlsplit(request["url"])
    own = Origin("http", asked.hostname or "", asked.port or 80)
    rule_set = import_rules(case["rules_modrewrite"])
    (site,) = rule_set.sites
    rules = RulesInForce(compile_rules(replace(rule_set, sites=(replace(site, backend=own),)))[0], Settings())
    result = evaluate(rules, request_facts(request["method"], request["url"]), None)
    decision = result.exchange.decision
    return {
        "rewritten_url": decision.target,
        "rewritten_path": decision.target.partition("?")[0],
        "rewritten_absolute_url": f"{decision.origin or own}{decision.target}",
        "location": next(iter(field_values(tuple(result.fields or ()), "location")), None),
        "status": result.status,
    }


def parse_error(case: Case) -> Observed:
    return refused(lambda: import_rules(case["rules_modrewrite"]))


def condition_parse(case: Case) -> Observed:
    found = parse_condition_pattern(case["pattern"])
    return {
        "type": TYPES[found.test],
        "op": OPERATORS.get(found.operator),
        "operand": found.operand,
        "invert": found.negate,
    }


def flags(case: Case) -> Observed:
    found = parse_flags(case["flags"])
    if "flags" in case["expected"]:
        return {"flags": {FLAGS[flag]: value for flag, value in found}}
    (rule,) = import_rules(f"RewriteRule ^ /elsewhere {case['flags']}").sites[0].rules
    return {"redirect_status": rule.action.redirect_type.status}


def cookie_flag(case: Case) -> Observed:
    try:
        found = parse_cookie(case["flag_value"])
    except DirectiveError:
        return {"refused": True}
    return {
        "name": found.name,
        "value": found.value,
        "domain": found.domain,
        "lifetime_minutes": found.lifetime,
        "path": found.path,
        "secure": found.secure,
        "httponly": found.http_only,
    }


def template_parse(case: Case) -> Observed:
    def described(part: Part) -> str:
        match part:
            case Text():
                return f"literal:{part.text}"
            case ServerVariable():
                return f"var:{part.name}"
            case RuleGroup():
                return f"rule:{part.number}"
            case ConditionGroup():
                return f"cond:{part.number}"
        raise AssertionError(part)

    return {"segments": [described(part) for part in parse_template(case["template"])]}


def regex(case: Case) -> Observed:
    negate, operand = parse_rule_pattern(case["regex"])
    return {"invert": negate, "operand": operand}


RUNNERS: dict[str, Runner] = {
    "mod_rewrite-condition-parse": condition_parse,
    "mod_rewrite-condition-parse-error": lambda case: refused(lambda: parse_condition_pattern(case["pattern"])),
    "mod_rewrite-cookie-flag": cookie_flag,
    "mod_rewrite-end-to-end": end_to_end,
    "mod_rewrite-flags": flags,
    "mod_rewrite-flags-error": lambda case: refused(lambda: parse_flags(case["flags"])),
    "mod_rewrite-parse-error": parse_error,
    "mod_rewrite-regex": regex,
    "mod_rewrite-regex-error": lambda case: refused(lambda: parse_rule_pattern(case["regex"] or "")),
    "mod_rewrite-template-parse": template_parse,
    "mod_rewrite-template-parse-error": lambda case: refused(lambda: parse_template(case["template"])),
    "mod_rewrite-tokenize": lambda case: {"tokens": list(split_words(case["line"]))},
    "mod_rewrite-tokenize-error": lambda case: refused(lambda: split_words(case["line"])),
    "mod_rewrite-unsupported": lambda case: refused(lambda: import_rules(f"RewriteRule ^ - {case['flags']}")),
}


def own_differences() -> Iterable[str]:
    return (case["id"] for case in CASES if case["id"] in DIFFERENCES)


def test_few_cases_differ() -> None:
    assert len(CASES) == 129
    assert len(list(own_differences())) <= 4


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_case(case: Case) -> None:
    got, expected = compared(case, RUNNERS[case["kind"]](case), DIFFERENCES)
    assert got == expected
