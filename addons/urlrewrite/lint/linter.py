"""The linter: what in a rule set will not do what it seems to do.

Each check is a function of its own in a file of `checks/`; `registry` knows them all. A check looks at rules, at
conditions, at patterns, or at all the rules of a level together, and claims only what it is sure of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

from urlrewrite.lint import checks, documents
from urlrewrite.lint.checks.open_sites import OPEN_SITE
from urlrewrite.lint.registry import CHECKS, DOCUMENTS
from urlrewrite.lint.silence import without_silenced
from urlrewrite.lint.subjects import subjects
from urlrewrite.model import RuleSet
from urlrewrite.model.problems import Problem, Severity, in_file_order

__all__ = ["DOCUMENTS", "judge", "lint"]

for _room in (checks, documents):
    for _module in iter_modules(_room.__path__, f"{_room.__name__}."):
        # Its import registers what it declares: a new check is a new file, and stands in no list.
        import_module(_module.name)


def lint(rule_set: RuleSet) -> tuple[Problem, ...]:
    """Return the findings in the order of the files, including silenced ones."""
    found: dict[Problem, None] = {}
    for subject in subjects(rule_set):
        for check in CHECKS:
            if isinstance(subject, check.on):
                found.update(dict.fromkeys(check.problems(subject)))
    return _ordered(list(found))


def judge(rule_set: RuleSet, warnings: Iterable[Problem] = (), *, allow_open: bool = False) -> tuple[Problem, ...]:
    """Return all findings about a rule set that can be used: `warnings` of its readers and of the compiler, and the
    linter's own, without the silenced ones.

    A site that would be open, and is closed in IIS, is an error, unless `allow_open`.
    """
    found = without_silenced(rule_set, [*dict.fromkeys(warnings), *lint(rule_set)])
    if allow_open:
        found = [replace(item, severity=Severity.WARNING) if item.id == OPEN_SITE else item for item in found]
    return _ordered(found)


def _ordered(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Sort problems by file, line and id."""
    return in_file_order(sorted(problems, key=lambda item: item.id), (item.source.file for item in problems))
