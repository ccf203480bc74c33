"""How the readers of rule files report what is wrong: the ids of their problems, and the report that collects them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from urlrewrite.formats.questions import Kind, Listener, Question
from urlrewrite.formats.wording import one_line, shown
from urlrewrite.model import Source
from urlrewrite.model.problems import Fix, Problem, RuleFileError, Severity


class ProblemId(StrEnum):
    """Stable ids: one for each kind of fault, whatever the format of the file."""

    UNREADABLE = "UR001"
    """A file, or a file that it names, cannot be read: missing, too large, or not in the encoding that it says."""

    NOT_YAML = "UR002"
    """The text is not valid YAML."""

    WRONG_KIND = "UR003"
    """A mapping, a list or a text stands where something else is expected."""

    UNKNOWN_KEY = "UR004"
    """A key, an element or an attribute that has no meaning in this place."""

    DUPLICATE_KEY = "UR005"
    """A key or an element that may stand once stands there again."""

    MISSING = "UR006"
    """Something required is missing."""

    BAD_VALUE = "UR007"
    """An invalid value of a key or an attribute."""

    DUPLICATE_NAME = "UR008"
    """Two things of one kind have the same name."""

    UNKNOWN_NAME = "UR009"
    """A name is used that nothing has."""

    BAD_ADDRESS = "UR010"
    """An origin, a URL, a host with a port, or a network that is invalid."""

    BAD_CERTIFICATE = "UR011"
    """The certificate of a site cannot be used."""

    NOT_POSSIBLE = "UR012"
    """Parts that are right by themselves cannot go together."""

    NO_EFFECT = "UR013"
    """Something has no effect (a warning)."""

    NO_DIRECTORY = "UR014"
    """The directory of a site's files does not exist (a warning)."""

    NOT_XML = "UR015"
    """The text is not well-formed XML, or too deep or too large to be a configuration."""

    DOCTYPE = "UR016"
    """An XML file with a document type declaration, which could define entities."""

    SPELLING = "UR017"
    """Another spelling than IIS's, taken for what it plainly means (a warning)."""

    REFUSED_BY_IIS = "UR018"
    """What IIS refuses or does not know, honoured here (a warning)."""

    UNSAFE_FILE = "UR019"
    """A configuration names a file outside of its own directory, or one that leads back to itself."""

    UNSUPPORTED = "UR020"
    """Something of IIS that is kept but not done here, such as a rewrite provider in .NET (a warning)."""

    BAD_DIRECTIVE = "UR021"
    """A comment `urlrewrite: ...` that means nothing here (a warning)."""

    MISPLACED = "UR022"
    """An element of URL Rewrite stands where IIS does not look for it (a warning)."""

    TOO_MANY = "UR023"
    """There were so many problems that the rest of the file was not read."""

    NOT_DONE = "UR024"
    """A section of IIS beside `<rewrite>` that is not done here (a warning)."""

    UNKNOWN_SECTION = "UR025"
    """A section that is not known to be one of IIS (a warning)."""

    NOT_IN_IIS = "UR031"
    """An export leaves out what IIS has nothing for, or has in another place (a warning)."""

    EXPANDED = "UR032"
    """An export writes out as rules what IIS has no setting for (a warning)."""

    NO_XML_TEXT = "UR033"
    """A text with a character that XML cannot hold."""

    APACHE_SYNTAX = "UR040"
    """A line of an Apache configuration that Apache would refuse, or that cannot be meant as it stands."""

    APACHE_PATTERN = "UR041"
    """A part of an Apache regular expression that is not valid, or that ECMAScript cannot say."""

    APACHE_NOT_CONVERTED = "UR042"
    """Something of Apache without which the rules would mean something else, and which no rule of IIS can say."""

    APACHE_LEFT_OUT = "UR043"
    """Something of Apache that is not converted; the rules do the same without it (a warning)."""

    APACHE_NEAREST = "UR044"
    """Something of Apache that became the nearest thing IIS has, which is not quite the same (a warning)."""

    APACHE_ASSUMED = "UR045"
    """Something that an Apache configuration does not say itself, and what was taken for it (a warning)."""

    APACHE_RUNS_AGAIN = "UR046"
    """Apache would run the rules of a directory again on what a rule made of the URL (a warning)."""

    APACHE_GOES_ON = "UR047"
    """Apache would go on after a redirect because it lacks the flag L (a warning)."""

    APACHE_IMPLIED_REDIRECT = "UR048"
    """A RewriteRule to an absolute URL without R or P, which is a redirect in Apache (a warning)."""

    APACHE_NO_EFFECT = "UR049"
    """A part of an Apache configuration that can never match or has nothing to act on (a warning)."""

    APACHE_MAP = "UR050"
    """A RewriteMap that cannot be read or that rules of IIS cannot ask."""


MAX_PROBLEMS = 10_000
"""A file with more of them is not a rule file, and its problems would fill the memory."""


@dataclass(frozen=True, slots=True)
class Report:
    """Collects the problems of one file; `rule` is the rule that is being read, "" outside of one.

    `listener` is told what is asked of the file, if there is one.
    """

    file: str
    problems: list[Problem]
    rule: str = ""
    listener: Listener | None = field(default=None, compare=False)

    def of_rule(self, name: str) -> Report:
        """Return a report for a rule, whose name its problems have."""
        return Report(self.file, self.problems, one_line(name), self.listener)

    def ask(self, node: object, kind: Kind, key: str = "", **details: Any) -> None:
        """Say what is asked of a node, or of a key of it; `details` as in `Question`."""
        if self.listener is not None:
            self.listener(node, key, Question(kind, **details))

    def source(self, line: int) -> Source:
        """Return a line of the file as a source."""
        return Source(self.file, line)

    def error(self, line: int, id: ProblemId, message: str, fix: Fix | None = None) -> None:
        """Add an error. Raises RuleFileError if there are too many problems to go on."""
        self._add(Problem(self.source(line), one_line(message), id, self.rule, fix=fix))

    def warning(self, line: int, id: ProblemId, message: str, *, refused: bool = False) -> None:
        """Add a warning; `refused` as `Problem.refused_by_iis`. Raises RuleFileError if there are too many problems to
        go on.
        """
        self._add(Problem(self.source(line), one_line(message), id, self.rule, Severity.WARNING, refused))

    def _add(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            message = f"got {MAX_PROBLEMS} problems, expected a rule file; what follows was not read"
            self.problems.append(Problem(problem.source, message, ProblemId.TOO_MANY))
            raise RuleFileError(self.problems)


def duplicate_names(what: str, named: Iterable[tuple[str, Source]], *, rules: bool = False) -> list[Problem]:
    """Return an error for every name that was there before; as in IIS's collections, names are compared without case.

    With `rules` the names are those of rules, to which the problems then belong.
    """
    first: dict[str, Source] = {}
    problems = []
    for name, source in named:
        if (seen := first.setdefault(name.casefold(), source)) is not source:
            message = f"got the {what} {shown(name)} again, expected each once: the first one is in {seen}"
            problems.append(Problem(source, message, ProblemId.DUPLICATE_NAME, one_line(name) if rules else ""))
    return problems
