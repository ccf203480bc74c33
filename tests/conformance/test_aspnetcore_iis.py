"""ASP.NET Core's own tests of its reading of IIS rules, run through this project's code.

Where ASP.NET differs from IIS, IIS is followed, and the case stands in `expected_differences.yaml` with the source. The
kinds `mod_rewrite-*` are run by `test_mod_rewrite`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest

from conformance import support_apache, support_coded, test_mod_rewrite
from conformance.support import Case, Observed, Runner, compared, read_cases, read_differences
from shared_folder import needs_shared
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.decision import Outcome
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.scope import Lookup, Scope
from urlrewrite.engine.template import parse_template
from urlrewrite.engine.variables import Variables
from urlrewrite.exchange.responses import Abort, LocalResponse
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.lint.linter import lint
from urlrewrite.model import (
    Action,
    ActionType,
    InboundRule,
    Location,
    Match,
    RewriteMap,
    RuleSet,
    Site,
)
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin
from urlrewrite.model.problems import Problem, RuleFileError
from urlrewrite.patterns.pattern import compile_pattern
from urlrewrite.trace.trace import Trace

FILE = "aspnetcore-iis.yaml"
CASES = read_cases(FILE)
DIFFERENCES = read_differences()

pytestmark = needs_shared("conformance")

DEADLINE = 1.0
ACTIONS = {
    Outcome.NONE: "none",
    Outcome.REWRITE: "rewrite",
    Outcome.REDIRECT: "redirect",
    Outcome.CUSTOM_RESPONSE: "custom-response",
    Outcome.ABORT_REQUEST: "abort",
}


def read_rules(text: str) -> tuple[RuleSet, list[Problem]]:
    """A `<rewrite>` section as it is imported."""
    rule_set, problems = xml_rules.parse(text.encode(), "web.config")
    return rule_set, list(problems)


def refusal(rules: Callable[[], tuple[RuleSet, list[Problem]]]) -> Observed:
    """Whether the author of these rules is told that they are wrong, and where; a warning is as good as an error."""
    try:
        rule_set, problems = rules()
        problems += (*compile_rules(rule_set)[1], *lint(rule_set))
    except RuleFileError as error:
        problems = list(error.problems)
    return {
        "refused": bool(problems),
        "line": problems[0].source.line if problems else None,
        "problems": [str(problem) for problem in problems],
    }


def outcome(rule_set: RuleSet, case: Case) -> Observed:
    """What becomes of a case's request; `request.path_base` is the application that the rules stand in."""
    request = case["request"]
    url = request["url"] or "http://localhost/"
    asked = urlsplit(url)
    site = rule_set.sites[0] if rule_set.sites else Site(name="site")
    if base := request.get("path_base"):
        site = replace(site, rules=(), locations=(Location(path=base.strip("/"), rules=site.rules),))
    # Rules may send a request to the site's own host, as they may in IIS, only if that is a host that the proxy knows.
    site = replace(site, backend=Origin("https", asked.hostname or "", 443))
    compiled, _ = compile_rules(replace(rule_set, sites=(site,)))
    result = evaluate(RulesInForce(compiled, Settings()), request_facts(request["method"], url), None)
    decision, routing = result.exchange.decision, result.routing
    failed = isinstance(routing, LocalResponse) and decision.forwards
    return {
        "action": "error" if failed else ACTIONS[decision.outcome],
        "flow": "end-response" if isinstance(routing, LocalResponse | Abort) else "continue",
        "status": result.status,
        "location": next(iter(field_values(tuple(result.fields or ()), "location")), None),
        "reason": routing.reason if isinstance(routing, LocalResponse) else None,
        "body": (result.body or b"").decode().removesuffix("\n"),
        "rewritten_url": decision.target,
        "rewritten_absolute_url": f"{decision.origin or f'{asked.scheme}://{asked.netloc}'}{decision.target}",
        "rules": decision.rules,
    }


def end_to_end(case: Case) -> Observed:
    return outcome(read_rules(case["rules_xml"])[0], case)


