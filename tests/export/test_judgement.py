"""What is said of each rule: one judgement for every rule, and for each kind of rule the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules_of import rules_of
from shared_folder import SHARED, needs_shared
from urlrewrite.engine.compile import CompiledRules
from urlrewrite.export.judgement import Judgement, judge
from urlrewrite.loading.load import compile_files
from urlrewrite.loading.overrides import parse_overrides
from urlrewrite.model.problems import RuleFileError, Severity

REWRITE = "action: {type: Rewrite, url: '/x/{R:1}'}"


def judgements(text: str) -> list[Judgement]:
    return [each for site in judge(rules_of(text).rules) for each in site.judgements]


def rule(match: str, action: str = REWRITE, more: str = "") -> str:
    return f"- name: {match}\n  match: {match}\n  {action}\n" + (f"  {more}\n" if more else "")


def of(*rules: str, beside: str = "") -> str:
    return beside + "rules:\n" + "".join(rules)


CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a rewrite": (of(rule("^a/(.*)")), [("exact", "")]),
    "a disabled rule": (of(rule("^a/(.*)", more="enabled: false")), [("exact", "")]),
    "a lookbehind of one length": (of(rule("(?<=a)(b)")), [("exact", "")]),
    "a lookbehind of many": (
        of(rule("(?<=a+)b"), rule("^c")),
        [("refused", "lookbehind matches texts of different lengths"), ("refused", 'depends on the rule "(?<=a+)b"')],
    ),
    "a group in a lookbehind": (
        of(rule("(?<=(a))b"), rule("^c")),
        [("refused", "no place in the path"), ("exact", "")],
    ),
    "a loop with an optional group": (of(rule("^(?:(a)|b)+$")), [("approximate", "captured in an earlier round")]),
    "a file": (
        of(rule("^a", more="conditions: [{input: '{REQUEST_FILENAME}', matchType: IsFile}]")),
        [("approximate", "--document-root")],
    ),
    "all fields": (
        of(rule("^a", more="conditions: [{input: '{ALL_HTTP}', pattern: x}]")),
        [("refused", "{ALL_HTTP} is not to be had elsewhere")],
    ),
    "a reason phrase": (
        of(rule("^a", "action: {type: CustomResponse, statusCode: 403, statusReason: Go away}")),
        [("approximate", "the reason phrase 'Go away'")],
    ),
    "a host by its form": (
        of(rule("^a/([a-z]+)", "action: {type: Rewrite, url: 'http://{R:1}.internal.example/'}")),
        [("refused", "its host is only known when a request comes")],
    ),
    "a host that is none": (
        of(rule("^a", "action: {type: Rewrite, url: 'http://[account].example/'}")),
        [("refused", "'[account].example' is no host")],
    ),
    "mode iis": (of(rule("^a"), beside="mode: iis\n"), [("refused", "is not exported")]),
    "an outbound rule": (
        "outboundRules:\n- name: o\n  match: {serverVariable: RESPONSE_SERVER, pattern: .+}\n"
        "  action: {type: Rewrite, value: x}\n",
        [("refused", "outbound rules are not exported")],
    ),
}


@pytest.mark.parametrize("text, expected", CASES.values(), ids=CASES)
def test_each_kind_of_rule_is_judged(text: str, expected: list[tuple[str, str]]) -> None:
    found = judgements(text)
    assert [str(each.verdict) for each in found] == [verdict for verdict, _ in expected]
    for judgement, (verdict, message) in zip(found, expected, strict=True):
        assert bool(judgement.findings) is (verdict != "exact")
        assert message in " ".join(str(finding) for finding in judgement.findings)
        for finding in judgement.findings:
            assert (finding.severity is Severity.ERROR) is (verdict == "refused")
            assert (finding.source, finding.rule) == (judgement.rule.source, judgement.rule.name)


SITES = {
    "mode: iis\n": "mode iis",
    "path: /app\n": "below a path",
    "locations: {x: {rules: [{name: r, match: a, action: {type: None}}]}}\n": "single locations",
    "httpProtocol: {customHeaders: {X-A: b}}\n": "more than rules",
}


@pytest.mark.parametrize("text, message", SITES.items(), ids=SITES.values())
def test_a_site_with_more_than_rules_is_refused(text: str, message: str) -> None:
    if text.startswith("path"):
        found = judge(
            rules_of("", site="public: https://www.example.com/app\nbackend: http://privateserver:8080\n").rules
        )
    else:
        found = judge(rules_of(text).rules)
    assert [site.refused for site in found] == [True]
    assert message in str(found[0].findings[0])


def test_what_stays_behind_is_told() -> None:
    found = judge(rules_of("links: everywhere").rules)
    assert [problem.id for problem in found[0].problems] == ["UR305"]
    assert [problem.id for problem in judge(rules_of("links: off").rules)[0].problems] == []


def fragments() -> list[Path]:
    return sorted((SHARED / "conformance" / "webconfigs").glob("*.xml"))


def compiled(path: Path) -> CompiledRules | None:
    try:
        return compile_files([path], parse_overrides(backend="http://backend.test:8080", links="off"))[0]
    except RuleFileError:
        return None


@needs_shared("conformance")
def test_every_rule_of_real_files_gets_one_judgement() -> None:
    files = 0
    for rules in filter(None, map(compiled, fragments())):
        files += 1
        for site, judged in zip(rules.sites, judge(rules), strict=True):
            levels = site.levels.values()
            own = [each.rule for level in levels for each in (*level.inbound.rules, *level.outbound_rules)]
            own += [each.rule for each in rules.global_rules.rules]
            assert sorted({id(each) for each in own}) == sorted(id(each.rule) for each in judged.judgements)
            assert all(bool(each.findings) is (each.verdict != "exact") for each in judged.judgements)
    assert files > 90
