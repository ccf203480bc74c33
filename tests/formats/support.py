"""What the tests of the YAML reader share: cases as a text and the problems that it must be told of."""

from __future__ import annotations

from textwrap import dedent

from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model import RuleSet
from urlrewrite.model.problems import Problem, RuleFileError

SITE = "public: https://www.example.com\nbackend: http://privateserver:8080\n"
"""Two lines that make a whole rule file; what a case adds begins in line 3."""

type Expected = list[tuple[int, str, str]]
"""Line, id, and a part of what is printed."""


def read(text: str) -> RuleSet:
    """The rules of a text that has nothing wrong."""
    rules, warnings = yaml_rules.parse(dedent(text), "rules.yaml")
    assert warnings == ()
    return rules


def in_site(text: str) -> RuleSet:
    return read(SITE + dedent(text))


def problems_of(text: str) -> tuple[Problem, ...]:
    """Errors and warnings of a text, whichever way they are told."""
    try:
        return yaml_rules.parse(dedent(text), "rules.yaml")[1]
    except RuleFileError as error:
        return error.problems


def assert_told(text: str, expected: Expected) -> None:
    """Exactly these problems, in this order."""
    found = problems_of(text)
    assert [(p.source.line, p.id) for p in found] == [(line, id) for line, id, _ in expected], "\n".join(
        map(str, found)
    )
    for problem, (_, _, part) in zip(found, expected, strict=True):
        assert part in str(problem)
