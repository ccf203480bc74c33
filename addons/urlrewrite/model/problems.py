"""What is wrong with a rule file, told so that its author can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.model import RuleSet, Source


class Severity(StrEnum):
    """An error keeps the rules from being loaded; a warning says that something will not do what it seems to."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `id` is stable (`UR...`); `rule` is "" where no rule is concerned."""

    source: Source
    message: str
    id: str
    rule: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        rule = f' rule "{self.rule}":' if self.rule else ""
        kind = " warning:" if self.severity is Severity.WARNING else ""
        return f"{self.source}:{kind}{rule} {self.message} [{self.id}]"


class RuleFileError(Exception):
    """Rule files that cannot be used.

    `problems` holds every one of them, errors and warnings, in file order. `rule_set` is what could be read in spite of
    them, None where that is nothing.
    """

    def __init__(self, problems: Iterable[Problem], rule_set: RuleSet | None = None) -> None:
        self.problems = tuple(problems)
        self.rule_set = rule_set
        super().__init__("\n".join(map(str, self.problems)))


def in_file_order(problems: Iterable[Problem], files: Iterable[str] = ()) -> tuple[Problem, ...]:
    """Each problem once, by file and line. `files` come first; the others as they occur."""
    found = tuple(dict.fromkeys(problems))
    order = {file: number for number, file in enumerate(dict.fromkeys((*files, *(p.source.file for p in found))))}
    return tuple(sorted(found, key=lambda problem: (order[problem.source.file], problem.source.line)))
