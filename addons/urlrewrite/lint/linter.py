"""The linter: what in a rule set will not do what it seems to.

Each check is a function of its own in the files beside this one; `registry` knows them all. A check looks at rules, at
conditions, at patterns, or at all the rules of a level together, and claims only what it is sure of.
"""

from __future__ import annotations

from collections.abc import Iterable

from urlrewrite.lint import (
    actions,
    conditions,
    documents,
    documents_conversion,
    documents_engine,
    order,
    outbound,
    patterns,
    redirects,
    templates,
    values,
)
from urlrewrite.lint.registry import CHECKS, DOCUMENTS
from urlrewrite.lint.silence import without_silenced
from urlrewrite.lint.subjects import subjects
from urlrewrite.model import RuleSet
from urlrewrite.problems import Problem

__all__ = ["DOCUMENTS", "judge", "lint"]

REGISTERED = (
    actions,
    conditions,
    documents,
    documents_conversion,
    documents_engine,
    order,
    outbound,
    patterns,
    redirects,
    templates,
    values,
)
"""The modules whose import has filled the registry."""


def lint(rule_set: RuleSet) -> tuple[Problem, ...]:
    """The findings in the order of the files, what is silenced included."""
    found: dict[Problem, None] = {}
    for subject in subjects(rule_set):
        for check in CHECKS:
            if isinstance(subject, check.on):
                found.update(dict.fromkeys(check.problems(subject)))
    return _in_file_order(found)


def judge(rule_set: RuleSet, warnings: Iterable[Problem] = ()) -> tuple[Problem, ...]:
    """All that is to be told of a rule set that can be used: `warnings` of its readers and of the compiler, and the
    linter's own, without what is silenced.
    """
    return _in_file_order(without_silenced(rule_set, [*dict.fromkeys(warnings), *lint(rule_set)]))


def _in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    problems = list(problems)
    files = {file: number for number, file in enumerate(dict.fromkeys(problem.source.file for problem in problems))}
    return tuple(sorted(problems, key=lambda problem: (files[problem.source.file], problem.source.line, problem.id)))
