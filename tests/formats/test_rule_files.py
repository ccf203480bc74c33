"""The rule files that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from urlrewrite.formats import yaml_rules

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.rglob("*.yaml"))

EXAMPLES = {
    "canonical-host",
    "cookie-domain",
    "headers",
    "javascript-and-json",
    "request-blocking",
    "reverse-proxy",
    "rewrite-map",
    "several-backends",
    "user-friendly-url",
}


def test_every_task_has_its_example() -> None:
    assert {file.stem for file in FILES if file.parent.name == "examples"} >= EXAMPLES


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(RULES)))
def test_loads_without_a_problem_and_has_tests(file: Path) -> None:
    rules, warnings = yaml_rules.load([file])
    assert warnings == ()
    assert rules.tests
