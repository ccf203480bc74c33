"""How what a server does is compared with what it should do."""

from __future__ import annotations

import pytest

from rules_of import rules_of
from urlrewrite.export.judgement import judge
from urlrewrite.export.proof import Agreement, Outcome, Wanted, compare, wanted
from urlrewrite.export.requests import Probe, probes

SENT = Outcome("http://b.test", "GET", "/a%2fb%41", "b.test", {"x-a": "1"})
APPROXIMATE = frozenset({"nearly"})

CASES: list[tuple[str, Outcome, Outcome, dict[str, bool], Agreement]] = [
    ("/x", SENT, SENT, {}, Agreement.SAME),
    ("/x", SENT, Outcome("http://b.test", "GET", "/a%2FbA", "b.test", {"x-a": "1"}), {}, Agreement.EQUIVALENT),
    ("/x", SENT, Outcome("http://b.test", "GET", "/a/bA", "b.test", {"x-a": "1"}), {}, Agreement.DIFFERENT),
    ("/x", SENT, Outcome("http://b.test", "GET", "/a%2fb%41", "b.test", {"x-a": "2"}), {}, Agreement.DIFFERENT),
    ("/x", SENT, Outcome("http://c.test", "GET", "/a%2fb%41", "b.test", {"x-a": "1"}), {}, Agreement.DIFFERENT),
    ("/x", SENT, Outcome(status=400), {}, Agreement.DIFFERENT),
    ("/../x", SENT, Outcome(status=400), {}, Agreement.STRICTER),
    ("/a%2", SENT, Outcome(status=400), {}, Agreement.STRICTER),
    ("/a%2F", SENT, Outcome(status=400), {}, Agreement.DIFFERENT),
    ("/a%2F", SENT, Outcome(status=400), {"plain": True}, Agreement.STRICTER),
    ("/x", SENT, Outcome(status=501), {}, Agreement.DIFFERENT),
    ("/x", SENT, Outcome(status=501), {"fenced": True}, Agreement.REFUSED),
    ("/x", Outcome(status=301, location="/a"), Outcome(status=302, location="/a"), {}, Agreement.DIFFERENT),
    ("/x", Outcome(), Outcome(status=403), {}, Agreement.DIFFERENT),
]


@pytest.mark.parametrize("target, want, got, more, agreement", CASES)
def test_outcomes_are_compared(
    target: str, want: Outcome, got: Outcome, more: dict[str, bool], agreement: Agreement
) -> None:
    probe = Probe("match", "GET", "https", "www.example.com", target)
    flags = {"fenced": False, "plain": False, **more}
    assert compare(probe, Wanted(want, ("r",)), got, APPROXIMATE, **flags) is agreement
    if agreement is Agreement.DIFFERENT:
        assert compare(probe, Wanted(want, ("nearly",)), got, APPROXIMATE, **flags) is Agreement.APPROXIMATE


RULES = """
rules:
  - name: secure
    match: .*
    conditions: [{input: '{HTTPS}', pattern: 'off'}]
    action: {type: Redirect, url: 'https://{HTTP_HOST}{URL}'}
  - name: shop
    match: ^shop/(\\d+)$
    conditions: [{input: '{QUERY_STRING}', pattern: ^id=(\\d)$}, {input: '{HTTP_X_A}', pattern: ^b+$}]
    action: {type: Rewrite, url: '/s/{R:1}/{C:1}'}
"""


def test_generated_requests_reach_every_rule() -> None:
    rules = rules_of(RULES)
    listed = judge(rules.rules)[0].rules
    found = list(probes(listed, 40))
    assert found == list(probes(listed, 40))
    assert len(found) == 80
    acted = [name for probe in found for name in wanted(rules, probe, ()).rules]
    assert acted.count("secure") > 5
    assert acted.count("shop") > 3
    assert {probe.kind for probe in found} >= {"match", "near miss", "escape", "%2F", "//", "dots", "UTF-8", "method"}
    assert {probe.scheme for probe in found} == {"http", "https"}
