"""How the YAML reader tells what is wrong: the ids of its problems, and the report that collects them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.formats.wording import one_line, shown
from urlrewrite.model import Source
from urlrewrite.problems import Problem, Severity


class ProblemId(StrEnum):
    """Stable ids; the last two are those of warnings."""

    UNREADABLE = "UR001"
    NOT_YAML = "UR002"
    WRONG_KIND = "UR003"
    UNKNOWN_KEY = "UR004"
    DUPLICATE_KEY = "UR005"
    MISSING = "UR006"
    BAD_VALUE = "UR007"
    DUPLICATE_NAME = "UR008"
    UNKNOWN_NAME = "UR009"
    BAD_ADDRESS = "UR010"
    BAD_CERTIFICATE = "UR011"
    NOT_POSSIBLE = "UR012"
    NO_EFFECT = "UR013"
    NO_DIRECTORY = "UR014"


@dataclass(frozen=True, slots=True)
class Report:
    """Collects the problems of one file; `rule` is the rule that is being read, "" outside of one."""

    file: str
    problems: list[Problem]
    rule: str = ""

    def of_rule(self, name: str) -> Report:
        """The same report, its problems from here on told of this rule."""
        return Report(self.file, self.problems, one_line(name))

    def source(self, line: int) -> Source:
        """A line of the file."""
        return Source(self.file, line)

    def error(self, line: int, id: ProblemId, message: str) -> None:
        """Adds an error."""
        self.problems.append(Problem(self.source(line), one_line(message), id, self.rule))

    def warning(self, line: int, id: ProblemId, message: str) -> None:
        """Adds a warning."""
        self.problems.append(Problem(self.source(line), one_line(message), id, self.rule, Severity.WARNING))


def duplicate_names(what: str, named: Iterable[tuple[str, Source]], *, rules: bool = False) -> list[Problem]:
    """An error for every name that was there before; as in IIS's collections, case does not tell names apart.

    With `rules` the names are those of rules, and the problems are told of them.
    """
    first: dict[str, Source] = {}
    problems = []
    for name, source in named:
        if (seen := first.setdefault(name.casefold(), source)) is not source:
            message = f"got the {what} {shown(name)} again, expected each once: the first one is in {seen}"
            problems.append(Problem(source, message, ProblemId.DUPLICATE_NAME, one_line(name) if rules else ""))
    return problems
