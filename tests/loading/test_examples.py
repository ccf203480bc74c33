"""The rule files that come with the project: nothing is wrong with them, and their own tests pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from urlrewrite.exchange.rule_tests import run_test
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.loading.load import load_rules

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted((RULES / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(RULES)))
def test_an_example_does_what_it_says(file: Path) -> None:
    rules, warnings = load_rules([file])
    assert list(map(str, warnings)) == []
    assert rules.rule_set.tests
    in_force = RulesInForce(rules, Settings())
    for test in rules.rule_set.tests:
        assert list(run_test(in_force, test)) == []


@pytest.mark.parametrize("file", sorted((RULES / "examples").rglob("*.config")), ids=lambda file: file.stem)
def test_a_file_of_iis_runs_as_it_is(file: Path) -> None:
    _, warnings = load_rules([file])
    assert {problem.id for problem in warnings} <= {"UR030", "UR154"}