def rule_result(case: Case) -> Observed:
    """Whether the walk goes on after the rules is seen by a rule that is put behind them."""
    rule_set, _ = read_rules(case["rules_xml"])
    (site,) = rule_set.sites
    behind = InboundRule("behind", Match(".*"))
    got = outcome(replace(rule_set, sites=(replace(site, rules=(*site.rules, behind)),)), case)
    return {
        "rule_count": len(site.rules),
        "flow": "continue" if "behind" in got["rules"] else "skip-remaining-rules",
        "track_all_captures": site.rules[0].conditions.track_all_captures,
    }


def parse(case: Case) -> Observed:
    rule_set, _ = read_rules(case["rules_xml"])
    sites = rule_set.sites
    placed = [(rule, True) for rule in rule_set.global_rules]
    placed += [(rule, False) for site in sites for rule in site.rules]
    rules = []
    for (rule, is_global), asked in zip(placed, case["expected"].get("rules", placed), strict=True):
        items = rule.conditions.items
        described = {
            "name": rule.name,
            "global": is_global,
            "conditions": [item.input for item in items] or None,
            "condition_count": len(items),
            "condition_input_segments": [len(parse_template(item.input).nodes) for item in items],
            "action_type": str(rule.action.type),
            "match_type": {"ECMAScript": "regex"}[str(rule.pattern_syntax)],
        }
        rules.append({key: described[key] for key in asked} if isinstance(asked, dict) else described)
    maps = {name: m for section in (rule_set, *sites) for name, m in section.rewrite_maps.items()}
    return {
        "rule_count": len(rules),
        "rules": rules,
        "rewrite_maps": {name: dict(item.entries) for name, item in maps.items()},
    }


def parse_error(case: Case) -> Observed:
    return refusal(lambda: read_rules(case["rules_xml"]))


def template_parse(case: Case) -> Observed:
    return {"segment_count": len(parse_template(case["template"]).nodes)}


def template_parse_error(case: Case) -> Observed:
    """The template as the URL of a rule with one group and the case's maps."""
    rule = InboundRule("rule", Match("(.*)"), action=Action(ActionType.REWRITE, case["template"]))
    maps = {name: RewriteMap(name, entries) for name, entries in (case.get("rewrite_maps") or {}).items()}
    return refusal(lambda: (RuleSet(sites=(Site(name="site", rules=(rule,), rewrite_maps=maps),)), []))


def scope_of(case: Case, variables: Variables) -> Scope:
    """What a template of a case may refer to."""
    maps = {n.lower(): Lookup(RewriteMap(n, entries)) for n, entries in (case.get("rewrite_maps") or {}).items()}
    scope = Scope(variables, maps, Trace("case"), DEADLINE)
    groups = {}
    for name, match in case.get("context", {}).items():
        pattern = compile_pattern(match["pattern"], "ECMAScript", ignore_case=True)
        captures = pattern.search(match["input"], DEADLINE)
        assert captures is not None
        groups[name] = captures.groups
    scope.rule, scope.conditions = groups.get("rule_match", ()), groups.get("condition_match", ())
    return scope


def template_eval(case: Case) -> Observed:
    template = parse_template(case["template"])
    variables = Variables(request_facts("GET", "http://localhost/"))
    return {"segment_count": len(template.nodes), "value": scope_of(case, variables).expand(template)}


def server_variable(case: Case) -> Observed:
    request = case["request"]
    facts = request_facts(request["method"], request["url"], tuple(request.get("headers", {}).items()))
    variables = Variables(facts, document_root="/")  # so that a physical path reads like the URL's
    if case.get("overrides_enabled"):
        for name, value in case["server_variable_overrides"].items():
            variables.assign(name, value)
    return {"value": variables[case["variable"]]}


