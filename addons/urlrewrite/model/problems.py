"""What is wrong with a rule file, put so that its author can fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.model import RuleSet, Source


class Severity(StrEnum):
    """How bad a problem is: an error keeps the rules from being loaded, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fix:
    """What a word in the line of a problem was probably meant to be."""

    written: str
    meant: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a rule file. `id` is stable (`UR...`); `rule` is "" where no rule is concerned.

    `refused_by_iis` tells that IIS refuses the file because of it (500.19), though it can be used here. `fix` is
    what an editor may offer, None where nothing is near.
    """

    source: Source
    message: str
    id: str
    rule: str = ""
    severity: Severity = Severity.ERROR
    refused_by_iis: bool = False
    fix: Fix | None = None

    def __str__(self) -> str:
        rule = f' rule "{self.rule}":' if self.rule else ""
        kind = " warning:" if self.severity is Severity.WARNING else ""
        return f"{self.source}:{kind}{rule} {self.message} [{self.id}]"


class RuleFileError(Exception):
    """Raised for rule files that cannot be used.

    `problems` holds all errors and warnings, in file order. `rule_set` is what could be read all the same, None for
    nothing.
    """

    def __init__(self, problems: Iterable[Problem], rule_set: RuleSet | None = None) -> None:
        self.problems = tuple(problems)
        self.rule_set = rule_set
        super().__init__("\n".join(map(str, self.problems)))


def in_file_order(problems: Iterable[Problem], files: Iterable[str] = ()) -> tuple[Problem, ...]:
    """Return each problem once, by file and line. `files` come first; the others as they occur."""
    found = tuple(dict.fromkeys(problems))
    order = {file: number for number, file in enumerate(dict.fromkeys((*files, *(p.source.file for p in found))))}
    return tuple(sorted(found, key=lambda problem: (order[problem.source.file], problem.source.line)))
