"""Apache's strings with `$1`, `%1`, `%{NAME}` and `${map:key}` as IIS's templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from urlrewrite.formats.apache.maps import Maps
from urlrewrite.formats.apache.strings import ConditionGroup, MapLookup, Part, RuleGroup, ServerVariable, Text
from urlrewrite.formats.apache.variables import (
    FILES,
    NAME,
    NOT_IN_IIS,
    OTHER,
    SAME,
    environment_variable,
)
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown

_REFERENCE = re.compile(r"\{[A-Za-z_][\w.\- ]*[:}]")


@dataclass(frozen=True, slots=True)
class Groups:
    """The templates for `$n` and `%n` at the place that is converted, by the number."""

    rule: Callable[[int], str]
    condition: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Templates:
    """Converts the strings of one context.

    `environment` has the names, in lower case, that the file sets with the flag E.
    """

    report: Report
    maps: Maps
    server_level: bool
    environment: frozenset[str]

    def convert(self, parts: Iterable[Part], groups: Groups, line: int, *, of_file: bool = False) -> str:
        """Convert a string to a template. `of_file` says that it names a file on disk. Problems go into the report."""
        return "".join(self._part(part, groups, line, of_file=of_file) for part in parts)

    def _part(self, part: Part, groups: Groups, line: int, *, of_file: bool) -> str:
        match part:
            case Text():
                if _REFERENCE.search(part.text):
                    message = f"got {shown(part.text)}, which IIS would take for a reference"
                    self.report.error(line, ProblemId.APACHE_NOT_CONVERTED, message)
                return part.text
            case RuleGroup():
                return groups.rule(part.number)
            case ConditionGroup():
                return groups.condition(part.number)
            case MapLookup():
                default = self.convert(part.default, groups, line)
                if any(not isinstance(inner, Text) for inner in part.default):
                    message = f"the default of ${{{part.map}:...}} is not plain text: test with a RewriteCond first"
                    self.report.error(line, ProblemId.APACHE_NOT_CONVERTED, message)
                return self.maps.lookup(part.map, self.convert(part.key, groups, line), default, line)
            case ServerVariable():
                return self._variable(part.name, line, of_file=of_file)

    def _variable(self, written: str, line: int, *, of_file: bool) -> str:
        kind, colon, rest = written.partition(":")
        if colon:
            return self._of_kind(kind.upper(), rest, written, line)
        name = written.upper()
        if name in SAME:
            return f"{{{name}}}"
        if name in OTHER:
            return OTHER[name]
        if name in FILES:
            if self.server_level:
                return "{URL}"  # Apache has not looked for the file yet
            return "{REQUEST_FILENAME}" if of_file else "{DOCUMENT_ROOT}{URL}"
        if name == "REQUEST_SCHEME":
            return self.maps.scheme()
        if name in NOT_IN_IIS:
            self.report.error(
                line, ProblemId.APACHE_NOT_CONVERTED, f"got %{{{written}}}, for which IIS has no variable"
            )
            return ""
        raise AssertionError(f"{written} passed check_variables")

    def _of_kind(self, kind: str, name: str, written: str, line: int) -> str:
        match kind:
            case "HTTP" if NAME.fullmatch(name):
                return f"{{HTTP_{name.upper().replace('-', '_')}}}"
            case "ENV":
                return self._environment(name, line)
            case "LA-U" | "LA-F" if name.upper() in FILES:
                return "{REQUEST_FILENAME}"
            case "LA-U" | "LA-F" if name.upper() == "REMOTE_USER":
                return "{REMOTE_USER}"
            case "SSL" if name.upper() == "HTTPS":
                return "{HTTPS}"
        message = f"got %{{{written}}}, for which IIS has no variable"
        self.report.error(line, ProblemId.APACHE_NOT_CONVERTED, message)
        return ""

    def _environment(self, name: str, line: int) -> str:
        if name.lower() in self.environment:
            return f"{{{environment_variable(name)}}}"
        upper = name.upper()
        if upper.startswith("REDIRECT_") and (upper == "REDIRECT_STATUS" or name[9:].lower() in self.environment):
            return ""  # Apache sets it when it runs the rules again; here they run once
        if upper == "HTTPS":
            message = "%{ENV:HTTPS} is taken for %{HTTPS}, since no flag E of this file sets it"
            self.report.warning(line, ProblemId.APACHE_ASSUMED, message)
            return "{HTTPS}"
        message = f"no flag E of this file sets %{{ENV:{name}}}; it is taken to be empty"
        self.report.warning(line, ProblemId.APACHE_ASSUMED, message)
        return ""