def segment(case: Case) -> Observed:
    """A piece of a template, given only the facts that it needs."""
    text, request = case["segment"], case.get("request", {})
    if case.get("syntax") == "mod_rewrite":
        return support_apache.segment(case, _facts(request))
    if named := re.fullmatch("request header (.+)", text):
        text = f"{{HTTP_{named[1]}}}"
    facts = _facts(request)
    if case.get("scope") == "globalRules":
        # ASP.NET's UrlSegment with UriMatchPart.Full, with the port in any case: IIS calls that CACHE_URL. That our
        # REQUEST_URI does not hold it, whatever a rule's scope, is said in expected_differences.yaml.
        text = "{CACHE_URL}"
        facts = request_facts("GET", f"{facts.scheme}://{facts.host}{facts.target}")
    value = scope_of(case, Variables(facts, document_root="/")).expand(parse_template(text))
    # ON and OFF are compared without case by IIS's patterns, and its documentation writes them either way.
    return {"value": value.upper() if text == "{HTTPS}" else value}


def _facts(request: Case) -> RequestFacts:
    """A request of which a case tells only some facts."""
    if url := request.get("url"):
        return request_facts("GET", url)
    host = request.get("host", "localhost")
    host = f"[{host}]" if ":" in host else host
    port = request.get("port") or request.get("local_port")
    return RequestFacts(
        request.get("method", "GET"),
        request.get("scheme", "http"),
        f"{host}:{port}" if port else host,
        quote(request.get("path", "/") or "", safe="/:"),
        tuple(request.get("headers", {}).items()),
        request.get("protocol", "HTTP/1.1"),
        client=(request.get("remote_ip") or "", request.get("remote_port", 0)),
        local=(request.get("local_ip") or "", request.get("local_port", 0)),
        received=1.7e9,
    )


def match(case: Case) -> Observed:
    asked = case["match"]
    if asked["type"] != "ExactMatch":
        return support_apache.comparison(case)
    pattern = compile_pattern(asked["pattern"], asked["type"], ignore_case=asked["ignoreCase"])
    return {"matched": (pattern.search(case["input"], DEADLINE) is not None) is not asked["negate"]}


def action(case: Case) -> Observed:
    """AbortRequest is an action of IIS, the others stand for flags of mod_rewrite."""
    asked = case["action"]
    if asked != "AbortRequest":
        return support_apache.action(asked)
    rule = InboundRule("rule", Match(".*"), action=Action(ActionType.ABORT_REQUEST))
    request = {"request": {"method": "GET", "url": "http://localhost/"}}
    return outcome(RuleSet(sites=(Site(name="site", rules=(rule,)),)), request)


def coded_rule(case: Case) -> Observed:
    """What ASP.NET's AddRewrite, AddRedirect, AddRedirectToHttps, ...ToWww and ...ToNonWww do, as rules of IIS."""
    ((kind, asked),) = case["rule"].items()
    return outcome(RuleSet(sites=(Site(name="site", rules=(support_coded.RULES[kind](asked),)),)), case)


RUNNERS: dict[str, Runner] = {
    "action": action,
    "coded-rule": coded_rule,
    "end-to-end": end_to_end,
    "match": match,
    "match-parse-error": match,
    "parse": parse,
    "parse-error": parse_error,
    "rule-result": rule_result,
    "segment": segment,
    "server-variable": server_variable,
    "template-eval": template_eval,
    "template-parse": template_parse,
    "template-parse-error": template_parse_error,
}


def own_cases() -> Iterable[Case]:
    return (case for case in CASES if case["kind"] in RUNNERS)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in own_cases()])
def test_case(case: Case) -> None:
    got, expected = compared(case, RUNNERS[case["kind"]](case), DIFFERENCES)
    assert got == expected


def test_every_kind_is_run_by_somebody() -> None:
    assert {case["kind"] for case in CASES} == RUNNERS.keys() | test_mod_rewrite.RUNNERS.keys()


def test_differences_are_few_and_have_a_reason() -> None:
    """More than one in twenty would mean that something is wrong here."""
    assert len(CASES) == 411
    assert DIFFERENCES.keys() <= {case["id"] for case in CASES}
    assert len(DIFFERENCES) <= len(CASES) / 20
    assert [case_id for case_id, item in DIFFERENCES.items() if len(item.reason) < 40 or not item.ours] == []
