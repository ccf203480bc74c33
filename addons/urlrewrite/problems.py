"""What is wrong with a rule file, told so that its author can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.model import Source


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
    """Rule files that cannot be used. `problems` holds every one of them, errors and warnings, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
