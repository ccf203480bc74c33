"""Rule files read, filled in, compiled and judged; everything that is wrong with them is reported at once.

Reading, filling in, compiling and judging come one after another. Where reading or filling in fails, what could be read
is compiled all the same, for the errors that are found only there: whoever fixes a file wants to see them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from urlrewrite.engine.compile import CompiledRules, compile_rules
from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.rule_files import load
from urlrewrite.lint.linter import judge
from urlrewrite.loading.overrides import NO_OVERRIDES, Overrides, fill_in
from urlrewrite.model import RuleSet
from urlrewrite.model.problems import Problem, RuleFileError, Severity, in_file_order

_EMPTY_PATTERN = "UR124"
_UNKNOWN_NAMES = ("UR121", "UR125", "UR126")
_HIDE_NO_NAMES = (ProblemId.BAD_VALUE, ProblemId.BAD_ADDRESS, ProblemId.BAD_CERTIFICATE)


def load_rules(
    paths: Sequence[str | Path], overrides: Overrides = NO_OVERRIDES, edited: Mapping[str, bytes] | None = None
) -> tuple[CompiledRules, tuple[Problem, ...]]:
    """Load rule files; return the compiled rules, and all warnings that are not silenced.

    `edited` has contents by absolute path, used in place of what is on disk there; nothing is written.

    Raises:
        RuleFileError: a file cannot be used, or not with these overrides, or a site would be open that IIS keeps
            closed; it has the problems of all steps, and what could be read.
    """
    compiled, warnings = compile_files(paths, overrides, edited)
    problems = judge(compiled.rule_set, warnings, allow_open=overrides.allow_open)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise RuleFileError(problems, compiled.rule_set)
    return compiled, problems


def compile_files(
    paths: Sequence[str | Path], overrides: Overrides = NO_OVERRIDES, edited: Mapping[str, bytes] | None = None
) -> tuple[CompiledRules, tuple[Problem, ...]]:
    """Load rule files without the linter; return the compiled rules, and the warnings of the readers and the compiler.

    `edited` as in `load_rules`.

    Raises:
        RuleFileError: as in `load_rules`.
    """
    try:
        rule_set, warnings = load(paths, edited)
    except RuleFileError as error:
        raise _with_more(error, overrides) from None
    try:
        compiled, more = compile_rules(fill_in(rule_set, overrides))
    except RuleFileError as error:
        problems = in_file_order((*warnings, *error.problems), map(str, paths))
        raise RuleFileError(problems, rule_set) from None
    return compiled, (*warnings, *more)


def _with_more(error: RuleFileError, overrides: Overrides) -> RuleFileError:
    """Return the error with the further ones that the compiler finds in what could be read."""
    if error.rule_set is None:
        return error
    more = _errors_of(error.rule_set, overrides)
    own = (problem for problem in more if not _follows(problem, error.problems))
    return RuleFileError(in_file_order((*error.problems, *own)), error.rule_set)


def _errors_of(rule_set: RuleSet, overrides: Overrides) -> Iterator[Problem]:
    try:
        compile_rules(fill_in(rule_set, overrides))
    except RuleFileError as error:
        yield from (problem for problem in error.problems if problem.severity is Severity.ERROR)


def _follows(problem: Problem, reported: Sequence[Problem]) -> bool:
    """Say whether an error only follows from another one: a name that could not be read, a pattern left empty."""
    if problem.id == _EMPTY_PATTERN:
        return any((other.rule, other.source.file) == (problem.rule, problem.source.file) for other in reported)
    if problem.id in _UNKNOWN_NAMES:
        errors = (other for other in reported if other.severity is Severity.ERROR)
        return any(not other.rule and other.id not in _HIDE_NO_NAMES for other in errors)
    return False
